"""Pages of HTML that need no other file, from the templates."""

import os
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


def replace_page(content: str, path: Path) -> Path:
    """Write a page in place of an older one, whole or not at all, and return its path."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_text(content, encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path
