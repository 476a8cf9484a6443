from pathlib import Path

from models.features import document
from models.settings import FeatureSettings

PAGE = Path(__file__).parents[3] / "docs" / "features.md"


def test_the_page_is_what_the_catalogue_says():
    assert PAGE.read_text(encoding="utf-8") == document(FeatureSettings()), "write it again: make docs/features.md"
