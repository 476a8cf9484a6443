"""Pages of HTML that need no other file, from the templates."""

from base64 import b64encode
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_TEMPLATES = Path(__file__).resolve().parent / "templates"


def environment() -> Environment:
    """Return what fills templates: every value is escaped, and one that is missing is an error."""
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def inline(png: bytes) -> str:
    """Return a picture as the source of an image."""
    return f"data:image/png;base64,{b64encode(png).decode()}"
