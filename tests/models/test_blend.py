from dataclasses import replace

import numpy as np
import pytest

from models.blend import HISTORY, LINE, PROCESS, SHARES, TREES, Blend, FittedBlend
from models.boosting import Boosting
from models.errors import NotConvergedError, NotEnoughDataError
from models.methods import log_odds
from models.prediction import Customers
from models.rivals.bg_nbd import BGNBD
from models.rivals.logistic import WIDE, Logistic
from tests.synthetic import NAMES, examples

LEARNT = examples(250)
DAYS = LEARNT.labels["next_order_days"]
TARGET = np.column_stack([DAYS < 7, DAYS < 30]).astype(float)
TARGET[np.isnan(LEARNT.customers.column("recency_days"))] = np.nan
ORDERED = LEARNT.customers.take(LEARNT.customers.column("orders") > 0)
FEW = {"trees": [12, 8]}


def fit(customers: Customers = LEARNT.customers, target: np.ndarray = TARGET) -> FittedBlend:
    return Blend(silence=False).fit(customers, target, horizons=[7, 30], seed=1, choices=FEW)


@pytest.fixture(scope="module")
def fitted() -> FittedBlend:
    return fit()


def test_a_score_is_the_mean_of_the_voices_in_log_odds(fitted):
    options = {"horizons": [7, 30], "seed": 1}
    voices = {
        TREES: Boosting().fit(LEARNT.customers, TARGET, choices=FEW, **options),
        LINE: WIDE.fit(LEARNT.customers, TARGET, **options),
        PROCESS: BGNBD(silence=False).fit(LEARNT.customers, TARGET, **options),
    }
    expected = sum(SHARES[name] * log_odds(voice.score(ORDERED)) for name, voice in voices.items())
    assert sum(SHARES.values()) == pytest.approx(1)
    assert log_odds(fitted.score(ORDERED)) == pytest.approx(expected, abs=1e-6)


def test_one_row_scores_as_many_do_bit_for_bit(fitted):
    many = fitted.score(ORDERED)
    singles = [fitted.score(ORDERED.take(np.array([row])))[0] for row in range(0, len(ORDERED), 31)]
    np.testing.assert_array_equal(many[::31], singles)


def test_loaded_parts_score_bit_for_bit(fitted):
    loaded = Blend(silence=False).load(dict(reversed(fitted.parts().items())))
    np.testing.assert_array_equal(loaded.score(ORDERED), fitted.score(ORDERED))
    assert (loaded.parts(), loaded.choices) == (fitted.parts(), fitted.choices)


def test_the_trees_choices_are_its_own_and_are_frozen_when_given(fitted):
    assert fitted.choices == FEW


def test_contributions_add_up_to_the_log_odds_but_for_one_constant(fitted):
    for output in (0, 1):
        contributions = fitted.contributions(ORDERED, output)
        assert contributions.shape == (len(ORDERED), len(NAMES))
        base = log_odds(fitted.score(ORDERED)[:, output]) - contributions.sum(axis=1)
        assert base == pytest.approx(np.full(len(ORDERED), base[0]), abs=1e-6)


def test_a_customer_with_every_median_is_told_nothing_by_the_line_and_the_process(fitted):
    assert fitted.line.inputs == NAMES
    medians = np.array([fitted.line.median(name) for name in NAMES], np.float32)[None]
    usual = replace(ORDERED.take(np.array([0])), features=medians)
    trees = SHARES[TREES] * fitted.trees.contributions(usual, 1)
    assert fitted.contributions(usual, 1) == pytest.approx(trees, abs=1e-6)


def test_the_process_moves_the_numbers_that_it_reads_alone(fitted):
    shares = SHARES[TREES] * fitted.trees.contributions(ORDERED, 1) + SHARES[LINE] * fitted.line.contributions(
        ORDERED, 1
    )
    moved = np.abs(fitted.contributions(ORDERED, 1) - shares).max(axis=0) > 1e-9
    assert {name for name, each in zip(NAMES, moved, strict=True) if each} == set(HISTORY)


def test_somebody_with_absurd_figures_is_still_given_a_probability(fitted):
    features = ORDERED.features[:6].copy()
    features[0], features[1], features[2] = 1e30, 0, -1e30
    features[3, 1:] = np.nan
    features[:, NAMES.index("orders")] = [1e6, 1, 1, 2, 1, 1]
    features[:, NAMES.index("recency_days")] = [0, 1e5, 1, 3, 1, 1]
    features[:, NAMES.index("tenure_days")] = [1e5, 1e5, 1, 30, 1, 1]
    scores = fitted.score(replace(ORDERED.take(np.arange(6)), features=features))
    assert ((scores >= 0) & (scores <= 1)).all()


@pytest.mark.parametrize("value", [np.nan, 4.0])
def test_a_feature_that_is_null_or_constant_for_everybody_does_no_harm(value):
    features = LEARNT.customers.features.copy()
    features[:, NAMES.index("spend")] = value
    scores = fit(replace(LEARNT.customers, features=features)).score(ORDERED)
    assert ((scores > 0) & (scores < 1)).all()


def test_one_class_is_refused():
    with pytest.raises(NotEnoughDataError, match="every example of 7 days has the same outcome"):
        fit(target=np.ones_like(TARGET))


def no_answer(*args: object, **kwargs: object) -> None:
    raise NotConvergedError("no answer")


@pytest.mark.parametrize(
    ("missing", "shares"),
    [
        (["wide_logistic"], {TREES: 2 / 3, PROCESS: 1 / 3}),
        (["bg_nbd"], {TREES: 2 / 3, LINE: 1 / 3}),
        (["wide_logistic", "bg_nbd"], {TREES: 1}),
    ],
)
def test_a_voice_that_does_not_converge_gives_its_share_to_the_others(fitted, monkeypatch, missing, shares):
    voices = {TREES: fitted.trees, LINE: fitted.line, PROCESS: fitted.process}
    expected = sum(share * log_odds(voices[name].score(ORDERED)) for name, share in shares.items())
    if "wide_logistic" in missing:
        monkeypatch.setattr(Logistic, "fit", no_answer)
    if "bg_nbd" in missing:
        monkeypatch.setattr(BGNBD, "fit", no_answer)
    found = fit()
    assert found.shares == pytest.approx(shares)
    assert log_odds(found.score(ORDERED)) == pytest.approx(expected, abs=1e-6)
    assert found.choices == {**FEW, "without": missing}
    contributions = found.contributions(ORDERED, 1)
    base = log_odds(found.score(ORDERED)[:, 1]) - contributions.sum(axis=1)
    assert base == pytest.approx(np.full(len(ORDERED), base[0]), abs=1e-6)
    loaded = Blend(silence=False).load(found.parts())
    assert (loaded.parts(), loaded.choices) == (found.parts(), found.choices)
    np.testing.assert_array_equal(loaded.score(ORDERED), found.score(ORDERED))
    np.testing.assert_array_equal(loaded.contributions(ORDERED, 1), contributions)


def test_a_voice_that_was_missing_stays_so_when_the_choices_are_given_back(fitted):
    again = Blend(silence=False).fit(
        LEARNT.customers, TARGET, horizons=[7, 30], seed=1, choices={**FEW, "without": ["wide_logistic"]}
    )
    assert (again.line, again.process) == (None, fitted.process)
