"""Customer features: one definition, as Ibis expressions over the tables and the cutoffs."""

from models.features.definition import Feature
from models.features.document import document
from models.features.expression import features
from models.features.groups import GROUPS, Group
from models.features.identity import fingerprint
from models.features.sources import catalogue

__all__ = ["GROUPS", "Feature", "Group", "catalogue", "document", "features", "fingerprint"]
