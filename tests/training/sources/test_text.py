import gzip
import zipfile
from pathlib import Path
from unittest.mock import patch

import pytest

from models.errors import SourceError
from models.source_settings import TableSource
from training.sources import text
from training.sources.text import Meter, Text, texts_of, utf8

CONTENT = "Kunde,Größe\n7,顧客\n"


def read(path: Path, member: str | None = None, encoding: str = "utf-8", separator: str | None = None) -> str:
    entry = TableSource(path=path, encoding=encoding, separator=separator)
    return b"".join(utf8(Text(path, member), entry, meter(path))).decode()


def meter(*files: Path) -> Meter:
    return Meter(lambda *_: None, "", files)


def archive(path: Path, **members: str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(name.replace("_dot_", ".").replace("_in_", "/"), content)
    return path


@pytest.mark.parametrize("chunk", [1, 3, 1 << 20])
@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (CONTENT.encode(), "utf-8"),
        (CONTENT.encode("utf-8-sig"), "utf-8"),
        (CONTENT.encode("utf-16"), "utf-8"),
        (b"\xfe\xff" + CONTENT.encode("utf-16-be"), "UTF8"),
        (b"\xff\xfe" + CONTENT.encode("utf-16-le"), "utf-16-le"),
        (CONTENT.encode("gb18030"), "gb18030"),
        (CONTENT.replace("\n", "\r\n").encode(), "utf-8"),
        (CONTENT.replace("\n", "\r").encode(), "utf-8"),
    ],
)
def test_text_is_utf8_with_plain_line_ends_when_it_was_written_otherwise(
    tmp_path: Path, data: bytes, encoding: str, chunk: int
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(data)
    with patch.object(text, "_CHUNK", chunk):
        assert read(path, encoding=encoding) == CONTENT


def test_bytes_become_replacement_characters_when_the_encoding_cannot_read_them(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("é,x\n€".encode("cp1252") + b"\xe9\xa1")
    assert read(tmp_path / "a.csv") == "\ufffd,x\n\ufffd\ufffd"


@pytest.mark.parametrize("chunk", [1, 2, 5, 1 << 20])
def test_runs_of_blanks_are_one_when_they_separate_columns(tmp_path: Path, chunk: int) -> None:
    (tmp_path / "a.txt").write_bytes(b"  a \t b\t\r\n \t \r\n\n\t1  2  \n 3\t4 \n \t\n")
    with patch.object(text, "_CHUNK", chunk):
        assert read(tmp_path / "a.txt", separator="whitespace").rstrip("\n") == "a b\n\n\n1 2\n3 4"


def test_members_are_texts_in_the_order_of_their_names_when_a_file_is_an_archive(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", b_dot_csv="2", a_in_z_dot_TXT="1", __MACOSX_in_a_dot_csv="x", _dot_DS="x")
    texts = texts_of((path,))
    assert [(text.name, str(text)) for text in texts] == [
        ("a.zip/a/z.TXT", f"{path}/a/z.TXT"),
        ("a.zip/b.csv", f"{path}/b.csv"),
    ]
    assert [read(path, text.member) for text in texts] == ["1", "2"]


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"a_dot_csv": "1", "b_dot_pdf": "2"}, r"a.zip holds 'b.pdf', which is no text file; unpack it and name one"),
        ({}, r"a.zip holds no text file; correct the path"),
    ],
)
def test_archive_is_refused_when_it_holds_anything_but_text(tmp_path: Path, members: dict[str, str], told: str) -> None:
    with pytest.raises(SourceError, match=told):
        texts_of((archive(tmp_path / "a.zip", **members),))


def test_archive_is_refused_when_it_has_a_password(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", a_dot_csv="1")
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the flag in the directory's entry
    path.write_bytes(data)
    with pytest.raises(SourceError, match=r"a.zip has a password; unpack it first"):
        texts_of((path,))


def test_archive_is_refused_when_it_is_cut(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", a_dot_csv="1" * 1000)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(SourceError, match=r"a.zip cannot be read to its end: File is not a zip file; export it again"):
        texts_of((path,))


def test_text_is_refused_when_its_archive_is_damaged_in_the_middle(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", a_dot_csv="".join(f"{place}\n" for place in range(9_999)))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)
    with pytest.raises(SourceError, match=r"a.zip/a.csv cannot be read to its end: .*; export it again"):
        read(path, "a.csv")


@pytest.mark.parametrize("harm", ["cut", "changed"])
def test_text_is_refused_when_its_compression_is_damaged_in_the_middle(tmp_path: Path, harm: str) -> None:
    path = tmp_path / "a.csv.gz"
    data = bytearray(gzip.compress("".join(f"{place}\n" for place in range(9_999)).encode()))
    if harm == "changed":
        data[len(data) // 2] ^= 255
    path.write_bytes(data if harm == "changed" else data[: len(data) // 2])
    with pytest.raises(SourceError, match=r"a.csv.gz cannot be read to its end: .*; export it again"):
        read(path)


def test_progress_is_told_the_share_of_bytes_when_a_file_is_read(tmp_path: Path) -> None:
    told: list[tuple[str, float | None]] = []
    (tmp_path / "a.csv").write_bytes(b"x" * 100)
    (tmp_path / "b.csv").write_bytes(b"x" * 300)
    files = (tmp_path / "a.csv", tmp_path / "b.csv")
    counted = Meter(lambda title, share=None: told.append((title, share)), "reading order lines", files)
    with patch.object(text, "_PAUSE", 0), patch.object(text, "_CHUNK", 100):
        for file in files:
            list(utf8(Text(file), TableSource(path=file), counted))
    assert sorted(set(told)) == [("reading order lines", share) for share in (0.25, 0.5, 0.75, 1.0)]


def test_progress_is_told_seldom_when_much_is_read(tmp_path: Path) -> None:
    told: list[str] = []
    (tmp_path / "a.csv").write_bytes(b"x" * 5_000)
    counted = Meter(lambda title, share=None: told.append(title), "reading", (tmp_path / "a.csv",))
    with patch.object(text, "_CHUNK", 1), patch.object(text, "_PAUSE", 3_600):
        list(utf8(Text(tmp_path / "a.csv"), TableSource(path=tmp_path / "a.csv"), counted))
    assert told in ([], ["reading"])
