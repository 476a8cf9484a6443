"""Open a release: verify every byte, check the fingerprints, warm up, and only then serve from it.

A release comes from a releases folder, or from a bento that carries the artifacts while the store is mounted.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from models.artifact import Artifact, check_fingerprint, load_artifact
from models.errors import CorruptPartError, FingerprintMismatchError, ModelMissingError, ReleaseMissingError
from models.features import fingerprint
from models.inline import InlineFeatures
from models.parts import MANIFEST, verify
from models.prediction import Prepared, Served
from models.prepared import open_prepared, prepared_in_memory
from models.release import Manifest, Releases, ServedModel
from models.store import Store, open_store

BUNDLE_MANIFEST = "release.json"
"""The release's manifest inside a bento's model."""

Part = Callable[[str], Path]
"""Finds the folder of a part by its digest."""


@dataclass(frozen=True)
class OpenRelease:
    """A release that is ready to answer.

    Parameters
    ----------
    manifest : Manifest
        What it consists of.
    store : Store
        Everybody's features.
    served : mapping of str to Served
        Each prediction by name; all share the store and one engine for histories.
    """

    manifest: Manifest
    store: Store
    served: Mapping[str, Served]

    def of(self, prediction: str) -> Served:
        """Return one prediction.

        Raises
        ------
        ModelMissingError
            The release has no such prediction.
        """
        if prediction not in self.served:
            raise ModelMissingError(f"release {self.manifest.name} has no {prediction}; train, promote and publish it")
        return self.served[prediction]


def open_release(folder: Path, manifest: Manifest | None = None) -> OpenRelease:
    """Open a release of a releases folder.

    Parameters
    ----------
    folder : Path
        The folder that ``publish`` writes.
    manifest : Manifest, optional
        Of the release; default: of the current one.

    Raises
    ------
    ReleaseMissingError
        Nothing has been published.
    CorruptPartError
        A file is not the one that was published; nothing of it was parsed.
    FingerprintMismatchError
        Store, artifacts and this code do not have the same features.
    InvalidModelOutputError
        An artifact does not give its golden scores.
    """
    releases = Releases(folder)
    manifest = manifest or releases.current()
    verify(releases.part(manifest.store), manifest.store)
    return _opened(manifest, open_store(releases.part(manifest.store)), releases.part)


def open_bundle(folder: Path, store: Path | None) -> OpenRelease:
    """Open the artifacts that a bento carries, over a mounted store.

    Parameters
    ----------
    folder : Path
        The bento's model: ``release.json`` and ``parts/``.
    store : Path, optional
        A store's folder; default: the one that was baked in. It may be newer than the bento.

    Raises
    ------
    ReleaseMissingError
        No store is mounted and none was baked in.
    CorruptPartError, FingerprintMismatchError, InvalidModelOutputError
        As ``open_release``.
    """
    manifest = _bundled(folder / BUNDLE_MANIFEST)
    parts = folder / "parts"
    path = store or parts / manifest.store
    if not path.is_dir():
        raise ReleaseMissingError(
            "the bento carries no store: mount one and name it in FORESELL_STORE, "
            "or mount a releases folder and name it in FORESELL_RELEASES"
        )
    digest = _store_digest(path) if store else manifest.store
    verify(path, digest)
    opened = open_store(path)
    if store:
        manifest = _over(manifest, digest, opened)
    return _opened(manifest, opened, lambda name: parts / name)


def _over(manifest: Manifest, digest: str, store: Store) -> Manifest:
    """Return a manifest over a mounted store, which the bento holds nothing prepared for."""
    unprepared = {name: model.model_copy(update={"prepared": None}) for name, model in manifest.predictions.items()}
    return manifest.model_copy(update={"store": digest, "as_of": store.as_of, "predictions": unprepared})


def _bundled(path: Path) -> Manifest:
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        raise CorruptPartError(f"the bento's {path.name} cannot be read; build the bento again") from None


def _store_digest(folder: Path) -> str:
    # a mount may bear any name: the store is then what its own manifest says
    try:
        return hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    except OSError:
        raise CorruptPartError(f"{folder} is not a store: it has no {MANIFEST}; mount one of releases/parts/") from None


def _opened(manifest: Manifest, store: Store, part: Part) -> OpenRelease:
    # the cheap refusal first: other features mean that nothing else can fit
    own = fingerprint(store.settings)
    if store.fingerprint != own:
        raise FingerprintMismatchError(
            f"the store of release {manifest.name} has features {store.fingerprint[:12]}, this version of Foresell has "
            f"{own[:12]}; publish again with this version"
        )
    # all of them before the first parser runs
    verified = {
        digest: verify(part(digest), digest) for model in manifest.predictions.values() for digest in model.parts
    }
    inline = InlineFeatures(store.settings, store.products)
    served: dict[str, Served] = {}
    for name, model in manifest.predictions.items():
        artifact = load_artifact(part(model.artifact), model.artifact)
        check_fingerprint(artifact, store.fingerprint, of="the store")
        served[name] = Served(
            prediction=artifact.prediction,
            fitted=artifact.fitted,
            store=store,
            inline=inline,
            model=model.model,
            release=manifest.name,
            cut_points=np.asarray(model.cut_points, dtype=np.float64),
            medians=artifact.medians,
            prepared=_prepared(model, artifact, store, part, verified),
            others=served,
        )
    for prediction in served.values():
        _warm(prediction)
    return OpenRelease(manifest, store, served)


def _prepared(
    model: ServedModel, artifact: Artifact, store: Store, part: Part, verified: Mapping[str, tuple[str, ...]]
) -> Prepared:
    if model.prepared:
        files = verified[model.prepared]
        return open_prepared(part(model.prepared), files, artifact.prediction, artifact.fitted, store)
    # the store came later than the bento, or the release is from before anything was prepared
    if not artifact.prediction.needs_prepared:
        return {}
    return prepared_in_memory(artifact.prediction, artifact.fitted, store)


def _warm(served: Served) -> None:
    # pages of the store, a predictor's buffers and imports made on first use are all paid for here
    served.prediction.warm(served)
