"""ID tokens that are not good, against a real provider's keys: expired, foreign, unsigned, for somebody else, used up."""

import base64
import hashlib
import hmac
import json
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest
from browser import as_bearer, web
from contract import problem
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm
from office import Office
from provider import FOREIGN, OURS, IdentityProvider, at_the_provider, exchanged, somebody
from sqlalchemy import func, select
from sqlmodel import col

from api import oidc
from api.oidc import Provider
from api.rates import Rates
from register import read
from register.audit_tables import Audit


@pytest.fixture
def office(office_of_the_file: Office) -> Office:
    return office_of_the_file


LATER, BEFORE = timedelta(hours=1), datetime.now(UTC) - timedelta(minutes=10)
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
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


async def test_forged_tokens_and_codes_count_as_failed_sign_ins_and_are_in_the_log(
    office: Office, idp: IdentityProvider, ours: Provider
) -> None:
    sub, forged = somebody(idp), idp.id_token("p1", sign_with=FOREIGN)
    async with web(office, provider=ours, rates=Rates(failures_per_minute=3)) as http:
        _, back = await at_the_provider(http, sub)
        before = await failures(office)
        assert [(await exchanged(http, forged)).status_code for _ in range(2)] == [401] * 2
        problem(await http.get(re.sub("code=[^&]*", "code=x", back)), "unauthenticated")
        for refused in (await exchanged(http, forged), await http.get(back)):
            assert refused.status_code == 429 and 1 <= int(refused.headers["retry-after"]) <= 60
    assert await failures(office) == before + 3
    async with web(
        office, provider=idp.client(issuer="http://localhost:9"), rates=Rates(failures_per_minute=1)
    ) as http:
        for _ in range(2):
            problem(await exchanged(http, forged), "unavailable")
    assert await failures(office) == before + 3, "a provider that is away is nobody's failure"


async def failures(office: Office) -> int:
    """How many failed sign-ins of nobody we know are in the log."""
    failed = select(func.count()).where(col(Audit.act) == "sign_in_failed", col(Audit.subject).is_(None))
    async with office.engine.connect() as db:
        return (await db.execute(failed)).scalar_one()


async def test_a_token_whose_signature_is_written_in_another_way_is_the_same_token(
    office: Office, idp: IdentityProvider
) -> None:
    key, sub = ec.generate_private_key(ec.SECP256R1()), f"p{uuid4().hex[:12]}"
    token = idp.id_token(sub, sign_with=key, algorithm="ES256", preferred_username=sub, roles=["auditor"])
    client = idp.client()
    client._keys = [json.loads(ECAlgorithm.to_jwk(key.public_key())) | {"kid": jwt.get_unverified_header(token)["kid"]}]
    client._fetched = time.monotonic()
    signed, _, signature = token.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    mirrored = raw[:32] + (P256_ORDER - int.from_bytes(raw[32:])).to_bytes(32)
    other = f"{signed}.{base64.urlsafe_b64encode(mirrored).decode().rstrip('=')}"
    assert other != token and (await client.claims(other))["sub"] == sub, "it is good, too"
    async with web(office, provider=client) as http:
        assert (await exchanged(http, token)).status_code == 200
        problem(await exchanged(http, other), "unauthenticated")


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
