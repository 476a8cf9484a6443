import re
from dataclasses import dataclass
from datetime import date, timedelta
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from models.settings import Settings
from training.check import CheckReport, data_report, write_page
from training.check.history import Period
from training.check.pictures import pictures
from training.check.rows_out import rows_out
from training.ingest import ingest
from training.quarantine import rejected_file

TODAY = date(2025, 1, 1)
FIRST = date(2024, 1, 1)


@dataclass
class Checked:
    settings: Settings
    report: CheckReport
    path: Path

    @property
    def html(self) -> str:
        return self.path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Checked:
    folder = tmp_path_factory.mktemp("dirty")
    lines = [f"c{day % 20},{FIRST + timedelta(days=day)},p{day % 7},{day}.5" for day in range(300)]
    lines += [f"<script>alert({number})</script>,never,p,1" for number in range(5)]
    lines += [f",{FIRST},p,1", f"{'x' * 300},{FIRST},p,1", f"c1,{FIRST},p,free"]
    (folder / "lines.csv").write_text("customer_id,ordered_at,product_id,amount\n" + "\n".join(lines) + "\n")
    settings = Settings(
        workspace=folder, source={"order_lines": {"path": "lines.csv"}}, intake={"max_rejected_share": 0.5}
    )
    report = data_report(ingest(settings, today=TODAY), settings)
    return Checked(settings, report, write_page(report, settings))


class Tags(HTMLParser):
    """Collects tags, and complains of ones that are not closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in {"meta", "img", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_needs_no_other_file_and_no_script(checked: Checked) -> None:
    tags = Tags(checked.html)
    assert tags.open == []
    assert not {"script", "link", "iframe"} & {tag for tag, _ in tags.found}
    sources = [given["src"] for tag, given in tags.found if tag == "img"]
    assert len(sources) == 7
    assert all(str(source).startswith("data:image/png;base64,") for source in sources)
    assert not re.search(r"(href|url\()", checked.html)


def test_every_picture_has_a_text_when_it_cannot_be_seen(checked: Checked) -> None:
    texts = [str(given["alt"]) for tag, given in Tags(checked.html).found if tag == "img"]
    assert all(len(text) > 20 for text in texts)
    assert texts[0].startswith("Orders and customers by day from 2024-01-01 to 2024-10-26: 1 orders in the mean day")


def test_what_a_customer_id_brings_is_text_and_no_markup(checked: Checked) -> None:
    assert "&lt;script&gt;alert(0)&lt;/script&gt;" in checked.html
    assert "<script" not in checked.html


def test_rows_out_have_counts_files_and_three_examples_when_there_are_more(checked: Checked) -> None:
    found = {each.rule: each for each in rows_out(checked.report.intake, checked.settings)}
    never = found["unreadable_ordered_at"]
    assert (never.kind, never.rows, len(never.examples)) == ("rejected", 5, 3)
    assert dict(never.examples[0]) == {
        "customer_id": "<script>alert(0)</script>",
        "ordered_at": "never",
        "product_id": "p",
        "amount": "1",
    }
    assert never.file == checked.settings.quarantine / rejected_file("order_lines")
    anonymous = found["anonymous"]
    assert (anonymous.kind, anonymous.rows, anonymous.describes) == ("set aside", 1, "no customer")
    assert dict(found["customer_id_too_long"].examples[0])["customer_id"] == "x" * 80 + "..."
    assert "amount_not_a_number" in found
    assert "data/quarantine/order_lines.parquet" in checked.html


def test_notes_are_on_the_page_as_on_the_terminal(checked: Checked) -> None:
    assert checked.report.notes
    listed = re.search(r"<h2>Notes</h2>\s*<ul>(.*?)</ul>", checked.html, re.DOTALL)
    assert listed
    assert [unescape(note) for note in re.findall("<li>(.*?)</li>", listed[1])] == list(checked.report.notes)


@pytest.mark.parametrize(("last", "end"), [(date(2024, 12, 1), "2024-12-01"), (date(2024, 12, 3), "2024-12-01")])
def test_the_caption_names_the_days_that_are_drawn_when_periods_are_weeks(
    checked: Checked, last: date, end: str
) -> None:
    # 2024-11-25 is a Monday; the week from 2024-12-02 is not over on its Tuesday
    mondays = [date(2024, 11, 18), date(2024, 11, 25), date(2024, 12, 2)]
    weeks = tuple(Period(first=day, orders=5, customers=5, new_customers=1) for day in mondays if day <= last)
    shown = checked.report.history.model_copy(
        update={"step": "week", "over_time": weeks, "first": date(2024, 11, 20), "last": last}
    )
    first, *_ = pictures(checked.report.model_copy(update={"history": shown}))
    assert first.told.startswith(f"Orders and customers by week from 2024-11-20 to {end}: 5 orders")


def test_the_page_begins_with_the_verdicts_and_ends_with_the_columns(checked: Checked) -> None:
    headings = re.findall(r"<h2>(.*?)</h2>", checked.html)
    assert headings == [
        "What each prediction can expect",
        "Notes",
        "Horizons by the customers' own gaps",
        "The history in pictures",
        "Rows in, rows kept",
        "Rows that were not kept",
        "Columns",
    ]
    for verdict in checked.report.verdicts:
        assert f"{verdict.prediction}, {verdict.horizon_days} days" in checked.html


def test_the_page_stays_as_it_was_when_writing_fails(checked: Checked, monkeypatch: pytest.MonkeyPatch) -> None:
    before = checked.html

    def broken(*_: object) -> str:
        raise OSError("disk full")

    monkeypatch.setattr("training.check.page.page", broken)
    with pytest.raises(OSError, match="disk full"):
        write_page(checked.report, checked.settings)
    assert checked.html == before
    assert [path.name for path in checked.path.parent.iterdir() if "check" in path.name] == ["check.html"]


def test_nothing_is_shown_of_a_quarantine_that_is_gone(checked: Checked, tmp_path: Path) -> None:
    elsewhere = checked.settings.model_copy(update={"workspace": tmp_path})
    assert all(each.examples == () for each in rows_out(checked.report.intake, elsewhere))
