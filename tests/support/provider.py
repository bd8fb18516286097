"""A real OpenID Connect provider on loopback (oidc-provider-mock), and ID tokens forged with and without its key."""

import base64
import hashlib
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import flask
import httpx
import jwt
import oidc_provider_mock
from authlib.oauth2.rfc6749 import AuthorizationCodeGrant
from browser import HTML
from cryptography.hazmat.primitives.asymmetric import rsa
from werkzeug.serving import make_server

from api.oidc import Client, Provider

OURS = "amends-of-the-tests"


@dataclass
class IdentityProvider:
    """The running provider; `asked` is what it was asked, `private` the key it signs with."""

    url: str = ""
    asked: list[tuple[str, dict[str, str], str | None]] = field(default_factory=list)
    storage: Any = None

    def client(self, **more: Any) -> Provider:
        """Our side of it, as the settings would make it."""
        return Provider(Client(**{"issuer": self.url, "id": OURS} | more))

    def person(self, sub: str, **claims: Any) -> str:
        """Make the provider know a person, or know other things of them."""
        httpx.put(f"{self.url}/users/{sub}", json=claims).raise_for_status()
        return sub

    def private(self) -> dict[str, Any]:
        key: dict[str, Any] = self.storage.jwk.as_dict(is_private=True)
        return key

    def public(self) -> dict[str, Any]:
        key: dict[str, Any] = httpx.get(f"{self.url}/jwks").json()["keys"][0]
        return key

    def rotate(self) -> None:
        """Sign with another key from now on."""
        with warnings.catch_warnings(action="ignore"):
            self.storage.jwk = type(self.storage.jwk).generate_key(is_private=True)

    def id_token(self, sub: str, *, sign_with: Any = None, algorithm: str = "RS256", **claims: Any) -> str:
        """An ID token as it would sign it, or another; a claim that is None is left out."""
        now, key = datetime.now(UTC), self.private()
        good = {"iss": self.url, "aud": OURS, "sub": sub, "iat": now, "exp": now + timedelta(minutes=5)}
        said = {k: v for k, v in (good | claims).items() if v is not None}
        signer = None if algorithm == "none" else sign_with or jwt.PyJWK(key, "RS256").key
        return jwt.encode(said, signer, algorithm, headers={"kid": key.get("kid")})

    def looked_up(self, path: str) -> int:
        return sum(place == path for place, _, _ in self.asked)


@contextmanager
def provider() -> Iterator[IdentityProvider]:
    """The provider in a thread of its own, until the end of the block."""
    AuthorizationCodeGrant.TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post", "none"]
    app, here = oidc_provider_mock.app(), IdentityProvider()

    def watch() -> None:
        here.storage = flask.g.oidc_provider_mock_storage
        authorization = flask.request.headers.get("Authorization")
        here.asked.append((flask.request.path, flask.request.form.to_dict(), authorization))

    app.before_request(watch)
    server = make_server("localhost", 0, app, threaded=True)
    here.url = f"http://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        httpx.get(f"{here.url}/jwks").raise_for_status()
        yield here
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


async def at_the_provider(http: httpx.AsyncClient, sub: str, **start: str) -> tuple[dict[str, str], str]:
    """Begin in our browser and sign in at the provider; gives what we asked it, and where it sends the browser back."""
    begun = await http.get("/auth/oidc/start", params=start, headers=HTML)
    assert begun.status_code == 303, begun.text
    query = {name: values[0] for name, values in parse_qs(urlsplit(begun.headers["location"]).query).items()}
    async with httpx.AsyncClient() as outside:
        answer = await outside.post(begun.headers["location"], data={"sub": sub})
    assert answer.status_code == 302, answer.text
    return query, answer.headers["location"]


async def whole_way(http: httpx.AsyncClient, sub: str, **start: str) -> httpx.Response:
    """The whole code flow; gives our answer when the browser is back."""
    _, back = await at_the_provider(http, sub, **start)
    return await http.get(back, headers=HTML)


def s256(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


FOREIGN = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def somebody(idp: IdentityProvider, **claims: Any) -> str:
    """A person the provider knows and we do not; subject and user name are the same."""
    sub = f"p{uuid4().hex[:12]}"
    about = {"preferred_username": sub, "name": "王芳", "email": "p@staff.demo.example", "roles": ["auditor"]}
    return idp.person(sub, **about | claims)


async def exchanged(http: httpx.AsyncClient, token: str) -> httpx.Response:
    return await http.post("/auth/oidc/token", data={"id_token": token})
