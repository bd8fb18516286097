"""The one way to read a template: values are escaped, none is a template itself, and a missing one is an error."""

from jinja2 import PackageLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment


def templates(folder: str) -> ImmutableSandboxedEnvironment:
    """The templates of that folder of `templates/`; a template reaches nothing but the values it is given."""
    return ImmutableSandboxedEnvironment(
        loader=PackageLoader("templates", folder),
        autoescape=lambda name: name is None or not name.endswith(".txt"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
