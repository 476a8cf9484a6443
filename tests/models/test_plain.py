import pytest

from models.errors import InvalidModelOutputError
from models.plain import only_finite


def test_finite_data_come_back_as_they_are() -> None:
    data = {"a": [1.5, None, "nan", {"b": 2}], "c": True}
    assert only_finite(data) is data


@pytest.mark.parametrize("figure", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("deep", [False, True])
def test_a_figure_that_is_not_finite_is_found_at_any_depth(figure: float, deep: bool) -> None:
    data = {"a": [{"b": [1.0, figure]}]} if deep else {"a": figure}
    with pytest.raises(InvalidModelOutputError, match="not finite; roll the release back"):
        only_finite(data)
