import pytest

from models.lookalike.traits import in_figures


@pytest.mark.parametrize(
    ("value", "unit", "told"),
    [
        (0.376, "share", "38%"),
        (1_234.56, "money", "1,235"),
        (3.04, "orders", "3"),
        (2.44, "products", "2.4"),
        (0.0, "contacts", "0"),
        (-7.5, "money", "-7.5"),
    ],
)
def test_a_figure_is_told_as_people_write_it(value: float, unit: str, told: str) -> None:
    assert in_figures(value, unit) == told
