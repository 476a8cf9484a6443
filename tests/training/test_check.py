import io
from datetime import date, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from models.settings import Settings
from training.check import CheckReport, data_report, render
from training.ingest import ingest

FIRST = date(2024, 1, 1)
TODAY = date(2025, 1, 1)


def check(folder: Path, days: int) -> CheckReport:
    """Customer ``a`` orders every day, ``b`` on the first one, ``c`` only brings something back."""
    lines = [f"a,{FIRST + timedelta(days=day)},1" for day in range(days)]
    lines += [f"b,{FIRST},1", f"c,{FIRST + timedelta(days=1)},-1", f",{FIRST},1", "a,never,1"]
    (folder / "lines.csv").write_text("customer_id,ordered_at,amount\n" + "\n".join(lines) + "\n")
    config = Settings(
        workspace=folder, source={"order_lines": {"path": "lines.csv"}}, intake={"max_rejected_share": 0.5}
    )
    return data_report(ingest(config, today=TODAY), config)


def text(report: CheckReport) -> str:
    buffer = io.StringIO()
    Console(file=buffer, width=200).print(render(report))
    return buffer.getvalue()


def test_report_counts_customers_and_orders_when_some_lines_are_returns(tmp_path: Path) -> None:
    report = check(tmp_path, days=360)
    assert (report.customers, report.orders) == (3, 361)
    assert CheckReport.model_validate_json(report.model_dump_json()) == report


def test_predictions_are_ready_when_the_history_is_long_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.check.MIN_EXAMPLES", 1)
    verdicts = {(v.prediction, v.horizon_days): v for v in check(tmp_path, days=360).verdicts}
    assert set(verdicts) >= {("churn", 30), ("repurchase", 7), ("repurchase", 30), ("repurchase", 90)}
    churn, repurchase = verdicts["churn", 30], verdicts["repurchase", 7]
    assert churn.ready
    assert (churn.eligible, churn.history_days, churn.whole_horizons) == (1, 360, 12)
    assert (repurchase.ready, repurchase.eligible, repurchase.whole_horizons) == (True, 2, 51)


def test_prediction_is_not_ready_when_few_customers_are_eligible(tmp_path: Path) -> None:
    verdict = next(v for v in check(tmp_path, days=360).verdicts if v.prediction == "churn")
    assert not verdict.ready
    assert "1 customers eligible at 2024-12-26, at least 100 are needed" in verdict.sentence


def test_prediction_is_not_ready_when_a_column_that_it_needs_is_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.check.MIN_EXAMPLES", 1)
    verdicts = {verdict.prediction: verdict for verdict in check(tmp_path, days=360).verdicts}
    assert [name for name, verdict in verdicts.items() if not verdict.ready] == ["next-best-product"]
    said = "the order lines have no product_id: name yours under [source.order_lines] columns"
    assert verdicts["next-best-product"].sentence == said


def test_prediction_is_not_ready_when_the_history_is_short(tmp_path: Path) -> None:
    verdicts = {(v.prediction, v.horizon_days): v for v in check(tmp_path, days=40).verdicts}
    assert not verdicts["churn", 30].ready
    assert "40 days of data" in verdicts["churn", 30].sentence
    assert "shorten the horizon" in verdicts["churn", 30].sentence


def test_terminal_shows_counts_rules_and_verdicts_when_rendered(tmp_path: Path) -> None:
    shown = text(check(tmp_path, days=40))
    assert "3 customers, 41 orders, 2024-01-01 to 2024-02-09; as of 2024-02-10" in shown
    assert "rejected: 1 of order_lines: ordered_at is not a date or a time (unreadable_ordered_at)" in shown
    assert "set aside: 1 of order_lines without a customer (anonymous_order_lines.parquet)" in shown
    assert "No product_id in order_lines" in shown
    assert "not ready  churn, 30 days: 40 days of data" in shown
