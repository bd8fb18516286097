"""The live board: what is open now, the figures of a period against their targets, and what complaints are about."""

from typing import Annotated, Any, Literal, cast
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Response

from api.pages import charts
from api.pages.page import Reader, Reads
from api.pages.words import name
from api.periods import PERIODS, PeriodName
from api.snapshots import Key, Snapshot, Snapshots
from api.staff_page import StaffRoute
from complaints.errors import FieldError, Refused
from complaints.names import Stage
from register import read
from register.figures import NOW_NAMES
from register.measuring import Measured

router = APIRouter(route_class=StaffRoute, include_in_schema=False)
Json = dict[str, Any]
Chart = Literal["trend", "nature", "product", "channel", "department", "cause"]
ALONE = "default-src 'none'; style-src 'unsafe-inline'"
"""For a drawing: the styles inside of it and nothing else."""
KIOSK_AGAIN = "15"
TOP = 8
TITLES: dict[str, str] = {
    "trend": "Trend", "nature": "Nature", "product": "Product", "channel": "Channel", "department": "Department",
    "cause": "Root cause",
}  # fmt: skip


async def _key(
    reader: Reads, period: PeriodName = "month", department: Annotated[str, Query(max_length=200)] = ""
) -> Key:
    """Of which period, and of which department; empty: of the whole bank."""
    if department and department not in {d["code"] for d in await read.departments(reader.here.engine)}:
        wrong = FieldError(field="department", code="unknown_department", message="there is no such department")
        raise Refused("invalid", "the request has fields at fault", errors=[wrong])
    return Key(period, department or None)


Wanted = Annotated[Key, Depends(_key)]


@router.get("/desk/board")
async def board(reader: Reads, key: Wanted, kiosk: bool = False) -> Response:
    """The board; as a kiosk it is large, dark and without navigation, and comes anew by itself."""
    kept: Snapshots = reader.request.app.state.snapshots
    snapshot, moment = await kept.of_period(key), await kept.of_now(key.department)
    departments = await read.departments(reader.here.engine)
    values = {
        "here": "board",
        "key": key,
        "kiosk": kiosk,
        "periods": PERIODS,
        "departments": departments,
        "snapshot": snapshot,
        "moment": moment,
        "standing": [(figure, moment[figure], listed(key, figure=figure)) for figure in NOW_NAMES],
        "stages": [(stage, n, listed(key, stage=stage)) for stage in Stage if (n := moment["stages"].get(stage))],
        "tiles": [tile(reader, snapshot, figure) for figure in snapshot.figures.values()],
        "titles": TITLES,
        "charts": drawn(reader, snapshot, departments),
        "address": urlencode({k: v for k, v in key._asdict().items() if v is not None}),
        "version": int(snapshot.at.timestamp()),
    }
    page = reader.page("board.html", values)
    if kiosk:
        page.headers["Refresh"] = KIOSK_AGAIN
    return page


def listed(key: Key, **wanted: str | None) -> str:
    """The query of the list of cases behind something, in the department the board shows."""
    given = wanted | ({"department": key.department} if key.department and "department" not in wanted else {})
    return urlencode({name: value for name, value in given.items() if value is not None})


def tile(reader: Reader, snapshot: Snapshot, figure: Measured) -> Json:
    """A figure with its target, whether it is met, and the lists behind it."""
    target, key = snapshot.targets.figures.get(figure.name), snapshot.key
    period = {f"{figure.by}_from": snapshot.first.isoformat(), f"{figure.by}_to": snapshot.last.isoformat()}
    return {
        "name": figure.name,
        "by": figure.by,
        "value": shown(reader, figure.unit, figure.value),
        "target": target and aim(reader, figure.unit, target.at_least, target.at_most),
        "met": target.met(figure.value) if target and figure.value is not None else None,
        "base": figure.base,
        "against": figure.against if figure.name != "handling_time" else 0,
        "all": listed(key, figure=figure.name, **period),
        "bad": listed(key, figure=figure.name, against="true", **period),
    }


def shown(reader: Reader, unit: str, value: float | None) -> str:
    """A value with its unit; a dash where nothing was measured. Never rounded up to a target it does not reach."""
    if value is None:
        return "–"
    cut = int(value * 10) / 10
    return {"percent": f"{cut:.1f}\u00a0%", "days": f"{cut:.1f}\u00a0{reader.say('days')}", "points": f"{cut:+.1f}"}[
        unit
    ]


def aim(reader: Reader, unit: str, at_least: float | None, at_most: float | None) -> str:
    """`≥ 85 %`, never broken over two lines."""
    unit_words = {"percent": "\u00a0%", "days": f"\u00a0{reader.say('days')}", "points": ""}[unit]
    return f"≥\u00a0{at_least:g}{unit_words}" if at_least is not None else f"≤\u00a0{at_most:g}{unit_words}"


def drawn(reader: Reader, snapshot: Snapshot, departments: list[Json]) -> list[Json]:
    """Each chart but the trend as rows: what, how many, and the list behind it."""
    key, language = snapshot.key, reader.language
    received = {"received_from": snapshot.first.isoformat(), "received_to": snapshot.last.isoformat()}
    closed = {"closed_from": snapshot.first.isoformat(), "closed_to": snapshot.last.isoformat()}
    names = {d["code"]: d["zh"] if language == "zh-CN" else d["en"] for d in departments}

    def label(of: str, code: str | None) -> str:
        if code is None:
            return reader.say("not stated")
        return names.get(code, code) if of == "department" else name(language, of, code)

    charts = []
    for of, rows in snapshot.about.items():
        listing = [(label(of, code), n, listed(key, **{of: code}, **received) if code else None) for code, n in rows]
        charts.append({"of": of, "rows": listing[:TOP], "more": sum(n for _, n, _ in listing[TOP:])})
    causes = [
        (
            name(language, "root_cause", words) or reader.say("Cause no. %s") % (n + 1),
            cases,
            listed(key, cause=index, **closed),
        )
        for n, (words, index, cases) in enumerate(snapshot.causes)
    ]
    return [*charts, {"of": "cause", "rows": causes, "more": 0}]


@router.get("/desk/board/chart.svg")
async def chart(reader: Reads, key: Wanted, of: Chart, dark: bool = False) -> Response:
    """One chart as an image; `dark`: whatever the reader's screen prefers."""
    kept: Snapshots = reader.request.app.state.snapshots
    snapshot = await kept.of_period(key)
    place = (of, reader.language, str(dark))
    if place not in snapshot.charts:
        snapshot.charts[place] = await _drawing(reader, snapshot, of, dark)
    return Response(snapshot.charts[place], media_type="image/svg+xml", headers={"Content-Security-Policy": ALONE})


async def _drawing(reader: Reader, snapshot: Snapshot, of: Chart, dark: bool) -> bytes:
    nothing = reader.say("Nothing in this period.")
    if of == "trend":
        rows = [(day.strftime("%m-%d"), received, closed) for day, received, closed in snapshot.trend]
        return charts.lines(rows, (reader.say("Received"), reader.say("Closed")), nothing, dark=dark)
    found = drawn(reader, snapshot, await read.departments(reader.here.engine))
    one = next(chart for chart in found if chart["of"] == of)
    bars = [(str(label), cast(int, cases)) for label, cases, _ in one["rows"]]
    return charts.bars(bars, reader.say("Complaints"), nothing, dark=dark)
