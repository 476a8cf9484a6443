from collections import Counter, defaultdict
from collections.abc import Iterator

import ibis
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ibis.backends.duckdb import Backend

from models import columns as col
from training.identities import CONFLICT, LOOP, PERSON, RULES, resolve

Pairs = list[tuple[str, str]]
Judged = tuple[str, str, str | None, str | None]


@pytest.fixture
def connection() -> Iterator[Backend]:
    backend = ibis.duckdb.connect(threads=1)
    yield backend
    backend.disconnect()


def resolved(connection: Backend, pairs: Pairs) -> list[Judged]:
    columns = {
        col.SOURCE_ID: pa.array([source for source, _ in pairs], pa.string()),
        col.CUSTOMER_ID: pa.array([target for _, target in pairs], pa.string()),
    }
    rows = connection.create_table("rows", pa.table(columns), temp=True, overwrite=True)
    result = resolve(connection, rows).to_pyarrow()
    assert result.column_names == [col.SOURCE_ID, col.CUSTOMER_ID, col.RULE, PERSON]
    return [tuple(row.values()) for row in result.to_pylist()]


def test_a_chain_is_followed_to_its_end(connection: Backend) -> None:
    pairs = [("card", "account"), ("account", "member"), ("phone", "member")]
    assert sorted(resolved(connection, pairs)) == [
        ("account", "member", None, "member"),
        ("card", "account", None, "member"),
        ("phone", "member", None, "member"),
    ]


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 8, 9, 100])
def test_the_end_is_found_when_the_chain_is_long(connection: Backend, length: int) -> None:
    found = resolved(connection, [(str(at), str(at + 1)) for at in range(length)])
    assert {person for *_, person in found} == {str(length)}


def test_rows_are_harmless_when_they_repeat_or_name_themselves(connection: Backend) -> None:
    pairs = [("a", "b"), ("a", "b"), ("b", "b"), ("c", "c")]
    assert Counter(resolved(connection, pairs)) == Counter(
        {("a", "b", None, "b"): 2, ("b", "b", None, "b"): 1, ("c", "c", None, "c"): 1}
    )


def test_every_row_of_an_id_is_named_when_it_has_two_customers(connection: Backend) -> None:
    pairs = [("a", "x"), ("a", "y"), ("a", "x"), ("into", "a"), ("b", "b"), ("b", "x")]
    assert Counter(resolved(connection, pairs)) == Counter(
        {
            ("a", "x", CONFLICT, None): 2,
            ("a", "y", CONFLICT, None): 1,
            ("into", "a", None, "a"): 1,
            ("b", "b", CONFLICT, None): 1,
            ("b", "x", CONFLICT, None): 1,
        }
    )


def test_a_loop_and_what_leads_into_it_are_named(connection: Backend) -> None:
    pairs = [("a", "b"), ("b", "c"), ("c", "a"), ("into", "a"), ("farther", "into"), ("sound", "end")]
    found = resolved(connection, pairs)
    assert {row[0]: row[2] for row in found} == {
        **dict.fromkeys(["a", "b", "c", "into", "farther"], LOOP),
        "sound": None,
    }
    assert {row[3] for row in found if row[2]} == {None}


def test_nothing_is_resolved_when_there_are_no_rows(connection: Backend) -> None:
    assert resolved(connection, []) == []


def test_ids_are_compared_as_they_are_written(connection: Backend) -> None:
    assert sorted(resolved(connection, [("007", "A"), ("7", "a"), (" 7", "顾客")])) == [
        (" 7", "顾客", None, "顾客"),
        ("007", "A", None, "A"),
        ("7", "a", None, "a"),
    ]


def walked(pairs: Pairs) -> Iterator[Judged]:
    targets = defaultdict(set)
    for source, target in pairs:
        targets[source].add(target)
    follow = {source: next(iter(found)) for source, found in targets.items() if len(found) == 1}
    for source, target in pairs:
        if source not in follow:
            yield source, target, CONFLICT, None
            continue
        seen, at = {source}, source
        while at in follow and follow[at] != at:
            at = follow[at]
            if at in seen:
                break
            seen.add(at)
        looped = at in follow and follow[at] != at
        yield source, target, LOOP if looped else None, None if looped else at


IDS = st.integers(0, 12).map(str)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pairs=st.lists(st.tuples(IDS, IDS), max_size=20))
@example(pairs=[(str(at), str((at + 1) % 13)) for at in range(13)])
def test_the_joins_agree_with_a_walk_from_id_to_id(connection: Backend, pairs: Pairs) -> None:
    assert Counter(resolved(connection, pairs)) == Counter(walked(pairs))


def test_each_rule_says_what_is_wrong() -> None:
    assert set(RULES) == {CONFLICT, LOOP}
