from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from random import Random

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import columns as col
from models.features import catalogue
from models.features.identity import compiled
from models.inline import InlineFeatures, InlineHistory, _without_filters
from models.settings import FeatureSettings
from tests.models.features.builders import AS_OF, SETTINGS, Person, ago, line, run, spine, stack, story

NAMES = [feature.name for feature in catalogue(SETTINGS)]
PRODUCTS = stack({})[col.PRODUCTS]


@pytest.fixture(scope="module")
def inline():
    made = InlineFeatures(SETTINGS, PRODUCTS)
    yield made
    made.close()


def _by_tables(people, cutoffs):
    keys = [str(at) for at in range(len(people))]
    rows = spine(*zip(keys, cutoffs, strict=True))
    table = run(stack(dict(zip(keys, people, strict=True))), rows, compiled(SETTINGS)).to_pandas()
    table = table.set_index(col.CUSTOMER_ID).loc[keys]
    return table[NAMES].to_numpy(dtype=np.float32)


def _drawn(random):
    """Draw a history, and the same facts as rows of tables."""
    told = story(random).after
    cutoff = AS_OF + timedelta(days=random.randint(-100, 30))
    (known, *_) = (*told.customers, {})
    attributes = {each.name: known[each.name] for each in SETTINGS.attributes if known.get(each.name)}
    joined = known.get(col.JOINED_AT)
    day_before = datetime.combine(cutoff - timedelta(days=1), datetime.min.time())
    row = {col.VALID_FROM: day_before, col.JOINED_AT: joined, **attributes}
    person = Person(told.order_lines, told.contacts, told.events, [row])
    return person, InlineHistory(told.order_lines, told.contacts, told.events, attributes, joined), cutoff


def _same_bits(inline, drawn):
    people, histories, cutoffs = zip(*drawn, strict=True)
    got = inline.compute(histories, cutoffs)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(_bits(got), _bits(_by_tables(people, cutoffs)))


def _bits(figures):
    return np.where(np.isnan(figures), 0xFFFFFFFF, figures.view(np.uint32))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.randoms(use_true_random=False), min_size=1, max_size=3))
def test_figures_are_the_tables_own_bit_for_bit(inline, randoms):
    _same_bits(inline, [_drawn(random) for random in randoms])


def test_figures_are_the_tables_own_when_hundreds_come_at_once(inline):
    random = Random(3)
    _same_bits(inline, [_drawn(random) for _ in range(300)])


def test_a_single_answer_is_the_batch_answer(inline):
    random = Random(4)
    drawn = [_drawn(random) for _ in range(12)]
    batch = inline.compute([each[1] for each in drawn], [each[2] for each in drawn])
    singles = [inline.compute([history], [cutoff])[0] for _, history, cutoff in drawn]
    np.testing.assert_array_equal(batch, np.vstack(singles))


def test_answers_keep_the_order_of_the_request_when_it_is_longer_than_ten(inline):
    histories = [InlineHistory(order_lines=[line(at + 1)]) for at in range(25)]
    recency = inline.compute(histories, [AS_OF] * 25)[:, NAMES.index("recency_days")]
    assert recency.tolist() == [at + 1 for at in range(25)]


def test_nothing_stays_behind_when_another_history_follows(inline):
    empty = inline.compute([InlineHistory()], [AS_OF])
    inline.compute([InlineHistory(order_lines=[line(3, "bread")], joined_at=ago(9))], [AS_OF])
    np.testing.assert_array_equal(inline.compute([InlineHistory()], [AS_OF]), empty)


def test_the_next_call_is_answered_when_one_fails(inline):
    with pytest.raises(pa.ArrowException):
        inline.compute([InlineHistory(order_lines=[{col.ORDERED_AT: "yesterday"}])], [AS_OF])
    with pytest.raises(ValueError, match="shorter"):
        inline.compute([InlineHistory()], [])
    assert inline.compute([InlineHistory()], [AS_OF]).shape == (1, len(NAMES))


def test_no_history_gives_no_row(inline):
    assert inline.compute([], []).shape == (0, len(NAMES))


def test_threads_get_their_own_answers_when_they_share_one(inline):
    def recency(days):
        row = inline.compute([InlineHistory(order_lines=[line(days)])], [AS_OF])[0]
        return row[NAMES.index("recency_days")]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(recency, range(1, 25))) == list(range(1, 25))


def test_dates_and_numbers_are_read_when_instants_and_decimals_are_absent(inline):
    rows = [
        {col.ORDERED_AT: date(2025, 3, 31), "amount": 0.1, "quantity": 2},
        {col.ORDERED_AT: ago(1), "amount": "0.2"},
    ]
    figures = inline.compute([InlineHistory(order_lines=rows)], [AS_OF])[0]
    assert figures[NAMES.index("spend")] == np.float32(0.3)
    assert figures[NAMES.index("order_units_mean")] == 3


def test_products_are_read_from_a_file(tmp_path):
    pq.write_table(PRODUCTS, tmp_path / "products.parquet")
    made = InlineFeatures(FeatureSettings(), tmp_path / "products.parquet")
    names = [feature.name for feature in catalogue(FeatureSettings())]
    figures = made.compute([InlineHistory(order_lines=[line(3, "bread"), line(2, "soap")])], [AS_OF])[0]
    assert figures[names.index("departments")] == 2
    made.close()


@pytest.mark.parametrize(("sent", "expected"), [("12.5", 12.5), ("-3e38", -3e38), ("1e39", np.nan), ("-9e99", np.nan)])
def test_a_figure_too_large_for_a_float32_is_null(sent, expected):
    wide = FeatureSettings.model_validate({"attributes": [{"name": "income", "kind": "numeric"}]})
    made = InlineFeatures(wide, PRODUCTS)
    found = made.compute([InlineHistory(attributes={"income": sent})], [AS_OF])
    made.close()
    income = [feature.name for feature in catalogue(wide)].index("attribute_income")
    np.testing.assert_array_equal(found[0, income], np.float32(expected))


@pytest.mark.parametrize("aggregate", ["count(*)", "count(a)", "count(DISTINCT a)", "sum(a)", "min(a)", "max(a)"])
@pytest.mark.parametrize("kept", ["b", "b AND a > 2", "a IS NULL", "a > 99"])
def test_an_aggregate_skips_the_same_rows_without_its_filter(aggregate: str, kept: str) -> None:
    rows = "(VALUES (1, true), (1, true), (2, false), (3, NULL), (NULL, true), (5, true), (NULL, false)) AS t(a, b)"
    query = f"SELECT coalesce({aggregate} FILTER (WHERE {kept}), -1) FROM {rows}"
    assert "FILTER" not in _without_filters(query)
    assert duckdb.sql(_without_filters(query)).fetchall() == duckdb.sql(query).fetchall()
