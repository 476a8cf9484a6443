"""The planted pattern is in ``town``: a favourite every ten days, and a follower in the order after its lead."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from models import columns as col
from models.errors import NotEnoughDataError
from models.next_best_product import handover, two_stage
from models.next_best_product.asking import NOT_SCORED, Asked, scored_only
from models.next_best_product.candidates import FEATURES, GROUPS
from models.next_best_product.learning import Learnt, Past
from models.next_best_product.prediction import NextBestProduct
from models.next_best_product.profiles import Profiles, events_of, profiles_of, unique_events
from models.next_best_product.reasons import Rule
from models.next_best_product.recommender import FittedRecommender, Level
from models.next_best_product.teaching import Teaching
from models.next_best_product.two_stage import RANKERS, SINGLES, TREES, TwoStage, TwoStageMethod
from models.prediction import Examples
from models.rivals.most_popular import FittedMostPopular
from tests.models.next_best_product import town
from tests.models.next_best_product.corner_shop import shop_prediction

TAUGHT = 200
MODES: tuple[Any, ...] = ("any", "new", "repeat", "basket")
LEVELS = ("product", "category")


def some(examples: Examples, first: int, last: int) -> Examples:
    rows = np.array([int(each) for each in examples.customers.ids])
    return examples.take((rows >= first) & (rows < last))


@cache
def known() -> Examples:
    """What the first customers teach a month before the newest cutoff."""
    return some(town.examples(), 0, TAUGHT).known_by(town.day(1))


def held_out() -> Examples:
    """What the others do in the last month."""
    return some(town.examples(), TAUGHT, town.PEOPLE).at([town.day(1)])


@cache
def prediction() -> NextBestProduct:
    return shop_prediction()


@cache
def fitted(method: str = "two_stage") -> FittedRecommender:
    return prediction().fit(method, known(), horizon=30, seed=1)


def profiles(level: Level, examples: Examples) -> Profiles:
    histories = examples.customers.histories
    assert histories is not None
    codes = level.vocabulary.codes(histories.products)
    return profiles_of(events_of(histories, codes, len(level.vocabulary)))


def asked(level: Level, mode: Any, examples: Examples) -> Asked:
    people = profiles(level, examples)
    rng = np.random.default_rng(5)
    drawn = (np.unique(rng.integers(len(level.vocabulary), size=2)) for _ in range(len(examples)))
    return Asked(people, mode, baskets=tuple(drawn) if mode == "basket" else ())


@pytest.mark.parametrize("tag", ["next_basket", "basket", "product_next_basket", "product_new"])
def test_customers_who_taught_nothing_are_ranked_better_than_by_popularity(tag: str) -> None:
    task = next(task for task in prediction().tasks if task.tag == tag)
    ours, popular = (prediction().measure(fitted(name), held_out(), task) for name in ("two_stage", "most_popular"))
    assert len(ours.loss) > 10
    assert ours.loss.mean() < popular.loss.mean() - 0.1


def leads() -> tuple[list[int], list[str]]:
    """Find who bought a lead in the newest order, and what follows it."""
    names = np.array(town.IDS)
    found: tuple[list[int], list[str]] = [], []
    histories = held_out().customers.histories
    assert histories is not None
    for position in range(len(histories)):
        items, ages = histories.of(position)
        for name in names[items[ages == ages.min()]]:
            if name.startswith("a"):
                found[0].append(position)
                found[1].append(f"b{name[1:]}")
    return found


def test_the_follower_of_a_lead_is_the_first_new_product() -> None:
    level = fitted().levels["product"]
    customers, followers = leads()
    assert len(customers) > 10
    ranked = level.rank(asked(level, "new", held_out()).take(np.array(customers)), 1)
    first = [level.vocabulary.names[items[0]] for items in ranked.items]
    assert np.mean([one == other for one, other in zip(first, followers, strict=True)]) > 0.9


def test_the_favourite_is_the_first_product_to_be_bought_again() -> None:
    level = fitted().levels["product"]
    for mode in ("any", "repeat"):
        ranked = level.rank(asked(level, mode, held_out()), 1)
        first = [level.vocabulary.names[items[0]] for items in ranked.items]
        favourites = [f"f{int(customer) % town.FAVOURITES}" for customer in held_out().customers.ids]
        assert np.mean([one == other for one, other in zip(first, favourites, strict=True)]) > 0.9


@pytest.mark.parametrize("method", shop_prediction().methods)
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("mode", MODES)
def test_one_customer_alone_gets_what_it_gets_among_many(mode: str, level: str, method: str) -> None:
    chosen = fitted(method).levels[level]
    question = asked(chosen, mode, held_out())
    many = chosen.rank(question, 10)
    scores = chosen.scorer.score(question)
    for row in range(0, len(question), 7):
        alone = question.take(np.array([row]))
        np.testing.assert_array_equal(chosen.scorer.score(alone)[0], scores[row])
        one = chosen.rank(alone, 10)
        assert one.items[0].tolist() == many.items[row].tolist()
        np.testing.assert_array_equal(one.scores[0], many.scores[row])
        assert one.why[0] == many.why[row]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("mode", MODES)
def test_a_method_that_was_saved_ranks_the_same(mode: str, level: str) -> None:
    loaded = prediction().load("two_stage", fitted().parts())
    one, other = fitted().levels[level], loaded.levels[level]
    question = asked(one, mode, held_out())
    np.testing.assert_array_equal(one.scorer.score(question), other.scorer.score(question))
    assert [each.tolist() for each in one.rank(question, 5).items] == [
        each.tolist() for each in other.rank(question, 5).items
    ]
    assert loaded.choices == fitted().choices


def test_only_what_may_be_answered_is_scored() -> None:
    level = fitted().levels["product"]
    for mode in MODES:
        question = asked(level, mode, held_out())
        scores = level.scorer.score(question)
        assert (scores[~question.open_items] == NOT_SCORED).all()
        assert not np.isnan(scores).any()
        # and somewhere something is
        assert (scores > 0).any()


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("mode", MODES)
def test_a_filter_changes_neither_the_scores_nor_the_order_of_what_it_leaves(mode: str, level: str) -> None:
    chosen = fitted().levels[level]
    question = asked(chosen, mode, held_out())
    scores = chosen.scorer.score(question)
    for first in (0, 1):
        left = np.arange(len(chosen.vocabulary)) % 2 == first
        filtered = replace(question, allowed=left)
        np.testing.assert_array_equal(chosen.scorer.score(filtered), np.where(left, scores, NOT_SCORED))
        every, found = (chosen.rank(each, len(left)) for each in (question, filtered))
        for row, (items, marks) in enumerate(zip(every.items, every.scores, strict=True)):
            personal = items[left[items] & ~np.isnan(marks)]
            assert found.items[row][: len(personal)].tolist() == personal.tolist()
        assert (scores[:, left] > NOT_SCORED).any()


@pytest.mark.parametrize("level", LEVELS)
def test_what_is_bought_again_is_scored_as_in_the_next_basket(level: str) -> None:
    chosen = fitted().levels[level]
    again, every = (asked(chosen, mode, held_out()) for mode in ("repeat", "any"))
    expected = np.where(again.open_items, chosen.scorer.score(every), NOT_SCORED)
    np.testing.assert_array_equal(chosen.scorer.score(again), expected)
    assert (expected > NOT_SCORED).any()


def test_the_negatives_that_were_left_out_are_put_right_in_the_odds() -> None:
    class Stub:
        def predict(self, features: np.ndarray, **_: Any) -> np.ndarray:
            return np.resize([0.0, 0.2, 0.5, 0.8, 1.0], len(features))

    scorer = fitted().levels["product"].scorer
    assert isinstance(scorer, TwoStage)
    question = asked(fitted().levels["product"], "any", held_out().take(np.array([0])))
    found = replace(scorer, rankers={"any": Stub()}).score(question)[0]  # type: ignore[dict-item]
    # a quarter of what was not bought taught: odds of 1/4, 1 and 4 become 1/16, 1/4 and 1
    assert two_stage.NEGATIVES == 0.25
    candidates = found[found > NOT_SCORED]
    np.testing.assert_allclose(candidates, np.resize([0, 1 / 17, 1 / 5, 1 / 2, 1], len(candidates)))
    assert len(candidates) == len(town.IDS)


def test_as_much_is_bought_as_the_scores_say() -> None:
    level = fitted().levels["product"]
    scores = level.scorer.score(asked(level, "any", held_out()))
    baskets = held_out().labels[col.NEXT_BASKET]
    bought = np.mean([0 if each is None else len(each) for each in baskets])
    expected = np.where(scores > NOT_SCORED, scores, 0).sum(axis=1).mean()
    assert expected == pytest.approx(bought, rel=0.15)


def test_somebody_unknown_gets_candidates_from_the_basket_alone() -> None:
    level = fitted().levels["product"]
    nobody = profiles(level, held_out()).take(np.array([0])).take(np.array([], np.int64))
    assert len(nobody.item) == 0
    empty = profiles_of(events_of(_nothing(), np.arange(len(town.IDS), dtype=np.int32), len(town.IDS)))
    assert (level.scorer.score(Asked(empty, "any")) == NOT_SCORED).all()
    basket = np.array([level.vocabulary.names.index("a0")])
    assert (level.scorer.score(Asked(empty, "basket", baskets=(basket,))) > 0).any()


def _nothing() -> Any:
    histories = held_out().customers.histories
    assert histories is not None
    return histories.take(np.array([0])).__class__(
        histories.products, histories.purchases, np.array([-1]), histories.as_of[:1]
    )


def test_two_fits_are_the_same_bytes() -> None:
    again = shop_prediction().fit("two_stage", known(), horizon=30, seed=1)
    assert again.parts() == fitted().parts()
    other = shop_prediction().fit("two_stage", known(), horizon=30, seed=2)
    assert other.parts() != fitted().parts()


def test_choices_freeze_the_trees() -> None:
    for level in LEVELS:
        chosen = fitted().choices[level]
        assert set(chosen) == set(RANKERS)
        assert all(each == TREES or each in {single.name for single in SINGLES} for each in chosen.values())
        # the next basket is a favourite and somebody else's: no generator knows both
        assert chosen["any"] == TREES
    frozen = {"product": dict(zip(RANKERS, (3, 4, 5), strict=True))}
    found = prediction().fit("two_stage", known(), horizon=30, seed=1, choices=frozen).choices
    assert found == {**frozen, "category": fitted().choices["category"]}


def learnt(examples: Examples) -> Learnt:
    """What the product level of these examples learns from."""
    seen: list[Learnt] = []

    class Spy:
        name = "spy"

        def fit(self, learnt: Learnt, *, seed: int, choices: Any = None) -> Any:
            seen.append(learnt)

    Teaching(prediction().settings).level("product", Spy(), examples, horizon=30, seed=1, choices={})  # type: ignore[arg-type]
    return seen[0]


def taught_by(past: Past, mode: str) -> tuple[np.ndarray, np.ndarray]:
    seen = past.read()
    generators = two_stage.generators_of(seen)
    return two_stage._examples(generators, seen, mode, seed=3)


def column(features: np.ndarray, name: str) -> np.ndarray:
    return features[:, FEATURES.index(name)]


def test_the_history_of_some_customers_is_hidden_when_baskets_teach() -> None:
    past = learnt(known()).past[0]
    with_history, without = (taught_by(past, mode)[0] for mode in ("any", "basket"))
    assert (column(with_history, "order_days") > 0).all()
    hidden = column(without, "order_days") == 0
    assert 0.25 < hidden.mean() < 0.55
    # nothing of their own is seen, and what they hold in their hands is
    assert np.isnan(column(without, "orders")[hidden]).all()
    assert (column(without, "together")[hidden] > 0).any()


def test_all_that_was_bought_teaches_and_a_quarter_of_what_was_not(monkeypatch: pytest.MonkeyPatch) -> None:
    past = learnt(known()).past[0]
    _, some_bought = taught_by(past, "any")
    monkeypatch.setattr(two_stage, "NEGATIVES", 1.0)
    _, every_bought = taught_by(past, "any")
    assert some_bought.sum() == every_bought.sum()
    assert (~some_bought).sum() == pytest.approx(0.25 * (~every_bought).sum(), rel=0.1)
    seen = past.read()
    _, right = seen.question("any")
    # twenty products are all candidates
    assert every_bought.sum() == sum(len(each) for each in right)


def test_nothing_after_a_past_cutoff_is_seen_when_it_teaches() -> None:
    past = learnt(known()).past[0]
    features, bought = taught_by(past, "new")
    # what is new has no purchases of the customer's own
    assert np.isnan(column(features, "orders")).all()
    assert bought.any()


def test_a_past_cutoff_is_read_once_for_fits_that_share_it() -> None:
    reads = []
    given = learnt(known())

    def counted(past: Past) -> Past:
        return Past(past.day, past.key, lambda: reads.append(past.day) or past.read())  # type: ignore[func-returns-value]

    shared = Learnt(given.now, tuple(counted(past) for past in given.past), {})
    for _ in range(2):
        TwoStageMethod().fit(shared, seed=1, choices=dict.fromkeys(RANKERS, 2))
    assert sorted(reads) == sorted(past.day for past in given.past)


def test_it_is_refused_when_too_little_was_bought_next() -> None:
    given = learnt(known())
    seen = given.past[0].read()
    few = type(seen)(seen.events, seen.basket[:99] + (np.empty(0, np.int64),) * 101, seen.window)
    # the first 99 bought one item or two
    alone = type(seen)(few.events, tuple(each[:1] for each in few.basket), few.window)
    past = Past(given.past[0].day, "few", lambda: alone)
    with pytest.raises(
        NotEnoughDataError,
        match="99 examples of a product that was bought next, at least 100 are needed: bring more customers",
    ):
        TwoStageMethod().fit(Learnt(given.now, (past,), {}), seed=1)


def test_a_mode_with_too_little_to_learn_from_is_ranked_as_the_next_basket() -> None:
    given = learnt(known())
    seen = given.past[0].read()
    nothing_new = type(seen)(seen.events, seen.basket, (np.empty(0, np.int64),) * len(seen.window))
    past = Past(given.past[0].day, "nothing new", lambda: nothing_new)
    found = TwoStageMethod().fit(Learnt(given.now, (past,), {}), seed=1)
    assert set(found.choices) == {"any", "basket"}
    level = fitted().levels["product"]
    question = asked(level, "new", held_out())
    new = found.score(question)
    assert (new > NOT_SCORED).any()
    loaded = TwoStageMethod().load(found.parts(), given.now.statistics, given.now.rules)
    np.testing.assert_array_equal(loaded.score(question), new)


def test_a_category_that_is_never_recommended_is_no_candidate() -> None:
    excluding = shop_prediction(exclude_categories=["f-0"])
    found = excluding.fit("two_stage", known(), horizon=30, seed=1)
    level = found.levels["category"]
    ranked = level.rank(asked(level, "any", held_out()), 100)
    assert "f-0" not in {level.vocabulary.names[item] for items in ranked.items for item in items}


def test_rules_are_reasons_of_the_ranked() -> None:
    level = fitted().levels["product"]
    basket = np.array([level.vocabulary.names.index("a0")])
    people = profiles(level, held_out())
    ranked = level.rank(Asked(people, "basket", baskets=(basket,) * people.customers), 10)
    assert any(isinstance(why, Rule) for row in ranked.why for why in row)


def test_what_was_bought_before_drives_the_next_basket() -> None:
    strengths = prediction().drivers(fitted(), held_out().customers, np.zeros(1, np.float32))
    assert set(strengths) == set(GROUPS)
    assert max(strengths, key=lambda group: strengths[group]) == "own purchases"
    assert strengths["the basket"] == 0
    assert isinstance(fitted().levels["category"].scorer, TwoStage)
    assert fitted().levels["category"].vocabulary.column == col.SUBCATEGORY


@cache
def town_learnt() -> Learnt:
    """What the product level of the town learns from; what fits keep is shared."""
    return learnt(known())


def handed(mode: str = "new", to: Any = "item_knn") -> TwoStage:
    """Return a fit in which one mode is handed over."""
    return TwoStageMethod().fit(town_learnt(), seed=1, choices={**dict.fromkeys(RANKERS, 2), mode: to})


@pytest.mark.parametrize("name", [single.name for single in SINGLES])
@pytest.mark.parametrize("mode", RANKERS)
def test_a_mode_that_is_handed_over_is_served_by_the_generator_alone(mode: Any, name: str) -> None:
    given = town_learnt()
    found = handed(mode, name)
    assert set(found.rankers) == {*RANKERS} - {mode}
    alone = next(single for single in SINGLES if single.name == name).fit(given, seed=1)
    level = fitted().levels["product"]
    question = asked(level, mode, held_out())
    np.testing.assert_array_equal(found.score(question), scored_only(alone.score(question), question))
    # and the other modes are not
    other = asked(level, "any" if mode == "new" else "new", held_out())
    np.testing.assert_array_equal(found.score(other), handed(mode, 2).score(other))


@pytest.mark.parametrize("mode", RANKERS)
def test_a_mode_that_popularity_serves_is_not_personal(mode: Any) -> None:
    given, level = town_learnt(), fitted().levels["product"]
    popularity = FittedMostPopular(given.now.statistics, {"any": 90, "new": 90})
    served = replace(level, scorer=replace(handed(mode, "most_popular"), singles={"most_popular": popularity}))
    shown = {each: served.rank(asked(level, each, held_out()), 10) for each in MODES}
    assert not np.isnan(np.concatenate(shown[mode].scores)).any()
    assert {each for each in MODES if np.concatenate(shown[each].fallbacks).all()} == {mode}
    # everything in question was bought before, whoever serves it
    assert not np.concatenate(shown["repeat"].fallbacks).any()


@pytest.mark.parametrize("name", [single.name for single in SINGLES])
def test_what_was_handed_over_is_kept_and_frozen(name: str) -> None:
    found = handed("new", name)
    assert found.choices == {"any": 2, "new": name, "basket": 2}
    given = town_learnt()
    loaded = TwoStageMethod().load(found.parts(), given.now.statistics, given.now.rules)
    assert loaded.choices == found.choices
    question = asked(fitted().levels["product"], "new", held_out())
    np.testing.assert_array_equal(loaded.score(question), found.score(question))
    for row in range(0, len(question), 9):
        alone = question.take(np.array([row]))
        np.testing.assert_array_equal(found.score(alone)[0], found.score(question)[row])
    again = TwoStageMethod().fit(given, seed=1, choices=found.choices)
    assert again.parts() == found.parts()


def test_what_is_bought_again_goes_where_the_next_basket_goes() -> None:
    found = handed("any", "tifu_knn")
    again, every = (asked(fitted().levels["product"], mode, held_out()) for mode in ("repeat", "any"))
    expected = np.where(again.open_items, found.score(every), NOT_SCORED)
    np.testing.assert_array_equal(found.score(again), expected)
    assert two_stage.contributions(found, again.profiles) == {}


def test_the_newest_past_cutoff_hands_over_where_a_generator_is_better(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "SURE", -1e9)
    found = TwoStageMethod().fit(town_learnt(), seed=1).choices
    assert all(isinstance(found[mode], str) for mode in RANKERS)
    monkeypatch.setattr(handover, "SURE", 1e9)
    assert TwoStageMethod().fit(town_learnt(), seed=1).choices == dict.fromkeys(RANKERS, TREES)


def test_who_serves_is_chosen_without_the_window_that_measures() -> None:
    given = town_learnt()
    rng = np.random.default_rng(1)
    labels = tuple(np.sort(rng.choice(given.now.profiles.items, 3, replace=False)) for _ in given.now.window)
    poisoned = replace(given, now=replace(given.now, basket=labels, window=labels), kept={})
    one, other = (TwoStageMethod().fit(each, seed=1) for each in (replace(given, kept={}), poisoned))
    assert one.parts() == other.parts()


@pytest.mark.parametrize("count", [1, 2])
def test_rankers_serve_when_there_are_too_few_past_cutoffs_to_hold_one_out(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # any generator would be good enough
    monkeypatch.setattr(handover, "SURE", -1e9)
    given = town_learnt()
    found = TwoStageMethod().fit(replace(given, past=given.past[:count]), seed=1)
    assert found.choices == dict.fromkeys(RANKERS, TREES)


def test_somebody_with_ten_thousand_lines_is_ranked_alone_as_among_others() -> None:
    level = fitted().levels["product"]
    items = len(level.vocabulary)
    rng = np.random.default_rng(2)
    lines = [(1, int(item), int(age)) for item, age in zip(rng.integers(items, size=10_000),
                                                           rng.integers(1, 3_000, 10_000), strict=True)]  # fmt: skip
    people = profiles_of(unique_events(*np.array([(0, 0, 4), *lines]).T, customers=2, items=items))
    for mode in ("any", "repeat"):
        both = Asked(people, mode)
        scores = level.scorer.score(both)
        np.testing.assert_array_equal(level.scorer.score(both.take(np.array([1])))[0], scores[1])
        assert len(level.rank(both, 10).items[1]) == 10
    # everything was bought: nothing is new
    assert [each.tolist() for each in level.rank(Asked(people, "new"), 10).items][1] == []


def test_an_assortment_that_changed_completely_is_learnt_from_and_recommended() -> None:
    given = town_learnt()
    half = given.now.profiles.items
    # what is bought since the newest cutoff are other items, which nobody ever bought before
    bought = given.now.events
    moved = replace(bought, items=2 * half, item=np.where(bought.age <= 30, bought.item + half, bought.item))
    order = unique_events(moved.row, moved.item, moved.age, moved.customers, moved.items)
    now = type(given.now)(order, given.now.basket, given.now.window)

    def wider(past: Past) -> Past:
        seen = past.read()
        then = replace(seen, events=replace(seen.events, items=2 * half))
        return Past(past.day, ("wider", past.key), lambda: then)

    past = tuple(wider(each) for each in given.past)
    found = TwoStageMethod().fit(Learnt(now, past, {}), seed=1)
    question = Asked(now.profiles, "new").take(np.arange(20))
    for mode in RANKERS[:2]:
        scores = found.score(replace(question, mode=mode))
        assert not np.isnan(scores).any()
        # what nobody bought before the change is answered too
        assert (scores[:, half:] > NOT_SCORED).any()
