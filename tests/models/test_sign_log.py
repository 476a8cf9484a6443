import numpy as np
import pytest

from models.sign_log import medians_of, sign_log

NAN = np.nan


def test_a_median_is_that_of_the_known_rows_and_0_where_there_are_none() -> None:
    raw = np.array([[1, NAN, NAN], [5, 7, NAN], [2, NAN, NAN]], np.float32)
    assert medians_of(raw).tolist() == [2, 7, 0]
    assert medians_of(raw[:0]).tolist() == [0, 0, 0]


def test_the_logarithm_keeps_the_sign_and_null_is_the_median() -> None:
    found = sign_log(np.array([[0, -3, NAN]], np.float32), np.array([9.0, 9.0, 1.0]))
    assert found[0].tolist() == pytest.approx([0, -np.log(4), np.log(2)])


def test_rows_lie_one_after_the_other_whatever_they_came_from() -> None:
    assert sign_log(np.asfortranarray(np.ones((3, 2), np.float32)), np.zeros(2)).flags.c_contiguous
