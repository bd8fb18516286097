"""Reads one file of rules against its model; what is wrong is named with file, line and mend."""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

SAFE_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same, in C where it can be had
FOLDER = Path(__file__).parent
M = TypeVar("M", bound=BaseModel)


class Problem(BaseModel):
    """One thing wrong with a policy file: where, what, and how to mend it."""

    file: str
    line: int
    message: str
    fatal: bool = True

    def __str__(self) -> str:
        """`file:line: message`, as editors jump to it."""
        return f"{self.file}:{self.line}: {self.message}"


class BrokenPolicy(Exception):
    """The rules cannot be used; nothing starts on them."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(p) for p in problems))
        self.problems = problems


def read(path: Path, model: type[M]) -> M:
    """The file as that model; raises BrokenPolicy."""
    try:
        return model.model_validate(mapping(path))
    except ValidationError as error:
        raise BrokenPolicy(problems_of(error, path, key_lines(path))) from None


def shown(path: Path) -> str:
    """The path below the folder of policies: cn/2026-01-01/clocks.yaml, calendars/cn.yaml, access.yaml."""
    depth = 2 if path.parent.name == "calendars" else 3 if path.parent.name[:4].isdigit() else 1
    return "/".join(path.parts[-depth:])


def mapping(path: Path) -> Any:
    """The file as names and values."""
    name = shown(path)
    try:
        data = yaml.load(path.read_text("utf-8"), Loader=SAFE_LOADER)  # nosec B506: a SafeLoader, the one in C
    except FileNotFoundError:
        raise BrokenPolicy([Problem(file=name, line=1, message="no such file")]) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BrokenPolicy([Problem(file=name, line=line, message=f"not YAML: {error.problem}")]) from None
    if not isinstance(data, dict):
        raise BrokenPolicy([Problem(file=name, line=1, message="must be a mapping of names to values")])
    return data


def problems_of(error: ValidationError, path: Path, nodes: dict[tuple[Any, ...], int], *under: str) -> list[Problem]:
    """What a model found wrong, each with its line."""
    found = []
    for detail in error.errors():
        place = (*under, *detail["loc"])
        known = next((place[:n] for n in range(len(place), 0, -1) if place[:n] in nodes), ())
        name = ".".join(str(p) for p in place) or "(whole file)"
        value = detail.get("input")
        given = f", found {value!r}" if isinstance(value, str | int | float | bool) else ""
        found.append(
            Problem(
                file=shown(path),
                line=nodes.get(known, 1),
                message=f"{name}: {detail['msg']}{given}",
            )
        )
    return found


def key_lines(path: Path) -> dict[tuple[Any, ...], int]:
    """The line of every key and entry of a YAML file, by its path."""
    lines: dict[tuple[Any, ...], int] = {}

    def walk(node: yaml.Node, place: tuple[Any, ...]) -> None:
        lines.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                lines[(*place, key.value)] = key.start_mark.line + 1
                walk(value, (*place, key.value))
        elif isinstance(node, yaml.SequenceNode):
            for number, value in enumerate(node.value):
                walk(value, (*place, number))

    root = yaml.compose(path.read_text("utf-8"), Loader=SAFE_LOADER)
    if root is not None:
        walk(root, ())
    return lines
