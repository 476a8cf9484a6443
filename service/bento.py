"""The bento: the current release's artifacts through BentoML's model store, and the code that answers from them.

The store is personal data and is mounted where the bento runs, unless it is baked in on request.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from models.parts import verify
from models.release import Releases
from service.errors import BuildError
from service.release import BUNDLE_MANIFEST
from service.serve import bento_home

MODEL = "foresell-release"
_CHECKOUT = Path(__file__).resolve().parent.parent
_LOG_TAIL = 2_000
_WITH_STORE = "--with-store"


def build(releases: Path, *, with_store: bool, home: Path | None = None) -> str:
    """Build a bento from the current release.

    Parameters
    ----------
    releases : Path
        The releases folder.
    with_store : bool
        Bake the store in. It holds every customer's id and features: for demonstrations.
    home : Path, optional
        BentoML's home, which gets the bento and the model; default: ``BENTOML_HOME``, or ``bentos`` beside the
        releases.

    Returns
    -------
    str
        The bento's tag, e.g. ``foresell:3q7xk6vx``; ``bentoml serve`` takes it where ``BENTOML_HOME`` is ``home``.

    Raises
    ------
    ReleaseMissingError
        Nothing has been published.
    CorruptPartError
        A part is not the bytes that were published.
    BuildError
        BentoML failed; the message has the end of what it said.
    """
    manifest = Releases(releases).current()
    for digest in packed(releases, with_store=with_store):
        verify(Releases(releases).part(digest), digest)
    environment = os.environ | {
        "BENTOML_HOME": str((home or bento_home(releases.parent)).resolve()),
        "BENTOML_DO_NOT_TRACK": "True",
    }
    command = [sys.executable, "-m", "service.bento", str(releases.resolve()), *([_WITH_STORE] * with_store)]
    # a process of its own: BentoML reads where its home is once, when it is imported
    done = subprocess.run(command, cwd=_CHECKOUT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise BuildError(f"release {manifest.name} could not be built into a bento: {done.stderr[-_LOG_TAIL:]}")
    return done.stdout.split()[-1]


def packed(releases: Path, *, with_store: bool) -> list[str]:
    """Return the digests of the parts that a bento of the current release carries."""
    manifest = Releases(releases).current()
    served = manifest.predictions.values()
    # what was prepared says something of every customer of the store, and is of no use without it
    if with_store:
        return [manifest.store, *(digest for model in served for digest in model.parts)]
    return [model.artifact for model in served]


def _save_model(releases: Path, *, with_store: bool) -> None:
    """Copy the release into BentoML's model store, as ``open_bundle`` reads it."""
    import bentoml

    manifest = Releases(releases).current()
    labels = {"release": manifest.name, "store": "baked-in" if with_store else "mounted"}
    with bentoml.models.create(MODEL, labels=labels) as model:
        folder = Path(model.path)
        shutil.copyfile(Releases(releases).manifest_path(manifest.name), folder / BUNDLE_MANIFEST)
        for digest in packed(releases, with_store=with_store):
            shutil.copytree(Releases(releases).part(digest), folder / "parts" / digest)


def _main() -> None:
    import bentoml

    releases, *flags = sys.argv[1:]
    _save_model(Path(releases), with_store=_WITH_STORE in flags)
    bento = bentoml.bentos.build_bentofile("bentofile.yaml", build_ctx=str(_CHECKOUT))
    # BentoML adds itself once more, without a hash, and pip takes either hashes for all or for none
    shutil.copyfile(_CHECKOUT / "requirements-serving.lock", bento.path_of("env/python/requirements.txt"))
    sys.stdout.write(f"{bento.tag}\n")


if __name__ == "__main__":
    _main()
