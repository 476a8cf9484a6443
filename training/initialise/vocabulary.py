"""How well a column's name fits what it may hold."""

import re
import unicodedata
from functools import cache

from training.initialise.words import NAMES

_BARE = frozenset(("id", "key", "code", "no", "nr", "number", "name", "编号"))
SURE, MAYBE, PART, ELSEWHERE = 1.0, 0.7, 0.6, 0.2


def normal(name: str) -> str:
    """Return a name in small words: ``CustomerID``, ``cust_id`` and ``Customer-Id`` are spelled one way."""
    text = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    text = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1 \2", text)
    plain = unicodedata.normalize("NFKD", text.casefold().replace("ß", "ss").replace("№", " no "))
    return " ".join(re.findall(r"\w+", "".join(c for c in plain if not unicodedata.combining(c)).replace("_", " ")))


@cache
def _terms(role: str) -> tuple[tuple[str, float], ...]:
    sure, maybe = NAMES[role]
    named = [(sure, SURE), (maybe, MAYBE)]
    return tuple((normal(term), weight) for terms, weight in named for term in terms.split(";") if term.strip())


def in_full(name: str, table: str) -> str:
    """Return a column's name with that of its table where it says nothing alone: ``id`` of ``customers``."""
    words = normal(table).split()
    if len(words) != 1 or normal(name) not in _BARE:
        return name
    return f"{words[0].removesuffix('s')} {name}"


def name_score(role: str, name: str) -> float:
    """Return how well a column's name fits a role, 0..1."""
    spelled = normal(name)
    return max((weight * _likeness(spelled, term) for term, weight in _terms(role)), default=0.0)


def _likeness(spelled: str, term: str) -> float:
    if spelled == term or spelled.replace(" ", "") == term.replace(" ", ""):
        return 1.0
    if not term.isascii():
        return PART + 0.2 * len(term) / len(spelled) if len(term) > 1 and term in spelled else 0.0
    words, wanted = spelled.split(), term.split()
    places = range(len(words) - len(wanted) + 1)
    if not any(words[place : place + len(wanted)] == wanted for place in places):
        return 0.0
    # the noun stands at the end: 'stock code' is a code, 'code type' is a type
    ends = words[-len(wanted) :] == wanted
    return (PART if ends else ELSEWHERE) + 0.2 * len(wanted) / len(words)
