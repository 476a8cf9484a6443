"""Our fits beside those of the package lifetimes, on the published summary of a tenth of CDNOW's customers.

The figures in the literature are those of Fader, Hardie and Lee (2005), table 2, and of Fader and Hardie's notes.
"""

import csv
import warnings
from importlib.metadata import files

import numpy as np
import pytest

from models.rivals import bg_nbd, pareto_nbd
from models.rivals.bg_nbd import FittedBGNBD
from models.rivals.pareto_nbd import FittedParetoNBD
from tests.synthetic import people

HORIZONS = (7, 30, 90, 365)


@pytest.fixture(scope="module")
def lifetimes():
    with warnings.catch_warnings():
        # pandas about an option that lifetimes sets when it is imported
        warnings.filterwarnings("ignore", "The 'mode.chained_assignment' option")
        import lifetimes
    return lifetimes


@pytest.fixture(scope="module")
def summary():
    """Repeat orders, weeks to the last one, weeks to the end, each of 2,357 customers."""
    (path,) = (file for file in files("lifetimes") if file.name == "cdnow_customers_summary.csv")
    with open(path.locate(), encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    return tuple(np.array([float(row[name]) for row in rows]) for name in ("frequency", "recency", "T"))


@pytest.fixture(scope="module")
def theirs(lifetimes, summary):
    with warnings.catch_warnings():
        # their search steps where the likelihood has no number
        warnings.simplefilter("ignore", RuntimeWarning)
        return {
            "bg_nbd": lifetimes.BetaGeoFitter().fit(*summary, tol=1e-9),
            "pareto_nbd": lifetimes.ParetoNBDFitter().fit(*summary, tol=1e-9),
        }


@pytest.fixture(scope="module")
def ours(summary):
    return {
        "bg_nbd": FittedBGNBD(*bg_nbd.fit_parameters(*summary), horizons=HORIZONS, silence=False),
        "pareto_nbd": FittedParetoNBD(*pareto_nbd.fit_parameters(*summary), horizons=HORIZONS, silence=False),
    }


def likelihood(name, parameters, summary) -> float:
    model = {"bg_nbd": bg_nbd, "pareto_nbd": pareto_nbd}[name]
    x, t_x, T = summary
    return float(model.log_likelihood(*parameters, x=x, t_x=t_x, T=T).sum())


@pytest.mark.parametrize(
    ("name", "published"),
    [("bg_nbd", (0.243, 4.414, 0.793, 2.426)), ("pareto_nbd", (0.553, 10.578, 0.606, 11.669))],
)
def test_parameters_are_the_published_ones(ours, name, published):
    # the penalty moves what the data hardly tell: the last two, by 3 % at most
    assert ours[name].parameters == pytest.approx(published, rel=0.03)


@pytest.mark.parametrize(("name", "published"), [("bg_nbd", -9582.4), ("pareto_nbd", -9595.0)])
def test_the_likelihood_is_the_published_one(ours, summary, name, published):
    assert likelihood(name, ours[name].parameters, summary) == pytest.approx(published, abs=0.1)


@pytest.mark.parametrize("name", ["bg_nbd", "pareto_nbd"])
def test_our_fit_is_at_least_as_likely_as_that_of_lifetimes(ours, theirs, summary, name):
    found = likelihood(name, ours[name].parameters, summary)
    assert found >= likelihood(name, theirs[name].params_.to_numpy(), summary) - 0.01


@pytest.mark.parametrize("name", ["bg_nbd", "pareto_nbd"])
def test_our_likelihood_is_that_of_lifetimes(theirs, summary, name):
    parameters = theirs[name].params_.to_numpy()
    # theirs is in a time scaled by 10 over the longest; its mean adds a constant for each repeat order
    scale = theirs[name]._scale
    expected = -theirs[name]._negative_log_likelihood_ * (len(summary[0]) if name == "bg_nbd" else 1)
    assert likelihood(name, parameters, summary) == pytest.approx(expected + summary[0].sum() * np.log(scale), rel=1e-9)


@pytest.mark.parametrize("name", ["bg_nbd", "pareto_nbd"])
def test_probabilities_of_being_alive_are_those_of_lifetimes(ours, theirs, summary, name):
    expected = theirs[name].conditional_probability_alive(*summary)
    np.testing.assert_allclose(ours[name].alive(*summary), expected, atol=0.01)


def test_probabilities_of_an_order_are_those_of_lifetimes(theirs, summary):
    fitted = FittedParetoNBD(*theirs["pareto_nbd"].params_.to_numpy(), horizons=HORIZONS, silence=False)
    x, t_x, T = (values[:300] for values in summary)
    customers = people(orders=x + 1, recency_days=(T - t_x) * 7, tenure_days=T * 7)
    expected = [
        1 - theirs["pareto_nbd"].conditional_probability_of_n_purchases_up_to_time(0, days / 7, x, t_x, T)
        for days in HORIZONS
    ]
    np.testing.assert_allclose(fitted.score(customers), np.column_stack(expected), atol=1e-5)
