"""Contact data that is nowhere else, as a complainant gives it and as others write it down, to be looked for in answers."""

from typing import Any

import httpx
from office import MAJOR, RESOLUTION, Office

from complaints.masked_forms import squeezed
from complaints.masked_shapes import folded

PERSON = {
    "name": "章鉴明",
    "gender": "male",
    "phone": "13987654321",
    "email": "zjm.marker@example.com",
    "address": "上海市浦东新区标记路77号3室",
    "customer_number": "KH88997766",
}
TOLD = "我是章 鉴明，139-8765-4321，ZJM.marker@example.com，标记路77号3室，客户号kh88997766；转告李四13612345678"
MARKERS = ["章鉴明", "13987654321", "zjm.marker", "标记路77号", "kh88997766", "13612345678"]
MARKED = MAJOR | {
    "complainant": PERSON,
    "matter": f"{MAJOR['matter']}{TOLD}",
    "reason": TOLD,
    "demand": TOLD,
    "about": {"department": None, "person": f"柜员（客户{TOLD}）"},
    "attachments": ["章鉴明 13987654321.pdf"],
}
ANSWER = {name: TOLD for name in ("findings", "responsibility", "measures", "reply")} | {"root_cause": "x"}
RESOLVED = RESOLUTION | ANSWER


def left(text: str) -> list[str]:
    """The markers that an answer gives away."""
    plain = squeezed(folded(text.replace("\\n", "\n")))
    return [marker for marker in MARKERS if squeezed(marker) in plain]


async def shown(office: Office, user: str, reference: str, **body: Any) -> httpx.Response:
    return await office.call(user, "POST", f"/complaints/{reference}/disclosures", body)
