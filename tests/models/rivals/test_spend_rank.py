import numpy as np

from models.lookalike.space import Points
from models.rivals.spend_rank import LOWEST, spend_rank


def test_the_score_is_the_spend_and_somebody_unknown_comes_last() -> None:
    points = Points(np.zeros((3, 1)), np.array([4.5, -np.inf, -7.0]), np.zeros((3, 0), np.uint8))
    assert spend_rank(points).tolist() == [4.5, LOWEST, -7.0]
