"""Writes a drill's report: a page for people and JSON for programs, from the same model."""

from datetime import timedelta
from pathlib import Path

from activities.templating import templates
from complaints.records import PROCESS
from run.drill.load import Drill
from run.drill.picture import Picture, draw
from run.drill.report import CUSTOMER, Report, span
from run.drill.words import both, phrase, spelled


def write(found: Report, drill: Drill, folder: Path) -> Path:
    """Write page and JSON into that folder, named by when it was played and what it is; gives the page."""
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / f"{found.played_at.astimezone():%Y%m%d-%H%M%S}-{found.name}.html"
    page.write_text(html(found, draw(found, drill)), "utf-8")
    page.with_suffix(".json").write_text(found.model_dump_json(indent=2), "utf-8")
    return page


def html(found: Report, picture: Picture) -> str:
    """The page."""
    environment = templates("pages")
    environment.globals.update(both=both, phrase=phrase, spelled=spelled, span=span, process=PROCESS, customer=CUSTOMER)
    return environment.get_template("drill.html").render(r=found, picture=picture, timedelta=timedelta)
