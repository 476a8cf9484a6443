"""Feature names out of values that people chose: kinds of events, levels of attributes."""

import re


def slug(value: str) -> str:
    """Turn a value into a part of a feature name: lower case, and an underscore for all but letters and digits."""
    return re.sub(r"\W+", "_", value.strip().lower()).strip("_") or "blank"
