"""The changes of settings that would make room for a horizon."""

from models.prediction import Prediction
from training.check.proposals import toml_line
from training.check.room import FEWEST_HISTORY_DAYS, Room


def ways_to_fit(prediction: Prediction, horizon: int, room: Room) -> list[tuple[str, str]]:
    """Return the changes of settings that would make room, each in words and as TOML."""
    ways = []
    longest, history = room.longest_horizon(), room.most_history(horizon)
    if longest:
        lines = _shorter(prediction, longest)
        where = f" under [predictions.{prediction.name}]" if lines else ""
        ways.append((f"{longest} days is the longest horizon that fits{where}", lines))
    if history >= FEWEST_HISTORY_DAYS:
        told = f"this one fits with min_history_days = {history} under [cutoffs]"
        ways.append((told, f"[cutoffs]\n{toml_line('min_history_days', history)}"))
    if not ways:
        longest = room.longest_horizon(min_history_days=FEWEST_HISTORY_DAYS)
        if longest:
            told = f"{longest} days fit with min_history_days = {FEWEST_HISTORY_DAYS} under [cutoffs]"
            cutoffs = f"[cutoffs]\n{toml_line('min_history_days', FEWEST_HISTORY_DAYS)}"
            lines = _shorter(prediction, longest)
            ways.append((told, "\n\n".join(part for part in (cutoffs, lines) if part)))
    return ways


def _shorter(prediction: Prediction, longest: int) -> str:
    """Return the prediction's section with horizons that fit; empty where its settings name them otherwise."""
    settings = prediction.settings.model_dump()
    lines = []
    if "horizon" in settings:
        lines = [toml_line("horizon", longest)]
    elif "horizons" in settings:
        kept = [days for days in settings["horizons"] if days < longest]
        lines = [toml_line("horizons", [*kept, longest])]
    return "\n".join([f"[predictions.{prediction.name}]", *lines]) if lines else ""
