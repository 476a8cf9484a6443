"""``foresell check``: what the data holds, what was rejected, and what each prediction can expect of it."""

from training.check.page import PAGE, write_page
from training.check.report import CheckReport, data_report
from training.check.terminal import render
from training.check.verdicts import Verdict

__all__ = ["PAGE", "CheckReport", "Verdict", "data_report", "render", "write_page"]
