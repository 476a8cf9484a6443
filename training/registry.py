"""The registry of models: versions with tags and aliases, and the files behind them."""

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import ModelMissingError
from training.mlflow_client import Connection
from training.mlflow_model import save_model
from training.scores import ARTIFACT, DIGEST

__all__ = ["ARTIFACT", "CHALLENGER", "CHAMPION", "DIGEST_TAG", "EVALUATED", "HELD", "Registry", "Version"]

DIGEST_TAG = f"{ARTIFACT}.{DIGEST}"
CHAMPION = "champion"
CHALLENGER = "challenger"
EVALUATED = "evaluated.version"
"""Tag of a version that was fitted again to serve: the version whose test figures speak for it."""
HELD = "held"
"""Tag of a version that was rolled back: when. No publish serves it until somebody promotes it by name."""


@dataclass(frozen=True)
class Version:
    """A registered version of a prediction's model.

    Parameters
    ----------
    name : str
        The prediction.
    version : int
        Its number, rising from 1.
    run_id : str
        The run that made it.
    tags : mapping of str to str
        What was noted about it.
    aliases : tuple of str
        ``champion``, ``challenger``.
    """

    name: str
    version: int
    run_id: str
    tags: Mapping[str, str]
    aliases: tuple[str, ...]

    @property
    def is_served(self) -> bool:
        """Whether it was fitted again on every closed window, to serve."""
        return EVALUATED in self.tags


class Registry(Connection):
    """Reads and changes the registered models of a tracking server."""

    def register(
        self, name: str, run_id: str, *, aliases: Iterable[str] = (), tags: Mapping[str, str] | None = None
    ) -> Version:
        """Register the artifact of a run as a new version of a prediction's model.

        Parameters
        ----------
        name : str
            The prediction.
        run_id : str
            A run with an artifact.
        aliases : iterable of str
            Aliases to point at it.
        tags : mapping of str to str, optional
            Tags of the version.

        Raises
        ------
        ModelMissingError
            The run has no artifact.
        """
        with self.answered(), tempfile.TemporaryDirectory(prefix="foresell-") as scratch:
            # the SQL registry looks a logged model up at the process's address, not at its client's
            self.mlflow.set_tracking_uri(self.settings.tracking_uri)
            folder = self.download_artifact_folder(run_id, ARTIFACT, Path(scratch))
            digest = self.artifact_digest(run_id)
            model_id = self._log_model(run_id, name, folder, digest)
            self._ensure_model(name)
            number = self.client.create_model_version(
                name,
                f"models:/{model_id}",
                run_id=run_id,
                model_id=model_id,
                tags=dict(tags or {}) | {DIGEST_TAG: digest},
            ).version
        for alias in aliases:
            self.set_alias(name, alias, int(number))
        return self.version(name, int(number))

    def version(self, name: str, number: int) -> Version:
        """Return one version.

        Raises
        ------
        ModelMissingError
            There is none of this number; says which there are.
        """
        for each in self.versions(name):
            if each.version == number:
                return each
        known = ", ".join(str(each.version) for each in self.versions(name)) or f"none: run `foresell train {name}`"
        raise ModelMissingError(f"{name} has no version {number}; it has {known}")

    def versions(self, name: str) -> tuple[Version, ...]:
        """Return every version of a prediction's model, newest first; none where none was registered."""
        with self.answered():
            found, token = [], None
            while True:
                page = self.client.search_model_versions(
                    f"name = '{name}'", order_by=["version_number DESC"], page_token=token
                )
                found.extend(page)
                token = page.token
                if not token:
                    break
            aliases = self._aliases(name) if found else {}
        return tuple(_version(each, aliases) for each in found)

    def version_by_alias(self, name: str, alias: str) -> Version | None:
        """Return the version that an alias points at; None = nobody set it."""
        return next((each for each in self.versions(name) if alias in each.aliases), None)

    def require_alias(self, name: str, alias: str) -> Version:
        """Return the version that an alias points at.

        Raises
        ------
        ModelMissingError
            Nobody set the alias; says what to run.
        """
        found = self.version_by_alias(name, alias)
        if found is None:
            step = f"foresell promote {name}" if alias == CHAMPION and self.versions(name) else f"foresell train {name}"
            raise ModelMissingError(f"{name} has no {alias}; run `{step}`")
        return found

    def evaluated(self, version: Version) -> Version:
        """Return the version whose test figures speak for a version: itself, unless it was fitted again to serve."""
        return self.version(version.name, int(version.tags[EVALUATED])) if version.is_served else version

    def set_alias(self, name: str, alias: str, number: int) -> None:
        """Point an alias at a version."""
        with self.answered():
            self.client.set_registered_model_alias(name, alias, str(number))

    def delete_alias(self, name: str, alias: str) -> None:
        """Remove an alias, if it is there."""
        with self.answered():
            self.client.delete_registered_model_alias(name, alias)

    def set_version_tag(self, name: str, number: int, key: str, value: str) -> None:
        """Note something about a version."""
        with self.answered():
            self.client.set_model_version_tag(name, str(number), key, value)

    def delete_version_tag(self, name: str, number: int, key: str) -> None:
        """Remove a note about a version, if it is there."""
        with self.answered():
            self.client.delete_model_version_tag(name, str(number), key)

    def artifact_digest(self, run_id: str) -> str:
        """Return the digest that the artifact of a run must have.

        Raises
        ------
        ModelMissingError
            The run has no artifact.
        """
        with self.answered():
            digest = self.client.get_run(run_id).data.tags.get(DIGEST_TAG)
        if digest is None:
            raise ModelMissingError(f"run {run_id} has no artifact: it failed before it ended; train again")
        return str(digest)

    def download_artifact_folder(self, run_id: str, path: str, to: Path) -> Path:
        """Copy a folder or file of a run's artifacts into an existing folder, and return where it is.

        Raises
        ------
        ModelMissingError
            The run has no such folder.
        """
        if not self.has_artifact(run_id, path):
            raise ModelMissingError(f"run {run_id} has no {path}: it failed before it ended; train again")
        with self.answered():
            return Path(self.client.download_artifacts(run_id, path, dst_path=str(to)))

    def has_artifact(self, run_id: str, path: str) -> bool:
        """Say whether a run has this folder or file at the top of its artifacts."""
        with self.answered():
            return any(each.path == path for each in self.client.list_artifacts(run_id))

    def _log_model(self, run_id: str, name: str, folder: Path, digest: str) -> str:
        """Log the artifact in MLflow's model format, under its run."""
        experiment = self.client.get_run(run_id).info.experiment_id
        logged = self.client.create_logged_model(experiment, name=name, source_run_id=run_id, model_type=ARTIFACT)
        self.client.log_outputs(run_id, [self.mlflow.entities.LoggedModelOutput(logged.model_id, step=0)])
        about = self.mlflow.models.Model(
            artifact_path=logged.artifact_location, run_id=run_id, model_id=logged.model_id
        )
        with tempfile.TemporaryDirectory(prefix="foresell-") as scratch:
            target = Path(scratch) / "model"
            save_model(self.mlflow, target, about, folder=folder, digest=digest)
            self.client.log_model_artifacts(logged.model_id, str(target))
        self.client.finalize_logged_model(logged.model_id, "READY")
        return str(logged.model_id)

    def _ensure_model(self, name: str) -> None:
        if not self.client.search_registered_models(f"name = '{name}'"):
            self.client.create_registered_model(name)

    def _aliases(self, name: str) -> dict[int, list[str]]:
        # a search for versions leaves the aliases out
        pointed: dict[int, list[str]] = {}
        for alias, number in self.client.get_registered_model(name).aliases.items():
            pointed.setdefault(int(number), []).append(alias)
        return pointed


def _version(found: Any, aliases: Mapping[int, list[str]]) -> Version:
    number = int(found.version)
    return Version(found.name, number, found.run_id, dict(found.tags), tuple(sorted(aliases.get(number, ()))))
