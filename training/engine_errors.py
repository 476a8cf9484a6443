"""DuckDB's and Arrow's errors in one line."""

import re
from itertools import takewhile

# what a source says while DuckDB reads its stream comes wrapped up by Arrow
_STREAMED = re.compile(
    r"get_next failed\(\): (?:\w*(?:Error|Invalid): |Unknown error: )*(.*?)\.? Detail: Python exception", re.DOTALL
)


def reason(error: Exception) -> str:
    """Return what went wrong and where, without the quoted line of the file (personal data) and without the hints."""
    streamed = _STREAMED.search(str(error))
    if streamed:
        # an exception without words, such as an interruption, is named in the last line of its trace
        return streamed[1].splitlines()[0] if streamed[1] else str(error).strip().splitlines()[-1]
    told = takewhile(lambda line: not line.lower().startswith("possible"), str(error).splitlines())
    lines = [line.strip().rstrip(".") for line in told if line.strip()]
    if not lines:
        return type(error).__name__
    # line and fault stand around the quoted line
    return f"{lines[0]}, {lines[-1]}" if "CSV Error" in lines[0] and len(lines) > 1 else lines[0]
