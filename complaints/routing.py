"""Which department a complaint belongs to: words and product weighed against the whole routing table (R3.1, R3.4)."""

from pydantic import BaseModel

from complaints.form import ComplaintForm
from complaints.policy import Routing
from complaints.reading import read

CLOSE = 0.6
"""From which share of the winner's score on another department is named too."""


class Routed(BaseModel):
    """The department a complaint goes to, why, and which others came close (best first)."""

    department: str
    why: str
    others: list[str]


def route(form: ComplaintForm, routing: Routing) -> Routed:
    """The department named on the form; else the one with the best match of words and product; else `otherwise`."""
    scores, reasons = _match(form, routing)
    ranked = sorted(scores, key=lambda code: -scores[code])
    named = form.about.department if form.about else None
    codes = {name.casefold(): d.code for d in routing.departments for name in (d.code, d.zh, d.en)}
    if named and (code := codes.get(named.strip().casefold())):
        others = [c for c in ranked if c != code and scores[c] >= 1][:3]
        return Routed(department=code, why=f"the form names {named}", others=others)
    if not ranked:
        return Routed(department=routing.otherwise, why="no word or product of the table was met", others=[])
    best = ranked[0]
    others = [c for c in ranked[1:] if scores[c] >= CLOSE * scores[best]][:3]
    return Routed(department=best, why=f"{scores[best]:.1f}: {'; '.join(reasons[best])}", others=others)


def _match(form: ComplaintForm, routing: Routing) -> tuple[dict[str, float], dict[str, list[str]]]:
    """For each department that anything speaks for: the score, and what spoke."""
    scores: dict[str, float] = {}
    reasons: dict[str, list[str]] = {}
    texts = read("\n\n".join(filter(None, (form.reason, form.matter, form.demand))))
    found = routing.lexicon.find(texts)
    for number, row in enumerate(routing.routes):
        places = found.get(number, [])
        words = {(texts.zh if p.chinese else texts.en)[p.start : p.end].strip() for p in places}
        met = sorted(w for w in words if not any(w != other and w in other for other in words))
        told = [", ".join(met)] if met else []
        score = row.weight * min(1 + 0.25 * (len(met) - 1), 2) if met else 0.0
        if form.product in row.products:
            score += row.product_weight
            told.append(f"product {form.product}")
        if told:
            scores[row.department] = scores.get(row.department, 0) + score
            reasons.setdefault(row.department, []).append(f"{row.name} ({', '.join(told)})")
    return scores, reasons
