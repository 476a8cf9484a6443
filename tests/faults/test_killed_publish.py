"""Row 4 of what is promised: a publish that is killed at any step leaves the old release or the new one, whole."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import foresell
from models.parts import MANIFEST, verify
from models.release import Manifest, Releases
from models.settings import load_settings
from service.current import Current, Refusal
from service.release import open_release
from service.watch import Watch
from tests.processes import code_environment
from training.publish import sweep
from training.registry import CHAMPION
from training.tracking import Tracker

AS_OF = date(2024, 6, 1)

# Runs `foresell publish` again and again, each time in a fork that is killed at the next of its steps in the releases
# folder: a rename, a removal, or a file that goes to the disk - half of which is cut off first, as after a power cut. A
# line of JSON for each; what was left behind is in a folder of that number.
_DIES_AT_EACH_STEP = """
import contextlib, importlib, json, os, shutil, signal, sys
from pathlib import Path
import foresell

scratch, words = Path(sys.argv[1]), sys.argv[2:]
releases = Path("releases").resolve()
pristine = releases.rename(scratch / "pristine")
real = {name: getattr(os, name) for name in ("replace", "rename", "unlink", "fsync")}

def die_at(number, told):
    left, synced = [number], set()

    def step(name, target):
        if str(releases) not in target:
            return
        if left[0] == 0:
            if name == "fsync" and os.path.isfile(target):
                os.truncate(target, os.path.getsize(target) // 2)
            line = {"step": number, "call": name, "target": os.path.relpath(target, releases), "synced": sorted(synced)}
            os.write(told, json.dumps(line).encode())
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1

    def counted(name):
        def call(what, *more, **options):
            target = os.readlink(f"/proc/self/fd/{what}") if name == "fsync" else str((what, *more)[name == "replace"])
            step(name, target)
            if name == "fsync":
                synced.add(os.fstat(what).st_ino)
            return real[name](what, *more, **options)
        return call

    for name in real:
        setattr(os, name, counted(name))

def killed_at(number):
    shutil.copytree(pristine, releases)
    reads, told = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(2, 1)
        die_at(number, told)
        sys.argv = ["foresell", *words]
        try:
            foresell.main()
        except SystemExit as left:
            # it lived: the others need not import anew what it imported
            os.write(told, " ".join(sys.modules).encode())
            os._exit(left.code)
    os.close(told)
    with open(reads) as file:
        line = file.read()
    releases.rename(scratch / str(number))
    return os.waitpid(child, 0)[1], line

status, modules = killed_at(-1)
assert status == 0, status
for name in modules.split():
    with contextlib.suppress(Exception):
        importlib.import_module(name)
number = 0
while True:
    status, line = killed_at(number)
    if status == 0:
        break
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    print(line, flush=True)
    number += 1
"""


def parts_of(manifest: Manifest) -> set[str]:
    return {manifest.store, *(digest for served in manifest.predictions.values() for digest in served.parts)}


def nobody_refuses(releases: Releases, name: str) -> Refusal | None:
    return None


def watch(releases: Releases) -> Watch:
    return Watch(Current(open_release(releases.folder)), releases, check=nobody_refuses)


@pytest.fixture
def promoted(churn_shop: Path, tmp_path: Path) -> Path:
    """A shop with a release, and another champion since: all parts of its next release are new."""
    shop = Path(shutil.copytree(churn_shop, tmp_path / "shop"))
    Tracker(load_settings(shop)).set_alias("churn", CHAMPION, 1)
    return shop


@pytest.mark.slow
def test_the_old_release_or_the_new_one_is_whole_whenever_publishing_is_killed(promoted: Path, tmp_path: Path) -> None:
    scratch = tmp_path / "killed"
    scratch.mkdir()
    words = ["publish", "--as-of", AS_OF.isoformat()]
    done = subprocess.run(
        [sys.executable, "-c", _DIES_AT_EACH_STEP, str(scratch), *words],
        cwd=promoted, env=code_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    steps: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    # the injector did inject: at every file that goes to the disk, and at every name that one gets
    assert len(steps) > 20
    assert {step["call"] for step in steps} >= {"fsync", "replace"}
    before = Releases(scratch / "pristine").current()
    moved = next(step["step"] for step in steps if (step["call"], step["target"]) == ("replace", "current"))
    for step in steps:
        releases = Releases(scratch / str(step["step"]))
        found = releases.current()
        if step["step"] <= moved:
            assert found == before, step
        else:
            assert (found.as_of, found.previous) == (AS_OF, before.name), step
            assert parts_of(found).isdisjoint(parts_of(before))
        for digest in parts_of(found):
            verify(releases.part(digest), digest)
    _assert_on_the_disk(Releases(scratch / str(moved)), steps[moved])
    for number in _one_of_each_kind(steps):
        (scratch / str(number)).rename(promoted / "releases")
        _assert_published_next(promoted, before)
        (promoted / "releases").rename(scratch / f"{number}-and-next")


def _assert_on_the_disk(releases: Releases, step: dict[str, Any]) -> None:
    """No file of the new release may be half there after a power cut once the pointer names it."""
    name = releases.names()[-1]
    parts = [releases.part(digest) for digest in parts_of(releases.manifest(name))]
    files = [path for part in parts for path in part.rglob("*") if path.is_file()]
    assert sum(path.name == MANIFEST for path in files) == len(parts)
    # a copy has other inodes than the folder that was killed, but nothing was copied since
    not_there = [path for path in (*files, releases.manifest_path(name)) if path.stat().st_ino not in step["synced"]]
    assert not_there == []


def _one_of_each_kind(steps: list[dict[str, Any]]) -> Iterable[int]:
    """Return the last step before each name that was given, and one in the middle of a folder."""
    named = [step["step"] for step in steps if step["call"] == "replace"]
    return sorted({len(steps) // 4, *named, *(number + 1 for number in named)})


def _assert_published_next(shop: Path, before: Manifest) -> None:
    foresell.app(["publish", "--as-of", AS_OF.isoformat(), "--workspace", str(shop), "--json"], standalone_mode=False)
    releases = Releases(shop / "releases")
    after = releases.current()
    assert after.as_of == AS_OF
    open_release(releases.folder)
    # and nothing is left of what was begun
    kept = parts_of(after).union(*(parts_of(releases.manifest(name)) for name in releases.names()))
    assert {path.name for path in releases.parts.iterdir()} == kept >= parts_of(before)
    drafts = [path for path in releases.folder.rglob(".*") if path.name != ".lock"]
    assert drafts == []


@pytest.fixture
def half_written(sound: Releases, tmp_path: Path) -> Releases:
    """A release, and beside it all that a publish may leave behind before the pointer names anything of it."""
    releases = Releases(shutil.copytree(sound.folder, tmp_path / "releases"))
    manifest = releases.current()
    draft = releases.parts / ".draft-killed"
    draft.mkdir()
    (draft / "features.npy").write_bytes((releases.part(manifest.store) / "features.npy").read_bytes()[:1_000])
    # a manifest that is whole, of parts that are not
    unfinished = manifest.model_copy(update={"name": "r000002", "store": "0" * 64})
    releases.manifest_path("r000002").write_text(unfinished.model_dump_json())
    releases.part("0" * 64).mkdir()
    (releases.folder / ".current.4711").write_text("r000002 half a di")
    (releases.manifests / ".r000003.json.4711").write_text("{")
    return releases


def test_a_reader_follows_nothing_but_the_pointer(half_written: Releases) -> None:
    watching = watch(half_written)
    assert watching.current.release.manifest.name == "r000001"
    for _ in range(3):
        watching.look()
    assert watching.current.release.manifest.name == "r000001"
    assert (watching.current.refusal, watching.current.refused) == (None, 0)


def test_the_next_publish_removes_what_a_killed_one_left(half_written: Releases) -> None:
    before = half_written.current()
    half_written.manifest_path("r000002").unlink()
    sweep(half_written, keep=5)
    assert {path.name for path in half_written.parts.iterdir()} == parts_of(before)
    assert [path for path in half_written.folder.rglob(".*") if path.name != ".lock"] == []
    open_release(half_written.folder)
