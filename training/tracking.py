"""Training runs in MLflow: what competed, what won and on which data, under the same names in every run."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any, Literal

import numpy as np
import orjson
from numpy.typing import NDArray

from models.artifact import Artifact, save_artifact
from models.errors import TrackingError
from training import report
from training.card import Versions, render
from training.drift import DayFigures, Days, from_json, to_json
from training.facts import facts, importance
from training.intake_report import IntakeReport
from training.mlflow_ui import ui
from training.outcome import Outcome
from training.registry import CHALLENGER, CHAMPION, DIGEST_TAG, Registry, Version
from training.run_files import CARD, EVIDENCE, FACTS, LOSSES, PLOTS, losses_from_npz, run_files
from training.run_locks import abandoned, held
from training.scores import ARTIFACT

__all__ = ["ARTIFACT", "CARD", "CHALLENGER", "CHAMPION", "Tracker", "Version", "ui"]

Kind = Literal["train", "serve", "backtest", "trial"]

DAYS = "days.json"
FORGOTTEN_IDS = "forgotten_ids"
_KIND_TAG = "foresell.kind"
_ERROR_TAG = "foresell.error"
_LOCK_TAG = "foresell.lock"
_PARENT_TAG = "mlflow.parentRunId"
_NOT_NOTED = "its end was not noted: its process was killed or the machine went down, or MLflow did not answer"
# what MLflow takes at once, and how much of a text
_BATCH_PARAMS, _BATCH_METRICS, _TEXT = 100, 1000, 5000
# shown beside the dataset's name; the whole fingerprint is a tag
_DATASET_DIGEST = 12


class Tracker(Registry):
    """Writes and reads the runs of the configured tracking server.

    Parameters
    ----------
    settings : Settings
        The workspace's.
    """

    @contextmanager
    def run(self, prediction: str, run_name: str, *, kind: Kind, parent: str | None = None) -> Iterator[str]:
        """Open a run in the experiment of a prediction; it ends FINISHED, or FAILED with the error as a tag.

        Runs of this workspace whose end was not noted are closed first.

        Parameters
        ----------
        prediction : str
            Its name, which is the experiment's.
        run_name : str
            What MLflow lists it as.
        kind : str
            ``train``, ``serve`` for a winner that is fitted again, ``backtest``, or ``trial`` of a tuning.
        parent : str, optional
            The run that this one follows from.

        Yields
        ------
        str
            The run's id.
        """
        self.close_abandoned()
        experiment = self.experiment(prediction)
        tags = {_KIND_TAG: kind, "mlflow.source.name": "foresell"} | ({_PARENT_TAG: parent} if parent else {})
        with held(self._running) as lock:
            with self.answered():
                tags[_LOCK_TAG] = lock.name
                run_id = str(self.client.create_run(experiment, tags=tags, run_name=run_name).info.run_id)
            try:
                yield run_id
            except BaseException as error:
                # what went wrong first is the news, not that it could not be noted
                with suppress(TrackingError), self.answered():
                    self._failed(run_id, str(error).partition("\n")[0] or type(error).__name__, error)
                    lock.remove()
                raise
            with self.answered():
                self.client.set_terminated(run_id, "FINISHED")
            lock.remove()

    def close_abandoned(self) -> None:
        """Mark the runs of this workspace that are over, and whose end was not noted, as FAILED."""
        for lock in abandoned(self._running):
            with self.answered():
                everywhere = [each.experiment_id for each in self.client.search_experiments()]
                for run in self.client.search_runs(everywhere, f"tags.`{_LOCK_TAG}` = '{lock.name}'"):
                    if run.info.status == "RUNNING":
                        self._failed(run.info.run_id, _NOT_NOTED)
            lock.remove()

    @property
    def _running(self) -> Path:
        """Folder of the lock files, in the workspace wherever the server is."""
        return self.settings.workspace / "mlruns" / ".running"

    def _failed(self, run_id: str, why: str, error: BaseException | None = None) -> None:
        self.client.set_tag(run_id, _ERROR_TAG, why[:_TEXT])
        self.client.set_terminated(run_id, "FAILED" if error is None or isinstance(error, Exception) else "KILLED")

    def log_outcome(self, run_id: str, outcome: Outcome, intake: IntakeReport) -> None:
        """Log everything about a training run: data, parameters, metrics, losses, artifact, plots and the card.

        Parameters
        ----------
        run_id : str
            An open run.
        outcome : Outcome
            What the training found.
        intake : IntakeReport
            What the tables hold.
        """
        floors = report.calibration_floors(outcome, seed=self.settings.training.seed)
        drivers = importance(outcome)
        about = facts(outcome, intake, self.settings, floors=floors, importance=drivers, run_id=run_id)
        self.log_data(run_id, intake)
        self._log_figures(run_id, about["parameters"], report.metrics(outcome, floors))
        self.log_artifact(run_id, outcome.artifact)
        self._log_files(run_id, run_files(outcome, about))

    def log_data(self, run_id: str, intake: IntakeReport) -> None:
        """Log the data's fingerprint and row counts, as MLflow dataset inputs and as tags."""
        entities = self.mlflow.entities
        inputs = [
            entities.DatasetInput(
                entities.Dataset(
                    name=table,
                    digest=intake.fingerprint[:_DATASET_DIGEST],
                    source_type="local",
                    source=orjson.dumps({"uri": intake.source}).decode(),
                    profile=orjson.dumps({"num_rows": counts.kept, "rejected": counts.rejected_rows}).decode(),
                ),
                [entities.InputTag("mlflow.data.context", "training")],
            )
            for table, counts in intake.tables.items()
            if counts.kept
        ]
        tags = {"data.source": intake.source, "data.fingerprint": intake.fingerprint, "data.as_of": str(intake.as_of)}
        tags |= {f"data.rows.{table}": str(kept) for table, kept in report.rows(intake).items()}
        with self.answered():
            self.client.log_inputs(run_id, inputs)
            self.client.log_batch(run_id, tags=[entities.RunTag(key, value) for key, value in tags.items()])

    def log_parameters(self, run_id: str, parameters: Mapping[str, str]) -> None:
        """Log further parameters of a run."""
        self._log_figures(run_id, parameters, {})

    def log_courses(self, run_id: str, courses: Mapping[str, Mapping[int, float]], files: Mapping[str, bytes]) -> None:
        """Log metrics that have several steps, by name and step, and files by path."""
        entities = self.mlflow.entities
        with self.answered():
            at = self.client.get_run(run_id).info.start_time
            values = [
                entities.Metric(name, value, at, step)
                for name, course in courses.items()
                for step, value in course.items()
            ]
            for start in range(0, len(values), _BATCH_METRICS):
                self.client.log_batch(run_id, metrics=values[start : start + _BATCH_METRICS])
        self._log_files(run_id, files)

    def log_trial(self, run_id: str, parameters: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
        """Log what a trial of a tuning was and how it did."""
        self._log_figures(run_id, {key: str(value) for key, value in parameters.items()}, metrics)

    def log_days(self, run_id: str, days: Days, *, forgotten_ids: int) -> None:
        """Log what each day of the order lines held, and how many ids were left out as forgotten.

        It has no id; on a day with one customer the sums are that customer's.
        """
        self._log_files(run_id, {DAYS: to_json(days)})
        self.log_parameters(run_id, {FORGOTTEN_IDS: str(forgotten_ids)})

    def days(self, run_id: str) -> dict[date, DayFigures] | None:
        """Return what each day held when a run was made; None = it was made before that was noted."""
        return from_json(self._file(run_id, DAYS)) if self.has_artifact(run_id, DAYS) else None

    def forgotten_ids(self, run_id: str) -> int:
        """Return how many ids were left out as forgotten when a run was made; 0 = none, or that was not noted."""
        with self.answered():
            return int(self.client.get_run(run_id).data.params.get(FORGOTTEN_IDS, 0))

    def log_artifact(self, run_id: str, artifact: Artifact) -> str:
        """Log a fitted prediction, and return the digest that it is verified by."""
        with tempfile.TemporaryDirectory(prefix="foresell-") as scratch:
            digest = save_artifact(Path(scratch), artifact)
            with self.answered():
                self.client.log_artifacts(run_id, scratch, ARTIFACT)
                self.client.set_tag(run_id, DIGEST_TAG, digest)
        return digest

    def log_card(self, run_id: str, *, of: str, versions: Versions) -> None:
        """Write the card of the evaluated run ``of`` again, with versions, into the run ``run_id`` (or the same)."""
        with tempfile.TemporaryDirectory(prefix="foresell-") as scratch:
            folder = Path(scratch)
            about = orjson.loads(self.download_artifact_folder(of, FACTS, folder).read_bytes())
            # what is measured by nothing that can be drawn has no plots
            drawn = self.download_artifact_folder(of, PLOTS, folder) if self.has_artifact(of, PLOTS) else folder
            found = {path.relative_to(drawn).with_suffix("").as_posix(): path for path in sorted(drawn.rglob("*.png"))}
            card = render(about, {name: path.read_bytes() for name, path in found.items()}, versions)
        self._log_files(run_id, {CARD: card.encode()})

    def evidence(self, run_id: str) -> dict[str, Any]:
        """Return how the model of a run was tested: what a release says about it.

        Raises
        ------
        ModelMissingError
            The run has none: it failed before it ended.
        """
        found: dict[str, Any] = orjson.loads(self._file(run_id, EVIDENCE))
        return found

    def parameters(self, run_id: str) -> dict[str, str]:
        """Return the parameters of a training run in full, as ``training.report.parameters`` gave them."""
        found: dict[str, str] = orjson.loads(self._file(run_id, FACTS))["parameters"]
        return found

    def validation_losses(self, run_id: str) -> dict[str, dict[str, NDArray[np.float64]]]:
        """Return method -> task tag -> validation loss of each (customer, fold), as ``Outcome.validation`` has them."""
        return losses_from_npz(self._file(run_id, LOSSES))

    def _log_figures(self, run_id: str, parameters: Mapping[str, str], metrics: Mapping[str, float]) -> None:
        entities = self.mlflow.entities
        params = [entities.Param(key, value[:_TEXT]) for key, value in parameters.items()]
        with self.answered():
            # the run's own start, so that nobody's clock is read but MLflow's
            at = self.client.get_run(run_id).info.start_time
            values = [entities.Metric(key, value, at, 0) for key, value in metrics.items()]
            for start in range(0, len(params), _BATCH_PARAMS):
                self.client.log_batch(run_id, params=params[start : start + _BATCH_PARAMS])
            for start in range(0, len(values), _BATCH_METRICS):
                self.client.log_batch(run_id, metrics=values[start : start + _BATCH_METRICS])

    def _log_files(self, run_id: str, files: Mapping[str, bytes]) -> None:
        with self.answered(), tempfile.TemporaryDirectory(prefix="foresell-") as scratch:
            for name, content in files.items():
                path = Path(scratch) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            self.client.log_artifacts(run_id, scratch)

    def _file(self, run_id: str, name: str) -> bytes:
        with tempfile.TemporaryDirectory(prefix="foresell-") as scratch:
            return self.download_artifact_folder(run_id, name, Path(scratch)).read_bytes()
