import numpy as np

from models.lookalike.likes import no_likes
from models.lookalike.prior import plain_prior
from models.lookalike.space import Points, Space
from models.lookalike.tastes import no_tastes
from models.rivals.centroid import Centroid


def points(*vectors: list[float]) -> Points:
    return Points(np.array(vectors), np.zeros(len(vectors)), np.zeros((len(vectors), 0), np.uint8))


def centroid() -> Centroid:
    space = Space(("a", "b"), *np.zeros((2, 2)), np.ones(2), no_tastes(), *np.empty((2, 0)), no_likes(), "a")
    return Centroid(space, points([0.0, 0.0]), 3.0, plain_prior(2))


# their mean is (10, 0), their deviations 1 and 2
BACKGROUND = points([9.0, 2.0], [11.0, 2.0], [9.0, -2.0], [11.0, -2.0])


def test_the_score_is_the_cosine_to_the_mean_of_the_seeds_among_those_who_are_ranked() -> None:
    seeds = points([12.0, 0.0], [12.0, 4.0], [12.0, 8.0])
    # standardised the seeds' mean is (2, 2)
    (scores,) = centroid().ranker([seeds], BACKGROUND)(points([13.0, 6.0], [10.0, 2.0], [9.0, -2.0], [10.0, 0.0]))
    np.testing.assert_allclose(scores, [1.0, np.sqrt(0.5), -1.0, 0.0])


def test_a_direction_that_is_constant_does_no_harm() -> None:
    flat = points([1.0, 0.0], [1.0, 2.0])
    (scores,) = centroid().ranker([points([1.0, 2.0])], flat)(flat)
    np.testing.assert_allclose(scores, [-1.0, 1.0])
