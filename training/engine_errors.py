"""DuckDB's errors in one line."""

from itertools import takewhile


def reason(error: Exception) -> str:
    """Return what went wrong and where, without the quoted line of the file (personal data) and without the hints."""
    told = takewhile(lambda line: not line.lower().startswith("possible"), str(error).splitlines())
    lines = [line.strip().rstrip(".") for line in told if line.strip()]
    if not lines:
        return type(error).__name__
    # line and fault stand around the quoted line
    return f"{lines[0]}, {lines[-1]}" if "CSV Error" in lines[0] and len(lines) > 1 else lines[0]
