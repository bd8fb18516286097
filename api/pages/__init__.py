"""The console: pages for staff. A page at /desk/X shows, or does, what the route X shows or does."""
