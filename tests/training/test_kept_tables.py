from datetime import date
from pathlib import Path

import duckdb
import pytest

from models import columns as col
from models.errors import ConcurrentChangeError
from models.settings import Settings
from training.ingest import ingest
from training.kept_tables import kept_tables

TODAY = date(2024, 6, 1)


@pytest.fixture
def config(tmp_path: Path) -> Settings:
    (tmp_path / "lines.csv").write_text("customer_id,ordered_at\na,2024-01-01\n")
    found = Settings(workspace=tmp_path, source={"order_lines": {"path": "lines.csv"}})
    ingest(found, today=TODAY)
    return found


def test_tables_are_read_when_they_stay_as_they_are(config: Settings) -> None:
    with kept_tables(config) as engine:
        assert engine.tables[col.ORDER_LINES].count().to_pyarrow().as_py() == 1


def test_reading_is_refused_when_an_intake_replaces_the_tables_meanwhile(config: Settings) -> None:
    def read_and_replace() -> None:
        with kept_tables(config):
            (config.workspace / "lines.csv").write_text("customer_id,ordered_at\na,2024-01-02\n")
            ingest(config, today=TODAY)

    with pytest.raises(ConcurrentChangeError, match="were replaced while they were read; run the command again"):
        read_and_replace()


def test_reading_is_refused_when_the_tables_are_not_those_that_are_meant(config: Settings) -> None:
    before = ingest(config, today=TODAY)
    (config.workspace / "lines.csv").write_text("customer_id,ordered_at\nb,2024-01-02\n")
    ingest(config, today=TODAY)
    with pytest.raises(ConcurrentChangeError), kept_tables(config, before):
        pass


def test_a_broken_disk_is_not_taken_for_another_intake_when_a_file_vanishes(config: Settings) -> None:
    def read_what_is_gone() -> None:
        with kept_tables(config) as engine:
            (config.tables / "order_lines.parquet").unlink()
            engine.tables[col.ORDER_LINES].count().to_pyarrow()

    with pytest.raises(duckdb.IOException):
        read_what_is_gone()
