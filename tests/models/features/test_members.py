from tests.models.features.builders import Person, features_of, member


def test_the_first_joining_counts_when_there_are_several():
    assert features_of(Person(customers=[member(joined=9), member(joined=40), member()]))["member_days"] == 40


def test_membership_is_null_when_the_customer_joins_on_the_day_of_the_cutoff():
    assert features_of(Person(customers=[member(joined=0)]))["member_days"] is None


def test_an_earlier_joining_day_is_not_seen_when_it_was_written_at_the_cutoff():
    assert features_of(Person(customers=[member(joined=9), member(valid=0, joined=40)]))["member_days"] == 9
    assert features_of(Person(customers=[member(joined=9), member(valid=1, joined=40)]))["member_days"] == 40
