"""The files of rows that are not kept, and what the names in their column ``rule`` mean."""

from models import columns as col
from models.contracts import ANONYMOUS, EXACT_DUPLICATE, JOINED_CUSTOMER, rule_descriptions
from training.identities import RULES as IDENTITY_RULES


def rejected_file(table: str) -> str:
    """Name the file of the rows that broke a rule: the rule, and what the source had."""
    return f"{table}.parquet"


def set_aside_file(table: str) -> str:
    """Name the file of the rows that are nobody's mistake: why, and what the source had."""
    return f"set_aside_{table}.parquet"


def malformed_file(table: str) -> str:
    """Name the file of the lines that are no row: the rule, the file, the line's number (from 1) and its text."""
    return f"malformed_{table}.parquet"


def described(table: str, rule: str) -> str:
    """Say what is wrong with a row, or why it is set aside.

    Parameters
    ----------
    table : str
        The table's name in the contract.
    rule : str
        From the column ``rule``: a rule's name, or the name of a condition in the configuration.
    """
    own = IDENTITY_RULES if table == col.IDENTITIES else {}
    reasons = {
        ANONYMOUS: "no customer",
        EXACT_DUPLICATE: "an earlier row is exactly the same",
        JOINED_CUSTOMER: "an earlier row is of the same person, under another id",
    }
    known = {**rule_descriptions(table), **own, **reasons}
    return known.get(rule, f"meets the condition {rule!r} under [source.{table}.set_aside]")
