"""The model card: one self-contained HTML page about one model, for whoever has to trust it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from training.facts import task_title
from training.html import environment, inline


@dataclass(frozen=True)
class Meaning:
    """How to read a metric.

    Parameters
    ----------
    title : str
        For people.
    better : int
        1 = higher is better, -1 = lower is better, 0 = neither.
    digits : int
        Decimals to show.
    """

    title: str
    better: int
    digits: int = 3


MEANINGS: Mapping[str, Meaning] = {
    "auc": Meaning("AUC", 1),
    "average_precision": Meaning("Average precision", 1),
    "log_loss": Meaning("Log loss", -1),
    "brier": Meaning("Brier score", -1),
    "calibration_error": Meaning("Calibration error", -1),
    "recall_at_10pct": Meaning("Recall in the first tenth", 1),
    "lift_at_10pct": Meaning("Lift in the first tenth", 1, 2),
    "ndcg_10": Meaning("NDCG of the first ten", 1),
    "recall_10": Meaning("Recall of the first ten", 1),
    "coverage": Meaning("Items shown to anybody", 0),
    "fallback_share": Meaning("Share of fallbacks", 0),
    "error_days": Meaning("Mean error, days", -1, 1),
    "c_index": Meaning("C-index", 1),
    "range_coverage": Meaning("Inside the 80 % range", 0),
    "range_width_days": Meaning("Width of the range, days", 0, 1),
}
_NO_DIRECTION, _CLEAR_DIRECTION = 0.3, 0.6
PLOT_TITLES = {
    "lift": "Lift",
    "gain": "Cumulative gain",
    "calibration": "Calibration",
    "roc": "ROC",
    "precision_recall": "Precision and recall",
    "error": "Error of the expected day",
}


@dataclass(frozen=True)
class Versions:
    """Which registered versions a card is about.

    Parameters
    ----------
    evaluated : int or None
        The version that the figures were measured on; None = not registered yet.
    served : int or None
        The version that was fitted again on every closed window to serve; None = not promoted.
    served_run : str or None
        The run that made it.
    """

    evaluated: int | None = None
    served: int | None = None
    served_run: str | None = None


def meaning(metric: str) -> Meaning:
    """Return how to read a metric; an unknown one is taken as higher is better."""
    return MEANINGS.get(metric, Meaning(metric.replace("_", " ").capitalize(), 1))


def verdict(difference: Mapping[str, float | None], metric: str) -> str:
    """Say what a paired difference (chosen minus other, with its interval) means for the chosen method.

    Returns
    -------
    str
        ``better than``, ``worse than`` or ``not distinguishable from``; ``higher than`` and ``lower than`` where
        neither direction is the better one.
    """
    low, high = difference["low"], difference["high"]
    if low is None or high is None or low <= 0 <= high:
        return "not distinguishable from"
    sense = meaning(metric).better
    if not sense:
        return "higher than" if low > 0 else "lower than"
    return "better than" if (low > 0) == (sense > 0) else "worse than"


def render(facts: Mapping[str, Any], plots: Mapping[str, bytes], versions: Versions) -> str:
    """Write the card.

    Parameters
    ----------
    facts : mapping
        From ``training.facts.facts``.
    plots : mapping of str to bytes
        PNG by path under ``plots/`` without its ending: ``h30/lift``, ``importance``.
    versions : Versions
        Which versions it is about.

    Returns
    -------
    str
        A page of HTML that needs no other file.
    """
    filled = environment()
    filled.filters |= {"figure": _figure, "interval": _interval, "signed": _signed, "percent": _percent}
    filled.filters |= {"called": lambda metric: meaning(metric).title, "direction": direction}
    filled.filters |= {"sentence": _capital, "lower_first": _small}
    return filled.get_template("model_card.html").render(
        facts=facts,
        evidence=facts["evidence"],
        versions=versions,
        tasks=[_section(facts, task, plots) for task in facts["tasks"]],
        importance=_bars(facts["importance"]),
        directions=facts.get("directions", {}),
        reached=facts.get("reached", "customers to whom it happens"),
    )


def direction(correlation: float) -> str:
    """Say which way a feature moves the score by its rank correlation with the effect."""
    if abs(correlation) < _NO_DIRECTION:
        return "no single direction"
    strength = "" if abs(correlation) >= _CLEAR_DIRECTION else "tend to "
    return f"high values {strength}{'raise' if correlation > 0 else 'lower'} it"


def _section(facts: Mapping[str, Any], task: Mapping[str, Any], plots: Mapping[str, bytes]) -> dict[str, Any]:
    tag, chosen = task["tag"], facts["evidence"]["method"]
    metrics = sorted(facts["figures"][chosen][tag], key=_rank)
    return {
        **task,
        "title": task_title(task),
        "metrics": [(name, meaning(name)) for name in metrics],
        "best": {name: _best(facts, tag, name) for name in metrics},
        "rows": [(method, facts["figures"][method][tag]) for method in facts["methods"]],
        "validation": {method: losses.get(tag) for method, losses in facts["evidence"]["validation_loss"].items()},
        "differences": [
            (other, _compared(facts["evidence"]["paired"][other][tag])) for other in facts["methods"] if other != chosen
        ],
        "what_if": task.get("what_if", ()),
        "slices": task.get("slices"),
        "floor": facts["evidence"]["calibration_error_floor"].get(tag),
        "plots": [
            (title, inline(plots[f"{tag}/{name}"])) for name, title in PLOT_TITLES.items() if f"{tag}/{name}" in plots
        ],
    }


def _rank(metric: str) -> tuple[int, str]:
    known = list(MEANINGS)
    return (known.index(metric) if metric in MEANINGS else len(known), metric)


def _compared(by_metric: Mapping[str, Mapping[str, float | None]]) -> dict[str, tuple[str, Mapping[str, float | None]]]:
    return {metric: (verdict(difference, metric), difference) for metric, difference in by_metric.items()}


def _best(facts: Mapping[str, Any], tag: str, metric: str) -> Sequence[str]:
    """Return the methods with the best value, as far as one is better than another."""
    sense = meaning(metric).better
    values = {method: facts["figures"][method][tag][metric]["value"] for method in facts["methods"]}
    known = {method: sense * value for method, value in values.items() if value is not None}
    return [method for method, value in known.items() if sense and value == max(known.values())]


def _bars(importance: Mapping[str, float]) -> list[tuple[str, float, float]]:
    strongest = max(importance.values(), default=1) or 1
    ranked = sorted(importance.items(), key=lambda item: -item[1])
    return [(title, value, 100 * value / strongest) for title, value in ranked]


def _capital(text: str) -> str:
    # the name of a feature or method stays as it is
    return text if "_" in text.partition(" ")[0] else text[:1].upper() + text[1:]


def _small(text: str) -> str:
    return text[:1].lower() + text[1:]


def _figure(value: float | None, metric: str) -> str:
    return "-" if value is None else f"{value:.{meaning(metric).digits}f}"


def _interval(figure: Mapping[str, float | None], metric: str) -> str:
    return f"{_figure(figure['low'], metric)} to {_figure(figure['high'], metric)}"


def _signed(value: float | None, metric: str) -> str:
    return "-" if value is None else f"{value:+.{meaning(metric).digits}f}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}".replace("%", " %")
