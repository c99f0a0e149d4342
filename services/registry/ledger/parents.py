"""Which of two people is the father and which the mother, where no label says so."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from services.registry.ledger.model import Cell
from services.registry.ledger.values.ids import facts_of, read_id
from services.registry.ledger.values.names import read_name

PARENTS = ("父亲", "母亲")
SEXES = {"男": "父亲", "女": "母亲"}


@dataclass(frozen=True)
class Told:
    """The person of each line, None where it can't be told; `doubts` go with the child."""

    persons: list[str | None]
    doubts: list[str] = field(default_factory=list)


def tell_parents(child: Cell, people: Sequence[tuple[Cell, Cell]]) -> Told:
    """Tell by the sex in their numbers; else as father and mother in this order, if the surnames agree with it."""
    persons = [_by_number(number) for _, number in people]
    if len(people) == len(PARENTS) and persons.count(None) == 1:
        known = next(person for person in persons if person)
        persons = [person or PARENTS[1 - PARENTS.index(known)] for person in persons]
    if None not in persons and len(set(persons)) == len(persons):
        return Told(persons)
    surnames = [_surname(name) for name, _ in people]
    if len(people) == len(PARENTS) and not any(persons) and surnames[0] == _surname(child) != surnames[1]:
        return Told([*PARENTS], ["parents-by-order"])
    return Told([None] * len(people))


def _by_number(cell: Cell) -> str | None:
    number = read_id(cell, adult=True).value
    facts = facts_of(number) if number else None
    return SEXES[facts.sex] if facts else None


def _surname(cell: Cell) -> str | None:
    name = read_name(cell).value
    return str(name)[0] if name else None
