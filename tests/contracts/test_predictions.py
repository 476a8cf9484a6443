"""What every prediction promises, with every method that it has; predictions are found by themselves."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel

from models import columns as col
from models import prediction_named, predictions
from models.artifact import Artifact, golden_customers, load_artifact, save_artifact
from models.customer_prediction import CustomerPrediction
from models.errors import InvalidRequestError, NotEnoughDataError
from models.inline import InlineFeatures, InlineHistory
from models.messages import InlineCustomer, ModelReference
from models.prediction import BatchOptions, Examples, Fitted, Prediction, Served
from models.prepared import prepared_in_memory
from models.purchases import Purchases
from models.store import Store
from tests.synthetic import (
    AS_OF,
    CUTOFFS,
    FINGERPRINT,
    GOODS,
    LIMIT,
    NAMES,
    SETTINGS,
    examples,
    figures,
    products,
    purchases,
    store_of,
)

NAMED = [prediction.name for prediction in predictions()]
METHODS = [(prediction.name, method) for prediction in predictions() for method in prediction.methods]
# those that answer each customer by itself, with a probability
BY_CUSTOMER = {prediction.name for prediction in predictions() if isinstance(prediction, CustomerPrediction)}
CUSTOMER_METHODS = [(name, method) for name, method in METHODS if name in BY_CUSTOMER]
# those that are asked about customers, whatever they answer
ABOUT_CUSTOMERS = [
    (name, method) for name, method in METHODS if "customers" in prediction_named(name).request.model_fields
]
LEARNT = examples(400)
UNSEEN = examples(60, seed=90).customers
KNOWN, NEVER, TOLD, UNKNOWN = "7", "never", "told", "nobody"
HISTORY: Mapping[str, Any] = {
    "order_lines": [
        {"ordered_at": f"2017-{month:02d}-{day:02d}T17:05:00", "product_id": product, "amount": amount}
        for month, day, product, amount in ((9, 1, "bread", 2.5), (11, 20, "soap", 7), (12, 28, "bread", 2.75))
    ]
}


@cache
def fitted_of(name: str, method: str) -> Fitted:
    return fit(prediction_named(name), method)


def fit(prediction: Prediction, method: str, learnt: Examples = LEARNT, **options: Any) -> Fitted:
    return prediction.fit(method, learnt, horizon=prediction.tasks[-1].horizon, seed=1, **options)


def artifact_of(prediction: Prediction, fitted: Fitted) -> Artifact:
    features = LEARNT.customers.features
    return Artifact(prediction, fitted, NAMES, FINGERPRINT, medians(), golden_customers(features, seed=1))


def medians() -> np.ndarray:
    return np.nanmedian(LEARNT.customers.features, axis=0).astype(np.float32)


@dataclass(frozen=True)
class Stocked:
    """A store of plausible customers, one who never ordered, and one whose history is known line by line."""

    store: Store
    inline: InlineFeatures


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stocked]:
    inline = InlineFeatures(SETTINGS, products())
    rows = figures(60, seed=5, ordered=True)
    never = inline.compute([InlineHistory()], [AS_OF])
    lines = [dict(line) for line in told(HISTORY).order_lines]
    known = inline.compute([InlineHistory(order_lines=lines)], [AS_OF])
    ids = [str(number) for number in range(60)] + [NEVER, TOLD]
    # in the rising order of the ids: the sixty, the one who never ordered, the one who is told line by line
    bought = bought_by_everybody(lines)
    store = store_of(tmp_path_factory.mktemp("store"), ids, np.vstack([rows, never, known]), bought)
    yield Stocked(store, inline)
    inline.close()


def bought_by_everybody(lines: list[dict[str, Any]]) -> Purchases:
    sixty = purchases(60, seed=5, before=AS_OF)
    items = [list(GOODS).index(line[col.PRODUCT_ID]) for line in lines]
    days = np.array([line[col.ORDERED_AT] for line in lines], "datetime64[D]").astype(np.int32)
    ends = [len(sixty.items), len(sixty.items) + len(lines)]
    return Purchases(np.r_[sixty.ends, ends], np.r_[sixty.items, np.array(items, np.int32)], np.r_[sixty.days, days])


def told(history: Mapping[str, Any], customer_id: str = TOLD, as_of: str = "2018-01-01") -> InlineCustomer:
    return InlineCustomer.model_validate({"customer_id": customer_id, "as_of": as_of, **history})


@pytest.fixture(params=CUSTOMER_METHODS, ids="-".join)
def served(request: pytest.FixtureRequest, stocked: Stocked) -> Served:
    """A prediction that answers each customer by itself."""
    return served_of(*request.param, stocked)


@pytest.fixture(params=ABOUT_CUSTOMERS, ids="-".join)
def asked_about_customers(request: pytest.FixtureRequest, stocked: Stocked) -> Served:
    return served_of(*request.param, stocked)


@pytest.fixture(params=METHODS, ids="-".join)
def any_served(request: pytest.FixtureRequest, stocked: Stocked) -> Served:
    return served_of(*request.param, stocked)


def served_of(name: str, method: str, stocked: Stocked) -> Served:
    prediction, fitted = prediction_named(name), fitted_of(name, method)
    return Served(
        prediction=prediction,
        fitted=fitted,
        store=stocked.store,
        inline=stocked.inline,
        model=ModelReference(name=name, version="2", run_id="a" * 32),
        release="r000001",
        cut_points=prediction.cut_points(fitted, stocked.store),
        medians=medians(),
        prepared=prepared_in_memory(prediction, fitted, stocked.store),
    )


def answer(served: Served, customers: list[Any], **more: Any) -> Any:
    request = served.prediction.request.model_validate({"customers": customers, **more})
    return served.prediction.answer(served, request)


def told_alike(response: BaseModel) -> list[dict[str, Any]]:
    """Return the answers without what differs between two ways of asking for the same customer."""
    return [{**each.model_dump(), col.CUSTOMER_ID: None} for each in response.answers]


# -- fitting and scoring


@pytest.mark.parametrize(("name", "method"), METHODS)
def test_scores_of_one_row_are_those_of_many_bit_for_bit_in_any_order(name, method):
    fitted = fitted_of(name, method)
    rows = UNSEEN.take(~np.isnan(UNSEEN.column("recency_days")))
    many = fitted.score(rows)
    singles = np.vstack([fitted.score(rows.take(np.array([row]))) for row in range(len(rows))])
    np.testing.assert_array_equal(many, singles)
    order = np.random.default_rng(1).permutation(len(rows))
    np.testing.assert_array_equal(fitted.score(rows.take(order)), many[order])


@pytest.mark.parametrize(("name", "method"), CUSTOMER_METHODS)
def test_scores_are_probabilities_for_the_eligible_and_tell_customers_apart(name, method):
    prediction = prediction_named(name)
    scores = fitted_of(name, method).score(UNSEEN.take(prediction.eligible(UNSEEN)))
    assert np.isfinite(scores).all()
    assert ((scores >= 0) & (scores <= 1)).all()
    assert (scores.std(axis=0) > 0.001).all()


@pytest.mark.parametrize(("name", "method"), CUSTOMER_METHODS)
def test_there_is_one_score_for_each_horizon_that_was_asked_for(name, method):
    prediction = prediction_named(name)
    fitted = prediction.fit(method, LEARNT, horizon=prediction.tasks[0].horizon, seed=1)
    target = prediction.target(LEARNT)
    outputs = fitted.score(UNSEEN).shape[1]
    assert fitted_of(name, method).score(UNSEEN).shape[1] == target.shape[1]
    assert 1 <= outputs <= target.shape[1]
    assert (outputs < target.shape[1]) == (prediction.tasks[0].horizon < prediction.tasks[-1].horizon)


@pytest.mark.parametrize(("name", "method"), METHODS)
def test_nobody_is_scored_when_nobody_is_asked_for(name, method):
    fitted = fitted_of(name, method)
    nobody = UNSEEN.take(np.zeros(len(UNSEEN), bool))
    assert fitted.score(nobody).shape == (0, fitted.score(UNSEEN).shape[1])


@pytest.mark.parametrize(("name", "method"), METHODS)
def test_a_saved_fit_comes_back_bit_for_bit_under_the_same_digest(name, method, tmp_path):
    prediction, fitted = prediction_named(name), fitted_of(name, method)
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    digest = save_artifact(folders[0], artifact_of(prediction, fitted))
    loaded = load_artifact(folders[0], digest)
    np.testing.assert_array_equal(loaded.fitted.score(UNSEEN), fitted.score(UNSEEN))
    assert (loaded.prediction.name, loaded.fitted.method, loaded.fitted.choices) == (name, method, fitted.choices)
    assert save_artifact(folders[1], loaded) == digest


@pytest.mark.parametrize(("name", "method"), METHODS)
def test_two_fits_are_the_same_artifact_when_the_seed_is_the_same(name, method, tmp_path):
    prediction = prediction_named(name)
    digests = set()
    for attempt, fitted in enumerate((fitted_of(name, method), fit(prediction, method))):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        digests.add(save_artifact(folder, artifact_of(prediction, fitted)))
    assert len(digests) == 1


@pytest.mark.parametrize(("name", "method"), METHODS)
def test_choices_are_json_and_stay_when_fitted_again_on_other_examples(name, method):
    choices = json.loads(json.dumps(dict(fitted_of(name, method).choices)))
    again = fit(prediction_named(name), method, examples(300, seed=40), choices=choices)
    assert again.choices == choices
    assert not np.array_equal(again.score(UNSEEN), fitted_of(name, method).score(UNSEEN), equal_nan=True)


@pytest.mark.parametrize(("name", "method"), METHODS)
def test_a_fit_is_refused_in_one_line_when_there_are_too_few_customers(name, method):
    with pytest.raises(NotEnoughDataError, match=r"\A\d+ (examples|customers) [^\n]*100[^\n]*\Z"):
        fit(prediction_named(name), method, LEARNT.take(np.arange(len(LEARNT)) < 40))


@pytest.mark.parametrize(("name", "method"), METHODS)
def test_a_fit_does_not_change_when_what_came_after_its_limit_does(name, method):
    prediction = prediction_named(name)
    limit = date(2017, 11, 1)
    known = LEARNT.known_by(limit)
    days = known.labels[col.NEXT_ORDER_DAYS]
    rng = np.random.default_rng(1)
    later = known.observed_days + rng.integers(0, 50, len(days))
    other = np.where(~(days < known.observed_days), np.where(rng.random(len(days)) < 0.5, later, np.nan), days)
    assert not np.array_equal(other, days, equal_nan=True)
    changed = replace(known, labels={**known.labels, col.NEXT_ORDER_DAYS: other})
    np.testing.assert_array_equal(prediction.target(changed), prediction.target(known))
    horizon = prediction.tasks[0].horizon
    choices = {"trees": [3] * 10}
    one, two = (prediction.fit(method, each, horizon=horizon, seed=1, choices=choices) for each in (known, changed))
    assert one.parts() == two.parts()


@pytest.mark.parametrize(("name", "method"), METHODS)
def test_what_is_prepared_of_one_customer_is_that_of_many_bit_for_bit(name, method):
    prediction, fitted = prediction_named(name), fitted_of(name, method)
    many = prediction.prepare(fitted, UNSEEN)
    singles = [prediction.prepare(fitted, UNSEEN.take(np.array([row]))) for row in range(len(UNSEEN))]
    for array, values in many.items():
        assert len(values) == len(UNSEEN)
        assert {single[array].dtype for single in singles} == {values.dtype}
        np.testing.assert_array_equal(np.concatenate([single[array] for single in singles]), values)


# -- what a prediction states


@pytest.mark.parametrize("name", NAMED)
def test_our_method_comes_first_and_every_method_has_its_own_name(name):
    methods = prediction_named(name).methods
    assert len(set(methods)) == len(methods) >= 2
    modules = [module_of(fitted_of(name, method)).startswith("models.rivals") for method in methods]
    assert modules == [False] + [True] * (len(methods) - 1)
    assert [fitted_of(name, method).method for method in methods] == list(methods)


def module_of(fitted: Fitted) -> str:
    """Return where a method lives, which may be fitted at several levels."""
    levels = getattr(fitted, "levels", {})
    return type(next(iter(levels.values())).scorer if levels else fitted).__module__


@pytest.mark.parametrize("name", NAMED)
def test_tasks_come_by_rising_horizon_each_with_its_own_tag(name):
    tasks = prediction_named(name).tasks
    horizons = [task.horizon for task in tasks]
    assert horizons == sorted(horizons)
    assert len({task.tag for task in tasks}) == len(tasks)
    assert any(task.chooses for task in tasks)


@pytest.mark.parametrize("name", NAMED)
def test_nothing_is_known_when_no_day_of_the_window_has_passed(name):
    fresh = replace(LEARNT, limit=CUTOFFS[-1])
    newest = fresh.take(fresh.customers.as_of == np.datetime64(CUTOFFS[-1]))
    assert np.isnan(prediction_named(name).target(newest)).all()


@pytest.mark.parametrize("name", NAMED)
def test_a_target_is_known_for_the_eligible_whose_window_has_closed(name):
    prediction = prediction_named(name)
    longest = prediction.tasks[-1].horizon
    assert (LIMIT - CUTOFFS[-1]).days >= longest
    known = ~np.isnan(prediction.target(LEARNT))
    np.testing.assert_array_equal(known.all(axis=1), prediction.eligible(LEARNT.customers))
    np.testing.assert_array_equal(known.any(axis=1), prediction.eligible(LEARNT.customers))


@pytest.mark.parametrize(("name", "method"), METHODS)
def test_every_task_measures_every_method_with_finite_figures(name, method):
    prediction = prediction_named(name)
    for task in prediction.tasks:
        found = prediction.measure(fitted_of(name, method), LEARNT, task)
        if name in BY_CUSTOMER:
            assert len(found.loss) == int((~np.isnan(prediction.target(LEARNT)[:, -1])).sum())
        assert len(found.loss)
        assert np.isfinite(found.loss).all()
        assert all(math.isfinite(value) for value in found.metrics().values())
        counted = found.metrics(np.ones(len(found.loss)))
        assert counted == pytest.approx(dict(found.metrics()))


@pytest.mark.parametrize("name", NAMED)
def test_the_question_is_a_question(name):
    assert prediction_named(name).question.endswith("?")


def properties(message: type[BaseModel]) -> Iterator[tuple[str, str, bool]]:
    """Yield each property of a message and the messages in it, and whether people are told what it is."""
    schema = message.model_json_schema()
    definitions = schema.get("$defs", {})
    for owner, body in {message.__name__: schema, **definitions}.items():
        for name, about in body.get("properties", {}).items():
            meant = definitions.get(about.get("$ref", "").rpartition("/")[2], {})
            yield owner, name, bool(about.get("description") or meant.get("description"))


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("side", ["request", "response"])
def test_every_property_of_the_interface_has_a_description(name, side):
    listed = list(properties(getattr(prediction_named(name), side)))
    assert len(listed) > 5
    assert [(owner, name) for owner, name, described in listed if not described] == []


# -- answering


def test_a_prediction_answers_its_own_examples_with_its_type_and_without_nan(any_served):
    prediction = any_served.prediction
    for example in prediction.examples(any_served):
        asked = prediction.request.model_validate_json(json.dumps(example))
        response = prediction.answer(any_served, asked)
        dumped = response.model_dump(mode="json")
        assert prediction.response.model_validate_json(json.dumps(dumped, allow_nan=False)) == response
        assert (response.model, response.release, response.as_of) == (any_served.model, "r000001", AS_OF)
        assert prediction.answer(any_served, asked) == response


def test_who_is_asked_for_by_id_gets_what_the_model_says_now_bit_for_bit(served: Served) -> None:
    without = replace(served, prepared={})
    for asked in ([KNOWN], [KNOWN, UNKNOWN, NEVER, KNOWN], [NEVER], [UNKNOWN]):
        assert answer(served, asked) == answer(without, asked)
    rows = np.arange(len(served.store))
    assert served.prediction.table(served, rows, BatchOptions()).equals(
        served.prediction.table(without, rows, BatchOptions())
    )


def test_warming_up_needs_nobody_in_particular(any_served):
    any_served.prediction.warm(any_served)


def test_the_batch_table_is_refused_in_one_line_when_it_is_no_batch_prediction(any_served):
    rows, options = np.arange(2), BatchOptions()
    if any_served.prediction.in_batch:
        assert any_served.prediction.table(any_served, rows, options).num_rows
    else:
        with pytest.raises(InvalidRequestError, match=r"\A[^\n]+ run foresell [^\n]+\Z"):
            any_served.prediction.table(any_served, rows, options)


def test_cut_points_rise_and_lie_among_the_scores(served):
    assert served.cut_points.shape == (99,)
    assert (np.diff(served.cut_points) >= 0).all()
    assert served.cut_points[0] < served.cut_points[-1]
    assert ((served.cut_points >= 0) & (served.cut_points <= 1)).all()


def test_statuses_come_in_the_order_asked(asked_about_customers):
    asked = [KNOWN, UNKNOWN, NEVER, TOLD, KNOWN]
    response = answer(asked_about_customers, asked)
    assert [each.customer_id for each in response.answers] == asked
    assert [each.status for each in response.answers] == ["ok", "unknown_customer", "not_eligible", "ok", "ok"]
    assert [each.explanation is None for each in response.answers] == [True, False, False, True, True]
    assert response.answers[0] == response.answers[4]


def test_the_envelope_names_what_answered(asked_about_customers):
    response = answer(asked_about_customers, [KNOWN])
    assert (response.model, response.release, response.as_of) == (asked_about_customers.model, "r000001", AS_OF)


@pytest.mark.parametrize("reasons", [0, 3])
def test_a_response_is_of_its_type_and_json_without_nan(served, reasons):
    response = answer(served, [KNOWN, UNKNOWN, NEVER, told(HISTORY).model_dump()], reasons=reasons)
    dumped = response.model_dump(mode="json")
    json.dumps(dumped, allow_nan=False)
    assert served.prediction.response.model_validate(response.model_dump()) == response
    assert served.prediction.response.model_validate_json(json.dumps(dumped)) == response


def test_a_figure_is_given_for_the_ok_and_never_made_up_for_the_others(served):
    ok, unknown, never = answer(served, [KNOWN, UNKNOWN, NEVER], reasons=2).answers
    shared = {col.CUSTOMER_ID, col.STATUS, col.EXPLANATION, col.AS_OF, col.REASONS}
    assert ok.percentile is not None
    assert ok.reasons
    for other in (unknown, never):
        assert {name for name, value in other if name not in shared and value is not None} == set()
        assert other.reasons == []


@pytest.mark.parametrize("customer", [KNOWN, UNKNOWN, NEVER])
def test_a_customer_gets_the_same_answer_alone_and_among_others(asked_about_customers, customer):
    more = reasons_of(asked_about_customers, 3)
    among = answer(asked_about_customers, ["3", customer, UNKNOWN, "12"], **more).answers[1]
    assert answer(asked_about_customers, [customer], **more).answers == [among]


def reasons_of(served: Served, count: int) -> dict[str, int]:
    """Ask for reasons where they are not always there."""
    return {"reasons": count} if "reasons" in served.prediction.request.model_fields else {}


def test_a_history_gets_the_answer_of_the_same_history_in_the_store(asked_about_customers):
    more = reasons_of(asked_about_customers, 5)
    stored, sent = (
        answer(asked_about_customers, [each], **more) for each in (TOLD, told(HISTORY, "new-1").model_dump())
    )
    assert told_alike(sent) == told_alike(stored)
    assert sent.answers[0].customer_id == "new-1"
    assert sent.answers[0].status == "ok"


def test_a_history_is_answered_at_its_own_as_of(asked_about_customers):
    sent = told(HISTORY, as_of="2018-02-15").model_dump()
    mixed = answer(asked_about_customers, [KNOWN, sent, TOLD]).answers
    assert [each.as_of for each in mixed] == [AS_OF, date(2018, 2, 15), AS_OF]
    # what is the same for everybody is the same on any day
    if asked_about_customers.prediction.name in BY_CUSTOMER:
        assert mixed[1].model_dump() != {**mixed[2].model_dump(), col.AS_OF: date(2018, 2, 15)}


def test_an_empty_history_is_not_eligible(asked_about_customers):
    (sent,) = answer(asked_about_customers, [told({}).model_dump()]).answers
    assert (sent.status, sent.customer_id) == ("not_eligible", TOLD)


def test_percentiles_run_from_1_to_100_along_the_main_score(served):
    everyone = answer(served, served.store.ids_at(np.arange(len(served.store)))).answers
    found = [each.percentile for each in everyone if each.status == "ok"]
    assert len(found) > 40
    assert all(1 <= percentile <= 100 for percentile in found)
    assert min(found) <= 10
    assert max(found) == 100
    # 100 = most likely: more figure, more rank
    main = [main_figure(each) for each in everyone if each.status == "ok"]
    ranked = np.argsort(main, kind="stable")
    assert (np.diff(np.array(found)[ranked]) >= 0).all()


def main_figure(each: Any) -> float:
    flat = flattened(each)
    return next(value for name, value in flat.items() if name.startswith(col.PROBABILITY))


def flattened(each: Any) -> dict[str, Any]:
    """Return an answer as the batch job's columns."""
    flat = each.model_dump()
    for days, value in (flat.pop("probabilities", None) or {}).items():
        flat[col.probability_within(days)] = value
    flat[col.REASONS] = [reason["text"] for reason in flat[col.REASONS]]
    return flat


@pytest.mark.parametrize("reasons", [0, 2])
def test_the_batch_table_is_the_answer_row_by_row(served, reasons):
    rows = served.store.rows_of([NEVER, KNOWN, TOLD, "3", "12", KNOWN])
    table = served.prediction.table(served, rows, BatchOptions(reasons=reasons))
    answers = answer(served, served.store.ids_at(rows), reasons=reasons).answers
    assert table.num_rows == len(answers) == 6
    assert (col.REASONS in table.column_names) == bool(reasons)
    for row, each in zip(table.to_pylist(), answers, strict=True):
        flat = flattened(each)
        assert row == {name: flat.get(name) for name in row}
        assert {col.CUSTOMER_ID, col.STATUS, col.EXPLANATION, col.AS_OF, col.PERCENTILE} <= row.keys()


def test_the_batch_table_has_the_same_columns_when_it_is_empty_or_nobody_is_eligible(served):
    schemas = [
        served.prediction.table(served, rows, BatchOptions(reasons=1)).schema
        for rows in (np.empty(0, np.int64), served.store.rows_of([NEVER]), served.store.rows_of([KNOWN, NEVER]))
    ]
    assert schemas[0] == schemas[1] == schemas[2]


def test_reasons_are_as_many_as_asked_strongest_first_and_finite(served):
    (told_all,) = answer(served, [KNOWN], reasons=10).answers
    strengths = [abs(reason.log_odds) for reason in told_all.reasons]
    assert 1 <= len(strengths) <= 10
    assert strengths == sorted(strengths, reverse=True)
    assert all(math.isfinite(strength) and strength > 0 for strength in strengths)
    assert [reason.effect == "raises" for reason in told_all.reasons] == [r.log_odds > 0 for r in told_all.reasons]
    assert answer(served, [KNOWN], reasons=1).answers[0].reasons == told_all.reasons[:1]
    assert answer(served, [KNOWN]).answers[0].reasons == []
