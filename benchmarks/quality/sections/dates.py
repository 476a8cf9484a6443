"""The day of the next order."""

from benchmarks.quality.dates import PUBLISHED_MODELS
from benchmarks.quality.markdown import NOTHING, day_interval, days, number, table
from benchmarks.quality.sections.shared import Result, left_out


def section(data: Result) -> str:
    """Return the section on the day of the next order."""
    rows = []
    for name in sorted(
        data["methods"], key=lambda name: (name != data["chosen"], data["methods"][name]["error_days"]["value"])
    ):
        found, published = data["methods"][name], data["published"].get(name)
        title = f"**{name}** (Foresell)" if name == data["chosen"] else name
        error = day_interval(found["error_days"])
        has_range = found["range_width_days"]["value"] > 0
        rows.append(
            (title, error, number(found["c_index"]["value"]),
             number(found["range_coverage"]["value"]) if has_range else NOTHING,
             days(found["range_width_days"]["value"]) if has_range else NOTHING,
             f"{days(published['error_days'])} / {number(published['c_index'])}" if published else NOTHING)
        )  # fmt: skip
    models = "; ".join(f"{name} {days(error)} / {number(index)}" for name, (error, index) in PUBLISHED_MODELS.items())
    missing = left_out([("Next order", data)])
    return (
        f"## The day of the next order\n\ncomplete-journey, {data['test']}, {data['customers']:,} customers; "
        f"{data['cut_at']} days in sight, later orders and the answer *not expected* count as that day "
        f"({data['not_expected']:.1%} are not expected). Coverage is that of the 80 % range, by the randomised "
        "probability integral transform: days are whole numbers. A constant, and the customer's last order plus own "
        f"mean gap, have no range. Published models that are not fitted here, error / C-index: {models}.\n\n"
        + (f"{missing}\n\n" if missing else "")
        + table(
            ("method", "mean error, days", "C-index", "coverage", "mean width, days", "published error / C-index"), rows
        )
    )
