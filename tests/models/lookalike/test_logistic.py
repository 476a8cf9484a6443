import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from models.lookalike.logistic import fit_logistic, inverse_strength


@pytest.mark.parametrize("c", [0.0005, 0.01, 3.0])
def test_the_weights_are_those_of_scikit_learn(c: float) -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(300, 6))
    y = (x[:, 0] + rng.normal(size=300) > 1).astype(float)
    *weights, intercept = fit_logistic(x, y, np.ones(300), c=c)
    theirs = LogisticRegression(C=c, tol=1e-10, max_iter=10_000).fit(x, y)
    np.testing.assert_allclose(weights, theirs.coef_[0], atol=1e-5)
    assert intercept == pytest.approx(theirs.intercept_[0], abs=1e-4)


def test_weights_stay_finite_when_the_seeds_can_be_told_apart_for_certain() -> None:
    x = np.r_[np.full((20, 1), 5.0), np.full((200, 1), -5.0)]
    *weights, intercept = fit_logistic(x, np.r_[np.ones(20), np.zeros(200)], np.ones(220), c=1e3)
    assert np.isfinite([*weights, intercept]).all()
    assert weights[0] > 0


def test_the_strength_follows_rows_and_seeds() -> None:
    assert inverse_strength(2_050, 50, strength=3.0) * 2_050 == pytest.approx(3.0)
    assert inverse_strength(2_200, 200, strength=3.0) * 2_200 == pytest.approx(6.0)
