"""The fingerprint by which a store and an artifact know that they mean the same features."""

import functools
import hashlib
import json
from collections.abc import Mapping

import ibis
from ibis.expr import types as ir

from models import columns as col
from models.contracts import SCHEMAS
from models.features.expression import features
from models.features.sources import catalogue
from models.settings import FeatureSettings

SPINE = "spine"


def unbound(settings: FeatureSettings) -> tuple[Mapping[str, ir.Table], ir.Table]:
    """Give the contract's tables and a spine as names without data, to compile the expression against."""
    attributes = {attribute.name: "string" for attribute in settings.attributes}
    schemas = {name: {**schema, **attributes} if name == col.CUSTOMERS else schema for name, schema in SCHEMAS.items()}
    tables = {name: ibis.table(dict(schema), name=name) for name, schema in schemas.items()}
    return tables, ibis.table({col.CUSTOMER_ID: "string", col.AS_OF: "date"}, name=SPINE)


@functools.cache
def compiled(settings: FeatureSettings) -> str:
    """Compile the features to DuckDB's SQL over tables that bear the contract's names and ``spine``."""
    tables, spine = unbound(settings)
    return str(ibis.to_sql(features(tables, spine, settings), dialect="duckdb"))


@functools.cache
def fingerprint(settings: FeatureSettings) -> str:
    """Hash what the features mean: the schema, the compiled expression and the zone in which days begin.

    Parameters
    ----------
    settings : FeatureSettings
        What changes the features.

    Returns
    -------
    str
        sha256 as 64 hexadecimal digits, the same in every process.
    """
    schema = [(feature.name, feature.unit, "float64") for feature in catalogue(settings)]
    content = json.dumps({"schema": schema, "sql": compiled(settings), "timezone": settings.timezone}, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()
