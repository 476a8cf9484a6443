"""What a call costs."""

from benchmarks.quality.markdown import table
from benchmarks.quality.sections.shared import Result


def section(data: Result) -> str:
    """Return what one answer costs, by method."""
    rows = [(name, *(f"{found[key]:.1f}" for key in data["calls"])) for name, found in data["methods"].items()]
    return (
        f"### What a call costs\n\nProcessor milliseconds of one answer, {data['customers']:,} invented customers in "
        f"the store, {data['items']:,} items; fitted on {data['fitted_on']:,} customers.\n\n"
        + table(("method", *data["calls"]), rows)
    )
