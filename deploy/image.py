"""Builds the images with Docker or buildah: ``python -m deploy.image``; ``make container`` calls it.

An image's folder holds all that goes into it: the bento or the job's code, the lock, and the wheels where the build is
to ask no index. What an image then holds is written beside it, as CycloneDX.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from models.errors import ForesellError
from service.bento import build as build_bento
from service.errors import BuildError

Name = Literal["service", "job"]
CHECKOUT = Path(__file__).resolve().parent.parent
DEPLOY = CHECKOUT / "deploy"
WHEELS = CHECKOUT / "build" / "wheels"
"""What is downloaded beforehand; carry it to where no index answers."""
LOCKS: Mapping[Name, str] = {"service": "requirements-serving.lock", "job": "requirements-job.lock"}
REPOSITORIES: Mapping[Name, str] = {"service": "foresell", "job": "foresell-job"}
PYTHON = "3.11"
"""Of the base images; wheels are chosen for it."""
BASE = "python:3.11-slim-bookworm"
OWN_BASE = "localhost/foresell-base:bookworm"
"""Made from Debian's packages where no registry answers."""
_DEBIAN = ("bookworm", "python3,python3-venv,ca-certificates,libgomp1")
_CODE = ("models", "training", "service", "foresell.py", "pyproject.toml", "README.md")
_LOG_TAIL = 2_000

_PACKAGES = """
import importlib.metadata as m, json
print(json.dumps({f"{d.name}-{d.version}": d.read_text("METADATA") for d in m.distributions()}))
"""
_DEBIAN_PACKAGES = ["dpkg-query", "--show", "--showformat", "${Package} ${Version} ${Architecture}\\n"]


class Engine(Protocol):
    """What builds images and runs commands in them."""

    @property
    def name(self) -> str:
        """The program's."""

    def pull(self, image: str) -> bool:
        """Fetch an image; False = no registry gives it."""

    def build(self, folder: Path, containerfile: Path, arguments: Mapping[str, str], tags: Sequence[str]) -> None:
        """Build an image from a folder.

        Raises
        ------
        BuildError
            The message has the end of what the engine said.
        """

    def run(self, image: str, command: Sequence[str]) -> str:
        """Run a command in an image, as its user, and return what it printed."""


@dataclass(frozen=True)
class Docker:
    """Docker, or what answers as it does."""

    name: str = "docker"

    def pull(self, image: str) -> bool:
        """Fetch an image unless it is there."""
        return any(_works(["docker", *words, image]) for words in (["image", "inspect"], ["pull"]))

    def build(self, folder: Path, containerfile: Path, arguments: Mapping[str, str], tags: Sequence[str]) -> None:
        """Build an image."""
        _do(["docker", "build", "--quiet", *_options(containerfile, arguments, tags), str(folder)])

    def run(self, image: str, command: Sequence[str]) -> str:
        """Run a command."""
        return _do(["docker", "run", "--rm", "--network", "none", image, *command])


@dataclass(frozen=True)
class Buildah:
    """Buildah, which needs no daemon."""

    name: str = "buildah"

    def pull(self, image: str) -> bool:
        """Fetch an image unless it is there."""
        return _works(["buildah", "pull", "--policy", "missing", image])

    def build(self, folder: Path, containerfile: Path, arguments: Mapping[str, str], tags: Sequence[str]) -> None:
        """Build an image; the format of Docker, since the other one has no health check."""
        options = ["--format", "docker", *self._isolation, *_options(containerfile, arguments, tags)]
        _do(["buildah", "build", "--quiet", *options, str(folder)])

    def run(self, image: str, command: Sequence[str]) -> str:
        """Run a command."""
        with self.container(image) as container:
            return _do(["buildah", "run", *self._isolation, container, "--", *command])

    @contextmanager
    def container(self, image: str) -> Iterator[str]:
        """Make a container of an image, and remove it at the end of the block."""
        container = _do(["buildah", "from", "--pull-never", image]).split()[-1]
        try:
            yield container
        finally:
            _do(["buildah", "rm", container])

    @property
    def _isolation(self) -> list[str]:
        # a build machine is often a container itself, in which no runtime works, be it installed or not
        return [] if "BUILDAH_ISOLATION" in os.environ else ["--isolation", "chroot"]


def find_engine() -> Engine:
    """Return Docker where it answers, and else buildah.

    Raises
    ------
    BuildError
        There is neither.
    """
    if shutil.which("docker") and _works(["docker", "info"]):
        return Docker()
    if shutil.which("buildah"):
        return Buildah()
    raise BuildError("no Docker engine answers and there is no buildah: start Docker, or install buildah")


def find_base(engine: Engine, asked: str | None) -> str:
    """Return the base image: what was asked for, Python's own, or one of Debian's packages where no registry answers.

    Raises
    ------
    BuildError
        There is none.
    """
    if engine.pull(asked or BASE):
        return asked or BASE
    if asked is None and engine.pull(OWN_BASE):
        return OWN_BASE
    if asked or engine.name == "docker" or not shutil.which("debootstrap"):
        raise BuildError(
            f"the base image {asked or BASE} cannot be pulled: name one with Python {PYTHON} that can with BASE=IMAGE, "
            "or let buildah make one from Debian's packages: install debootstrap"
        )
    with tempfile.TemporaryDirectory(prefix="foresell-base-") as scratch:
        tree, containerfile = Path(scratch) / "tree", Path(scratch) / "Containerfile"
        suite, packages = _DEBIAN
        _do(["debootstrap", "--variant=minbase", f"--include={packages}", suite, str(tree)])
        containerfile.write_text("FROM scratch\nCOPY . /\n", encoding="utf-8")
        engine.build(tree, containerfile, {}, [OWN_BASE])
    return OWN_BASE


def fill_wheels(lock: Path, folder: Path, store: Path = WHEELS) -> None:
    """Put the wheels that a lock pins into a folder, from those downloaded beforehand, or else from an index.

    Raises
    ------
    BuildError
        Some are not there, and no index has them.
    """
    store.mkdir(parents=True, exist_ok=True)
    options = ["--only-binary=:all:", "--python-version", PYTHON, "--require-hashes", "--requirement", str(lock)]
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", *options]
    offline = [*pip, "--no-index", "--find-links", str(store), "--dest", str(folder)]
    if not _works(offline):
        _do([*pip, "--dest", str(store)])
        if folder != store:
            _do(offline)


def build_image(
    name: Name, engine: Engine, base: str, releases: Path, *, wheels: bool, repository: str | None = None
) -> str:
    """Build an image.

    Parameters
    ----------
    name : str
        Which.
    engine : Engine
        Builds it.
    base : str
        Image with Python and, where no mirror of Debian answers, libgomp1.
    releases : Path
        Its current release goes into the bento.
    wheels : bool
        Install from wheels downloaded beforehand: the build asks no index.
    repository : str, optional
        What to call it; default: ``REPOSITORIES`` has it.

    Returns
    -------
    str
        The image's name and tag: that of the bento, or the version of the code; it is the latest, too.
    """
    with tempfile.TemporaryDirectory(prefix="foresell-image-") as scratch:
        folder = Path(scratch)
        version = _put_bento(folder, releases) if name == "service" else _put_code(folder)
        (folder / "wheels").mkdir()
        if wheels:
            fill_wheels(CHECKOUT / LOCKS[name], folder / "wheels")
        shutil.copyfile(DEPLOY / "image.sh", folder / "image.sh")
        arguments = {"BASE": base, "PIP_OPTIONS": "--no-index --find-links /wheels" if wheels else ""}
        tags = [f"{repository or REPOSITORIES[name]}:{each}" for each in (version, "latest")]
        engine.build(folder, DEPLOY / f"{name}.Containerfile", arguments, tags)
    return tags[0]


def _put_bento(folder: Path, releases: Path) -> str:
    """Put the bento of the current release, its models included, into a folder; return its version."""
    home = folder / "home"
    tag = build_bento(releases, with_store=False, home=home)
    export = f"import bentoml; bentoml.export_bento({tag!r}, {str(folder / 'bento')!r}, 'folder')"
    # a process of its own: BentoML reads where its home is once
    _do([sys.executable, "-c", export], BENTOML_HOME=str(home), BENTOML_DO_NOT_TRACK="True")
    shutil.rmtree(home)
    return tag.partition(":")[2]


def _put_code(folder: Path) -> str:
    """Put a wheel of the command line and the job's lock into a folder; return its version."""
    code = folder / "code"
    code.mkdir()
    for each in _CODE:
        path = CHECKOUT / each
        if path.is_dir():
            shutil.copytree(path, code / each, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(path, code / each)
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder / "foresell")]
    _do([sys.executable, "-m", "pip", "wheel", *options, str(code)])
    shutil.rmtree(code)
    shutil.copyfile(CHECKOUT / LOCKS["job"], folder / "requirements.txt")
    return next((folder / "foresell").glob("*.whl")).name.split("-")[1]


def bill_of_materials(engine: Engine, image: str) -> dict[str, Any]:
    """Return what an image holds, as CycloneDX: the Python packages with their licences, and Debian's."""
    with tempfile.TemporaryDirectory(prefix="foresell-packages-") as scratch:
        for package, metadata in json.loads(engine.run(image, ["python", "-c", _PACKAGES])).items():
            folder = Path(scratch) / f"{package}.dist-info"
            folder.mkdir()
            (folder / "METADATA").write_text(metadata, encoding="utf-8")
        # without site, an interpreter has no packages but those of the folder; validating takes a minute
        options = ["-S", "--no-validate", "--output-reproducible", sys.executable]
        command = [sys.executable, "-m", "cyclonedx_py", "environment", *options]
        bill: dict[str, Any] = json.loads(_do(command, PYTHONPATH=scratch))
    name, version = image.rsplit(":", 1)
    bill["metadata"]["component"] = {"type": "container", "name": name, "version": version}
    for line in engine.run(image, _DEBIAN_PACKAGES).splitlines():
        package, version, architecture = line.split()
        purl = f"pkg:deb/debian/{package}@{version.replace('+', '%2B').replace(':', '%3A')}?arch={architecture}"
        bill["components"].append(
            {"type": "library", "bom-ref": purl, "name": package, "version": version, "purl": purl}
        )
    return bill


def size(engine: Engine, image: str) -> int:
    """Return the bytes of an image's files."""
    return int(engine.run(image, ["sh", "-c", "du -xsb / 2>/dev/null || true"]).split()[0])


def _options(containerfile: Path, arguments: Mapping[str, str], tags: Sequence[str]) -> list[str]:
    given = [word for key, value in arguments.items() for word in ("--build-arg", f"{key}={value}")]
    return ["--file", str(containerfile), *given, *(word for tag in tags for word in ("--tag", tag))]


def _works(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603


def _do(command: list[str], **environment: str) -> str:
    done = subprocess.run(  # noqa: S603
        command, env=os.environ | environment, capture_output=True, text=True, check=False, cwd=CHECKOUT
    )
    if done.returncode:
        said = (done.stderr or done.stdout)[-_LOG_TAIL:]
        raise BuildError(f"{' '.join(command[:3])} left with {done.returncode}: {said}")
    return done.stdout


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=list(LOCKS), help="default: both")
    parser.add_argument("--base", help=f"image with Python {PYTHON} and libgomp1; default: {BASE}")
    parser.add_argument("--wheels", action="store_true", help=f"install from {WHEELS.relative_to(CHECKOUT)}")
    parser.add_argument("--download", action="store_true", help="download the wheels, and no more")
    parser.add_argument("--releases", type=Path, default=CHECKOUT / "releases", help="default: releases/")
    asked = parser.parse_args()
    names: list[Name] = [asked.only] if asked.only else list(LOCKS)
    if asked.download:
        for name in names:
            fill_wheels(CHECKOUT / LOCKS[name], WHEELS)
        _say(f"wheels for Python {PYTHON} on {platform.machine()} are in {WHEELS.relative_to(CHECKOUT)}/")
        return
    engine = find_engine()
    base = find_base(engine, asked.base)
    for name in names:
        _say(f"building the image of the {name} with {engine.name} on {base}")
        image = build_image(name, engine, base, asked.releases, wheels=asked.wheels)
        bill = CHECKOUT / "build" / f"{image.replace(':', '-')}.cdx.json"
        bill.parent.mkdir(exist_ok=True)
        content = bill_of_materials(engine, image)
        bill.write_text(json.dumps(content, indent=2), encoding="utf-8")
        packages = len(content["components"])
        megabytes = size(engine, image) / 1e6
        _say(f"{image}: {megabytes:,.0f} MB, {packages} packages, listed in {bill.relative_to(CHECKOUT)}")


if __name__ == "__main__":
    try:
        _main()
    except ForesellError as error:
        sys.exit(f"make container: {error.message}")
