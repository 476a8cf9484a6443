"""Fuzzes the opening of what a release consists of: run as a process of its own, for atheris takes it over.

Each run changes one file of one part, or the release's manifest. Half of the changed parts have their hashes made right
again, as somebody could who can write the folder, so that the parsers are reached; the others must be refused before.
LightGBM's text and Arrow's file are not changed with right hashes: their parsers can kill the process, which is why a
release is opened in a child first (``service.probe``).
"""

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["models", "service.release"]):
    from models.artifact import load_artifact
    from models.errors import CorruptPartError, ForesellError
    from models.parts import MANIFEST, canonical_json, file_sha256
    from models.prepared import open_prepared
    from models.release import Releases
    from models.store import open_store

KILLS = (".txt", ".arrow")
PIECES = (b"", b"null", b"-1", b"1e999", b"[]", b"{}", b'""', b"NaN", b"(9999999999,)", b"True", b"|O", b"\x00" * 8)


@dataclass(frozen=True)
class Part:
    """A folder that may be changed, and what opens it by its digest."""

    folder: Path
    digest: str
    opens: Callable[[Path, str], object]


def parts_of(releases: Releases) -> list[Part]:
    manifest = releases.current()
    store = open_store(releases.part(manifest.store))
    parts = [Part(releases.part(manifest.store), manifest.store, lambda folder, _: open_store(folder))]
    for served in manifest.predictions.values():
        parts.append(Part(releases.part(served.artifact), served.artifact, load_artifact))
        if served.prepared:
            artifact = load_artifact(releases.part(served.artifact), served.artifact)
            files = sorted(path.name for path in releases.part(served.prepared).iterdir() if path.name != MANIFEST)

            def prepared(folder: Path, _: str, artifact=artifact, files=files) -> object:  # type: ignore[no-untyped-def]
                return open_prepared(folder, files, artifact.prediction, artifact.fitted, store)

            parts.append(Part(releases.part(served.prepared), served.prepared, prepared))
    return parts


def changed(content: bytes, data: atheris.FuzzedDataProvider) -> bytes:
    """Return the bytes with a piece put into them, or cut, or replaced by others altogether."""
    kind = data.ConsumeIntInRange(0, 3)
    # headers are at the beginning: half of the changes go there
    room = len(content) if data.ConsumeBool() else min(len(content), 200)
    position = data.ConsumeIntInRange(0, room)
    if kind == 0:
        return content[:position]
    piece = data.PickValueInList(list(PIECES)) if kind == 1 else data.ConsumeBytes(data.ConsumeIntInRange(1, 40))
    if kind == 3:
        return piece
    return content[:position] + piece + content[position + data.ConsumeIntInRange(0, 8) :]


class Fuzz:
    """One run after the other; counts how they ended."""

    def __init__(self, releases: Releases, told: Path) -> None:
        self.releases = releases
        self.told = told
        self.parts = parts_of(releases)
        self.ended: Counter[str] = Counter()

    def __call__(self, raw: bytes) -> None:
        data = atheris.FuzzedDataProvider(raw)
        if data.ConsumeIntInRange(0, 9) == 0:
            self._manifest(data)
        else:
            self._part(self.parts[data.ConsumeIntInRange(0, len(self.parts) - 1)], data)

    def _part(self, part: Part, data: atheris.FuzzedDataProvider) -> None:
        files = sorted(path for path in part.folder.rglob("*") if path.is_file() and path.name != MANIFEST)
        path = files[data.ConsumeIntInRange(0, len(files) - 1)]
        proven = part.opens is load_artifact
        made_right = path.suffix not in KILLS and (not proven or data.ConsumeBool())
        if not made_right and not proven:
            return
        content, sealed = path.read_bytes(), (part.folder / MANIFEST).read_bytes()
        try:
            path.write_bytes(changed(content, data))
            if path.read_bytes() == content:
                return
            digest = self._made_right(part.folder, path, sealed) if made_right else part.digest
            self._opened("right hashes" if made_right else "wrong hashes", lambda: part.opens(part.folder, digest))
        finally:
            path.write_bytes(content)
            (part.folder / MANIFEST).write_bytes(sealed)

    def _made_right(self, folder: Path, path: Path, sealed: bytes) -> str:
        # as seal does it, without waiting for the disk
        hashes = json.loads(sealed) | {path.relative_to(folder).as_posix(): file_sha256(path)}
        manifest = canonical_json(hashes)
        (folder / MANIFEST).write_bytes(manifest)
        return hashlib.sha256(manifest).hexdigest()

    def _manifest(self, data: atheris.FuzzedDataProvider) -> None:
        pointer = self.releases.pointer
        path = pointer if data.ConsumeBool() else self.releases.manifest_path(self.releases.current().name)
        content, pointed = path.read_bytes(), pointer.read_bytes()
        try:
            path.write_bytes(changed(content, data))
            if path != pointer:
                pointer.write_text(f"{path.stem} {file_sha256(path)}\n")
            self._opened("manifest", self.releases.current)
        finally:
            path.write_bytes(content)
            pointer.write_bytes(pointed)

    def _opened(self, what: str, opens: Callable[[], object]) -> None:
        try:
            opens()
        except CorruptPartError:
            self.ended[f"{what}: corrupt"] += 1
        except ForesellError:
            self.ended[f"{what}: refused"] += 1
        else:
            # a change that means nothing: a space in JSON, a figure that no golden row asks for
            assert what != "wrong hashes"
            self.ended[f"{what}: opened"] += 1
        if self.ended.total() % 100 == 0:
            # nothing of Python runs after the last run
            self.told.write_text(json.dumps(self.ended))


def main(folder: Path, told: Path, options: list[str]) -> None:
    atheris.Setup([sys.argv[0], *options], Fuzz(Releases(folder), told))
    atheris.Fuzz()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
