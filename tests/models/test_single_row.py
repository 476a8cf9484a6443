from concurrent.futures import ThreadPoolExecutor

import lightgbm as lgb
import numpy as np
import pytest

from models.single_row import SingleRow

RNG = np.random.default_rng(1)
ROWS = RNG.normal(size=(400, 5)).astype(np.float32)
ROWS[RNG.random(ROWS.shape) < 0.2] = np.nan


@pytest.fixture(scope="module")
def booster() -> lgb.Booster:
    outcome = (np.nan_to_num(ROWS[:, 0]) + RNG.normal(size=400) > 0).astype(float)
    parameters = {"objective": "binary", "verbosity": -1, "num_threads": 1, "num_leaves": 7}
    return lgb.train(parameters, lgb.Dataset(ROWS, outcome), 20)


def test_each_row_scores_as_among_all_bit_for_bit(booster: lgb.Booster) -> None:
    single = SingleRow(booster)
    alone = [single.odds(ROWS[row : row + 1]) for row in range(len(ROWS))]
    assert alone == booster.predict(ROWS, raw_score=True).tolist()
    assert len(set(alone)) > 10


def test_threads_that_share_one_do_not_disturb_each_other(booster: lgb.Booster) -> None:
    single = SingleRow(booster)
    with ThreadPoolExecutor(4) as pool:
        alone = list(pool.map(lambda row: single.odds(ROWS[row : row + 1]), list(range(len(ROWS))) * 5))
    assert alone == booster.predict(ROWS, raw_score=True).tolist() * 5


@pytest.mark.parametrize(
    "features",
    [ROWS[:1, :4], ROWS[:2], ROWS[:1].astype(np.float64), np.asfortranarray(ROWS)[:1]],
    ids=["narrow", "two rows", "wide numbers", "apart in memory"],
)
def test_what_is_not_one_row_of_its_floats_is_refused(booster: lgb.Booster, features: np.ndarray) -> None:
    with pytest.raises(ValueError, match="is not one row of 5 floats"):
        SingleRow(booster).odds(features)
