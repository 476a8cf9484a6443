"""The configuration: frozen, typed, unknown keys forbidden; read from a workspace's ``foresell.toml``.

An environment variable ``FORESELL_<SECTION>__<KEY>`` overrides the file, e.g. ``FORESELL_TRACKING__URI``.
"""

import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from models.errors import ConfigError
from models.section import Section
from models.source_settings import SourceSettings, Zone

CONFIG_FILE = "foresell.toml"
KEYS_FILE = "keys.json"

Days = Annotated[int, Field(ge=1, le=730)]
Share = Annotated[float, Field(ge=0, le=1)]
MIN_KEY = 32
"""Characters of the key of hashed ids at least."""


class Attribute(Section):
    """A customer attribute that features may use. Attributes are opt-in by name."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="Column of the customers table.")
    kind: Literal["numeric", "ordered", "categorical"] = Field(
        description="numeric: the value; ordered: the position in `levels`; categorical: one 0/1 feature a level."
    )
    levels: tuple[str, ...] = Field(default=(), description="The values of an ordered or categorical attribute.")
    undated: bool = Field(
        default=False, description="Use today's value at past cutoffs although nobody knows since when it holds."
    )
    sensitive: bool = Field(default=False, description="Kept, but no model and no answer uses it.")

    @model_validator(mode="after")
    def _levels_fit_the_kind(self) -> "Attribute":
        if (self.kind == "numeric") == bool(self.levels):
            raise ValueError(f"attribute {self.name!r} of kind {self.kind!r}: levels are for ordered and categorical")
        return self


class FeatureSettings(Section):
    """What changes the features themselves; travels with every store and artifact."""

    timezone: Zone = Field(default="UTC", description="IANA zone in which days begin and naive times are read.")
    attributes: tuple[Attribute, ...] = Field(default=(), description="Customer attributes that features use.")
    event_kinds: tuple[str, ...] = Field(
        default=("view", "click", "cart"), description="Kinds of events that are counted one by one."
    )


class IntakeSettings(Section):
    """Row rules that have a number."""

    max_rejected_share: Share = Field(default=0.05, description="Above this share of rejected rows the run fails.")
    earliest: date = Field(default=date(1990, 1, 1), description="A row before this day is rejected.")
    latest: date | None = Field(default=None, description="A row after this day is rejected; default: the run's day.")
    drop_exact_duplicates: bool = Field(
        default=False, description="Set rows aside that repeat another one exactly; they are kept otherwise."
    )


class PrivacySettings(Section):
    """What is done about personal data."""

    hash_ids: bool = Field(
        default=False, description="Keep customer ids as keyed hashes (HMAC-SHA256); callers hash theirs the same way."
    )
    key: SecretStr | None = Field(
        default=None,
        description="Of the hashes; only from the environment: FORESELL_PRIVACY__KEY, 32 characters or more.",
    )

    @model_validator(mode="after")
    def _key_is_long_enough(self) -> "PrivacySettings":
        given = len(self.key.get_secret_value()) if self.key else 0
        if self.hash_ids and given < MIN_KEY:
            raise ValueError(
                f"hash_ids needs a key of {MIN_KEY} characters or more, it has {given}: set FORESELL_PRIVACY__KEY and "
                "keep it: another key makes other hashes"
            )
        return self


class CutoffSettings(Section):
    """Where the label windows lie."""

    newest_test: date | None = Field(
        default=None, description="Newest test cutoff; default: as late as the data's end and the horizon allow."
    )
    step_days: Days = Field(default=14, description="Days between training cutoffs.")
    max_training: int = Field(default=14, ge=1, le=104, description="Training cutoffs used for one fit at most.")
    min_history_days: Days = Field(default=60, description="Days of data that must lie before the first cutoff.")
    folds: int = Field(
        default=2,
        ge=1,
        le=12,
        description="Validation cutoffs that choose between methods; twice as many for a horizon of 14 days or less.",
    )


class TrainingSettings(Section):
    """How models are fitted and compared."""

    seed: int = Field(default=1, ge=0, description="Seed of every draw.")
    max_examples: int = Field(default=400_000, ge=1_000, description="Examples (customer x cutoff) drawn at most.")
    bootstrap_samples: int = Field(default=500, ge=20, description="Bootstrap draws behind each interval.")
    margin: float = Field(
        default=0.002,
        ge=0,
        lt=1,
        description="Validation loss difference within which the simpler method wins; at most .5 % of the loss.",
    )
    without: tuple[str, ...] = Field(
        default=(), description="Methods that do not compete, for the time that they take; cards name them."
    )


class PublishingSettings(Section):
    """Releases."""

    keep_releases: int = Field(
        default=5, ge=2, le=100, description="Newest releases that stay on disk, for rollback; they hold personal data."
    )


class TrackingSettings(Section):
    """The MLflow server."""

    uri: str | None = Field(default=None, description="Default: SQLite at mlruns/mlflow.db of the workspace.")


KeysNeeded = Literal["outside", "always", "never"]
Ages = dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]]
"""Hours by prediction."""


class ServiceSettings(Section):
    """The HTTP service."""

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=3000, ge=1, le=65535, description="Port to listen on.")
    workers: int = Field(
        default=1, ge=1, le=64, description="Processes that answer; they share the store. In a container leave it at 1."
    )
    require_keys: KeysNeeded = Field(
        default="outside",
        description="Who needs a key (see foresell keys): outside = callers of any address but loopback; always, where "
        "a proxy on the same machine lets others in; never.",
    )
    prediction_log: Path | None = Field(
        default=None,
        description="Folder, from the workspace, of a log of what was asked and answered: personal data. Default: none "
        "is kept.",
    )
    prediction_log_max_mb: int = Field(
        default=1_024, ge=1, description="Size of that log; beyond it the oldest hours are removed."
    )
    stale_after_hours: Ages = Field(
        default={},
        description="Hours by prediction after which a release is too old to answer it, e.g. { churn = 48 }; the "
        "others answer on. Default: no age is too old.",
    )


class ModelSettings(Section):
    """What the predictions need to know, sensitive attributes left out; the rest is about making or calling them."""

    features: FeatureSettings = FeatureSettings()
    predictions: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="Each prediction's own section, checked by the prediction."
    )

    @field_validator("features")
    @classmethod
    def _without_sensitive(cls, value: FeatureSettings) -> FeatureSettings:
        # what models, stores and answers are told ends here: none of them can use what it never hears of
        used = tuple(attribute for attribute in value.attributes if not attribute.sensitive)
        return value.model_copy(update={"attributes": used})


class Settings(BaseSettings):
    """A workspace's whole configuration."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix="FORESELL_",
        env_nested_delimiter="__",
        nested_model_default_partial_update=True,
    )

    workspace: Path = Field(description="The folder that holds foresell.toml.")
    source: SourceSettings
    features: FeatureSettings = FeatureSettings()
    intake: IntakeSettings = IntakeSettings()
    privacy: PrivacySettings = PrivacySettings()
    cutoffs: CutoffSettings = CutoffSettings()
    training: TrainingSettings = TrainingSettings()
    predictions: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="Each prediction's own section, e.g. [predictions.churn]."
    )
    publishing: PublishingSettings = PublishingSettings()
    tracking: TrackingSettings = TrackingSettings()
    service: ServiceSettings = ServiceSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file."""
        return env_settings, init_settings

    @property
    def models(self) -> ModelSettings:
        """The part that the predictions need; sensitive attributes are not in it."""
        return ModelSettings(features=self.features, predictions=self.predictions)

    @property
    def tables(self) -> Path:
        """Folder of the kept tables."""
        return self.workspace / "data" / "tables"

    @property
    def quarantine(self) -> Path:
        """Folder of the rejected rows."""
        return self.workspace / "data" / "quarantine"

    @property
    def keys(self) -> Path:
        """File of the API keys' hashes."""
        return self.workspace / KEYS_FILE

    @property
    def releases(self) -> Path:
        """Folder of the releases."""
        return self.workspace / "releases"

    @property
    def prediction_log(self) -> Path | None:
        """Folder of the prediction log; None = none is kept."""
        return None if self.service.prediction_log is None else self.workspace / self.service.prediction_log

    @property
    def tracking_uri(self) -> str:
        """The MLflow server's address."""
        return self.tracking.uri or f"sqlite:///{self.workspace / 'mlruns' / 'mlflow.db'}"


def load_settings(workspace: Path) -> Settings:
    """Read ``foresell.toml`` of a workspace.

    Parameters
    ----------
    workspace : Path
        Folder that holds the file.

    Raises
    ------
    ConfigError
        The file is missing or cannot be read, is not TOML, has an unknown key or a value that is not allowed.
    """
    path = workspace.resolve() / CONFIG_FILE
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"no {CONFIG_FILE} in {workspace}: run in a workspace, or name one with --workspace"
        ) from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}; name a workspace's folder") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from None
    # not left to pydantic: the workspace is no key of the file, and a few more names steer pydantic-settings itself
    for key in values:
        if key not in Settings.model_fields or key == "workspace":
            raise ConfigError(f"{path.name}: unknown key {key!r}; remove it, or see the keys in README.md")
    for section, key in ONLY_FROM_ENVIRONMENT:
        if isinstance(values.get(section), dict) and key in values[section]:
            raise ConfigError(
                f"{path.name}: {section}.{key} is read only from the environment: remove it from the file and set "
                f"FORESELL_{section.upper()}__{key.upper()}"
            )
    try:
        # the folder is where the file was found, whatever the environment says
        return Settings(workspace=path.parent, **values).model_copy(update={"workspace": path.parent})
    except ValidationError as error:
        raise ConfigError(first_fault(path.name, error)) from None
    except SettingsError as error:
        raise ConfigError(f"the environment: {error}; a whole section is written as JSON") from None


ONLY_FROM_ENVIRONMENT = (("source", "password"), ("privacy", "key"))
"""Section and key of what no file may hold."""
MAX_SHOWN = 200
"""Characters of an offending value that a message repeats."""
_NEVER_SHOWN = frozenset({"url", "password", "key"})


def first_fault(where: str, error: ValidationError) -> str:
    """Say in one line what is wrong with the first offending value of ``where``."""
    fault = error.errors()[0]
    key = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"{where}: unknown key {key!r}; remove it, or see the keys in README.md"
    if fault["type"] == "missing":
        return f"{where}: {key!r} is missing; README.md has an example"
    shown = "" if _may_hold_a_secret(fault["loc"], fault["input"]) else f" = {_shortened(repr(fault['input']))}"
    return f"{where}: {key or 'value'}{shown}: {fault['msg'].removeprefix('Value error, ')}"


def _may_hold_a_secret(place: tuple[int | str, ...], value: object) -> bool:
    # a whole section may hold one of its keys, and a text in a section's place may be an address
    return isinstance(value, dict) or "://" in str(value) or not _NEVER_SHOWN.isdisjoint(map(str, place))


def _shortened(text: str) -> str:
    # a list of 200,000 ids would say nothing more
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."
