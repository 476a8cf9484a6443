"""Horizons that a short history has room for, where the defaults have none."""

from collections.abc import Sequence
from datetime import date, timedelta

import ibis
import pandas as pd
import pyarrow as pa
from ibis.backends.duckdb import Backend

from models import predictions
from models.settings import CutoffSettings, ModelSettings
from models.source_settings import Notation
from training.check.proposals import USUAL_DAYS, toml_line
from training.check.room import Room
from training.notation import time_of

_STRAY = 0.005  # so many of the first and of the last days may be slips of the pen: 1900, 2099


def span_of(texts: "pd.Series[str]", formats: Sequence[str], bench: Backend) -> tuple[date, date] | None:
    """Return the first and the last day of written times, but for a few stray ones; None = there are none."""
    rows = ibis.memtable(pa.table({"text": pa.array(texts, pa.string(), from_pandas=True)}))
    days = time_of(rows["text"], Notation(times=tuple(formats)), "UTC").date()
    read = bench.to_pyarrow(days.name("day")).drop_null().sort().to_pylist()
    stray = int(len(read) * _STRAY)
    return (read[stray], read[-1 - stray]) if read else None


def fitting_sections(first: date, last: date) -> str:
    """Return sections of ``foresell.toml`` with horizons that fit between two days; empty = the defaults do, or none.

    Parameters
    ----------
    first, last : date
        First and last day of the order lines.
    """
    room = Room(CutoffSettings(), first, last + timedelta(days=1))
    usual = [days for days in USUAL_DAYS if room.holds(days)]
    if not usual:
        return ""
    sections = []
    for prediction in predictions(ModelSettings()):
        settings = prediction.settings.model_dump()
        wanted = settings["horizons"] if "horizons" in settings else [settings["horizon"]]
        if all(room.holds(days) for days in wanted):
            continue
        line = toml_line("horizons", usual[-2:]) if "horizons" in settings else toml_line("horizon", usual[-1])
        sections.append(f"[predictions.{prediction.name}]\n{line}")
    if not sections:
        return ""
    head = f"# the sample reaches from {first} to {last}: longer horizons do not fit; `foresell check` says more"
    return "\n\n".join([head, *sections]) + "\n"
