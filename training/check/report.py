"""The data report: what ``foresell check`` computes and prints as JSON."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from tempfile import TemporaryDirectory

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from models import columns as col
from models import predictions
from models.engines import Engine, open_duckdb
from models.features import features
from models.prediction import Prediction
from models.settings import FeatureSettings, Settings
from training.check.findings import findings
from training.check.history import History
from training.check.measure import measure
from training.check.order_counts import Orders
from training.check.proposals import Proposal, proposals
from training.check.questions import open_questions
from training.check.room import Room
from training.check.verdicts import Evidence, Verdict, verdicts
from training.cutoffs import plan
from training.frame import as_customers, spine_of_everyone
from training.intake_report import IntakeReport
from training.progress import Progress, silent

_MEMORY = "2GB"  # beyond it DuckDB spills
_BATCH_ROWS = 100_000


class CheckReport(BaseModel):
    """The data report: the intake's counts, the history in figures, and a verdict for each prediction and horizon."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    intake: IntakeReport
    customers: int = Field(description="Customers with an order line of any kind.")
    orders: int = Field(description="Days on which a customer bought something; returns alone are no order.")
    verdicts: tuple[Verdict, ...]
    history: History
    questions: tuple[str, ...] = Field(description="What foresell.toml leaves open; empty = nothing.")
    findings: tuple[str, ...] = Field(description="What stands out in the history, a sentence each.")
    proposals: tuple[Proposal, ...] = Field(description="Settings that fit the customers' gaps between orders.")

    @property
    def notes(self) -> tuple[str, ...]:
        """Everything that people should know before they trust a prediction, as it is shown."""
        return (*self.questions, *self.intake.notes, *self.findings)


def data_report(report: IntakeReport, settings: Settings, progress: Progress = silent) -> CheckReport:
    """Measure the kept tables and judge what each prediction can expect.

    Parameters
    ----------
    report : IntakeReport
        Of the tables that the workspace keeps now.
    settings : Settings
        The workspace's configuration.
    progress : Progress, optional
        Told what happens now.
    """
    known = predictions(settings.models)
    room = Room(settings.cutoffs, report.tables[col.ORDER_LINES].first_day or report.as_of, report.as_of)
    with _engine(settings) as engine:
        progress("measuring the history")
        orders = Orders(engine)
        history = measure(engine, orders, report)
        progress("counting who is eligible")
        tests = _test_windows(known, room)
        counted = orders.windows(list(tests.values()))
        evidence = Evidence(
            history,
            report.tables[col.ORDER_LINES].absent,
            room,
            eligible=_eligible(engine, known, report.as_of, settings.models.features),
            silent=orders.silent_days(report.as_of),
            windows={horizon: counted[window] for horizon, window in tests.items()},
        )
        customers = int(engine.tables[col.ORDER_LINES][col.CUSTOMER_ID].nunique().to_pyarrow().as_py())
    return CheckReport(
        intake=report,
        customers=customers,
        orders=history.orders,
        verdicts=verdicts(known, evidence),
        history=history,
        questions=open_questions(settings.workspace),
        findings=findings(history, report, settings.source.order_lines),
        proposals=proposals(history.gaps, known, room),
    )


@contextmanager
def _engine(settings: Settings) -> Iterator[Engine]:
    with (
        TemporaryDirectory(dir=settings.tables.parent, prefix="check-") as spill,
        open_duckdb(settings.tables) as engine,
    ):
        engine.backend.raw_sql(f"SET memory_limit = '{_MEMORY}'")
        engine.backend.raw_sql(f"SET temp_directory = '{str(spill).replace(chr(39), chr(39) * 2)}'")
        yield engine


def _test_windows(known: Sequence[Prediction], room: Room) -> dict[int, tuple[date, int]]:
    """Return the test cutoff and length of each horizon that has room."""
    tasks = {task.horizon: task for prediction in known for task in prediction.tasks}
    found = {}
    for horizon, task in tasks.items():
        if room.holds(horizon):
            laid = plan(room.cutoffs, (task,), first_day=room.first, end=room.end)
            found[horizon] = (laid.test[task.tag], horizon)
    return found


def _eligible(engine: Engine, known: Sequence[Prediction], as_of: date, settings: FeatureSettings) -> dict[str, int]:
    """Count whom each prediction is defined for, by the one definition of the features, some rows at a time."""
    counts = {prediction.name: 0 for prediction in known}
    rows = features(engine.tables, spine_of_everyone(engine, as_of), settings)
    for batch in rows.to_pyarrow_batches(chunk_size=_BATCH_ROWS):
        customers = as_customers(pa.Table.from_batches([batch]), settings)
        for prediction in known:
            counts[prediction.name] += int(prediction.eligible(customers).sum())
    return counts
