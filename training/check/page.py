"""The report as one self-contained HTML page: it holds examples of rejected rows, which are personal data."""

from pathlib import Path

from models.settings import Settings
from training.check.pictures import pictures
from training.check.proposals import toml
from training.check.report import CheckReport
from training.check.rows_out import rows_out
from training.html import environment, inline, replace_page
from training.wording import place_of

PAGE = "check.html"
"""Its name, in the workspace's ``data`` folder."""


def write_page(report: CheckReport, settings: Settings) -> Path:
    """Write the page beside the kept tables, in place of an older one, and return its path.

    Parameters
    ----------
    report : CheckReport
        From ``data_report``.
    settings : Settings
        The workspace's; the quarantine gives three examples of each rule.
    """
    return replace_page(page(report, settings), settings.tables.parent / PAGE)


def page(report: CheckReport, settings: Settings) -> str:
    """Return the page as HTML that needs no other file."""
    return (
        environment()
        .get_template(PAGE)
        .render(
            report=report,
            intake=report.intake,
            history=report.history,
            proposed=toml(report.proposals),
            pictures=[(each, inline(each.image)) for each in pictures(report)],
            out=[(each, place_of(each.file, settings)) for each in rows_out(report.intake, settings)],
        )
    )
