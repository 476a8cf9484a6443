import json
import os
from pathlib import Path

import ibis
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import SourceError
from training.forgotten import Register, without_fraction
from training.notation import identifier

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)


def matched(register: Register, ids: list[str | None]) -> list[bool]:
    rows = ibis.memtable(pa.table({"id": pa.array(ids, pa.string())}))
    connection = ibis.duckdb.connect(threads=1)
    found = connection.to_pyarrow(rows.mutate(gone=register.matches(rows.id)))
    connection.disconnect()
    by_id = dict(zip(found["id"].to_pylist(), found["gone"].to_pylist(), strict=True))
    return [by_id[each] for each in ids]


def test_ids_are_matched_as_they_are_written() -> None:
    register = Register().add(["007", "顾客"])
    assert matched(register, ["007", "7", " 007", "顾客", "", None]) == [True, False, False, True, False, False]
    assert [register.has(each) for each in ("007", "7")] == [True, False]


def test_nobody_is_matched_when_the_register_is_empty() -> None:
    register = Register()
    assert matched(register, ["7", None]) == [False, False]
    assert (register.empty, register.state()) == (True, "")


@settings(max_examples=20, deadline=None)
@given(gone=st.lists(TEXTS, min_size=1, max_size=20), others=st.lists(TEXTS, min_size=1, max_size=20, unique=True))
def test_duckdb_and_python_agree_on_every_text(gone: list[str], others: list[str]) -> None:
    register = Register().add(gone)
    assert matched(register, [*others]) == [each in gone for each in others]


def test_a_register_is_the_same_when_it_went_through_its_file(tmp_path: Path) -> None:
    path = tmp_path / "data" / "forgotten.json"
    register = Register().add(["7"])
    register.save(path)
    again = Register.load(path)
    assert again == register
    assert again.add(["8"]).has("7")
    assert [file.name for file in path.parent.iterdir()] == ["forgotten.json"]


def test_the_file_does_not_tell_the_ids(tmp_path: Path) -> None:
    path = tmp_path / "forgotten.json"
    Register().add(["anna@example.org"]).save(path)
    assert "anna" not in path.read_text()
    (first,) = json.loads(path.read_text())["ids"]
    Register().add(["anna@example.org"]).save(path)
    (second,) = json.loads(path.read_text())["ids"]
    assert first != second  # the salt differs


def test_the_old_register_stays_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "forgotten.json"
    before = Register().add(["7"])
    before.save(path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            before.add(["8"]).save(path)
    assert Register.load(path) == before
    assert len(list(tmp_path.iterdir())) == 1


def test_the_state_changes_when_somebody_is_added() -> None:
    one = Register().add(["7"])
    assert one.state() == one.add(["7"]).state() != one.add(["8"]).state()


@pytest.mark.parametrize("content", ["", "{}", '{"salt": "x", "ids": []}'])
def test_a_damaged_register_is_refused_in_one_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "forgotten.json"
    path.write_text(content)
    with pytest.raises(SourceError, match=r"\A[^\n]*forgotten\.json cannot be read, and says who must stay forgotten"):
        Register.load(path)


@pytest.mark.parametrize(
    ("line", "mentioned"),
    [
        ('"7",2024-01-01,x,y,z,extra', True),
        ("2024-01-01; 7 ;x", True),
        ("x 7 y", True),
        ("7", True),
        ("77,007,17", False),
        ("Anna Smith,2024-01-01", True),
        ("anna smith,2024-01-01", False),
        ("Anna Smith^2024-01-01^x", True),
        ("~Anna Smith~:2024-01-01", True),
        ('"Smith, Anna",2024-01-01', False),
        ("7^2024-01-01", True),
        ("2024-01-01:x:7", True),
        ("x~7~2024", True),
        ("x_7_2024", True),
        ("7.0,2024-01-01", True),
        ("a, 7.00 ,x", True),
        ("17.0,0.7e1,77^77.0", False),
        ("anna@example.org^2024", True),
        ("x|(anna@example.org)|2024", True),
        (" 08,2024", True),
        ("08,2024", False),
        ("", False),
        (None, False),
    ],
)
def test_a_line_mentions_an_id_when_it_is_a_part_of_it(line: str | None, mentioned: bool) -> None:
    register = Register().add(["7", "Anna Smith", "anna@example.org", " 08"])
    assert register.mentioned_in(line) is mentioned


@pytest.mark.parametrize(
    ("written", "read"),
    [("17850.0", "17850"), (" 007.00 ", "007"), ("1.5", "1.5"), ("x1.0", "x1.0"), ("7", "7"), (" 7", " 7")],
)
def test_an_id_is_read_as_intake_reads_it_when_it_went_through_floats(written: str, read: str) -> None:
    value = identifier(ibis.literal(written), through_float=True)
    assert without_fraction(written) == ibis.duckdb.connect(threads=1).to_pyarrow(value).as_py() == read
