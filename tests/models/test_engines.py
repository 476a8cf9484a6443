import os
import shutil
import sys
from random import Random

import numpy as np
import pyarrow.parquet as pq
import pytest

from models import columns as col
from models.engines import open_duckdb, open_spark
from models.errors import MissingDependencyError, SourceError
from models.features import catalogue, features
from models.labels import next_order
from tests.models.features.builders import AS_OF, SETTINGS, Person, line, spine, stack, story

NAMES = [feature.name for feature in catalogue(SETTINGS)]


@pytest.fixture(scope="module")
def people():
    random = Random(17)
    drawn = {f"drawn {at}": story(random).after for at in range(150)}
    edges = {
        "nothing": Person(),
        "one line": Person([line(1, "bread", amount="0.10", discount="0")]),
        "one return": Person([line(1, "bread", amount="-0.10")]),
        "a tie of departments": Person([line(9, "bread"), line(9, "soap")]),
        "equal gaps": Person([line(days) for days in (30, 20, 10)]),
        "large sums": Person([line(days, amount="999999999.9999") for days in range(1, 60)]),
        "grüße, 顧客": Person([line(7, "milk", amount="3")]),
    }
    return drawn | edges


@pytest.fixture(scope="module")
def folder(people, tmp_path_factory):
    made = tmp_path_factory.mktemp("tables")
    for name, table in stack(people).items():
        pq.write_table(table, made / f"{name}.parquet")
    return made


@pytest.fixture(scope="module")
def rows(people):
    days = (AS_OF, AS_OF.replace(month=1), AS_OF.replace(month=5))
    return spine(*((key, day) for key in (*people, "unknown") for day in days))


def _computed(engine, rows):
    on_engine = engine.spine(rows)
    figures = engine.to_arrow(features(engine.tables, on_engine, SETTINGS)).to_pandas()
    labels = engine.to_arrow(next_order(engine.tables, on_engine)).to_pandas()
    keys = [col.CUSTOMER_ID, col.AS_OF]
    return figures.sort_values(keys, ignore_index=True), labels.sort_values(keys, ignore_index=True)


def test_duckdb_gives_the_same_bits_when_threads_differ(folder, rows):
    with open_duckdb(folder, threads=1) as one, open_duckdb(folder, threads=2) as two:
        first, again = _computed(one, rows), _computed(two, rows)
    assert len(first[0]) == rows.num_rows
    assert first[0].equals(again[0])
    assert first[1].equals(again[1])


def test_a_spine_is_replaced_when_another_follows(folder):
    with open_duckdb(folder) as engine:
        engine.spine(spine(("one line", AS_OF), ("nothing", AS_OF)))
        second = engine.spine(spine(("one line", AS_OF)).to_pandas())
        assert engine.to_arrow(second).to_pylist() == [{"customer_id": "one line", "as_of": AS_OF}]


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(SourceError, match=r"no order_lines\.parquet in .*: run the intake"):
        open_duckdb(tmp_path)


def test_the_command_that_installs_spark_is_told_when_it_is_missing(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'foresell\[spark\]'"):
        open_spark(folder)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_spark_gives_duckdbs_figures_over_the_whole_catalogue(folder, rows):
    pytest.importorskip("pyspark", reason="pyspark is not installed: pip install 'foresell[spark]'")
    if not _java():
        pytest.skip("no java on this machine")
    with open_duckdb(folder) as duckdb, open_spark(folder) as spark:
        expected, got = _computed(duckdb, rows), _computed(spark, rows)
    for name in NAMES:
        np.testing.assert_allclose(got[0][name], expected[0][name], rtol=1e-9, atol=0, err_msg=name)
    for ours, theirs in zip(expected, got, strict=True):
        assert list(ours[col.CUSTOMER_ID]) == list(theirs[col.CUSTOMER_ID])
    np.testing.assert_array_equal(got[1][col.NEXT_ORDER_DAYS], expected[1][col.NEXT_ORDER_DAYS])


def _java():
    return os.environ.get("JAVA_HOME") or shutil.which("java")
