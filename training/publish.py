"""Publishing: write a release's parts beside the old ones, check them, and move the pointer in one step."""

import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp

from filelock import FileLock, Timeout

from models import columns as col
from models.artifact import Artifact, check_fingerprint, load_artifact
from models.errors import ConcurrentChangeError, CorruptPartError, ModelMissingError
from models.features import catalogue, features, fingerprint
from models.messages import ModelReference
from models.parts import replace_file, seal, sync_files, sync_folder, verify
from models.prediction import Prediction
from models.prepared import write_prepared
from models.release import Manifest, Releases, ServedModel
from models.settings import Settings
from models.store import Store, open_store, write_store
from training.frame import assortment, channels, purchases, spine_of_everyone
from training.kept_tables import kept_tables
from training.progress import Progress, silent
from training.registry import ARTIFACT, CHAMPION, HELD, Version
from training.tracking import Tracker

_DRAFT = ".draft-"


@dataclass(frozen=True)
class Published:
    """What ``publish`` did.

    Parameters
    ----------
    manifest : Manifest
        The release that is current now.
    left_out : tuple of str
        Predictions without a champion, which the release does not serve.
    """

    manifest: Manifest
    left_out: tuple[str, ...]


def publish(
    settings: Settings,
    tracker: Tracker,
    predictions: tuple[Prediction, ...],
    *,
    as_of: date,
    now: datetime,
    progress: Progress = silent,
) -> Published:
    """Publish the champions with a store at ``as_of``.

    Parameters
    ----------
    settings : Settings
        The workspace's configuration.
    tracker : Tracker
        Where the champions are registered.
    predictions : tuple of Prediction
        Those that may be served.
    as_of : date
        Local midnight up to which the store knows.
    now : datetime
        The wall clock, with a zone.
    progress : callable, optional
        Told what happens now.

    Raises
    ------
    ModelMissingError
        There is no champion at all, or a champion was rolled back and is held.
    FingerprintMismatchError
        A champion was fitted on other features than this version and configuration make.
    ConcurrentChangeError
        Another publish or rollback is at work.
    """
    releases = Releases(settings.releases)
    with locked(releases):
        # under the lock: a version that a rollback has just rejected is seen to be held
        champions = _champions(tracker, predictions)
        entries = {}
        for name, version in champions.items():
            progress(f"{name}: version {version.version}")
            entries[name] = (version, _keep_artifact(settings, tracker, releases, version))
        progress(f"store at {as_of}")
        store = _keep_store(settings, releases, as_of)
        served = {
            name: served_model(releases, tracker, version, digest, store) for name, (version, digest) in entries.items()
        }
        manifest = point_to(releases, store=store, predictions=served, now=now)
        sweep(releases, keep=settings.publishing.keep_releases)
    return Published(manifest, tuple(each.name for each in predictions if each.name not in champions))


def served_model(releases: Releases, tracker: Tracker, version: Version, digest: str, store: str) -> ServedModel:
    """Describe one prediction of a release: percentiles over that store, figures of the evaluated version.

    What the prediction prepares for that store becomes a part.
    """
    artifact = load_artifact(releases.part(digest), digest)
    opened = open_store(releases.part(store))
    check_fingerprint(artifact, opened.fingerprint, of="the store")
    evaluated = tracker.evaluated(version)
    return ServedModel(
        artifact=digest,
        prepared=_keep_prepared(releases, artifact, opened),
        model=ModelReference(name=version.name, version=str(version.version), run_id=version.run_id),
        evaluated_version=str(evaluated.version),
        cut_points=artifact.prediction.cut_points(artifact.fitted, opened).tolist(),
        evidence=tracker.evidence(evaluated.run_id),
    )


def point_to(releases: Releases, *, store: str, predictions: Mapping[str, ServedModel], now: datetime) -> Manifest:
    """Write a manifest over finished parts, check every part, and make it the current release in one step."""
    verify(releases.part(store), store)
    opened = open_store(releases.part(store))
    names = releases.names()
    manifest = Manifest(
        name=f"r{int(names[-1][1:]) + 1 if names else 1:06d}",
        published_at=now,
        as_of=opened.as_of,
        fingerprint=opened.fingerprint,
        store=store,
        predictions=dict(predictions),
        previous=_previous(releases),
    )
    content = manifest.model_dump_json(indent=2).encode()
    releases.manifests.mkdir(parents=True, exist_ok=True)
    replace_file(releases.manifest_path(manifest.name), content)
    replace_file(releases.pointer, f"{manifest.name} {sha256(content).hexdigest()}\n".encode())
    return manifest


def sweep(releases: Releases, *, keep: int) -> None:
    """Remove drafts of killed runs, manifests older than the newest ``keep``, and parts that no manifest names."""
    current = releases.current_name()
    for name in releases.names()[:-keep]:
        if name != current:
            releases.manifest_path(name).unlink()
    named = set()
    for name in releases.names():
        # a manifest that cannot be read can serve no part
        with suppress(CorruptPartError):
            manifest = releases.manifest(name)
            named |= {manifest.store, *(digest for model in manifest.predictions.values() for digest in model.parts)}
    for part in releases.parts.iterdir():
        if part.is_dir() and part.name not in named:
            shutil.rmtree(part)
    for draft in (*releases.folder.glob(".current.*"), *releases.manifests.glob(".r*.json.*")):
        draft.unlink(missing_ok=True)


@contextmanager
def locked(releases: Releases) -> Iterator[None]:
    """Let one publish or rollback at a time change the releases.

    Raises
    ------
    ConcurrentChangeError
        Another one is at work.
    """
    releases.parts.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(releases.folder / ".lock", timeout=0):
            yield
    except Timeout:
        raise ConcurrentChangeError(
            f"another publish or rollback is at work in {releases.folder.name}/: wait for it, then run again"
        ) from None


def _previous(releases: Releases) -> str | None:
    # a damaged pointer is what publishing again repairs
    with suppress(CorruptPartError):
        return releases.current_name()
    return None


def _champions(tracker: Tracker, predictions: tuple[Prediction, ...]) -> dict[str, Version]:
    champions = {}
    for prediction in predictions:
        version = tracker.version_by_alias(prediction.name, CHAMPION)
        if version is not None:
            _refuse_held(version)
            champions[prediction.name] = version
    if not champions:
        raise ModelMissingError("no champion is registered: run foresell train, then foresell promote")
    return champions


def _refuse_held(version: Version) -> None:
    if version.tags.get(HELD):
        raise ModelMissingError(
            f"{version.name} version {version.version} was rolled back and is held: promote it by name with "
            f"foresell promote {version.name} --version {version.version}, or promote another"
        )


def _keep_artifact(settings: Settings, tracker: Tracker, releases: Releases, version: Version) -> str:
    draft = _draft(releases)
    downloaded = tracker.download_artifact_folder(version.run_id, ARTIFACT, draft)
    digest = tracker.artifact_digest(version.run_id)
    artifact = load_artifact(downloaded, digest)
    check_fingerprint(artifact, fingerprint(settings.models.features), of="this version with its configuration")
    sync_files(downloaded)
    _put(downloaded, releases.part(digest))
    shutil.rmtree(draft, ignore_errors=True)
    return digest


def _keep_store(settings: Settings, releases: Releases, as_of: date) -> str:
    draft = _draft(releases)
    names = [feature.name for feature in catalogue(settings.models.features)]
    with kept_tables(settings) as engine:
        spine = spine_of_everyone(engine, as_of)
        # before the stream of features: another query would close it
        ids = spine.order_by(col.CUSTOMER_ID).to_pyarrow()[col.CUSTOMER_ID].to_pylist()
        products = assortment(engine)
        bought, ordered_through = purchases(engine, ids, products, as_of), channels(engine, ids, as_of)
        known = features(engine.tables, spine, settings.models.features).order_by(col.CUSTOMER_ID)
        write_store(
            draft,
            known.to_pyarrow_batches(),
            customers=len(ids),
            products=products,
            purchases=bought,
            channels=ordered_through,
            as_of=as_of,
            names=names,
            fingerprint=fingerprint(settings.models.features),
            settings=settings.models.features,
        )
    digest = seal(draft)
    _put(draft, releases.part(digest))
    return digest


def _keep_prepared(releases: Releases, artifact: Artifact, store: Store) -> str | None:
    draft = _draft(releases)
    if not write_prepared(draft, artifact.prediction, artifact.fitted, store):
        draft.rmdir()
        return None
    digest = seal(draft)
    _put(draft, releases.part(digest))
    return digest


def _draft(releases: Releases) -> Path:
    return Path(mkdtemp(prefix=_DRAFT, dir=releases.parts))


def _put(folder: Path, part: Path) -> None:
    """Move a finished folder to its name, unless the same bytes are there already: a release may be serving them."""
    if part.exists():
        try:
            verify(part, part.name)
        except CorruptPartError:
            os.replace(part, _draft(Releases(part.parent.parent)) / part.name)
        else:
            shutil.rmtree(folder)
            return
    # a draft is its maker's alone; a part is for whoever may read the folder that it is in
    folder.chmod(stat.S_IMODE(part.parent.stat().st_mode))
    os.replace(folder, part)
    sync_folder(part.parent)
