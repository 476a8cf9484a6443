"""A sensitive attribute from the configuration to the artifact, the store and the answers."""

from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from models import prediction_named
from models.artifact import save_artifact
from models.errors import InvalidRequestError
from models.features import fingerprint
from models.histories import inline_history
from models.messages import InlineCustomer
from models.release import Releases
from models.settings import Settings, load_settings
from tests.shop import FIRST_DAY, open_shop
from training.ingest import ensure_tables
from training.publish import _keep_store
from training.run import Trainer

TODAY = date(2024, 12, 31)
BELIEF = """
[[features.attributes]]
name = "belief"
kind = "categorical"
levels = ["a", "b"]
undated = true
sensitive = {sensitive}
"""
CUSTOMERS = """
[source.customers]
path = "customers.csv"
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = open_shop(tmp_path_factory.mktemp("shop"), customers=150)
    people = [f"{number:03d},{'ab'[number % 2]},{FIRST_DAY}" for number in range(150)]
    (folder / "customers.csv").write_text("\n".join(["customer_id,belief,valid_from", *people]), encoding="utf-8")
    return folder


def configured(shop: Path, more: str) -> Settings:
    """Configure the shop: its own lines, and some more."""
    path = shop / "foresell.toml"
    own = path.read_text(encoding="utf-8").split("# more")[0]
    path.write_text(f"{own}# more\n{CUSTOMERS}{more}", encoding="utf-8")
    return load_settings(shop)


def digest(settings: Settings, folder: Path) -> str:
    """Train churn the quick way and return its artifact's digest."""
    intake = ensure_tables(settings, today=TODAY)
    folder.mkdir()
    trainer = Trainer(settings, prediction_named("churn", settings.models), intake)
    return save_artifact(folder, trainer.artifact("rfm_logistic", max(trainer.plan.test.values())))


def test_artifact_is_the_same_when_a_sensitive_attribute_is_configured(shop: Path, tmp_path: Path) -> None:
    without = digest(configured(shop, ""), tmp_path / "without")
    sensitive = configured(shop, BELIEF.format(sensitive="true"))
    assert digest(sensitive, tmp_path / "with") == without
    # the table keeps it all the same
    kept = pq.read_table(sensitive.tables / "customers.parquet")
    assert kept["belief"].to_pylist()[:2] == ["a", "b"]
    # and without the mark it is a feature
    used = configured(shop, BELIEF.format(sensitive="false")).models.features
    assert fingerprint(used) != fingerprint(sensitive.models.features)


def test_store_is_the_same_when_a_sensitive_attribute_is_configured(shop: Path) -> None:
    def stored(more: str) -> str:
        settings = configured(shop, more)
        intake = ensure_tables(settings, today=TODAY)
        (settings.releases / "parts").mkdir(parents=True, exist_ok=True)
        return _keep_store(settings, Releases(settings.releases), intake.as_of)

    without = stored("")
    assert stored(BELIEF.format(sensitive="true")) == without
    assert stored(BELIEF.format(sensitive="false")) != without


def test_history_of_a_request_is_refused_when_it_brings_a_sensitive_attribute(shop: Path) -> None:
    settings = configured(shop, BELIEF.format(sensitive="true")).models
    asked = InlineCustomer.model_validate({"customer_id": "x", "as_of": "2024-06-01", "attributes": {"belief": "a"}})
    with pytest.raises(InvalidRequestError, match=r"attribute 'belief' of 'x' is not one that the model uses"):
        inline_history(0, asked, settings.features)
