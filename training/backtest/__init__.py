"""``foresell backtest``: month by month, what would have been served, beside every method."""

from training.backtest.backtest import Backtest, backtest
from training.backtest.command import run_backtest
from training.backtest.terminal import render

__all__ = ["Backtest", "backtest", "render", "run_backtest"]
