"""The command line: one thin function a command. The wall clock is read here and nowhere else."""

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn
from zoneinfo import ZoneInfo

import orjson
import typer

import models
from models import columns as col
from models.errors import (
    ChallengerRefusedError,
    ConfigError,
    ForesellError,
    InvalidRequestError,
    ModelMissingError,
    NotConvergedError,
    NotEnoughDataError,
    UnknownPredictionError,
)
from models.prediction import BatchOptions, Prediction
from models.release import Manifest, Releases
from models.settings import Settings, load_settings
from service.keys import Keys, Scope
from training.progress import Progress
from training.terminal import complain, console, show, steps

if TYPE_CHECKING:
    from training.run import Trainer
    from training.tune import TimeLimit

USER_MISTAKE = 2
OF_ONE_PREDICTION = (NotEnoughDataError, NotConvergedError, ModelMissingError, ChallengerRefusedError)
"""What refuses one prediction and lets the others go on."""

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
Workspace = Annotated[Path, typer.Option("--workspace", "-w", help="The folder that holds foresell.toml.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Names = Annotated[list[str] | None, typer.Argument(help="Predictions; default: all.", metavar="[PREDICTION]...")]
HERE = Path()
keys_app = typer.Typer(no_args_is_help=True, help="Keys of those who may call the service.")
app.add_typer(keys_app, name="keys")


def main() -> NoReturn:
    """Run a command; a user's mistake is one line and exit code 2."""
    try:
        app(standalone_mode=False)
    except ForesellError as error:
        complain(error.message)
        sys.exit(USER_MISTAKE)
    except typer.Exit as leaving:
        sys.exit(leaving.exit_code)
    except typer.Abort:
        sys.exit(130)
    except OSError as error:
        if error.errno is None:
            raise
        complain(
            f"{error.strerror}: {error.filename2 or error.filename or 'writing'}; check the path, its permissions and "
            "the space on the disk"
        )
        sys.exit(USER_MISTAKE)
    except Exception as error:
        if not hasattr(error, "format_message"):  # click's own complaints about the command line
            raise
        complain(error.format_message())
        sys.exit(USER_MISTAKE)
    sys.exit(0)


@app.command()
def init(
    target: Annotated[
        str, typer.Argument(metavar="PATH_OR_URL", help="A file, a folder, a database's URL or a built-in source.")
    ],
    workspace: Workspace = HERE,
    force: Annotated[bool, typer.Option("--force", help="Replace a foresell.toml.")] = False,
    json: Json = False,
) -> None:
    """Write a commented foresell.toml for your data: which column is what, why, and what is left to you."""
    from training.initialise import initialise

    with steps(quiet=json) as step:
        written = initialise(target, workspace, today=datetime.now(UTC).date(), force=force, progress=step)
    show(written.summary if json else written.sentences)
    if written.unanswered:
        raise ConfigError(written.unanswered)


@app.command()
def check(workspace: Workspace = HERE, json: Json = False) -> None:
    """Read the tables and report what was kept, what was rejected and why, and what each prediction can expect."""
    from training.check import data_report, render, write_page

    settings = _settings(workspace)
    with steps(quiet=json) as step:
        report = data_report(_intake(settings, step, anew=True), settings, step)
        step("writing the page")
        page = write_page(report, settings)
    show(report.model_dump(mode="json") if json else render(report))
    if not json:
        show(f"\nThe whole report, with plots and examples: {page}")


@app.command()
def train(
    names: Names = None,
    workspace: Workspace = HERE,
    method: Annotated[str | None, typer.Option(help="Take this method whatever validation says.")] = None,
    tune: Annotated[
        float | None,
        typer.Option(min=0, metavar="MINUTES", help="Look for better parameters, at most so long for a prediction."),
    ] = None,
    json: Json = False,
) -> None:
    """Let our model and its rivals compete on the same split; the winner becomes the challenger."""
    settings = _settings(workspace)
    wanted = _wanted(settings, names)
    if method:
        from training.run import check_method

        # before the long work
        for prediction in wanted:
            check_method(prediction, method)
    limit = None
    if tune is not None:
        from training.tune import TimeLimit, check_tunable

        check_tunable(wanted, models.predictions(settings.models), settings.training)
        limit = TimeLimit(tune * 60, time.monotonic)
    with steps(quiet=json) as step:
        possible = wanted if names else _possible(wanted, settings, step)
        lines, refused = _each(possible, lambda prediction: _train(settings, prediction, step, method, tuning=limit))
    _tell(lines, refused, json=json)


@app.command()
def backtest(
    name: Annotated[str, typer.Argument(metavar="PREDICTION")],
    workspace: Workspace = HERE,
    months: Annotated[int, typer.Option(min=1, max=60, help="Windows, a month apart, at most.")] = 6,
    json: Json = False,
) -> None:
    """Go back month by month: what would have been served, beside every method; data/backtest-PREDICTION.html."""
    from training.backtest import render, run_backtest

    settings = _settings(workspace)
    prediction = models.prediction_named(name, settings.models)
    with steps(quiet=json) as step:
        found, told, page = run_backtest(settings, prediction, _intake(settings, step), months=months, progress=step)
    show(told if json else render(found))
    if not json:
        show(f"\nWith plots and intervals: {page}")


@app.command()
def promote(
    names: Names = None,
    workspace: Workspace = HERE,
    version: Annotated[
        int | None, typer.Option(min=1, help="Promote this version by number; needs one prediction.")
    ] = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Whatever became of the order lines since the champion was trained.")
    ] = False,
    json: Json = False,
) -> None:
    """Let the challenger serve, if it is not worse than the champion and its rivals."""
    settings = _settings(workspace)
    wanted = _wanted(settings, names)
    if version and len(wanted) != 1:
        raise UnknownPredictionError("--version needs exactly one prediction, e.g. foresell promote churn --version 3")
    with steps(quiet=json) as step:
        possible = wanted if names else _possible(wanted, settings, step)
        lines, refused = _each(
            possible, lambda prediction: _promote(settings, prediction, step, version, anyway=anyway)
        )
    _tell(lines, refused, json=json)


@app.command()
def publish(
    workspace: Workspace = HERE,
    as_of: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Default: the midnight after the last complete day.")
    ] = None,
    json: Json = False,
) -> None:
    """Write a release: a store of everybody's features and the champions."""
    settings = _settings(workspace)
    with steps(quiet=json) as step:
        manifest = _publish(settings, step, as_of.date() if as_of else None)
    show(_release(manifest) if json else _release_sentence(manifest))


@app.command()
def rollback(names: Names = None, workspace: Workspace = HERE, json: Json = False) -> None:
    """Let the version that served before serve again; the rejected one is held until somebody promotes it by name."""
    from training.rollback import rollback as roll_back
    from training.tracking import Tracker

    settings = _settings(workspace)
    with steps(quiet=json) as step:
        step("rolling back")
        wanted = [prediction.name for prediction in _wanted(settings, names)] if names else []
        manifest = roll_back(settings, Tracker(settings), wanted, now=datetime.now(UTC))
    show(_release(manifest) if json else _release_sentence(manifest))


@app.command()
def score(
    name: Annotated[str, typer.Argument(metavar="PREDICTION")],
    out: Annotated[Path, typer.Option(help="A .parquet or .csv file.")],
    workspace: Workspace = HERE,
    reasons: Annotated[
        int | None, typer.Option(min=0, max=10, help="Reasons a customer; over a millisecond a row. Default: 0.")
    ] = None,
    k: Annotated[int | None, typer.Option(min=1, max=100, help="Products a customer. Default: 10.")] = None,
    mode: Annotated[Literal["any", "new", "repeat"] | None, typer.Option(help="Which products. Default: any.")] = None,
    level: Annotated[
        Literal["product", "category"] | None, typer.Option(help="Products or categories. Default: product.")
    ] = None,
    json: Json = False,
) -> None:
    """Score every customer of the current release."""
    settings = _settings(workspace)
    prediction = models.prediction_named(name, settings.models)
    options = _batch_options(prediction, {"reasons": reasons, "k": k, "mode": mode, "level": level})
    with steps(quiet=json) as step:
        rows = _score(settings, name, out, step, options)
    show({"customers": rows, "out": str(out)} if json else f"{rows:,} customers scored: {out}")


@app.command()
def audience(
    seeds: Annotated[Path, typer.Option(help="Customer ids to look like: one a line, or a CSV's first column.")],
    out: Annotated[Path, typer.Option(help="A .parquet or .csv file.")],
    workspace: Workspace = HERE,
    size: Annotated[int | None, typer.Option(help="Customers wanted; or give --share.")] = None,
    share: Annotated[float | None, typer.Option(help="Share of the customers wanted, 0..1.")] = None,
    include_seeds: Annotated[bool, typer.Option("--include-seeds", help="Let seeds be in the audience.")] = False,
    within: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE | KEY=VALUE",
            help="Only these customers: a file of ids like --seeds, or filters; repeat it for several, which must all "
            "hold: churn_level=high, channel=web, bought_category=BACON, never_bought_category=BACON, "
            "attribute:age=35-44.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Find the customers of the current release who are most like those of a list."""
    from service.audience import write_audience

    settings = _settings(workspace)
    with steps(quiet=json) as step:
        step("finding the audience")
        found = write_audience(
            settings.releases, seeds, out, size=size, share=share, include_seeds=include_seeds, within=within or ()
        )
    show(found.summary if json else f"{found.sentence}: {out}")


@app.command()
def run(
    out: Annotated[Path | None, typer.Option(help="Folder for the files; default: scores/ of the workspace.")] = None,
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Do the daily job: intake, store, publish, score."""
    settings = _settings(workspace)
    with steps(quiet=json) as step:
        _intake(settings, step, anew=True)
        manifest = _publish(settings, step)
        folder = out or settings.workspace / "scores"
        folder.mkdir(parents=True, exist_ok=True)
        batch = [each.name for each in models.predictions(settings.models) if each.in_batch]
        files = {name: folder / f"{name}.parquet" for name in manifest.predictions if name in batch}
        rows = {name: _score(settings, name, file, step, BatchOptions()) for name, file in files.items()}
    lines = [f"{name}: {rows[name]:,} customers scored: {files[name]}" for name in files]
    show({**_release(manifest), "customers": rows} if json else "\n".join([_release_sentence(manifest), *lines]))


@app.command()
def forget(
    ids: Annotated[list[str], typer.Argument(help="Any of a person's ids.", metavar="CUSTOMER_ID...")],
    workspace: Workspace = HERE,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Leave ids out of later intakes even if they are in no table.")
    ] = False,
    json: Json = False,
) -> None:
    """Remove people from the tables and the quarantine, keep them out, and list what else holds them or did."""
    from service.serve import bento_home
    from training.forget import forget as forget_people

    settings = _settings(workspace)
    with steps(quiet=json) as step:
        done = forget_people(settings, ids, bentos=bento_home(settings.workspace), anyway=anyway, progress=step)
    show(done.json if json else done.sentences)


@app.command()
def pseudonym(
    ids: Annotated[list[str], typer.Argument(help="Customer ids as the source has them.", metavar="CUSTOMER_ID...")],
    workspace: Workspace = HERE,
    json: Json = False,
) -> None:
    """Print the keyed hash that a caller must send in place of each id, where ids are hashed."""
    from training.pseudonyms import pseudonym as hash_of
    from training.pseudonyms import require_key

    key = require_key(_settings(workspace))
    hashes = {each: hash_of(each, key) for each in ids}
    show(hashes if json else "\n".join(hashes[each] for each in ids))


@app.command()
def serve(
    workspace: Workspace = HERE,
    host: Annotated[str | None, typer.Option(help="Default: the configuration's.")] = None,
    port: Annotated[int | None, typer.Option(help="Default: the configuration's.")] = None,
) -> None:
    """Serve the current release over HTTP."""
    from service.serve import serve as serve_release

    settings = _settings(workspace)
    asked = {key: value for key, value in {"host": host, "port": port}.items() if value is not None}
    serve_release(settings.model_copy(update={"service": settings.service.model_copy(update=asked)}))


@app.command()
def build(
    workspace: Workspace = HERE,
    with_store: Annotated[bool, typer.Option("--with-store", help="Bake the store in: personal data.")] = False,
    json: Json = False,
) -> None:
    """Build the bento of the current release."""
    from service.bento import build as build_bento

    settings = _settings(workspace)
    with steps(quiet=json) as step:
        step("building the bento")
        tag = build_bento(settings.releases, with_store=with_store)
    show({"tag": tag} if json else f"{tag} is in bentos/; serve it with BENTOML_HOME=bentos bentoml serve {tag}")


@app.command()
def ui(workspace: Workspace = HERE, port: Annotated[int, typer.Option(help="Port to listen on.")] = 5000) -> None:
    """Open MLflow's pages on 127.0.0.1."""
    from training.tracking import ui as open_ui

    open_ui(_settings(workspace), port=port)


@keys_app.command("add")
def add_key(
    name: Annotated[str, typer.Argument(help="Whose key it is, e.g. crm.")],
    workspace: Workspace = HERE,
    scope: Annotated[Scope, typer.Option(help="admin reads the metrics too.")] = "score",
    json: Json = False,
) -> None:
    """Make a key and print it, this once; running services take it at once."""
    key = Keys(_settings(workspace).keys).add(name, scope)
    show({"name": name, "scope": scope, "key": key} if json else key)


@keys_app.command("remove")
def remove_key(
    name: Annotated[str, typer.Argument(help="Whose key it is.")], workspace: Workspace = HERE, json: Json = False
) -> None:
    """Refuse a key from now on; running services know at once."""
    Keys(_settings(workspace).keys).remove(name)
    show({"removed": name} if json else f"calls with the key {name} are refused from now on")


@keys_app.command("list")
def list_keys(workspace: Workspace = HERE, json: Json = False) -> None:
    """Name every key and what it may do."""
    known = {name: key.scope for name, key in Keys(_settings(workspace).keys).all().items()}
    show(known if json else "\n".join(f"{name}: {scope}" for name, scope in known.items()) or "no keys")


@app.command()
def demo(workspace: Workspace = HERE) -> None:
    """Do all of it on the configured source: check, train, promote, publish, serve, ask, print the answers."""
    from service.demonstration import demonstrate
    from training.side_by_side import champions

    settings = _settings(workspace)
    check(workspace)
    with steps() as step:
        # the last ones take longest
        names = [prediction.name for prediction in _possible(_wanted(settings, None), settings, step)][::-1]
        step(f"training and promoting {', '.join(names)}")
        for done, made in enumerate(champions(settings, names, today=_today(settings)), 1):
            step(f"training and promoting {', '.join(names)}", done / len(names))
            if made.lines:
                show(_text(made.lines))
            if isinstance(made.refused, OF_ONE_PREDICTION):
                complain(_of(made.prediction, made.refused).message)
            elif made.refused:
                raise made.refused
        console.print(_release_sentence(_publish(settings, step)))
        step("serving")
        for question, answer in demonstrate(settings.releases):
            console.print(f"\n{question}", markup=False)
            console.print_json(orjson.dumps(answer).decode())
    console.print("\nNext: make serve (the API on 127.0.0.1:3000), make ui (the runs in MLflow), README.md")


def _settings(workspace: Path) -> Settings:
    """Read the whole configuration, each prediction's own section included, before anything long begins."""
    from training.competing import check_without

    settings = load_settings(workspace)
    check_without(models.predictions(settings.models), settings.training)
    return settings


def _wanted(settings: Settings, names: list[str] | None) -> tuple[Prediction, ...]:
    if not names:
        return models.predictions(settings.models)
    return tuple(models.prediction_named(name, settings.models) for name in names)


def _possible(wanted: Sequence[Prediction], settings: Settings, step: Progress) -> list[Prediction]:
    """Leave out what cannot be with the columns that there are, and say so: that is no fault of the others."""
    absent = _intake(settings, step).tables[col.ORDER_LINES].absent
    possible: list[Prediction] = []
    for prediction in wanted:
        lacking = [column for column in prediction.needs if column in absent]
        if lacking:
            complain(f"{prediction.name} is left out: the order lines have no {', '.join(lacking)}")
        else:
            possible.append(prediction)
    return possible


def _each(
    wanted: Sequence[Prediction], work: Callable[[Prediction], dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[ForesellError]]:
    """Return what was done, and what was refused: where one prediction cannot be, the others go on."""
    lines: list[dict[str, Any]] = []
    refused: list[ForesellError] = []
    for prediction in wanted:
        try:
            lines.append(work(prediction))
        except OF_ONE_PREDICTION as error:
            refused.append(_of(prediction.name, error))
    return lines, refused


def _of(prediction: str, error: ForesellError) -> ForesellError:
    """Return an error that names its prediction."""
    named = error.message.startswith(prediction)
    return error if named else type(error)(f"{prediction}: {error.message}")


def _tell(lines: list[dict[str, Any]], refused: list[ForesellError], *, json: bool) -> None:
    """Show what was done, then complain of what was refused."""
    if lines:
        show(lines if json else _text(lines))
    for error in refused[:-1]:
        complain(error.message)
    if refused:
        raise refused[-1]


def _text(lines: Iterable[dict[str, Any]]) -> str:
    """Return what was done with predictions, below each what to know before it is used."""
    told: list[str] = []
    for line in lines:
        warned = [f"WARNING: {warning}" for warning in line.get("warnings", ())]
        told += [f"{line['prediction']}: {each}" for each in (line["sentence"], *warned)]
    return "\n".join(told)


def _intake(settings: Settings, step: Progress, *, anew: bool = False) -> Any:
    from training.ingest import ensure_tables

    return ensure_tables(settings, today=_today(settings), progress=step, anew=anew)


def _trainer(settings: Settings, prediction: Prediction, step: Progress) -> "Trainer":
    from training.run import Trainer

    return Trainer(settings, prediction, _intake(settings, step), step)


def _train(
    settings: Settings,
    prediction: Prediction,
    step: Progress,
    method: str | None = None,
    trainer: "Trainer | None" = None,
    tuning: "TimeLimit | None" = None,
) -> dict[str, Any]:
    from training.challenger import make_challenger

    return make_challenger(trainer or _trainer(settings, prediction, step), method, tuning)


def _promote(
    settings: Settings,
    prediction: Prediction,
    step: Progress,
    number: int | None = None,
    trainer: "Trainer | None" = None,
    *,
    anyway: bool = False,
) -> dict[str, Any]:
    from training.challenger import promote_challenger

    return promote_challenger(
        settings, prediction, lambda: trainer or _trainer(settings, prediction, step), number, anyway=anyway
    )


def _publish(settings: Settings, step: Progress, as_of: date | None = None) -> Manifest:
    from training.publish import publish as write_release
    from training.tracking import Tracker

    intake = _intake(settings, step)
    if as_of and as_of > intake.as_of:
        raise NotEnoughDataError(
            f"--as-of {as_of}: the data end with {intake.last_complete_day}, so {intake.as_of} is the latest possible"
        )
    published = write_release(
        settings,
        Tracker(settings),
        models.predictions(settings.models),
        as_of=as_of or intake.as_of,
        now=datetime.now(UTC),
        progress=step,
    )
    for name in published.left_out:
        complain(f"{name} has no champion and is not in the release: train and promote it")
    return published.manifest


def _batch_options(prediction: Prediction, asked: dict[str, Any]) -> BatchOptions:
    """Return what was asked of a batch job; what the prediction does not heed is refused rather than dropped."""
    given = {option: value for option, value in asked.items() if value is not None}
    for option in given:
        if prediction.in_batch and option not in prediction.batch_options:
            heeded = ", ".join(f"--{each}" for each in asked if each in prediction.batch_options) or "none of them"
            raise InvalidRequestError(f"foresell score {prediction.name} has no --{option}; it has {heeded}")
    return BatchOptions(**given)


def _score(settings: Settings, name: str, out: Path, step: Progress, options: BatchOptions) -> int:
    from service.batch import score as score_everyone

    Releases(settings.releases).current()
    step(f"scoring {name}")
    return score_everyone(settings.releases, name, out, options=options)


def _release(manifest: Manifest) -> dict[str, Any]:
    versions = {name: served.model.version for name, served in manifest.predictions.items()}
    return {"release": manifest.name, "as_of": manifest.as_of.isoformat(), "versions": versions}


def _release_sentence(manifest: Manifest) -> str:
    versions = ", ".join(f"{name} version {served.model.version}" for name, served in manifest.predictions.items())
    return f"Release {manifest.name}: store as of {manifest.as_of}, {versions}"


def _today(settings: Settings) -> date:
    return datetime.now(ZoneInfo(settings.features.timezone)).date()
