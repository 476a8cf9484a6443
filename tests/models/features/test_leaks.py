"""Row 19 of what is promised: nothing that became known at or after the cutoff changes a feature."""

from dataclasses import replace
from random import Random

import ibis
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.features import contacts, expression
from models.features.identity import compiled, unbound
from tests.models.features.builders import (
    AS_OF,
    SETTINGS,
    Person,
    Story,
    contact,
    event,
    line,
    member,
    run,
    spine,
    stack,
    story,
)
from tests.models.features.leaks import leaking

# one fact of every kind on the day of the cutoff itself
ON_THE_DAY = Person(
    order_lines=[line(0, "soap", amount="7")],
    contacts=[contact(0, 0)],
    events=[event(0)],
    # the second row is written on the day, whatever it says about earlier ones
    customers=[member(0, 0, income="5", age="old", home="owns", points="1"), member(0, 30)],
)
EDGE = Story(Person(), ON_THE_DAY)


def _planted(monkeypatch, position):
    """Compile the features with one source that sees the day of the cutoff."""
    sources = list(expression.SOURCES)
    sources[position] = replace(sources[position], known=lambda history, cutoff: history.day <= cutoff)
    monkeypatch.setattr(expression, "SOURCES", tuple(sources))
    return ibis.to_sql(expression.features(*unbound(SETTINGS), SETTINGS), dialect="duckdb")


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.randoms(use_true_random=False), min_size=1, max_size=3))
def test_no_feature_changes_when_facts_become_known_later(randoms):
    assert leaking([story(random) for random in randoms], compiled(SETTINGS), SETTINGS) == set()


def test_no_feature_changes_when_hundreds_of_customers_have_later_facts():
    random = Random(11)
    assert leaking([EDGE, *(story(random) for _ in range(400))], compiled(SETTINGS), SETTINGS) == set()


@pytest.mark.parametrize(
    ("position", "caught"),
    [(0, "recency_days"), (1, "member_days"), (2, "contacts"), (3, "events_30d"), (4, "attribute_income")],
)
def test_the_check_catches_a_leak_when_a_source_sees_the_day_of_the_cutoff(monkeypatch, position, caught):
    assert caught in leaking([EDGE], _planted(monkeypatch, position), SETTINGS)


def test_the_check_catches_a_leak_when_an_answer_counts_from_the_day_it_was_sent(monkeypatch):
    monkeypatch.setattr(contacts, "_answered", lambda h, days=None: h.count(where=h.answered.notnull()))
    sql = ibis.to_sql(expression.features(*unbound(SETTINGS), SETTINGS), dialect="duckdb")
    answered_later = Story(Person(contacts=[contact(5)]), Person(contacts=[contact(5, -2)]))
    assert "contacts_answered" in leaking([answered_later], sql, SETTINGS)


def test_every_feature_takes_two_values_when_many_customers_are_drawn():
    # a check over features that never vary would prove nothing
    random = Random(5)
    people = {str(at): story(random).before for at in range(400)}
    table = run(stack(people), spine(*((key, AS_OF) for key in people)), compiled(SETTINGS))
    assert [name for name in table.column_names[2:] if len(table[name].drop_null().unique()) < 2] == []
