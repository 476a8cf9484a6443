"""Horizons proposed from the customers' own gaps between orders."""

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from models.prediction import Prediction
from training.check.history import Gaps
from training.check.room import Room
from training.wording import listed

# from 30 on each is at most one and a half times the one before, so that nothing far longer than a gap is proposed
USUAL_DAYS = (7, 14, 30, 45, 60, 90, 120, 150, 180, 270, 365)
MOST_HORIZONS = 3
# churn is asked after those who are still active, over about as long as most of them take to come back
ACTIVE_PERCENT, HORIZON_PERCENT = 90, 75
HORIZONS_PERCENTS = (50, 75, 90)
PROPOSED_FOR = ("churn", "repurchase")


class Proposal(BaseModel):
    """A setting that fits the customers' rhythm better than the configured one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prediction: str
    key: str
    value: int | tuple[int, ...]
    now: int | tuple[int, ...] = Field(description="What is configured.")
    why: str

    @property
    def line(self) -> str:
        """The line of ``foresell.toml``."""
        return toml_line(self.key, self.value)


def toml_line(key: str, value: int | Sequence[int]) -> str:
    """Write one setting as TOML."""
    return f"{key} = {value if isinstance(value, int) else list(value)}"


def toml(proposals: Sequence[Proposal]) -> str:
    """Write proposals as sections of ``foresell.toml``."""
    sections: dict[str, list[str]] = {}
    for proposal in proposals:
        sections.setdefault(proposal.prediction, []).append(proposal.line)
    return "\n\n".join("\n".join([f"[predictions.{name}]", *lines]) for name, lines in sections.items())


def proposals(gaps: Gaps | None, predictions: Sequence[Prediction], room: Room) -> tuple[Proposal, ...]:
    """Propose settings of churn and repurchase that differ from the configured ones.

    Each customer counts once (``Gaps.by_customer``), so that the few who order every day do not decide for all.

    Parameters
    ----------
    gaps : Gaps or None
        None = nobody ordered twice, and nothing can be proposed.
    predictions : sequence of Prediction
        As configured.
    room : Room
        What is proposed fits into it.
    """
    if gaps is None:
        return ()
    found = []
    for prediction in predictions:
        if prediction.name in PROPOSED_FOR:
            for key, value, why in _fitting(gaps, prediction.settings, room):
                now = getattr(prediction.settings, key)
                if value != now:
                    found.append(Proposal(prediction=prediction.name, key=key, value=value, now=now, why=why))
    return tuple(found)


def _fitting(gaps: Gaps, settings: Any, room: Room) -> Iterator[tuple[str, int | tuple[int, ...], str]]:
    longest = room.longest_horizon()
    if hasattr(settings, "active_days"):
        most = gaps.by_customer[ACTIVE_PERCENT]
        value = _usual(most, room.days // 2)
        told = _told(ACTIVE_PERCENT, most)
        meaning = "who is silent for longer is hardly a customer any more"
        if value:
            yield "active_days", value, _why(told, most, value, meaning)
    if hasattr(settings, "horizon"):
        usual = gaps.by_customer[HORIZON_PERCENT]
        value = _usual(usual, longest)
        told = _told(HORIZON_PERCENT, usual)
        meaning = "most of those who come back have come back by then"
        if value:
            yield "horizon", value, _why(told, usual, value, meaning)
    if hasattr(settings, "horizons"):
        quantiles = [gaps.by_customer[percent] for percent in HORIZONS_PERCENTS]
        values = _horizons(quantiles, longest)
        if values:
            why = (
                f"{listed(HORIZONS_PERCENTS)} % of the gaps are at most {listed(quantiles)} days, each customer "
                "counting once; these are the usual lengths around that, as far as the history has room"
            )
            yield "horizons", values, why


def _usual(days: int, most: int) -> int:
    """Return the first usual length from ``days`` on, or the longest one that ``most`` allows; 0 = none."""
    wanted = next((length for length in USUAL_DAYS if length >= days), USUAL_DAYS[-1])
    return max((length for length in USUAL_DAYS if length <= min(wanted, most)), default=0)


def _horizons(quantiles: Sequence[int], longest: int) -> tuple[int, ...]:
    found = {length for days in quantiles if (length := _usual(days, longest))}
    shorter = [length for length in USUAL_DAYS if found and length < min(found)]
    missing = max(MOST_HORIZONS - len(found), 0)
    return tuple(sorted({*found, *(shorter[-missing:] if missing else ())}))


def _told(percent: int, days: int) -> str:
    return f"{percent} % of the gaps between a customer's orders are at most {days} days, each customer counting once"


def _why(told: str, days: int, value: int, meaning: str) -> str:
    if value >= days:
        return f"{told}, and {value} is the next usual length: {meaning}"
    return f"{told}; of the usual lengths the history has room for {value} at most"
