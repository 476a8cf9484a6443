"""The report on the terminal: one screen."""

from rich.console import Group
from rich.table import Table
from rich.text import Text

from models.contracts import MALFORMED
from training.check.report import CheckReport
from training.intake_report import IntakeReport
from training.quarantine import described, set_aside_file

_COUNTS = ("read", "kept", "rejected", "malformed", "set aside", "forgotten", "duplicates")


def render(report: CheckReport) -> Group:
    """Lay the report out for the terminal."""
    intake = report.intake
    lines = intake.tables["order_lines"]
    head = (
        f"Source {intake.source}: {report.customers:,} customers, {report.orders:,} orders, "
        f"{lines.first_day} to {lines.last_day}; as of {intake.as_of}"
    )
    notes = [Text(f"- {note}") for note in report.notes]
    verdicts = [
        Text(f"{'ready    ' if v.ready else 'not ready'}  {v.prediction}, {v.horizon_days} days: {v.sentence}")
        for v in report.verdicts
    ]
    return Group(
        Text(head), Text(), _tables(intake), *_rejections(intake), Text(), *notes, Text(), *verdicts, *_proposed(report)
    )


def _tables(intake: IntakeReport) -> Table:
    # what the source does not have is said in the notes
    tables = {name: counted for name, counted in intake.tables.items() if counted.read}
    counts = [
        (
            counted.read,
            counted.kept,
            counted.rejected_rows,
            counted.rejected.get(MALFORMED, 0),
            counted.set_aside_rows,
            counted.forgotten,
            counted.duplicates,
        )
        for counted in tables.values()
    ]
    # forgotten rows are rare: without one the column says nothing
    shown = [at for at, name in enumerate(_COUNTS) if name != "forgotten" or any(row[at] for row in counts)]
    table = Table(box=None, pad_edge=False)
    table.add_column("table")
    for heading in (*(_COUNTS[at] for at in shown), "from", "to"):
        table.add_column(heading, justify="right")
    for (name, counted), row in zip(tables.items(), counts, strict=True):
        days = (str(day) if day else "" for day in (counted.first_day, counted.last_day))
        table.add_row(name, *(f"{row[at]:,}" for at in shown), *days)
    return table


def _rejections(intake: IntakeReport) -> list[Text]:
    said: list[Text] = []
    for name, counted in intake.tables.items():
        for rule, rows in most_first(counted.rejected):
            said.append(Text(f"rejected: {rows:,} of {name}: {described(name, rule)} ({rule})"))
        for rule, rows in most_first(counted.set_aside):
            said.append(
                Text(f"set aside: {rows:,} of {name}: {described(name, rule)} ({rule}, {set_aside_file(name)})")
            )
    return said


def most_first(counts: dict[str, int]) -> list[tuple[str, int]]:
    """Return rules with their counts, the most frequent first."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _proposed(report: CheckReport) -> list[Text]:
    if not report.proposals:
        return []
    lines = ", ".join(f"{each.prediction} {each.line}" for each in report.proposals)
    return [Text(), Text(f"proposed by the customers' gaps between orders: {lines}")]
