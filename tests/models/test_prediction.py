from datetime import date

import numpy as np
import pytest

from models.prediction import Examples
from tests.synthetic import people


def labelled() -> Examples:
    customers = people(recency_days=[1, 2, 3, 4], orders=[5, 6, 7, 8])
    as_of = np.array(["2017-01-01", "2017-02-01", "2017-02-01", "2017-03-01"], dtype="datetime64[D]")
    customers = type(customers)(customers.ids, as_of, customers.features, customers.names)
    return Examples(customers, {"next_order_days": np.array([10.0, 20, 30, 40])}, date(2017, 3, 31))


def ids(found: Examples) -> list[str]:
    return list(found.customers.ids)


def test_a_column_is_found_by_its_name():
    customers = labelled().customers
    assert customers.column("orders").tolist() == [5, 6, 7, 8]
    with pytest.raises(ValueError, match="not in tuple"):
        customers.column("spend")


@pytest.mark.parametrize("rows", [np.array([2, 0]), np.array([2, 0], np.int32)])
def test_rows_are_taken_in_the_order_given(rows):
    taken = labelled().customers.take(rows)
    assert taken.ids == ["c2", "c0"]
    assert taken.features.tolist() == [[3, 7], [1, 5]]
    assert taken.as_of.astype(str).tolist() == ["2017-02-01", "2017-01-01"]
    assert len(taken) == 2


def test_rows_are_taken_where_a_mask_is_true():
    taken = labelled().customers.take(np.array([False, True, False, True]))
    assert taken.ids == ["c1", "c3"]
    assert taken.features.tolist() == [[2, 6], [4, 8]]


def test_no_row_is_taken_when_none_is_asked_for():
    taken = labelled().customers.take(np.zeros(4, bool))
    assert (taken.ids, taken.features.shape, taken.as_of.shape) == ([], (0, 2), (0,))


def test_labels_go_with_their_customers():
    taken = labelled().take(np.array([False, False, True, True]))
    assert ids(taken) == ["c2", "c3"]
    assert taken.labels["next_order_days"].tolist() == [30, 40]
    assert len(taken) == 2


def test_observed_days_run_from_each_cutoff_to_the_limit():
    assert labelled().observed_days.tolist() == [89, 58, 58, 30]


def test_rows_are_found_by_cutoff():
    assert ids(labelled().at([date(2017, 2, 1)])) == ["c1", "c2"]
    assert ids(labelled().at([date(2017, 3, 1), date(2017, 1, 1)])) == ["c0", "c3"]
    assert ids(labelled().at([])) == []


def test_what_was_known_at_a_limit_has_no_later_row_and_a_shorter_sight():
    known = labelled().known_by(date(2017, 2, 1))
    assert ids(known) == ["c0", "c1", "c2"]
    assert known.limit == date(2017, 2, 1)
    assert known.observed_days.tolist() == [31, 0, 0]
