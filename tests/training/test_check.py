import io
from datetime import date, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from models import predictions
from models.features import features
from models.settings import Attribute, FeatureSettings, Settings, load_settings
from tests.commands import Command
from tests.shop import open_shop
from training.check import CheckReport, data_report, render
from training.cutoffs import plan
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
    monkeypatch.setattr("training.check.verdicts.MIN_EXAMPLES", 1)
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
    monkeypatch.setattr("training.check.verdicts.MIN_EXAMPLES", 1)
    verdicts = {verdict.prediction: verdict for verdict in check(tmp_path, days=360).verdicts}
    assert [name for name, verdict in verdicts.items() if not verdict.ready] == ["next-best-product"]
    said = "the order lines have no product_id: name yours under [source.order_lines] columns"
    assert verdicts["next-best-product"].sentence == said


def test_prediction_is_not_ready_when_the_history_is_short(tmp_path: Path) -> None:
    verdicts = {(v.prediction, v.horizon_days): v for v in check(tmp_path, days=40).verdicts}
    assert not verdicts["churn", 30].ready
    assert "40 days of data" in verdicts["churn", 30].sentence


def test_terminal_shows_counts_rules_and_verdicts_when_rendered(tmp_path: Path) -> None:
    shown = text(check(tmp_path, days=40))
    assert "3 customers, 41 orders, 2024-01-01 to 2024-02-09; as of 2024-02-10" in shown
    assert "rejected: 1 of order_lines: ordered_at is not a date or a time (unreadable_ordered_at)" in shown
    assert "set aside: 1 of order_lines: no customer (anonymous, set_aside_order_lines.parquet)" in shown
    assert "No product_id in order_lines" in shown
    # neither the tables that the source lacks nor the column of the forgotten are shown
    heading = ["table", "read", "kept", "rejected", "malformed", "set", "aside", "duplicates", "from", "to"]
    assert [line.split() for line in shown.splitlines() if line.startswith("table")] == [heading]
    counts = ["order_lines", "44", "42", "1", "0", "1", "0", "2024-01-01", "2024-02-09"]
    assert [line.split() for line in shown.splitlines() if line.startswith("order_lines")] == [counts]
    assert "not ready  churn, 30 days: 40 days of data" in shown
    assert "proposed by the customers' gaps between orders: churn active_days = 7" in shown


def test_label_windows_end_before_it_when_the_history_ends_with_a_half_month(tmp_path: Path) -> None:
    workspace = open_shop(tmp_path)
    # the shop's 200 days end on 2024-07-18: of the first half of July, one customer in six was delivered
    thin, final = date(2024, 7, 4), date(2024, 7, 15)
    head, *lines = (workspace / "orders.csv").read_text().splitlines()
    kept = [line for line in lines if _day(line) < thin or (_day(line) <= final and int(line[:3]) % 6 == 0)]
    (workspace / "orders.csv").write_text("\n".join([head, *kept]) + "\n")
    settings = load_settings(workspace)
    report = data_report(ingest(settings, today=TODAY), settings)
    last = report.intake.last_complete_day
    assert last == date(2024, 7, 3)
    (note,) = [note for note in report.intake.notes if "are incomplete" in note]
    assert note.startswith("2024-07-04 to 2024-07-15 are incomplete (")
    assert "days count until 2024-07-03" in note
    assert note in text(report).replace("\n", " ")
    for prediction in predictions(settings.models):
        laid = plan(settings.cutoffs, prediction.tasks, first_day=date(2024, 1, 1), end=report.intake.as_of)
        for task in prediction.tasks:
            for cutoff in (laid.test[task.tag], *laid.validation[task.tag]):
                assert cutoff + timedelta(days=task.horizon - 1) <= last


def test_the_page_is_written_and_its_path_printed_when_people_ask(command: Command, tmp_path: Path) -> None:
    workspace = open_shop(tmp_path, customers=20)
    page = workspace / "data" / "check.html"
    said = command("check", "--workspace", workspace)
    assert said.code == 0
    assert said.out.replace("\n", "").endswith(f"The whole report, with plots and examples: {page}")
    page.unlink()
    said = command("check", "--workspace", workspace, "--json")
    assert CheckReport.model_validate_json(said.out).orders > 0
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_open_questions_of_the_configuration_are_repeated_when_there_are_any(tmp_path: Path) -> None:
    asked = "foresell.toml has 2 lines marked QUESTION: settle them."
    assert asked not in check(tmp_path, days=40).notes
    (tmp_path / "foresell.toml").write_text(
        '# What could not be settled is marked "QUESTION:".\n# QUESTION: timezone?\n'
        'timezone = "UTC"  # QUESTION: where?\nname = "QUESTION: no comment"\n'
    )
    report = check(tmp_path, days=40)
    assert report.notes[0] == asked
    assert f"- {asked}" in text(report)


def test_notes_on_the_end_of_the_data_are_neighbours_when_there_are_two(tmp_path: Path) -> None:
    notes = check(tmp_path, days=350).notes  # until 2024-12-15, 17 days before
    assert not any("days ago" in note for note in notes)
    notes = check(tmp_path, days=320).notes
    (at,) = [number for number, note in enumerate(notes) if "in the middle of a month" in note]
    assert "days ago" in notes[at + 1]


def test_sensitive_attributes_are_not_computed_when_the_eligible_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training.check import report as module

    seen = []

    def noted(tables: object, spine: object, settings: FeatureSettings) -> object:
        seen.extend(settings.attributes)
        return features(tables, spine, settings)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "features", noted)
    workspace = open_shop(tmp_path, customers=20)
    settings = load_settings(workspace)
    hidden = Attribute(name="secret", kind="numeric", sensitive=True)
    settings = settings.model_copy(update={"features": settings.features.model_copy(update={"attributes": (hidden,)})})
    data_report(ingest(load_settings(workspace), today=TODAY), settings)
    assert seen == []


def _day(line: str) -> date:
    return date.fromisoformat(line.split(",")[1][:10])
