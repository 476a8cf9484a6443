import numpy as np
import pytest
from scipy.optimize import OptimizeResult

from models.errors import NotConvergedError
from models.parts import npy_bytes
from models.rivals import bg_nbd, buy_till_you_die, pareto_nbd
from models.rivals.bg_nbd import BGNBD, FittedBGNBD
from models.rivals.buy_till_you_die import most_likely, newest_histories, repeat_orders
from models.rivals.pareto_nbd import FittedParetoNBD, ParetoNBD
from tests.synthetic import people

START = ((0.0, 0.0, 0.0, 0.0),)
PEAK = np.array([0.5, -1.0, 2.0, 0.0])


def hill(*parameters: float) -> np.ndarray:
    return -((np.log(parameters) - PEAK) ** 2)


def test_repeat_orders_are_counted_in_weeks_from_the_first_order():
    x, t_x, T = repeat_orders(people(orders=[1, 3], recency_days=[14, 7], tenure_days=[14, 28]))
    assert (x.tolist(), t_x.tolist(), T.tolist()) == ([0, 2], [0, 3], [2, 4])


@pytest.mark.parametrize("silence", [False, True])
@pytest.mark.parametrize(
    ("method", "fitted"),
    [
        (BGNBD, FittedBGNBD(r=0.5, alpha=2.0, a=0.25, b=8.0, horizons=(7, 30), silence=True)),
        (ParetoNBD, FittedParetoNBD(r=0.5, alpha=2.0, s=0.25, beta=8.0, horizons=(7, 30), silence=True)),
    ],
    ids=["bg_nbd", "pareto_nbd"],
)
def test_parts_keep_their_names_and_bytes_there_and_back(method, fitted, silence):
    parts = {
        "parameters.npy": npy_bytes(np.array([0.5, 2.0, 0.25, 8.0])),
        "horizons.npy": npy_bytes(np.array([7, 30])),
        "silence.npy": npy_bytes(np.array(True)),
    }
    loaded = method(silence).load(parts)
    assert (loaded, loaded.method, method(silence).name) == (fitted, method.name, method.name)
    assert loaded.parts() == parts


def test_few_are_drawn_from_many_by_the_seed(monkeypatch):
    monkeypatch.setattr(buy_till_you_die, "MAX_CUSTOMERS", 30)
    many = people(orders=range(1, 201), recency_days=[1] * 200, tenure_days=[50] * 200)
    one, again, other = (newest_histories(many, seed=seed)[0].tolist() for seed in (1, 1, 2))
    assert one == again != other
    assert len(set(one)) == 30


def test_the_highest_point_is_found():
    assert most_likely("hill", hill, START) == pytest.approx(np.exp(PEAK), rel=1e-3)


def test_a_search_that_gives_up_is_taken_on_by_another(monkeypatch):
    minimize = buy_till_you_die.minimize

    def gives_up(loss, start, method, **more):
        found = minimize(loss, start, method=method, **more)
        return found if method == "Nelder-Mead" else OptimizeResult(x=found.x + 0.1, fun=found.fun + 1, success=False)

    monkeypatch.setattr(buy_till_you_die, "minimize", gives_up)
    assert most_likely("hill", hill, START) == pytest.approx(np.exp(PEAK), rel=1e-3)


def test_what_has_no_highest_point_is_not_converged():
    with pytest.raises(NotConvergedError, match=r"^slope did not converge: .* from 1 starts nor Nelder-Mead found"):
        most_likely("slope", lambda *parameters: 1e9 * np.log(parameters) ** 2, START)


@pytest.mark.parametrize("model", [bg_nbd, pareto_nbd])
def test_a_history_that_is_no_number_is_not_converged(model):
    broken = np.full(100, np.nan)
    name = model.__name__.rpartition(".")[2]
    with pytest.raises(NotConvergedError, match=f"^{name} did not converge: neither L-BFGS-B from 2 starts"):
        model.fit_parameters(broken, broken, broken)


@pytest.mark.parametrize("model", [bg_nbd, pareto_nbd])
@pytest.mark.parametrize(
    ("orders", "recency", "tenure"),
    [([1] * 200, [30] * 200, [30] * 200), ([50] * 200, [1] * 200, [400] * 200), ([1] * 200, [0] * 200, [0] * 200)],
    ids=["nobody came back", "everybody alike", "all first ordered today"],
)
def test_a_fit_is_finite_when_there_is_little_to_learn(model, orders, recency, tenure):
    found = model.fit_parameters(*repeat_orders(people(orders=orders, recency_days=recency, tenure_days=tenure)))
    assert np.isfinite(found).all()
    assert min(found) > 0
