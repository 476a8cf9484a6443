import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import ContractError, SourceError
from models.source_settings import TableSource
from training.progress import silent
from training.sources import lines, malformed, text
from training.sources.lines import TextTable
from training.sources.text import texts_of

Read = tuple[list[tuple[str, ...]], list[tuple[int | None, str]]]


def read(*paths: Path, **dialect: Any) -> Read:
    """Return the rows, and the malformed lines with their numbers."""
    out = paths[0].parent / "malformed.parquet"
    entry = TableSource(path=paths[0], **dialect)
    table = TextTable(texts_of(paths), entry, out, progress=silent, title="reading")
    rows = [tuple(row.values()) for batch in table.batches() for row in batch.to_pylist()]
    return rows, [(line["line"], line["text"]) for line in pq.read_table(out).to_pylist()]


def written(folder: Path, content: str | bytes, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refusal(path: Path, **dialect: Any) -> str:
    with pytest.raises((SourceError, ContractError)) as caught:
        read(path, **dialect)
    assert "\n" not in caught.value.message
    return caught.value.message


def test_lines_are_set_apart_with_their_numbers_when_they_have_too_few_or_too_many_fields(tmp_path: Path) -> None:
    path = written(tmp_path, 'a,b,c\r\n1,2,3\r\n\r\n4,5\r\n"x\ny",5,6\r\n6,7,8,9\r\n  \r\n7,8,9')
    assert read(path) == ([("1", "2", "3"), ("x\ny", "5", "6"), ("7", "8", "9")], [(4, "4,5"), (7, "6,7,8,9")])


def test_last_line_is_malformed_when_the_file_is_cut_in_the_middle_of_it(tmp_path: Path) -> None:
    assert read(written(tmp_path, "a,b,c\n1,2,3\n4,5")) == ([("1", "2", "3")], [(3, "4,5")])


@pytest.mark.parametrize("cut", ['4,5,"6', '4,"5', '4,5,"6""'])
def test_last_line_is_malformed_when_the_file_is_cut_inside_quotes(tmp_path: Path, cut: str) -> None:
    assert read(written(tmp_path, f"a,b,c\n1,2,3\n{cut}")) == ([("1", "2", "3")], [(3, cut)])


def test_lines_are_malformed_when_a_stray_quote_makes_one_row_of_them(tmp_path: Path) -> None:
    good = [f"{number},x,1,2,3" for number in range(100)]
    path = written(
        tmp_path, "\n".join(["a,b,c,d,e", '7,"p,1,2,3', *good, '8,"p",1,2,3', "9,x,1,2,3", '10,"b,\nc",1,2,3'])
    )
    rows, lost = read(path)
    assert rows == [("9", "x", "1", "2", "3"), ("10", "b,\nc", "1", "2", "3")]
    assert [text for _, text in lost] == ["7,p,1,2,3", *good, '8,p",1,2,3']


def test_every_line_is_malformed_by_itself_when_a_quote_swallowed_several(tmp_path: Path) -> None:
    path = written(tmp_path, 'a,b,c\n1,2,3\n4,5",6\n7,"8,9\n1,1,1\n2,2,2"\n3,3,3\n4,4,"4\n5,5,5\n\n6,6,6\n')
    assert read(path) == (
        [("1", "2", "3"), ("4", '5"', "6"), ("3", "3", "3")],
        [(4, '7,"8,9'), (5, "1,1,1"), (6, '2,2,2"'), (8, '4,4,"4'), (9, "5,5,5"), (11, "6,6,6")],
    )


def test_nothing_is_null_when_values_are_empty_or_look_like_null(tmp_path: Path) -> None:
    path = written(tmp_path, 'a,b,c\nNULL,,NaN\n"","N/A",#1\n,,\n')
    assert read(path) == ([("NULL", "", "NaN"), ("", "N/A", "#1"), ("", "", "")], [])


def test_no_row_is_read_when_there_is_only_a_header(tmp_path: Path) -> None:
    for content in ("a,b", "a,b\n", "a,b\n\n  \n"):
        assert read(written(tmp_path, content)) == ([], [])


def test_blank_lines_are_no_rows_when_there_is_one_column(tmp_path: Path) -> None:
    assert read(written(tmp_path, "\n\na\n1\n\n  \n2\n")) == ([("1",), ("2",)], [])


def test_values_are_taken_as_they_are_when_they_are_never_quoted(tmp_path: Path) -> None:
    path = written(tmp_path, 'a,b\n5",1\n"x,2\ny\n')
    assert read(path, quote="") == ([('5"', "1"), ('"x', "2")], [(4, "y")])


def test_escaped_marks_are_values_when_an_escape_is_configured(tmp_path: Path) -> None:
    path = written(tmp_path, 'a,b\n"x\\"y","1,2"\nz\\,z,3\n')
    assert read(path, escape="\\") == ([('x"y', "1,2"), ("z,z", "3")], [])


def test_escaped_line_ends_are_values_when_nothing_is_quoted(tmp_path: Path) -> None:
    path = written(tmp_path, "a,b\n" + "x\\\ny,1\n" * 100)
    with patch.object(lines, "BLOCK", 64):
        assert read(path, quote="", escape="\\") == ([("x\ny", "1")] * 100, [])


def test_quotes_are_written_twice_when_the_escape_is_the_quote(tmp_path: Path) -> None:
    assert read(written(tmp_path, 'a,b\n"x""y",1\n'), escape='"') == ([('x"y', "1")], [])


def test_columns_are_named_by_the_configuration_when_there_is_no_header(tmp_path: Path) -> None:
    path = written(tmp_path, "1,2\n3,4\n5\n")
    assert read(path, names=("x", "y")) == ([("1", "2"), ("3", "4")], [(3, "5")])


def test_file_is_refused_when_the_configured_names_do_not_fit(tmp_path: Path) -> None:
    message = refusal(written(tmp_path, "1,2,3\n"), names=("x", "y"))
    assert "has 3 columns in its first line and names lists 2; correct names, or separator (',' is used)" in message


def test_separator_is_no_quoted_one_when_it_is_seen_in_the_first_line(tmp_path: Path) -> None:
    assert read(written(tmp_path, '"a,b,c,d";e\n1;2\n')) == ([("1", "2")], [])


@pytest.mark.parametrize("separator", ["§", "\x01", "^", "¦"])
def test_columns_are_apart_when_the_separator_is_an_unusual_character(tmp_path: Path, separator: str) -> None:
    path = written(tmp_path, "a,b\n1,2\n3,4,5\n".replace(",", separator))
    assert read(path, separator=separator) == ([("1", "2")], [(3, f"3{separator}4{separator}5")])


@pytest.mark.parametrize(
    ("dialect", "told"),
    [
        ({"quote": "«"}, "quote '«' is no ASCII character; correct quote"),
        ({"escape": "§"}, "escape '§' is no ASCII character; correct escape"),
        ({"separator": "\n"}, "correct separator"),
        ({"separator": '"'}, "correct separator"),
    ],
)
def test_file_is_refused_when_its_marks_cannot_be_used(tmp_path: Path, dialect: dict[str, str], told: str) -> None:
    assert told in refusal(written(tmp_path, "a,b\n1,2\n"), **dialect)


@pytest.mark.parametrize("content", [b"\n \n", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_file_is_refused_when_it_holds_nothing_but_blanks(tmp_path: Path, content: bytes) -> None:
    assert "a.csv is empty; export it again" in refusal(written(tmp_path, content))


@pytest.mark.parametrize("content", ["a,b,A\n", " a,b,a \n", "a,column_3,\n"])
def test_file_is_refused_when_two_columns_have_one_name(tmp_path: Path, content: str) -> None:
    assert "a.csv has two columns named " in refusal(written(tmp_path, content))


def test_file_is_refused_when_a_quote_of_the_header_is_never_closed(tmp_path: Path) -> None:
    assert "a quote in its first line is never closed" in refusal(written(tmp_path, '"a,b\n1,2\n'))


def test_file_is_refused_when_a_quote_is_open_for_longer_than_a_block(tmp_path: Path) -> None:
    path = written(tmp_path, "a,b\n" + "1,2\n" * 300 + '3,"4\n' + "1,2\n" * 1000)
    with patch.object(lines, "BLOCK", 500):
        message = refusal(path)
    assert 'is not closed within 500 bytes; set quote = "" if values are not quoted, or mend the line' in message
    opened = int(message.split("at or after line ")[1].split()[0])
    assert 100 < opened <= 302


def test_file_is_refused_when_a_line_is_longer_than_a_block(tmp_path: Path) -> None:
    path = written(tmp_path, "a,b\n" + "1,2\n" * 300 + "3" * 2000 + ",4\n1,2\n")
    with patch.object(lines, "BLOCK", 500):
        assert "is longer than 500 bytes" in refusal(path, quote="")


def test_file_is_refused_when_too_many_lines_are_malformed(tmp_path: Path) -> None:
    path = written(tmp_path, "a,b\n1,2\n" + "1;2\n" * 11)
    with patch.object(malformed, "MOST", 10):
        message = refusal(path)
    assert "more than 10 lines have too few or too many fields, the first is line 3 of a.csv" in message
    assert "is the separator ',' right? if not, set separator" in message
    assert pq.read_table(tmp_path / "malformed.parquet").num_rows == 0
    assert not list(tmp_path.glob("malformed.parquet.*"))


def test_files_are_one_table_when_they_order_their_columns_differently(tmp_path: Path) -> None:
    paths = written(tmp_path, "a,b\n1,2\nx\n", "1.csv"), written(tmp_path, "b;a\n4;3\n\ny\n", "2.csv")
    assert read(*paths) == ([("1", "2"), ("3", "4")], [(3, "x"), (4, "y")])
    files = pq.read_table(tmp_path / "malformed.parquet").to_pydict()
    assert (files["rule"], files["file"]) == (["malformed_line"] * 2, ["1.csv", "2.csv"])


def test_files_are_refused_when_their_columns_differ(tmp_path: Path) -> None:
    paths = written(tmp_path, "a,b\n", "1.csv"), written(tmp_path, "a,c,d\n", "2.csv")
    told = r"1.csv and .*2.csv have different columns: the former 'b', the latter 'c', 'd'; align them"
    with pytest.raises(SourceError, match=told):
        read(*paths)


def test_rows_are_read_again_when_the_stream_is_opened_again(tmp_path: Path) -> None:
    path, out = written(tmp_path, "a,b\n1,2\n3\n"), tmp_path / "malformed.parquet"
    table = TextTable(texts_of((path,)), TableSource(path=path), out, progress=silent, title="reading")
    assert pq.read_table(out).num_rows == 0
    for _ in range(2):
        assert [batch.to_pylist() for batch in table.batches()] == [[{"a": "1", "b": "2"}]]
        assert pq.read_table(out)["line"].to_pylist() == [3]


def test_malformed_lines_have_their_numbers_when_they_stand_far_apart_in_a_long_file(tmp_path: Path) -> None:
    numbers = [place for place in range(2, 20_002) if place % 7 == 0 and not 5_000 < place < 15_000]
    wrong = set(numbers)
    path = written(tmp_path, "a,b\n" + "".join("x\n" if place in wrong else "1,2\n" for place in range(2, 20_002)))
    with patch.object(lines, "BLOCK", 200), patch.object(malformed, "_BATCH_LINES", 10):
        rows, bad = read(path)
    assert len(rows) == 20_000 - len(numbers)
    assert bad == [(number, "x") for number in numbers]


def plain(folder: Path, data: bytes) -> Path:
    return written(folder, data)


def gzipped(folder: Path, data: bytes) -> Path:
    half = len(data) // 2
    return written(folder, gzip.compress(data[:half]) + gzip.compress(data[half:]), "a.csv.gz")


def zipped(folder: Path, data: bytes) -> Path:
    with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("deep/a.txt", data)
    return folder / "a.zip"


PACKINGS = st.sampled_from([plain, gzipped, zipped])
VALUE = st.text(st.sampled_from('ab1 é€顧😀"\x00\n,;\t|'), max_size=6)
BLANK = st.sampled_from(["", " ", "   "])


@st.composite
def field(draw: st.DrawFn, separator: str) -> tuple[str, str]:
    """Return a value and how it is written."""
    value = draw(VALUE)
    must = value.startswith('"') or separator in value or "\n" in value
    if must or draw(st.booleans()):
        doubled = value.replace('"', '""')
        return value, f'"{doubled}"'
    return value, value


@st.composite
def dirty(draw: st.DrawFn) -> tuple[str, str, Read]:
    """Return a text, its separator, and the rows and malformed lines that are in it."""
    separator, width = draw(st.sampled_from(",;\t|")), draw(st.integers(2, 4))
    content = separator.join(f"c{place}" for place in range(width)) + "\n"
    rows: list[tuple[str, ...]] = []
    bad: list[tuple[int | None, str]] = []
    kinds = draw(st.lists(st.sampled_from(["good", "good", "short", "long", "blank"]), max_size=12))
    if draw(st.booleans()):
        kinds.append("cut")
    for kind in kinds:
        count = {"good": width, "short": draw(st.integers(1, width - 1)), "long": width + draw(st.integers(1, 3))}
        fields = [draw(field(separator)) for _ in range(count.get(kind, 0))]
        record = separator.join(shown for _, shown in fields) if kind != "blank" else draw(BLANK)
        if kind == "cut":
            record = separator.join(["x"] * draw(st.integers(0, width - 1)) + ['"y\nz'])
        if kind == "good":
            # a row of nothing between tabs is a row, too
            rows.append(tuple(value for value, _ in fields))
        else:
            number = content.count("\n") + 1
            # a record of blanks alone is no row, whatever the number of its fields
            pieces = record.split("\n") if record.strip() else []
            bad += [(number + place, piece) for place, piece in enumerate(pieces) if piece.strip()]
        content += record if kind == "cut" else record + draw(st.sampled_from(["\n", "\r\n"]))
    if content.endswith("\n") and draw(st.booleans()):
        content = content.removesuffix("\n").removesuffix("\r")
    return content, separator, (rows, bad)


def with_small_pieces(path: Path, **dialect: Any) -> Read:
    with patch.object(lines, "BLOCK", 300), patch.object(text, "_CHUNK", 7):
        return read(path, **dialect)


@settings(max_examples=150, deadline=None)
@given(case=dirty(), packed=PACKINGS, encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "gb18030"]))
def test_every_line_is_a_row_or_malformed_when_a_text_is_dirty(
    case: tuple[str, str, Read], packed: Callable[[Path, bytes], Path], encoding: str
) -> None:
    content, separator, expected = case
    with TemporaryDirectory() as folder:
        path = packed(Path(folder), content.encode(encoding))
        told = encoding if encoding == "gb18030" else "utf-8"
        assert with_small_pieces(path, encoding=told, separator=separator) == expected
        assert read(path, encoding=told, separator=separator) == expected


@settings(max_examples=50, deadline=None)
@given(case=dirty(), packed=PACKINGS)
def test_no_line_is_lost_when_bytes_are_of_another_encoding(
    case: tuple[str, str, Read], packed: Callable[[Path, bytes], Path]
) -> None:
    content, separator, (rows, bad) = case
    with TemporaryDirectory() as folder:
        path = packed(Path(folder), content.encode("cp1252", "replace"))
        found, malformed_lines = with_small_pieces(path, separator=separator)
    assert len(found) == len(rows)
    assert [number for number, _ in malformed_lines] == [number for number, _ in bad]


WORD = st.text(st.sampled_from("ab1é顧,;."), min_size=1, max_size=5)
RUN = st.text(st.sampled_from(" \t"), min_size=1, max_size=9)
MARGIN = st.text(st.sampled_from(" \t"), max_size=4)


@settings(max_examples=100, deadline=None)
@given(data=st.data(), packed=PACKINGS, end=st.sampled_from(["\n", "\r\n"]))
def test_every_line_is_a_row_or_malformed_when_columns_are_apart_by_blanks(
    data: st.DataObject, packed: Callable[[Path, bytes], Path], end: str
) -> None:
    records = data.draw(st.lists(st.lists(WORD, max_size=5), max_size=10))
    shown = [
        data.draw(MARGIN) + "".join(word + data.draw(RUN) for word in record[:-1]) + "".join(record[-1:])
        for record in [["a", "b", "c"], *records]
    ]
    content = "".join(line + data.draw(MARGIN) + end for line in shown)
    numbered = list(enumerate(records, start=2))
    expected = (
        [tuple(record) for record in records if len(record) == 3],
        [(number, " ".join(record)) for number, record in numbered if len(record) not in (0, 3)],
    )
    with TemporaryDirectory() as folder:
        path = packed(Path(folder), content.encode())
        assert with_small_pieces(path, separator="whitespace") == expected
