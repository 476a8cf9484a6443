import pytest

from tests.models.features.builders import Person, ago, features_of, member

NAMES = ("attribute_income", "attribute_age", "attribute_home_rents", "attribute_home_owns", "attribute_points")


def _attributes(*rows):
    row = features_of(Person(customers=rows))
    return tuple(row[name] for name in NAMES)


def test_the_newest_row_before_the_cutoff_holds():
    old = member(50, income="10", age="young", home="rents", points="1")
    new = member(1, income="20.5", age="old", home="owns", points="2")
    later = member(0, income="99", age="middle", home="rents", points="3")
    assert _attributes(later, new, old) == (20.5, 2, 0, 1, 2)


def test_an_undated_row_gives_undated_attributes_alone():
    assert _attributes(member(income="10", age="young", home="rents", points="1")) == (None, None, 1, 0, 1)


def test_a_dated_row_wins_over_an_undated_one():
    assert _attributes(member(home="rents", points="1"), member(3, home="owns")) == (None, None, 0, 1, None)


def test_the_later_time_of_a_day_holds_when_two_rows_share_it():
    late = member(3, income="1") | {"valid_from": ago(3, 20)}
    early = member(3, income="2") | {"valid_from": ago(3, 6)}
    assert _attributes(early, late)[0] == 1


@pytest.mark.parametrize("text", ["much", "", "nan", "inf", "1_000", "5d", "1,5", "0x10", "1e999"])
def test_a_numeric_attribute_is_null_when_it_is_not_a_plain_number(text):
    assert _attributes(member(3, income=text))[0] is None


@pytest.mark.parametrize(("text", "value"), [(" 7 ", 7), ("-2.5", -2.5), ("1e3", 1000), (".5", 0.5), ("5.", 5)])
def test_a_numeric_attribute_is_read_when_it_is_a_plain_number(text, value):
    assert _attributes(member(3, income=text))[0] == value


def test_an_attribute_is_null_when_its_value_is_not_a_level():
    assert _attributes(member(3, age="ancient", home="boat"))[1:4] == (None, None, None)
