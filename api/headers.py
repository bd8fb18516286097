"""What every answer tells the browser: run nothing, fetch nothing, show it in no frame, keep and pass on nothing."""

import base64
import hashlib
import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""For data, and for whatever sets no policy of its own."""

DOCUMENTATION = ("/docs", "/docs/oauth2-redirect")
STATIC = ("/static-offline-docs/", "/static/")
YEAR = 365 * 24 * 3600

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # or an address, and a customer's token in it, would go on with the next click
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), clipboard-read=(), display-capture=(), geolocation=(), microphone=(), payment=()",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
}


def page_policy(nonce: str, *more: str) -> str:
    """For a page of ours: its one style sheet, its own forms, no script."""
    own = ("default-src 'none'", f"style-src 'nonce-{nonce}'", "form-action 'self'")
    return "; ".join((*own, "base-uri 'none'", "frame-ancestors 'none'", *more))


DESK = "; ".join((
    *("default-src 'none'", "style-src 'self'", "script-src 'self'", "img-src 'self'", "connect-src 'self'"),
    *("form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"),
))  # fmt: skip
"""For the pages of staff: files of this server and nothing else; no style or script stands in a page itself."""


def documentation_policy(page: bytes) -> str:
    """For /docs: the script files of this server, and the inline scripts of that very page by their digest.

    Nothing on these pages was written by anybody outside, so to trust what is on them is to trust the package.
    Styles are open: the program sets them on elements.
    """
    scripts = re.findall(rb"<script(?: [^>]*)?>(.*?)</script>", page, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(s).digest()).decode() for s in scripts if s.strip()]
    allowed = " ".join(("'self'", *(f"'sha256-{digest}'" for digest in digests)))
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


class Headers:
    """Adds them to every answer; `secure`: this address is reached by HTTPS and by nothing else."""

    def __init__(self, app: ASGIApp, *, secure: bool = False) -> None:
        self.app, self.secure = app, secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and the answer back with these headers."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path: str = scope["path"]
        held: list[Message] = []

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(ALWAYS)
                if self.secure:
                    headers["Strict-Transport-Security"] = f"max-age={YEAR}; includeSubDomains"
                if not path.startswith(STATIC):
                    headers["Cache-Control"] = "no-store"
                if path in DOCUMENTATION:
                    held.append(message)  # its policy needs the page
                    return
                headers.setdefault("Content-Security-Policy", NOTHING)
            elif held:
                start = held.pop()
                MutableHeaders(scope=start)["Content-Security-Policy"] = documentation_policy(message.get("body", b""))
                await send(start)
            await send(message)

        await self.app(scope, receive, sealed)
