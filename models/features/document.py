"""The page docs/features.md, written from the catalogue."""

from models.features.groups import GROUPS
from models.features.sources import catalogue
from models.settings import FeatureSettings

HEAD = """# Features

Written from the catalogue by `models.features.document`; `tests/models/features/test_document.py` fails when this page
is old.
Every feature sees only what was known before the cutoff, and "in the last N days" means an age of at most N whole days.
Configured attributes add features of their own (`attribute_...`), and each configured kind of event adds one.

| feature | unit | null means | group | what it is |
| --- | --- | --- | --- | --- |
"""


def document(settings: FeatureSettings) -> str:
    """Write the catalogue as a page of Markdown.

    Parameters
    ----------
    settings : FeatureSettings
        The settings whose features are listed.
    """
    rows = (
        f"| `{each.name}` | {each.unit} | {each.null} | {GROUPS[each.group].title} | {each.description} |"
        for each in catalogue(settings)
    )
    return HEAD + "\n".join(rows) + "\n"
