import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from models.errors import InvalidRequestError
from models.lookalike.audience import best, folds_of
from models.lookalike.messages import AudienceQuery, LookalikeRequest, LookalikeResponse
from models.prediction import Served
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


@pytest.mark.parametrize(
    ("asked", "told", "field"),
    [
        ({"seeds": SEEDS[:3]}, "seeds: 3 of 3 different seeds are known to the store, at least 20 are needed", "seeds"),
        (
            {"seeds": [*SEEDS[:5], *(f"x{number}" for number in range(15))]},
            "seeds: 5 of 20 different seeds are known to the store, at least 20 are needed",
            "seeds",
        ),
        ({"seeds": SEEDS[:10] * 5}, "seeds: 10 of 10 different seeds are known", "seeds"),
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
        ({"size": 5, "seeds": []}, "at least 1 item"),
        ({"size": 5, "seeds": [str(number) for number in range(200_000)]}, "at most 100000 items"),
    ],
)
def test_a_request_is_refused_when_it_is_not_one(asked: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        LookalikeRequest.model_validate({"seeds": SEEDS, **asked})


def test_an_audience_of_any_size_may_be_written_to_a_file() -> None:
    assert AudienceQuery.model_validate({"seeds": SEEDS, "size": 5_000_000}).size == 5_000_000


def test_features_alone_are_compared_when_there_are_no_products(tmp_path: Path) -> None:
    shop = served_shop(tmp_path, "seed_logistic", rich_seeds=True, products=False)
    answer = ask(shop, size=20)
    assert sum(int(name) % 2 == 0 for name in found(answer)) > 15
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


@pytest.mark.parametrize(("count", "folds"), [(20, 10), (99, 10), (100, 5), (1_003, 5)])
def test_folds_are_as_large_as_each_other(count: int, folds: int) -> None:
    sizes = np.bincount(folds_of(count))
    assert len(sizes) == folds
    assert sizes.max() - sizes.min() <= 1
