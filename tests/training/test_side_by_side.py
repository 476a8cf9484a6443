import os
from datetime import date
from pathlib import Path

import pytest

from models.errors import NotEnoughDataError, NotEnoughMemoryError
from models.settings import load_settings
from tests.shop import CONFIG, open_shop
from training.ingest import ensure_tables
from training.registry import CHAMPION
from training.side_by_side import champions
from training.tracking import Tracker

TODAY = date(2026, 11, 1)


def test_champions_are_made_at_once_where_nothing_was_tracked_yet_and_one_that_is_refused_stops_no_other(
    tmp_path: Path,
) -> None:
    workspace = open_shop(tmp_path)
    (workspace / "foresell.toml").write_text(
        CONFIG.replace("horizon = 14\n\n[predictions.rep", "horizon = 180\n\n[predictions.rep")
    )
    settings = load_settings(workspace)
    ensure_tables(settings, today=TODAY)
    made = {each.prediction: each for each in champions(settings, ("repurchase", "lookalike", "churn"), today=TODAY)}
    assert isinstance(made["churn"].refused, NotEnoughDataError)
    assert made["churn"].lines == ()
    tracker = Tracker(settings)
    for name in ("repurchase", "lookalike"):
        assert made[name].refused is None
        trained, promoted = made[name].lines
        assert trained["sentence"].startswith("version 1 is the challenger: ")
        assert promoted["sentence"].startswith("version 2 is the champion")
        assert tracker.require_alias(name, CHAMPION).version == promoted["version"] == 2


def killed(*_: object) -> None:
    os._exit(9)


def test_one_line_says_what_to_do_when_a_process_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.side_by_side._champion", killed)
    settings = load_settings(open_shop(tmp_path))
    with pytest.raises(NotEnoughMemoryError, match=r"\Aa process that trained was killed, [^\n]+max_examples\Z"):
        list(champions(settings, ("churn", "repurchase", "lookalike"), today=TODAY))
