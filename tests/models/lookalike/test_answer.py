import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from pydantic import ValidationError

from models.errors import InvalidRequestError
from models.lookalike import audience, within
from models.lookalike.answer import find_audience
from models.lookalike.audience import Ranked, best, folds_of, wilson
from models.lookalike.messages import AudienceQuery, LookalikeRequest, LookalikeResponse
from models.prediction import Served
from models.purchases import channels_of
from models.settings import Attribute, FeatureSettings
from tests.models.lookalike.shops import PEOPLE, served_shop

NAMES = [f"{number:03d}" for number in range(PEOPLE)]
# the soap buyers are the even ones; these are some of them
SEEDS = NAMES[0:100:2]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return served_shop(tmp_path_factory.mktemp("store"), "seed_logistic")


def ask(served: Served, **asked: Any) -> LookalikeResponse:
    request = LookalikeRequest.model_validate({"seeds": SEEDS, **asked})
    answer = served.prediction.answer(served, request)
    assert isinstance(answer, LookalikeResponse)
    return answer


def found(answer: LookalikeResponse) -> list[str]:
    return [member.customer_id for member in answer.audience]


def test_those_who_buy_the_same_come_first_and_seeds_are_left_out(served: Served) -> None:
    answer = ask(served, size=60)
    assert all(int(name) % 2 == 0 for name in found(answer))
    assert not set(found(answer)) & set(SEEDS)
    assert [member.rank for member in answer.audience] == list(range(1, 61))
    scores = [member.score for member in answer.audience]
    assert scores == sorted(scores, reverse=True)
    assert (answer.seeds_known, answer.candidates, answer.notes) == (50, PEOPLE - 50, [])


def test_seeds_take_part_when_they_are_wanted(served: Served) -> None:
    answer = ask(served, size=PEOPLE // 2, include_seeds=True)
    assert set(SEEDS) <= set(found(answer))
    assert answer.candidates == PEOPLE


def test_a_share_is_of_the_candidates(served: Served) -> None:
    assert len(ask(served, share=0.1).audience) == (PEOPLE - 50) // 10


def test_the_curve_promises_what_the_other_half_holds(served: Served) -> None:
    quality = ask(served, size=60).quality
    sizes = [point.size for point in quality]
    assert sizes == sorted(sizes)
    assert 60 in sizes
    at_half = quality[-1]
    assert at_half.expected_recall == 1.0
    # the soap buyers that are no seeds share the first half with the hidden ones
    assert at_half.expected_lift == pytest.approx(2.0, abs=0.1)
    assert at_half.spend_rank_recall == pytest.approx(0.5, abs=0.2)
    recalls = [point.expected_recall for point in quality]
    assert recalls == sorted(recalls)


def test_traits_tell_what_sets_the_seeds_apart_in_words(tmp_path: Path) -> None:
    rich = ask(served_shop(tmp_path, "seed_logistic", rich_seeds=True), size=10)
    spend = next(trait for trait in rich.traits if trait.group == "spend")
    assert spend.direction == "higher"
    assert spend.deviations > 0.5
    assert spend.text.startswith("Spend: ")
    assert f"higher than usual ({spend.deviations:.1f} deviations)" in spend.text
    strengths = [abs(trait.deviations) for trait in rich.traits]
    assert strengths == sorted(strengths, reverse=True)


def test_duplicates_count_once_and_unknown_seeds_are_told(served: Served) -> None:
    answer = ask(served, seeds=[*SEEDS, *SEEDS, "nobody", "nobody", "else"], size=10)
    assert (answer.seeds_known, answer.seeds_unknown, answer.seeds_unknown_count) == (50, ["nobody", "else"], 2)
    assert found(answer) == found(ask(served, size=10))


def test_everybody_is_returned_and_it_is_said_when_more_are_wanted(served: Served) -> None:
    answer = ask(served, size=9_999)
    assert len(answer.audience) == PEOPLE - 50
    assert answer.notes == [f"9,999 customers were asked for; these are all {PEOPLE - 50} who may be in the audience"]


def test_the_audience_stays_within_a_list(served: Served) -> None:
    answer = ask(served, size=10, within=[*NAMES[100:120], "nobody", NAMES[0]])
    assert set(found(answer)) <= set(NAMES[100:120])
    assert answer.candidates == 20


def test_the_audience_stays_within_a_category(served: Served) -> None:
    bread = ask(served, size=1_000, within={"bought_category": "bakery"})
    assert set(found(bread)) == set(NAMES[1::2])
    never = ask(served, size=1_000, within={"never_bought_category": "care"})
    assert set(found(never)) == set(NAMES[1::2])


def test_the_audience_stays_within_an_attribute(tmp_path: Path) -> None:
    settings = FeatureSettings(
        attributes=(
            Attribute(name="age", kind="ordered", levels=("young", "old")),
            Attribute(name="home", kind="categorical", levels=("rents", "owns")),
            Attribute(name="income", kind="numeric"),
        )
    )
    shop = served_shop(tmp_path, "seed_logistic", settings=settings)
    for name, value in (("age", "old"), ("home", "rents"), ("income", 1)):
        some = ask(shop, size=1_000, within={"attributes": {name: value}})
        assert 0 < some.candidates < PEOPLE - 50
    for name, value, told in (
        ("aeg", "old", "unknown attribute 'aeg'; did you mean 'age'?"),
        ("age", "ancient", "unknown value 'ancient'; it is one of young, old"),
        ("income", "much", "'much' is not a number"),
    ):
        with pytest.raises(InvalidRequestError, match=rf"within.attributes.{name}: {told}".replace("?", r"\?")):
            ask(shop, size=10, within={"attributes": {name: value}})


def with_churn(served: Served, levels: list[int]) -> Served:
    """Serve churn in the same release: levels by row, -1 = not eligible."""
    churn = Mock(prepared={"level": np.array(levels, np.int8)})
    return replace(served, others={"churn": churn})


def test_the_audience_stays_within_a_level_of_churn(served: Served) -> None:
    # by turns low, medium, high and not eligible
    beside = with_churn(served, [0, 1, 2, -1] * (PEOPLE // 4))
    for level, first in (("low", 0), ("medium", 1), ("high", 2)):
        answer = ask(beside, size=1_000, within={"churn_level": level})
        assert set(found(answer)) == set(NAMES[first::4]) - set(SEEDS)


def test_the_audience_stays_within_a_channel(tmp_path: Path) -> None:
    shop, web = range(PEOPLE), range(0, PEOPLE, 3)
    channels = channels_of([*shop, *web], ["shop"] * len(shop) + ["web"] * len(web), count=PEOPLE)
    served = served_shop(tmp_path, "seed_logistic", channels=channels)
    assert set(found(ask(served, size=1_000, within={"channel": "web"}))) == set(NAMES[::3]) - set(SEEDS)
    assert ask(served, size=1, within={"channel": "shop"}).candidates == PEOPLE - len(SEEDS)
    told = r"within.channel: unknown channel 'wep'; did you mean 'web'\? \(there are: shop, web\)"
    with pytest.raises(InvalidRequestError, match=told):
        ask(served, size=1, within={"channel": "wep"})


def test_every_filter_must_hold(served: Served) -> None:
    beside = with_churn(served, [2] * 150 + [0] * 150)
    answer = ask(beside, size=1_000, within={"churn_level": "high", "bought_category": "bakery"})
    assert set(found(answer)) == set(NAMES[1:150:2])


def test_buyers_are_found_whatever_is_read_at_a_time(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(within, "CHUNK_PURCHASES", 7)
    assert set(found(ask(served, size=1_000, within={"bought_category": "bakery"}))) == set(NAMES[1::2])


def test_the_ranking_is_the_same_whatever_is_scored_at_a_time(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ask(served, size=60)
    monkeypatch.setattr(audience, "CHUNK_ROWS", 7)
    parts = ask(served, size=60)
    # the last bits of a product may depend on how many rows it has
    assert [member.score for member in parts.audience] == pytest.approx([member.score for member in whole.audience])
    assert set(found(parts)) == set(found(whole))


def test_it_is_said_when_the_expected_quality_is_empty(served: Served) -> None:
    answer = ask(served, size=5, within=SEEDS, include_seeds=True)
    assert set(found(answer)) <= set(SEEDS)
    assert answer.quality == []
    assert answer.notes == [
        "the quality is empty: all who may be in the audience are seeds, nobody is left to look for"
    ]


@pytest.mark.parametrize(
    ("asked", "told", "field"),
    [
        (
            {"within": {"churn_level": "high"}},
            "within.churn_level: release r000001 has no churn; leave it out, or train, promote and publish churn",
            "within.churn_level",
        ),
        (
            {"within": {"channel": "web"}},
            "within.channel: the order lines have no channel; leave it out",
            "within.channel",
        ),
        ({"seeds": SEEDS[:3]}, "seeds: 3 of 3 different seeds are known to the store, at least 20 are needed", "seeds"),
        (
            {"seeds": [*SEEDS[:5], *(f"x{number}" for number in range(15))]},
            "seeds: 5 of 20 different seeds are known to the store, at least 20 are needed",
            "seeds",
        ),
        (
            {"seeds": [*SEEDS[:5], *(f"x{number}" for number in range(15))], "include_seeds": True},
            "seeds: 5 of 20 different seeds are known to the store, at least 20 are needed; check the ids or send more",
            "seeds",
        ),
        ({"seeds": SEEDS[:10] * 5}, "seeds: 10 of 10 different seeds are known", "seeds"),
        ({"seeds": NAMES[:1] * 500}, "seeds: 1 of 1 different seeds are known to the store", "seeds"),
        ({"seeds": NAMES}, f"seeds: they are all {PEOPLE} customers of the store", "seeds"),
        ({"seeds": NAMES, "include_seeds": True}, f"seeds: they are all {PEOPLE} customers of the store", "seeds"),
        ({"within": ["nobody"]}, "within: none of the 1 customers is in the store", "within"),
        ({"within": SEEDS}, "within: all of these customers are seeds; set include_seeds", "within"),
        (
            {"within": {"bought_category": "bakry"}},
            "within.bought_category: unknown category 'bakry'; did you mean 'bakery'",
            "within.bought_category",
        ),
        (
            {"within": {"bought_category": "bakery", "never_bought_category": "bakery"}},
            "within: nobody in the store passes these filters",
            "within",
        ),
        (
            {"within": {"attributes": {"age": "old"}}},
            "within.attributes.age: unknown attribute 'age'; the model uses none",
            "within.attributes.age",
        ),
    ],
)
def test_one_line_says_what_is_wrong_when_nobody_can_be_told(
    served: Served, asked: dict[str, Any], told: str, field: str
) -> None:
    with pytest.raises(InvalidRequestError) as error:
        ask(served, size=10, **asked)
    assert told in error.value.message
    assert "\n" not in error.value.message
    assert error.value.field == field


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"size": 0}, "greater than or equal to 1"),
        ({"size": 10_001}, "foresell audience"),
        ({"share": 0}, "greater than 0"),
        ({"share": 1.5}, "less than or equal to 1"),
        ({}, "give either size"),
        ({"size": 5, "share": 0.1}, "not both"),
        ({"size": 5, "within": []}, "at least 1 item"),
        ({"size": 5, "within": {}}, "names no filter"),
        ({"size": 5, "within": {"attributes": {}}}, "names no filter: give one of bought_category"),
        ({"size": 5, "within": {"churn_level": "hihg"}}, "Input should be 'high', 'medium' or 'low'"),
        ({"size": 5, "within": {"chanel": "web"}}, "Extra inputs are not permitted"),
        ({"size": 5, "seeds": []}, "at least 1 item"),
        ({"size": 5, "seeds": [str(number) for number in range(200_000)]}, "at most 100000 items"),
    ],
)
def test_a_request_is_refused_when_it_is_not_one(asked: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        LookalikeRequest.model_validate({"seeds": SEEDS, **asked})


def test_an_audience_of_any_size_may_be_written_to_a_file() -> None:
    assert AudienceQuery.model_validate({"seeds": SEEDS, "size": 5_000_000}).size == 5_000_000


def test_a_share_of_too_many_is_sent_to_the_command_that_writes_a_file(served: Served) -> None:
    query = AudienceQuery.model_validate({"seeds": SEEDS, "share": 0.5})
    told = r"share: 0.5 of 250 candidates are 125 customers, more than the 100 ids of one answer; .* foresell audience"
    with pytest.raises(InvalidRequestError, match=told):
        find_audience(served, query, most=100)
    assert len(find_audience(served, query, most=125).rows) == 125


def test_features_alone_are_compared_when_there_are_no_products(tmp_path: Path) -> None:
    shop = served_shop(tmp_path, "seed_logistic", rich_seeds=True, products=False)
    answer = ask(shop, size=20)
    assert sum(int(name) % 2 == 0 for name in found(answer)) > 15
    assert len(answer.notes) == 1
    assert answer.notes[0].startswith("tastes are off: the data have no products")
    with pytest.raises(InvalidRequestError, match="the data have no product categories; leave it out"):
        ask(shop, size=10, within={"bought_category": "bakery"})


@pytest.mark.parametrize("method", ["centroid", "spend_rank"])
def test_a_rival_answers_where_it_is_the_one_released(tmp_path: Path, method: str) -> None:
    shop = served_shop(tmp_path, method)
    answer = ask(shop, size=30)
    if method == "centroid":
        assert all(int(name) % 2 == 0 for name in found(answer))
    else:
        spend = shop.store.features[shop.store.rows_of(found(answer)), shop.store.names.index("spend_90d")]
        assert (np.diff(spend) <= 0).all()
        assert [point.expected_lift for point in answer.quality] == [point.spend_rank_lift for point in answer.quality]
    json.dumps(answer.model_dump(mode="json"), allow_nan=False)


def test_people_without_an_order_take_part(served: Served) -> None:
    # the last one never ordered: all features of orders are null
    answer = ask(served, size=1_000)
    assert NAMES[-1] in found(answer)
    assert all(np.isfinite(member.score) for member in answer.audience)


def test_equal_scores_keep_the_order_of_the_store() -> None:
    assert best(np.array([1.0, 2.0, 1.0, 2.0]), np.array([0, 1, 2, 3]), 3).tolist() == [1, 3, 0]


def test_the_best_are_those_of_a_full_ranking() -> None:
    rng = np.random.default_rng(1)
    scores, candidates = rng.integers(0, 9, 200).astype(float), np.arange(0, 200, 2)
    order = np.argsort(-scores[candidates], kind="stable")
    for size in (1, 7, 99, 100):
        np.testing.assert_array_equal(best(scores, candidates, size), candidates[order[:size]])


def test_the_hidden_seeds_are_counted_among_the_best_by_hand() -> None:
    # two folds of one seed each (rows 0 and 1) among four others (rows 2 to 5)
    first = [5.0, 0.0, 9.0, 4.0, 3.0, 2.0]  # row 0 comes second of five
    second = [0.0, 4.0, 9.0, 8.0, 4.0, 4.0]  # row 1 shares the places 3 to 5 with two others
    spend = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]  # everybody is the same
    ranked = Ranked(np.zeros(6), np.array([first, second]), np.array([0, 1]), np.array(spend))
    found = ranked.quality(np.array([0, 1]), np.arange(2, 6), [1, 2, 3, 4])
    assert [point.expected_recall for point in found] == pytest.approx([0, 1 / 2, (1 + 1 / 3) / 2, (1 + 2 / 3) / 2])
    # by chance each place holds a fifth of a seed
    assert [point.expected_lift for point in found] == pytest.approx([0, 1.25, (4 / 3) / 1.2, (5 / 3) / 1.6])
    assert [point.spend_rank_recall for point in found] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert [point.spend_rank_lift for point in found] == pytest.approx([1, 1, 1, 1])


def test_lists_of_buyers_tell_what_drives_it_in_general(served: Served) -> None:
    customers = served.customers_at(np.arange(PEOPLE))
    strengths = served.prediction.drivers(served.fitted, customers, served.medians)
    # half buy soap, half bread: each list lies one deviation from everybody
    assert next(iter(sorted(strengths, key=lambda name: -strengths[name]))) == "Tastes (what is bought)"
    assert strengths["Tastes (what is bought)"] == pytest.approx(1, abs=0.01)
    assert strengths["spend"] < 0.3


def test_nothing_drives_it_in_general_when_nobody_bought_anything(tmp_path: Path) -> None:
    shop = served_shop(tmp_path, "seed_logistic", products=False)
    assert shop.prediction.drivers(shop.fitted, shop.customers_at(np.arange(PEOPLE)), shop.medians) == {}


@pytest.mark.parametrize(("count", "folds"), [(20, 10), (99, 10), (100, 5), (1_003, 5)])
def test_folds_are_as_large_as_each_other(count: int, folds: int) -> None:
    sizes = np.bincount(folds_of(count))
    assert len(sizes) == folds
    assert sizes.max() - sizes.min() <= 1


def test_seeds_who_never_ordered_are_answered(tmp_path: Path) -> None:
    shop = served_shop(tmp_path, "seed_logistic", strangers=40)
    strangers = NAMES[-40:]
    answer = ask(shop, seeds=strangers[:20], size=20)
    # nothing is known of them but that they bought nothing
    assert len(set(found(answer)) & set(strangers)) >= 10
    assert all(np.isfinite(member.score) for member in answer.audience)
    json.dumps(answer.model_dump(mode="json"), allow_nan=False)


def test_a_category_that_seeds_like_is_a_trait_in_words(tmp_path: Path) -> None:
    shop = served_shop(tmp_path, "seed_logistic", strangers=100)
    # of the even customers some are strangers who bought nothing
    taste = next(trait for trait in ask(shop, size=10).traits if trait.group == "taste")
    assert taste.text.startswith("Taste: purchases of care: typically 3 against 0, higher than usual (")
    assert taste.direction == "higher"


def test_one_answer_is_another_bit_for_bit(served: Served) -> None:
    assert ask(served, size=250) == ask(served, size=250)
    assert ask(served, size=250, seeds=SEEDS[::-1]) == ask(served, size=250)


def test_the_interval_of_a_share_is_the_hand_worked_one() -> None:
    # 10 of 40: (.25 + 1.92 / 40) / 1.096 +- 1.96 x sqrt(.25 x .75 / 40 + .96 / 1600) / 1.096
    low, high = wilson(np.array([0.25, 0.0, 1.0]), 40)
    np.testing.assert_allclose(low, [0.1419, 0.0, 0.9124], atol=1e-4)
    np.testing.assert_allclose(high, [0.4019, 0.0876, 1.0], atol=1e-4)


def test_the_interval_holds_the_expected_recall(served: Served) -> None:
    for point in ask(served, size=60).quality:
        assert point.expected_recall_low <= point.expected_recall <= point.expected_recall_high
