"""ID tokens that are not good, against a real provider's keys: expired, foreign, unsigned, for somebody else, used up."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest
from browser import as_bearer, web
from contract import problem
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from office import Office
from provider import FOREIGN, OURS, IdentityProvider, exchanged

from api import oidc
from api.oidc import Provider
from register import read


@pytest.fixture
def office(office_of_the_file: Office) -> Office:
    return office_of_the_file


LATER, BEFORE = timedelta(hours=1), datetime.now(UTC) - timedelta(minutes=10)
FORGED: dict[str, dict[str, Any]] = {
    "expired": {"exp": BEFORE},
    "never expires": {"exp": None},
    "of the future": {"iat": datetime.now(UTC) + LATER, "exp": datetime.now(UTC) + 2 * LATER},
    "not yet": {"nbf": datetime.now(UTC) + LATER},
    "of no time": {"iat": None},
    "foreign key": {"sign_with": FOREIGN},
    "alg none": {"algorithm": "none"},
    "wrong audience": {"aud": "another-client"},
    "no audience": {"aud": None},
    "for another client, with us beside": {"aud": [OURS, "another"], "azp": "another"},
    "wrong issuer": {"iss": "https://evil.example"},
    "no issuer": {"iss": None},
    "nobody": {"sub": None},
    "nobody by name": {"sub": ""},
}


@pytest.mark.parametrize("wrong", FORGED.values(), ids=FORGED)
async def test_an_id_token_that_is_not_good_lets_nobody_in(
    office: Office, idp: IdentityProvider, ours: Provider, wrong: dict[str, Any]
) -> None:
    sub = f"p{uuid4().hex[:12]}"
    about = {"preferred_username": sub, "roles": ["admin"]}
    async with web(office, provider=ours) as http:
        problem(await exchanged(http, idp.id_token(**{"sub": sub} | about | wrong)), "unauthenticated")
        assert await read.staff_member(office.engine, sub) is None
        assert (await exchanged(http, idp.id_token(sub, **about))).status_code == 200, "it was that alone"


def by_hand(header: dict[str, Any], token: str, key: bytes) -> str:
    """A token with the claims of that one, signed by HMAC with whatever bytes."""

    def part(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    text = f"{part(json.dumps(header).encode())}.{token.split('.')[1]}"
    return f"{text}.{part(hmac.digest(key, text.encode(), hashlib.sha256))}"


async def test_the_public_key_is_no_hmac_secret_and_what_is_no_token_is_none(
    office: Office, idp: IdentityProvider, ours: Provider
) -> None:
    good = idp.id_token("p1", preferred_username="p1", roles=["admin"])
    key = jwt.PyJWK(idp.public(), "RS256").key
    forms = [(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), (Encoding.DER, PublicFormat.PKCS1)]
    tokens = [
        by_hand({"alg": "HS256"} | more, good, key.public_bytes(*form))
        for form in forms
        for more in ({}, {"kid": jwt.get_unverified_header(good).get("kid")})
    ]
    head, middle, signature = good.split(".")
    tokens += [
        f"{head}.{middle}.",
        f"{head}.{middle}",
        f"{head}.e30.{signature}",
        "x",
        "...",
        "[" * 9_000,
        "é" * 20,
        head * 50,
    ]
    async with web(office, provider=ours) as http:
        for token in tokens:
            problem(await exchanged(http, token), "unauthenticated")
        assert (await http.post("/auth/oidc/token", data={})).status_code == 422


async def test_the_nonce_has_to_be_the_one_of_this_browser(office: Office, idp: IdentityProvider) -> None:
    client, sub = idp.client(), "p1"
    for nonce in ({"nonce": "another"}, {}):
        with pytest.raises(oidc.HTTPException) as refused:
            await client.claims(idp.id_token(sub, **nonce), nonce="mine")
        assert refused.value.status_code == 401
    assert (await client.claims(idp.id_token(sub, nonce="mine"), nonce="mine"))["sub"] == sub


async def test_an_id_token_is_good_for_a_program_and_once(
    office: Office, idp: IdentityProvider, ours: Provider
) -> None:
    sub = f"p{uuid4().hex[:12]}"
    token = idp.id_token(sub, preferred_username=sub, roles=["agent"])
    async with web(office, provider=ours) as http:
        answer = await exchanged(http, token)
        assert answer.status_code == 200, answer.text
        pair = answer.json()
        assert pair["expires_in"] == 900 and (await as_bearer(http, pair["access_token"])).json()["roles"] == ["agent"]
        assert (await http.post("/auth/refresh", data={"refresh_token": pair["refresh_token"]})).status_code == 200
        problem(await exchanged(http, token), "unauthenticated")
        problem(await as_bearer(http, token), "unauthenticated")
