"""What ``GET /metrics`` tells of releases, beside BentoML's own calls, errors and latencies by route."""

from datetime import UTC, datetime, time

from service.current import Current


class ReleaseMetrics:
    """Gauges of one worker; an age is the scraper's time minus a timestamp, so that no clock is read here."""

    def __init__(self) -> None:
        # imported here: BentoML says only when a worker starts where its processes put their figures together
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
