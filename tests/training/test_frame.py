from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import models
from models import columns as col
from models.engines import open_duckdb
from models.features import catalogue
from models.settings import FeatureSettings, load_settings
from tests.shop import FAITHFUL, LAPSED, open_shop
from training.frame import anonymous_sales, as_customers, channels, population, training_frame
from training.ingest import ingest

CUTOFFS = [date(2024, 1, 2), date(2024, 4, 1)]
LIMIT = date(2024, 7, 19)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = load_settings(open_shop(tmp_path_factory.mktemp("shop"), customers=60))
    ingest(settings, today=date(2025, 1, 1))
    return settings.tables


def test_somebody_who_comes_later_is_not_known_yet(tables: Path) -> None:
    with open_duckdb(tables) as engine:
        early = population(engine.tables, date(2024, 1, 2)).to_pyarrow()[col.CUSTOMER_ID].to_pylist()
        late = population(engine.tables, LIMIT).to_pyarrow()[col.CUSTOMER_ID].to_pylist()
    assert FAITHFUL in early
    assert LAPSED not in early
    assert len(late) == len(set(late)) == 60


def test_features_and_labels_stand_in_the_same_row(tables: Path) -> None:
    prediction = models.prediction_named("churn")
    with open_duckdb(tables) as engine:
        frame = training_frame(engine, prediction, CUTOFFS, limit=LIMIT, max_examples=10_000, seed=1)
    rows = {
        (day.item(), who): row
        for row, (day, who) in enumerate(zip(frame.customers.as_of, frame.customers.ids, strict=True))
    }
    faithful = rows[(date(2024, 4, 1), FAITHFUL)]
    # an order every fourth day from 1 January on: the last on 29 March, the next on 2 April
    assert frame.customers.column("recency_days")[faithful] == 3
    assert frame.labels[col.NEXT_ORDER_DAYS][faithful] == 1
    lapsed = rows[(date(2024, 4, 1), LAPSED)]
    assert frame.customers.column("recency_days")[lapsed] == 88
    assert np.isnan(frame.labels[col.NEXT_ORDER_DAYS][lapsed])


def test_whole_customers_are_drawn_when_there_are_too_many_examples(tables: Path) -> None:
    prediction = models.prediction_named("churn")
    with open_duckdb(tables) as engine:
        frames = [
            training_frame(engine, prediction, CUTOFFS, limit=LIMIT, max_examples=20, seed=seed) for seed in (1, 1, 2)
        ]
    assert len(frames[0]) == 20
    assert len(set(frames[0].customers.ids)) == 10
    assert frames[0].customers.ids == frames[1].customers.ids
    assert frames[0].customers.ids != frames[2].customers.ids


def test_a_customer_used_a_channel_when_an_order_came_through_it_before_the_day(tmp_path: Path) -> None:
    lines = [
        "customer_id,ordered_at,amount,channel",
        "a,2024-01-02T10:00:00,5,web",
        "a,2024-01-03T10:00:00,5,shop",
        "b,2024-01-02T10:00:00,-5,web",  # a return is no order
        "b,2024-01-02T11:00:00,5,",
        "c,2024-01-09T10:00:00,5,web",  # not before the day
        "c,2024-01-08T10:00:00,5,app",
    ]
    (tmp_path / "orders.csv").write_text("\n".join(lines))
    (tmp_path / "foresell.toml").write_text('[source.order_lines]\npath = "orders.csv"\n')
    settings = load_settings(tmp_path)
    ingest(settings, today=date(2025, 1, 1))
    with open_duckdb(settings.tables) as engine:
        found = channels(engine, ["a", "b", "c", "never"], date(2024, 1, 9))
    assert found.names == ("app", "shop", "web")
    assert found.used("web").tolist() == [True, False, False, False]
    assert found.used("shop").tolist() == [True, False, False, False]
    assert found.used("app").tolist() == [False, False, True, False]


def test_there_are_no_channels_when_no_line_has_one(tables: Path) -> None:
    with open_duckdb(tables) as engine:
        assert channels(engine, [FAITHFUL], LIMIT).names == ()


@pytest.mark.parametrize(("max_examples", "weight"), [(10_000, 1.0), (30, 0.25)])
def test_anonymous_sales_weigh_as_much_as_the_customers_who_are_drawn(
    tables: Path, tmp_path: Path, max_examples: int, weight: float
) -> None:
    sold = {
        col.PRODUCT_ID: ["p3", "p3", "unheard of"],
        col.ORDER_DAY: [LIMIT - timedelta(1), LIMIT, date(2024, 2, 1)],  # the second is not known at the limit
        "lines": [8, 2, 4],
    }
    pq.write_table(pa.table(sold), tmp_path / "anonymous.parquet")
    with open_duckdb(tables) as engine:
        frame = training_frame(
            engine,
            models.prediction_named("next-best-product"),
            CUTOFFS,
            limit=LIMIT,
            max_examples=max_examples,
            seed=1,
            anonymous=tmp_path / "anonymous.parquet",
        )
    known = frame.customers.histories
    assert known is not None
    assert known.anonymous is not None
    # 60 customers, or 15 of them
    assert known.anonymous.lines.tolist() == [8 * weight]
    assert known.products[col.PRODUCT_ID][known.anonymous.items[0]].as_py() == "p3"
    assert known.anonymous.days.tolist() == [(LIMIT - timedelta(1) - date(1970, 1, 1)).days]


def test_there_are_no_anonymous_sales_when_none_were_kept(tables: Path, tmp_path: Path) -> None:
    nothing = pa.schema([(col.PRODUCT_ID, pa.string()), (col.ORDER_DAY, pa.date32()), ("lines", pa.int64())])
    pq.write_table(nothing.empty_table(), tmp_path / "anonymous.parquet")
    products = pa.table({col.PRODUCT_ID: ["p3"]})
    assert anonymous_sales(tmp_path / "anonymous.parquet", products, LIMIT) is None


def test_a_figure_too_large_for_a_float32_is_null_among_customers() -> None:
    settings = FeatureSettings()
    names = [feature.name for feature in catalogue(settings)]
    table = pa.table(
        {col.CUSTOMER_ID: ["a", "b"], col.AS_OF: [date(2018, 1, 1)] * 2}
        | {name: pa.array([1e39, None] if name == "spend" else [2.0, -1e39]) for name in names}
    )
    found = as_customers(table, settings)
    np.testing.assert_array_equal(found.column("spend"), np.array([np.nan, np.nan], np.float32))
    np.testing.assert_array_equal(found.column("orders"), np.array([2, np.nan], np.float32))
