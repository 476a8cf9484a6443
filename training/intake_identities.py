"""Identities on their way through intake: resolved before the other tables, whose ids they join."""

from dataclasses import dataclass, replace

import ibis
import ibis.expr.types as ir

from models import columns as col
from models.contracts import written
from training.identities import PERSON, resolve
from training.intake_tables import Intake, Staged, stage
from training.judging import FATE, Fate
from training.people import ALIAS, OWN_ID, People
from training.sources.raw import RawTable


@dataclass(frozen=True)
class Joined:
    """What the identities say.

    Parameters
    ----------
    staged : Staged
        The identities table, each row with its fate; ids as they are kept.
    people : People
        With the aliases.
    ids, count : int
        Ids that are joined to somebody's other id, and the people who have such.
    """

    staged: Staged
    people: People
    ids: int
    count: int


def stage_identities(intake: Intake, raw: RawTable) -> Joined:
    """Read and resolve the identities.

    Parameters
    ----------
    intake : Intake
        What the tables share.
    raw : RawTable
        The source's table.

    Raises
    ------
    ContractError, SourceError
        As ``intake_tables.stage``.
    """
    people = intake.people
    # ids are joined as the source has them
    plain = replace(intake, people=replace(people, key=None))
    staged = stage(plain, col.IDENTITIES, raw)
    intake.progress("joining identities")
    connection = intake.connection
    rows = connection.read_parquet(staged.path)
    sound = rows.filter(rows[FATE].isin([Fate.KEPT.value, Fate.FORGOTTEN.value]))
    found = intake.folder / "resolved.parquet"
    pairs = sound.select(col.SOURCE_ID, col.CUSTOMER_ID)
    connection.to_parquet(resolve(connection, pairs).distinct(), found)
    resolved = connection.read_parquet(found)
    path = intake.folder / "resolved_identities.parquet"
    connection.to_parquet(_settled(rows, resolved, people), path)
    staged.path.unlink()
    aliases = resolved.filter(resolved[col.RULE].isnull() & (resolved[col.SOURCE_ID] != resolved[PERSON]))
    aliases = aliases.select(**{ALIAS: col.SOURCE_ID, PERSON: PERSON}).distinct()
    counts = aliases.agg(ids=aliases.count(), people=aliases[PERSON].nunique()).to_pyarrow().to_pylist()[0]
    return Joined(replace(staged, path=path), people.knowing(aliases), counts["ids"], counts["people"])


def _settled(rows: ir.Table, resolved: ir.Table, people: People) -> ir.Table:
    """Give each row the person that it leads to, or the rule that it broke, and the ids that are kept."""
    keys = [col.SOURCE_ID, col.CUSTOMER_ID]
    found = resolved.select(*keys, PERSON, broken=col.RULE)
    joined = rows.left_join(found, keys).drop(*(f"{key}_right" for key in keys))
    joined = joined.mutate(**{OWN_ID: joined[PERSON]})
    kept = joined[FATE] == Fate.KEPT.value
    gone = people.forgotten(joined)
    gone = ibis.literal(False) if gone is None else kept & gone
    broken = kept & joined["broken"].notnull()
    fate = ibis.cases((gone, Fate.FORGOTTEN.value), (broken, Fate.REJECTED.value), else_=joined[FATE])
    settled = joined.mutate(
        **{
            FATE: fate,
            col.RULE: ibis.ifelse(broken & ~gone, joined["broken"], joined[col.RULE]),
            written(col.SOURCE_ID): ibis.ifelse(broken, joined[col.SOURCE_ID], joined[written(col.SOURCE_ID)]),
            written(col.CUSTOMER_ID): ibis.ifelse(broken, joined[col.CUSTOMER_ID], joined[written(col.CUSTOMER_ID)]),
            col.CUSTOMER_ID: ibis.ifelse(kept & ~broken, joined[PERSON], joined[col.CUSTOMER_ID]),
        }
    ).drop(PERSON, OWN_ID, "broken")
    if people.key is None:
        return settled
    out = settled[FATE] != Fate.KEPT.value
    ids = {name: people.known_as(settled[name]) for name in keys}
    texts = {written(name): ibis.ifelse(out, people.known_as(settled[name]), ibis.null("string")) for name in keys}
    return settled.mutate(**ids, **texts)
