"""``foresell check``: what the data holds, what was rejected, and what each prediction can expect of it."""

from collections.abc import Sequence
from datetime import date

from pydantic import BaseModel, ConfigDict, Field
from rich.console import Group
from rich.table import Table
from rich.text import Text

from models import columns as col
from models import predictions
from models.contracts import ANONYMOUS, rule_descriptions
from models.engines import Engine, open_duckdb
from models.errors import NotEnoughDataError
from models.features import features
from models.methods import MIN_EXAMPLES
from models.orders import order_days
from models.prediction import Customers, Prediction, Task
from models.settings import CutoffSettings, FeatureSettings, Settings
from training.cutoffs import plan
from training.frame import as_customers, spine_of_everyone
from training.intake_report import IntakeReport


class Verdict(BaseModel):
    """What one prediction at one horizon can expect of the data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prediction: str = Field(description="The prediction's name.")
    horizon_days: int = Field(description="Length of the label window.")
    ready: bool = Field(description="Whether training has room for its windows and somebody is eligible.")
    eligible: int = Field(description="Customers for whom the prediction is defined at as_of.")
    history_days: int = Field(description="Days from the first order line's to as_of.")
    whole_horizons: int = Field(description="How many label windows fit into the history.")
    sentence: str = Field(description="The verdict for a person, with the setting that would change it.")


class CheckReport(BaseModel):
    """The data report: the intake's counts, the size of the history, a verdict for each prediction and horizon."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    intake: IntakeReport
    customers: int = Field(description="Customers with an order line of any kind.")
    orders: int = Field(description="Days on which a customer bought something; returns alone are no order.")
    verdicts: tuple[Verdict, ...]


def data_report(report: IntakeReport, settings: Settings) -> CheckReport:
    """Count the kept order lines and judge what each prediction can expect.

    Parameters
    ----------
    report : IntakeReport
        Of the tables that the workspace keeps now.
    settings : Settings
        The workspace's configuration.
    """
    with open_duckdb(settings.tables) as engine:
        lines = engine.tables[col.ORDER_LINES]
        return CheckReport(
            intake=report,
            customers=int(lines[col.CUSTOMER_ID].nunique().to_pyarrow().as_py()),
            orders=int(order_days(lines).count().to_pyarrow().as_py()),
            verdicts=_verdicts(_everyone(engine, report.as_of, settings.features), report, settings),
        )


def render(report: CheckReport) -> Group:
    """Lay the report out for the terminal."""
    intake = report.intake
    lines = intake.tables[col.ORDER_LINES]
    head = (
        f"Source {intake.source}: {report.customers:,} customers, {report.orders:,} orders, "
        f"{lines.first_day} to {lines.last_day}; as of {intake.as_of}"
    )
    verdicts = [
        Text(f"{'ready    ' if v.ready else 'not ready'}  {v.prediction}, {v.horizon_days} days: {v.sentence}")
        for v in report.verdicts
    ]
    notes = [Text(f"- {note}") for note in intake.notes]
    return Group(Text(head), Text(), _tables(intake), *_rejections(intake), Text(), *notes, Text(), *verdicts)


def _everyone(engine: Engine, as_of: date, settings: FeatureSettings) -> Customers:
    """Compute the one definition of the features, so that eligible means here what it means in training."""
    spine = spine_of_everyone(engine, as_of)
    return as_customers(features(engine.tables, spine, settings).to_pyarrow(), settings)


def _verdicts(everyone: Customers, report: IntakeReport, settings: Settings) -> tuple[Verdict, ...]:
    lines = report.tables[col.ORDER_LINES]
    first = lines.first_day or report.as_of
    return tuple(
        _lacking(
            prediction, lines.absent, _verdict(prediction.name, task, eligible, first, report.as_of, settings.cutoffs)
        )
        for prediction in predictions(settings.models)
        for eligible in [int(prediction.eligible(everyone).sum())]
        for task in {task.horizon: task for task in prediction.tasks}.values()
    )


def _verdict(name: str, task: Task, eligible: int, first: date, as_of: date, cutoffs: CutoffSettings) -> Verdict:
    history = max((as_of - first).days, 0)
    windows = history // task.horizon
    sentence = f"{eligible:,} customers eligible, {history:,} days of history hold {windows:,} whole horizons"
    ready = eligible >= MIN_EXAMPLES
    if not ready:
        sentence = (
            f"{eligible:,} customers eligible at {as_of}, at least {MIN_EXAMPLES} are needed: bring more customers, or "
            f"widen the settings under [predictions.{name}]"
        )
    try:
        plan(cutoffs, (task,), first_day=first, end=as_of)
    except NotEnoughDataError as error:
        ready, sentence = False, error.message
    return Verdict(
        prediction=name,
        horizon_days=task.horizon,
        ready=ready,
        eligible=eligible,
        history_days=history,
        whole_horizons=windows,
        sentence=sentence,
    )


def _lacking(prediction: Prediction, absent: Sequence[str], verdict: Verdict) -> Verdict:
    """Return the verdict, or a refusal where the order lines lack a column that the prediction cannot be without."""
    lacking = [column for column in prediction.needs if column in absent]
    if not lacking:
        return verdict
    sentence = f"the order lines have no {', '.join(lacking)}: name yours under [source.order_lines] columns"
    return verdict.model_copy(update={"ready": False, "sentence": sentence})


def _tables(intake: IntakeReport) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("table")
    for heading in ("read", "kept", "rejected", "anonymous", "duplicates", "from", "to"):
        table.add_column(heading, justify="right")
    for name, counted in intake.tables.items():
        rows = (counted.read, counted.kept, counted.rejected_rows, counted.anonymous, counted.duplicates)
        days = (str(day) if day else "" for day in (counted.first_day, counted.last_day))
        table.add_row(name, *(f"{count:,}" for count in rows), *days)
    return table


def _rejections(intake: IntakeReport) -> list[Text]:
    said: list[Text] = []
    for name, counted in intake.tables.items():
        describes = rule_descriptions(name)
        for rule, rows in sorted(counted.rejected.items(), key=lambda item: (-item[1], item[0])):
            said.append(Text(f"rejected: {rows:,} of {name}: {describes[rule]} ({rule})"))
        if counted.anonymous:
            said.append(
                Text(f"set aside: {counted.anonymous:,} of {name} without a customer ({ANONYMOUS}_{name}.parquet)")
            )
    return said
