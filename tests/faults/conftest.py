import pytest

from models.release import Releases
from tests.service.releases import publish


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    """A release of our own methods: boosters, regressions and rankers; shared, never to be changed."""
    return publish(tmp_path_factory.mktemp("sound"), tmp_path_factory.mktemp("scratch"), method=0)
