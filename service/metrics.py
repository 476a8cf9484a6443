"""What ``GET /metrics`` tells beside BentoML's own calls and latencies by route: releases, answers, scores, errors.

prometheus_client is imported where a worker starts: BentoML says only then where its processes put their figures
together. Labels are names of ours alone, so that no caller can make the figures grow.
"""

from collections import Counter as Tally
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time
from functools import cached_property, lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from models.prediction import Prediction
from service.current import Current

if TYPE_CHECKING:
    from prometheus_client import Counter

LATENCY_BUCKETS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]
"""Seconds, up to the deadline; BentoML's own begin where a small call has long ended."""
SCORE_BUCKETS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
FEW = 8
"""Scores that are counted one by one, 2 microseconds each; more are sorted into the buckets together."""
_PROBABILITY = itemgetter("probability")


class ReleaseMetrics:
    """Gauges of one worker; an age is the scraper's time minus a timestamp, so that no clock is read here."""

    def __init__(self) -> None:
        from prometheus_client import Counter, Gauge

        self._release = Gauge(
            "foresell_release", "1 = the release that a worker answers from.", ["release"], multiprocess_mode="livemax"
        )
        # the oldest of the workers': one that does not change over must show
        self._published = Gauge(
            "foresell_release_published_timestamp_seconds", "When the release was published.",
            multiprocess_mode="livemin",
        )  # fmt: skip
        self._as_of = Gauge(
            "foresell_store_as_of_timestamp_seconds", "Midnight up to which the store knows, as if it were UTC's.",
            multiprocess_mode="livemin",
        )  # fmt: skip
        self._refused = Counter("foresell_releases_refused", "How often a release that became current was refused.")
        self._told, self._name = 0, ""

    def tell(self, current: Current) -> None:
        """Tell of what a worker answers from now, and of what it refused since it was last told."""
        self._refused.inc(current.refused - self._told)
        self._told = current.refused
        if not current.is_open:
            return
        manifest = current.release.manifest
        if self._name and self._name != manifest.name:
            self._release.labels(self._name).set(0)
        self._name = manifest.name
        self._release.labels(manifest.name).set(1)
        self._published.set(manifest.published_at.timestamp())
        self._as_of.set(datetime.combine(manifest.as_of, time(), UTC).timestamp())


class AnswerMetrics:
    """Counts the customers answered by prediction and status, and sorts their scores into buckets.

    A score is the probability, or the first one where there is one for each horizon: what percentiles are about. What
    answers no probability has its customers counted alone, and an audience its members.
    """

    def __init__(self) -> None:
        from prometheus_client import Counter, Histogram

        self._answers = Counter("foresell_answers", "Customers answered.", ["prediction", "status"])
        self._scores = Histogram(
            "foresell_score",
            "Probabilities answered: the prediction's own, or the first of those that were asked for.",
            ["prediction", "horizon"],
            buckets=SCORE_BUCKETS,
        )
        # looking a label up costs as much as counting
        self._statuses: dict[tuple[str, str], Counter] = {}
        self._horizons: dict[tuple[str, int | str], Histogram] = {}

    def observe(self, prediction: Prediction, reply: Mapping[str, Any]) -> None:
        """Take in what a prediction replied; on any thread."""
        answers: Sequence[Mapping[str, Any]] | None = reply.get("answers")
        if not answers:
            self._count(prediction.name, "ok", len(reply.get("audience", ())))
            return
        first = answers[0]
        if len(answers) == 1:
            self._count(prediction.name, first.get("status", "ok"), 1)
        else:
            for status, customers in Tally(each.get("status", "ok") for each in answers).items():
                self._count(prediction.name, status, customers)
        if "probability" in first:
            scores = [score for score in map(_PROBABILITY, answers) if score is not None]
            self._sort(prediction.name, _horizon(prediction), scores)
        elif "probabilities" in first:
            told = [each["probabilities"] for each in answers if each["probabilities"]]
            if told:
                horizon = next(iter(told[0]))
                self._sort(prediction.name, horizon, [each[horizon] for each in told])

    def _count(self, prediction: str, status: str, customers: int) -> None:
        counter = self._statuses.get((prediction, status))
        if counter is None:
            counter = self._statuses[prediction, status] = self._answers.labels(prediction, status)
        counter.inc(customers)

    def _sort(self, prediction: str, horizon: int | str, scores: Sequence[float]) -> None:
        histogram = self._horizons.get((prediction, horizon))
        if histogram is None:
            histogram = self._horizons[prediction, horizon] = self._scores.labels(prediction, str(horizon))
        if len(scores) <= FEW:
            for score in scores:
                histogram.observe(score)
            return
        # as ``observe`` does it, once for a bucket rather than once for a score
        buckets = np.bincount(np.searchsorted(SCORE_BUCKETS, scores), minlength=len(SCORE_BUCKETS) + 1)
        histogram._sum.inc(float(np.sum(scores)))
        for bucket in np.flatnonzero(buckets).tolist():
            histogram._buckets[bucket].inc(int(buckets[bucket]))


@lru_cache(maxsize=16)
def _horizon(prediction: Prediction) -> int:
    # of each prediction of a release or two: a prediction makes its tasks whenever it is asked
    return prediction.tasks[0].horizon


class ErrorMetrics:
    """Counts the errors that go out by path and code, whoever made them."""

    @cached_property
    def _errors(self) -> "Counter":
        from prometheus_client import Counter

        return Counter("foresell_errors", "Errors answered.", ["endpoint", "code"])

    def __call__(self, path: str, code: str) -> None:
        """Take an error in."""
        self._errors.labels(path, code).inc()


class LogMetrics:
    """Counts what became of the calls that the prediction log was given."""

    def __init__(self) -> None:
        from prometheus_client import Counter

        self._written = Counter("foresell_prediction_log_written", "Calls that are in the prediction log.")
        self._dropped = Counter(
            "foresell_prediction_log_dropped",
            "Calls that are not: more than could be written came at once, or the disk took none.",
        )

    def __call__(self, written: int, dropped: int) -> None:
        """Take in what became of some calls."""
        self._written.inc(written)
        self._dropped.inc(dropped)
