from tests.models.features.builders import Person, features_of, member


def test_the_first_joining_counts_when_there_are_several():
    assert features_of(Person(customers=[member(joined=9), member(joined=40), member()]))["member_days"] == 40


def test_membership_is_null_when_the_customer_joins_on_the_day_of_the_cutoff():
    assert features_of(Person(customers=[member(joined=0)]))["member_days"] is None
