"""The leak check: do facts that became known at or after the cutoff change a feature?"""

from collections.abc import Sequence

from models.features import catalogue
from models.settings import FeatureSettings
from tests.models.features.builders import AS_OF, Story, run, spine, stack


def leaking(stories: Sequence[Story], sql: str, settings: FeatureSettings) -> set[str]:
    """Name the features that later facts change, or whose customer is missing from the answer."""
    pairs = {f"{at} {word}": person for at, each in enumerate(stories) for word, person in vars(each).items()}
    table = run(stack(pairs, settings), spine(*((key, AS_OF) for key in pairs)), sql)
    rows = {row["customer_id"]: row for row in table.to_pylist()}
    assert rows.keys() == pairs.keys()
    return {
        feature.name
        for feature in catalogue(settings)
        for at in range(len(stories))
        if rows[f"{at} before"][feature.name] != rows[f"{at} after"][feature.name]
    }
