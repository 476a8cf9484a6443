"""Rolling back: the earlier version of a prediction serves again, and the later one is held."""

from collections.abc import Sequence
from datetime import datetime

from models.errors import ReleaseMissingError, UnknownPredictionError
from models.release import Manifest, Releases, ServedModel
from models.settings import Settings
from training.publish import locked, point_to, served_model
from training.registry import CHAMPION, HELD
from training.tracking import Tracker


def rollback(settings: Settings, tracker: Tracker, names: Sequence[str], *, now: datetime) -> Manifest:
    """Put predictions back to the version that served before; the store and all others stay as they are.

    Parameters
    ----------
    settings : Settings
        The workspace's configuration.
    tracker : Tracker
        Where the champions are registered.
    names : sequence of str
        Predictions; empty = all that the current release serves.
    now : datetime
        The wall clock, with a zone.

    Returns
    -------
    Manifest
        The new current release.

    Raises
    ------
    UnknownPredictionError
        The current release does not serve this prediction.
    ReleaseMissingError
        Nothing has been published, or no earlier release served another version that is not held.
    CorruptPartError, FingerprintMismatchError, InvalidModelOutputError
        The earlier version cannot be served, or was fitted on other features than the store has; nothing was changed.
    ConcurrentChangeError
        Another publish or rollback is at work.
    """
    releases = Releases(settings.releases)
    with locked(releases):
        current = releases.current()
        served = dict(current.predictions)
        earlier = {name: _earlier(releases, tracker, current, name) for name in names or served}
        for name, before in earlier.items():
            version = tracker.version(name, int(before.model.version))
            # all are proved before anything changes: one that does not fit the store leaves the registry as it is
            served[name] = served_model(releases, tracker, version, before.artifact, current.store)
        for name, before in earlier.items():
            # the registry first: a rollback that is killed here and run again ends in the same place
            tracker.set_version_tag(name, int(current.predictions[name].model.version), HELD, now.isoformat())
            tracker.set_alias(name, CHAMPION, int(before.model.version))
        return point_to(releases, store=current.store, predictions=served, now=now)


def _earlier(releases: Releases, tracker: Tracker, current: Manifest, name: str) -> ServedModel:
    if name not in current.predictions:
        raise UnknownPredictionError(
            f"release {current.name} does not serve {name!r}; it serves {', '.join(current.predictions)}"
        )
    serving = current.predictions[name]
    for release in reversed(releases.names()):
        before = releases.manifest(release).predictions.get(name)
        if before is None or before.model.version == serving.model.version:
            continue
        if not tracker.version(name, int(before.model.version)).tags.get(HELD):
            return before
    raise ReleaseMissingError(
        f"no release on disk served another version of {name} than {serving.model.version} that is not held: "
        f"promote one by name with foresell promote {name} --version N"
    )
