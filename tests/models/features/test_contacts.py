from tests.models.features.builders import Person, contact, features_of


def test_contacts_and_answers_count_when_known_before_the_cutoff():
    sent = [contact(100, 99), contact(90), contact(30, -1), contact(10, 2), contact(0, 0), contact(-3)]
    row = features_of(Person(contacts=sent))
    assert (row["contacts"], row["contacts_90d"], row["contacts_30d"], row["contacts_answered"]) == (4, 3, 2, 2)
    assert (row["answer_rate"], row["answer_rate_90d"]) == (0.5, 1 / 3)
    assert (row["contact_recency_days"], row["answer_recency_days"]) == (10, 2)


def test_a_control_contact_was_not_sent():
    sent = [contact(5, 4, is_control=True), contact(9, is_control=False), contact(8, is_control=None)]
    row = features_of(Person(contacts=sent))
    assert (row["contacts"], row["contacts_answered"], row["answer_recency_days"]) == (2, 0, None)
