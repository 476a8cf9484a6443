"""For each prediction and horizon: ready or not, with what there is, what is needed, and the setting that would do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from models import columns as col
from models.methods import MIN_EXAMPLES
from models.prediction import Prediction
from training.check.findings import cohort_means, is_cohort
from training.check.history import History
from training.check.order_counts import Windows
from training.check.proposals import toml_line
from training.check.remedies import ways_to_fit
from training.check.room import Room

FEWEST_PRODUCTS = 2


class Verdict(BaseModel):
    """What one prediction at one horizon can expect of the data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prediction: str = Field(description="The prediction's name.")
    horizon_days: int = Field(description="Length of the label window.")
    ready: bool = Field(description="Whether training has room for its windows, and somebody and something to learn.")
    eligible: int = Field(description="Customers for whom the prediction is defined at as_of.")
    history_days: int = Field(description="Days from the first order line's to as_of.")
    whole_horizons: int = Field(description="How many label windows fit into the history.")
    longest_horizon_days: int = Field(
        description="The longest horizon that fits with the configured cutoffs; 0 = none."
    )
    sentence: str = Field(description="The verdict for a person, with the setting that would change it.")
    settings: str = Field(default="", description="That setting as TOML; empty = none is needed, or none would do.")
    caution: str | None = Field(default=None, description="What to be careful with although it is ready.")


@dataclass(frozen=True)
class Evidence:
    """What verdicts are made from.

    Parameters
    ----------
    history : History
        The figures.
    absent : sequence of str
        Columns that the order lines lack.
    room : Room
        Where cutoffs can lie.
    eligible : mapping of str to int
        Prediction -> customers for whom it is defined at as_of.
    silent : mapping of int to int
        Days from the last order to as_of -> customers.
    windows : mapping of int to Windows
        Horizon -> what happened in its test window; without those that have no room.
    """

    history: History
    absent: Sequence[str]
    room: Room
    eligible: Mapping[str, int]
    silent: Mapping[int, int]
    windows: Mapping[int, Windows]


def verdicts(predictions: Sequence[Prediction], evidence: Evidence) -> tuple[Verdict, ...]:
    """Judge every prediction at each of its horizons."""
    return tuple(verdict for prediction in predictions for verdict in _verdicts(prediction, evidence))


def _verdicts(prediction: Prediction, evidence: Evidence) -> list[Verdict]:
    horizons = dict.fromkeys(task.horizon for task in prediction.tasks)
    judged = [_verdict(prediction, horizon, evidence) for horizon in horizons]
    waiting = [str(verdict.horizon_days) for verdict in judged if not verdict.ready]
    if not waiting:
        return judged
    # all horizons of a prediction are trained in one run
    others = f"; training waits for the horizons of {' and '.join(waiting)} days, which are not ready"
    return [
        verdict.model_copy(update={"sentence": verdict.sentence + others}) if verdict.ready else verdict
        for verdict in judged
    ]


def _verdict(prediction: Prediction, horizon: int, evidence: Evidence) -> Verdict:
    room, eligible = evidence.room, evidence.eligible[prediction.name]
    windows = room.days // horizon
    verdict = Verdict(
        prediction=prediction.name,
        horizon_days=horizon,
        ready=True,
        eligible=eligible,
        history_days=room.days,
        whole_horizons=windows,
        longest_horizon_days=room.longest_horizon(),
        sentence=f"{eligible:,} customers eligible, {room.days:,} days of history hold {windows:,} whole horizons",
        caution=cohort_means(prediction.name) if is_cohort(evidence.history) else None,
    )
    case = _Case(prediction, horizon, evidence)
    for obstacle in (_columns, _one_order_each, _short_history, _few_customers, _empty_window):
        found = obstacle(case)
        if found:
            sentence, settings = found
            refused = {"ready": False, "sentence": sentence, "settings": settings, "caution": None}
            return verdict.model_copy(update=refused)
    return verdict


Obstacle = tuple[str, str] | None
"""What is in the way and the setting, as TOML, that would move it; None = nothing is."""


@dataclass(frozen=True)
class _Case:
    prediction: Prediction
    horizon: int
    evidence: Evidence


def _columns(case: _Case) -> Obstacle:
    lacking = [column for column in case.prediction.needs if column in case.evidence.absent]
    if lacking:
        return f"the order lines have no {', '.join(lacking)}: name yours under [source.order_lines] columns", ""
    assortment = case.evidence.history.assortment
    products = assortment.products if assortment else 0
    if col.PRODUCT_ID in case.prediction.needs and products < FEWEST_PRODUCTS:
        named = "1 product" if products else "no product"
        return (
            f"the order lines name {named}, at least {FEWEST_PRODUCTS} are needed to choose between: name the column "
            f"with your products' ids under [source.order_lines] columns",
            "",
        )
    return None


def _one_order_each(case: _Case) -> Obstacle:
    history = case.evidence.history
    if not history.orders:
        return "there is no order: every line is a return", ""
    if history.first == history.last:
        return (
            f"all orders are of one day, {history.first}, and what happens next is what it learns from: bring a longer "
            "history, or check that ordered_at is the time of the order",
            "",
        )
    if history.gaps is None:
        return (
            f"each of {history.customers:,} customers ordered on one day only, and who comes back is what it learns "
            "from: bring a longer history, or check that customer_id names people and not orders",
            "",
        )
    return None


def _short_history(case: _Case) -> Obstacle:
    room, horizon = case.evidence.room, case.horizon
    if room.holds(horizon):
        return None
    newest = room.cutoffs.newest_test
    if newest and room.holds(horizon, newest_test=None):
        return (
            f"the test cutoff {newest} leaves too little before it for a horizon of {horizon} days: remove newest_test "
            "under [cutoffs], or set a later day",
            "",
        )
    start = (
        f"{room.days:,} days of data ({room.first} to {room.end}), a horizon of {horizon} days needs "
        f"{room.needed_days(horizon):,}: "
    )
    ways = ways_to_fit(case.prediction, horizon, room)
    if not ways:
        more = room.needed_days(horizon) - room.days
        return f"{start}no setting makes that enough, {more:,} more days do", ""
    return start + ", or ".join(told for told, _ in ways), "\n\n# or\n".join(lines for _, lines in ways)


def _few_customers(case: _Case) -> Obstacle:
    prediction, evidence = case.prediction, case.evidence
    eligible = evidence.eligible[prediction.name]
    if eligible >= MIN_EXAMPLES:
        return None
    told = f"{eligible:,} customers eligible at {evidence.room.end}, at least {MIN_EXAMPLES} are needed: "
    now = prediction.settings.model_dump().get("active_days")
    days = _active_days(evidence.silent)
    if now and days and days > now:
        line = toml_line("active_days", days)
        where = f"[predictions.{prediction.name}]"
        return f"{told}{line} under {where} makes it enough (now {now})", f"{where}\n{line}"
    return f"{told}there are {sum(evidence.silent.values()):,} with an order at all; bring more customers", ""


def _active_days(silent: Mapping[int, int]) -> int | None:
    """Return for how long customers may be silent until there are enough of them."""
    enough = 0
    for days in sorted(silent):
        enough += silent[days]
        if enough >= MIN_EXAMPLES:
            return days
    return None


def _empty_window(case: _Case) -> Obstacle:
    horizon = case.horizon
    window = case.evidence.windows.get(horizon)
    if window is None:
        return None
    if window.known < MIN_EXAMPLES:
        return (
            f"{window.known:,} customers had ordered before the test window of {horizon} days, at least {MIN_EXAMPLES} "
            "are needed: bring a longer history, or shorten the horizon",
            "",
        )
    if not window.ordered:
        return (
            f"none of the {window.known:,} customers who had ordered before the test window of {horizon} days ordered "
            "in it, so there is nothing to measure by: lengthen the horizon, or bring newer data",
            "",
        )
    return None
