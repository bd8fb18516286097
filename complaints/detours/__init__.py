"""What happens when a complaint does not go straight; one file for each way, acts and process moves together."""
