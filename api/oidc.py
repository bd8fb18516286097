"""OpenID Connect: any provider, found by its issuer. Its ID tokens are believed after every check, and not before."""

import asyncio
import base64
import hashlib
import hmac
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import jwt
import structlog
from starlette.exceptions import HTTPException

from complaints.errors import Refused

log = structlog.get_logger()
SIGNED_BY = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Public-key signatures alone: with `none` or an HMAC anybody who knows the public key could sign."""
PUBLIC = ("RSA", "EC", "OKP")
KEYS_KEPT = 3600.0
KEYS_AGAIN_AFTER = 30.0
"""Seconds between two looks for a key we do not know: forged tokens must not make us hammer the provider."""
SKEW = 60
LONGEST_TOKEN = 16_384
NOT_GOOD = "the identity provider's token is not good"


@dataclass(frozen=True)
class Client:
    """What the bank has arranged with its provider. Without a secret it is a public client, by PKCE alone."""

    issuer: str
    id: str
    secret: str | None = None
    scopes: str = "openid profile email"
    username_claim: str = "preferred_username"
    roles_claim: str = "roles"
    department_claim: str | None = None
    region_claim: str | None = None
    role_map: dict[str, str] = field(default_factory=dict)


def challenge(verifier: str) -> str:
    """What PKCE shows of a verifier beforehand (RFC 7636, S256)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


class Provider:
    """The provider: where it is asked, and the keys it signs with."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._about: dict[str, Any] = {}
        self._keys: list[dict[str, Any]] = []
        self._fetched = float("-inf")
        self._one_at_a_time = asyncio.Lock()

    async def start(self, redirect: str, state: str, nonce: str, verifier: str) -> str:
        """Where the browser goes to sign in."""
        query = {
            "response_type": "code",
            "client_id": self.client.id,
            "redirect_uri": redirect,
            "scope": self.client.scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge(verifier),
            "code_challenge_method": "S256",
        }
        where = str((await self._metadata())["authorization_endpoint"])
        return f"{where}{'&' if urlsplit(where).query else '?'}{urlencode(query)}"

    async def finish(self, redirect: str, code: str, nonce: str, verifier: str) -> tuple[dict[str, Any], str]:
        """The claims of whoever signed in, and their ID token, for the code the browser brought back."""
        about = await self._metadata()
        asked = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect,
            "code_verifier": verifier,
            "client_id": self.client.id,
        }
        auth = None
        if self.client.secret is not None:
            if "client_secret_basic" in about.get("token_endpoint_auth_methods_supported", ["client_secret_basic"]):
                auth = httpx.BasicAuth(self.client.id, self.client.secret)
            else:
                asked["client_secret"] = self.client.secret
        answer = await self._ask("POST", about["token_endpoint"], data=asked, auth=auth)
        token, access = answer.get("id_token"), answer.get("access_token")
        if not isinstance(token, str):
            raise HTTPException(401, NOT_GOOD)
        claims = await self.claims(token, nonce)
        if "userinfo_endpoint" in about and isinstance(access, str) and found(claims, self.client.roles_claim) is None:
            bearer = {"Authorization": f"Bearer {access}"}
            more = await self._ask("GET", about["userinfo_endpoint"], headers=bearer)
            if more.get("sub") == claims["sub"]:  # of somebody else it says nothing about this person
                claims = more | claims
        return claims, token

    async def claims(self, token: str, nonce: str | None = None) -> dict[str, Any]:
        """What an ID token says, once its signature, issuer, audience, times and nonce are found right; else 401."""
        if len(token) > LONGEST_TOKEN:
            raise HTTPException(401, NOT_GOOD)
        try:
            said: dict[str, Any] = jwt.decode(
                token,
                await self._key_of(token),
                algorithms=SIGNED_BY,
                audience=self.client.id,
                issuer=self.client.issuer,
                leeway=SKEW,
                options={"require": ["iss", "aud", "sub", "exp", "iat"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            log.info("oidc.token_refused", why=type(error).__name__)
            raise HTTPException(401, NOT_GOOD) from None
        if said.get("azp", self.client.id) != self.client.id or not said["sub"]:
            raise HTTPException(401, NOT_GOOD)
        if nonce is not None and not hmac.compare_digest(str(said.get("nonce")).encode(), nonce.encode()):
            raise HTTPException(401, NOT_GOOD)
        return said

    async def _key_of(self, token: str) -> jwt.PyJWK:
        """The provider's key that the token says it is signed with. What the header says is not believed yet."""
        header = jwt.get_unverified_header(token)
        algorithm, name = header.get("alg"), header.get("kid")
        if algorithm not in SIGNED_BY:
            raise jwt.InvalidAlgorithmError
        keys = await self._signing_keys(name)
        fitting = [key for key in keys if name is None or key.get("kid") == name]
        if len(fitting) != 1 or fitting[0].get("alg", algorithm) != algorithm:
            raise jwt.InvalidKeyError
        return jwt.PyJWK(fitting[0], algorithm)

    async def _signing_keys(self, wanted: str | None) -> list[dict[str, Any]]:
        """The provider's keys; asked for again when they are old, or when we do not have the one that is wanted."""
        async with self._one_at_a_time:
            age = time.monotonic() - self._fetched
            unknown = wanted is not None and wanted not in [key.get("kid") for key in self._keys]
            if age > KEYS_KEPT or ((unknown or not self._keys) and age > KEYS_AGAIN_AFTER):
                self._fetched = time.monotonic()
                about = await self._metadata()
                keys = (await self._ask("GET", about["jwks_uri"])).get("keys", [])
                self._keys = [key for key in keys if key.get("use", "sig") == "sig" and key.get("kty") in PUBLIC]
            if not self._keys:
                raise _away()
            return self._keys

    async def _metadata(self) -> dict[str, Any]:
        """What the provider says of itself, asked once; its own issuer has to be the one it was asked under."""
        if not self._about:
            issuer = self.client.issuer
            about = await self._ask("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
            places = [about.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
            if about.get("issuer") != issuer or not all(isinstance(place, str) for place in places):
                log.error("oidc.wrong_metadata")
                raise _away()
            self._about = about
        return self._about

    async def _ask(self, method: str, url: str, **more: Any) -> dict[str, Any]:
        """One question to the provider; 401 when it refuses the code, 503 when it cannot answer."""
        try:
            async with httpx.AsyncClient(timeout=5, follow_redirects=False) as http:
                answer = await http.request(method, url, **more)
                said = answer.json() if answer.status_code == 200 else None
        except (httpx.HTTPError, ValueError) as error:
            log.warning("oidc.provider_away", error=type(error).__name__)
            raise _away() from None
        if isinstance(said, dict):
            return said
        log.warning("oidc.provider_refused", status=answer.status_code)
        if method == "POST" and 400 <= answer.status_code < 500:
            raise HTTPException(401, "the identity provider refused the sign-in; begin again")
        raise _away()


def _away() -> Refused:
    return Refused("unavailable", "the identity provider does not answer; try again")


def found(claims: dict[str, Any], path: str) -> Any:
    """The claim at a dotted path, such as realm_access.roles; a name that holds dots itself comes first."""
    if path in claims:
        return claims[path]
    value: Any = claims
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value
