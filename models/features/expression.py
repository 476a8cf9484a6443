"""The features of customers at cutoffs, as one Ibis expression."""

from collections.abc import Mapping

from ibis.expr import types as ir

from models import columns as col
from models.features.arithmetic import FLOAT, day_number
from models.features.definition import Source
from models.features.sources import SOURCES, catalogue
from models.settings import FeatureSettings

KEYS = (col.CUSTOMER_ID, col.AS_OF)


def features(tables: Mapping[str, ir.Table], spine: ir.Table, settings: FeatureSettings) -> ir.Table:
    """Compute every feature for each customer at each cutoff, of nothing but what was known before the cutoff.

    Parameters
    ----------
    tables : Mapping[str, ir.Table]
        The five tables of ``models.contracts.SCHEMAS``, maybe empty; customers also has a string column for each
        configured attribute.
    spine : ir.Table
        (customer_id string, as_of date), unique rows, any number of cutoffs.
    settings : FeatureSettings
        Names attributes and kinds of events.

    Returns
    -------
    ir.Table
        (customer_id, as_of, then every feature in catalogue order as float64), one row for each spine row, in no
        particular order. The catalogue says what a null means.
    """
    spine = spine.select(*KEYS)
    wide = spine
    for source in SOURCES:
        if source.definitions(settings):
            part = _aggregate(source, tables, spine, settings)
            wide = wide.inner_join(part, KEYS)
    return wide.select(*KEYS, *(feature.name for feature in catalogue(settings)))


def _aggregate(source: Source, tables: Mapping[str, ir.Table], spine: ir.Table, settings: FeatureSettings) -> ir.Table:
    """Give one row for each spine row with the features of one source."""
    history = source.history(tables, settings)
    cutoffs = spine.mutate(now=day_number(spine[col.AS_OF]))
    same = cutoffs[col.CUSTOMER_ID] == history[col.CUSTOMER_ID]
    # a left join keeps the customers of whom nothing is known
    joined = cutoffs.left_join(history, [same, source.known(history, cutoffs.now)])
    joined = joined.mutate(age=joined.now - joined.day)
    return joined.group_by(KEYS).aggregate(
        **{made.feature.name: made.expression(joined).cast(FLOAT) for made in source.definitions(settings)}
    )
