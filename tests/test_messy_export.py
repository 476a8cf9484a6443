"""A messy export of half a million lines, mapped by ``foresell init`` without an edit: every row is accounted for."""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from models import columns as col
from models.contracts import MALFORMED
from models.settings import Settings, load_settings
from tests.messy import (
    DOTTED_TIMES,
    EMOJI,
    ISO_TIMES,
    NATIVE_TIMES,
    REJECTED,
    SPACED,
    STRAYS,
    Line,
    Truth,
    write_messy_export,
)
from tests.processes import run_foresell
from training.quarantine import malformed_file, rejected_file

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

CENT = Decimal("0.0001")


@dataclass(frozen=True)
class Taken:
    """The export after ``init`` and ``check``: what was planted, and what is said and kept."""

    truth: Truth
    report: dict[str, Any]
    settings: Settings

    @property
    def counted(self) -> dict[str, Any]:
        """The report's counts of the order lines."""
        counted: dict[str, Any] = self.report["intake"]["tables"][col.ORDER_LINES]
        return counted

    def ask(self, query: str) -> list[Any]:
        """Ask the kept order lines, as ``lines``, and the products, as ``products``."""
        with duckdb.connect() as connection:
            for name, table in (("lines", col.ORDER_LINES), ("products", col.PRODUCTS)):
                connection.read_parquet(str(self.settings.tables / f"{table}.parquet")).create_view(name)
            return connection.execute(query).fetchall()

    def quarantined(self, file: str) -> list[dict[str, Any]]:
        """Return the rows of a file of the quarantine."""
        rows: list[dict[str, Any]] = pq.read_table(self.settings.quarantine / file).to_pylist()
        return rows


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Taken:
    folder = tmp_path_factory.mktemp("messy")
    truth = write_messy_export(folder / "online retail.csv")
    run_foresell("init", "online retail.csv", workspace=folder)
    report = json.loads(run_foresell("check", "--json", workspace=folder))
    return Taken(truth, report, load_settings(folder))


def test_every_row_is_accounted_for_by_its_rule_when_init_maps_a_messy_export(taken: Taken) -> None:
    counted, truth = taken.counted, taken.truth
    assert counted["read"] == len(truth.lines) == 500_000
    assert Counter(counted["rejected"]) == truth.rejected
    assert Counter(counted["set_aside"]) == truth.set_aside
    assert counted["kept"] == len(truth.kept)
    assert counted["duplicates"] == len(truth.of("duplicate"))
    assert counted["kept"] + truth.rejected.total() + truth.set_aside.total() == counted["read"]


def test_quarantine_holds_the_planted_lines_when_they_broke_a_rule(taken: Taken) -> None:
    malformed = taken.quarantined(malformed_file(col.ORDER_LINES))
    planted = {line.number for line in taken.truth.lines if REJECTED.get(line.kind or "") == MALFORMED}
    assert {row["line"] for row in malformed} == planted
    rows = taken.quarantined(rejected_file(col.ORDER_LINES))
    found = Counter((row["rule"], row[col.ORDER_ID], row[col.PRODUCT_ID], row[col.ORDERED_AT]) for row in rows)
    assert found == Counter(
        (REJECTED[line.kind], line.invoice, line.code, line.at)
        for line in taken.truth.lines
        if line.kind in REJECTED and line.number not in planted
    )


def test_ids_are_people_when_they_went_through_floats_or_look_alike(taken: Taken) -> None:
    found = dict(taken.ask("SELECT customer_id, count(*) FROM lines GROUP BY ALL"))
    assert found == Counter(line.customer.removesuffix(".0") for line in taken.truth.kept)
    assert {"007", "7", EMOJI, SPACED} <= set(found)
    assert not any(customer.endswith(".0") for customer in found)


def test_amounts_are_quantity_times_price_when_they_are_derived(taken: Taken) -> None:
    expected: dict[str, Decimal] = defaultdict(Decimal)
    for line in taken.truth.kept:
        expected[line.invoice] += amount(line)
    assert dict(taken.ask("SELECT order_id, sum(amount) FROM lines GROUP BY ALL")) == expected


def test_cancellations_and_adjustments_are_returns_when_an_invoice_begins_with_c(taken: Taken) -> None:
    cancelled = sum(line.invoice.startswith("C") for line in taken.truth.kept)
    ((lines, negative),) = taken.ask(
        "SELECT count(*), count(*) FILTER (quantity < 0 AND amount <= 0) FROM lines WHERE order_id LIKE 'C%'"
    )
    assert lines == negative == cancelled > 5_000
    ((adjusted,),) = taken.ask("SELECT count(*) FROM lines WHERE quantity < 0 AND order_id NOT LIKE 'C%'")
    assert adjusted == len(taken.truth.of("adjustment"))


def test_each_time_is_read_in_its_own_way_when_one_column_has_three(taken: Taken) -> None:
    ways = {"iso_date": ISO_TIMES, "dotted_date": DOTTED_TIMES}
    kept = Counter(
        datetime.strptime(line.at, ways.get(line.kind or "", NATIVE_TIMES)).replace(tzinfo=UTC).date()
        for line in taken.truth.kept
    )
    assert dict(taken.ask("SELECT order_day, count(*) FROM lines GROUP BY ALL")) == kept


def test_a_grouped_quantity_is_a_number_when_the_decimal_sign_is_a_point(taken: Taken) -> None:
    found = taken.ask("SELECT quantity FROM lines WHERE quantity >= 1000 AND quantity % 1 = 0.5 ORDER BY ALL")
    planted = sorted(Decimal(line.quantity.replace(",", "")) for line in taken.truth.of("grouped_quantity"))
    assert [quantity for (quantity,) in found] == planted


def test_products_have_their_most_frequent_description_when_lines_name_them(taken: Taken) -> None:
    said: dict[str, Counter[str]] = defaultdict(Counter)
    for line in taken.truth.lines:
        if (line.is_kept or not line.customer) and line.description:
            said[line.code][line.description] += 1
    names = dict(taken.ask("SELECT product_id, name FROM products WHERE name IS NOT NULL"))
    assert names == {
        code: min(found, key=lambda name, found=found: (-found[name], name)) for code, found in said.items()
    }
    assert not set(names) & set(STRAYS)


def test_both_customers_keep_their_lines_when_they_share_an_invoice(taken: Taken) -> None:
    shared = taken.ask("SELECT order_id FROM lines GROUP BY 1 HAVING count(DISTINCT customer_id) > 1")
    assert {order for (order,) in shared} == {line.invoice for line in taken.truth.of("shared_invoice")}


def amount(line: Line) -> Decimal:
    return (Decimal(line.quantity.replace(",", "")) * Decimal(line.price)).quantize(CENT, ROUND_HALF_UP)
