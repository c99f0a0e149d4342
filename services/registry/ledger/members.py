"""Several rows a child: a line for the father, the mother, the guardian, told apart by a column of relations.

Where the columns are the parents' and nothing says which is which, `parents.py` tells them apart.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from services.registry.ledger.data import bare
from services.registry.ledger.labels import is_parents, is_relation, kinds, persons, relative_field
from services.registry.ledger.model import Cell, Column, SheetRow
from services.registry.ledger.parents import PARENTS, Told, tell_parents
from services.registry.ledger.tables import Body, Table

OWN = ("姓名", "公民身份证号码")
SUMS = ("total-row", "signature-row")
MOST = 5  # of six relations, so many have to name a person of the form


@dataclass(frozen=True)
class _Layout:
    """The column of relations, the child's own columns before it, the relative's fields behind it.

    Without a column of relations the lines are the `parents`', or of relatives that nothing tells apart.
    """

    relation: Column | None
    own: tuple[Column, ...]
    fields: dict[int, str]
    parents: bool = False


def fold_members(tables: Sequence[Table], bodies: Sequence[Body]) -> tuple[list[Table], list[Body]]:
    """Tables and rows again, the lines of a child's relatives put into the child's own where a table is laid out so."""
    found: dict[int, _Layout] = {}
    for table in tables:
        of = id(table.header.columns)
        if layout := _layout(table.header.columns, [b for b in bodies if id(b.columns) == of]):
            found[of] = layout
    if not found:
        return list(tables), list(bodies)
    doubted = {f"{c.label}:{c.doubt}" for t in tables for c in _theirs(t, found) if c.doubt}
    told = [replace(b, warnings=tuple(w for w in b.warnings if w not in doubted)) for b in bodies]
    return [_understood(table, found) for table in tables], list(_fold(told, found))


def _theirs(table: Table, found: dict[int, _Layout]) -> list[Column]:
    layout = found.get(id(table.header.columns))
    return [c for c in table.header.columns if layout and (c.index in layout.fields or c is layout.relation)]


def _understood(table: Table, found: dict[int, _Layout]) -> Table:
    """Say of the relatives' columns what they are: how columns were understood is shown to the office."""
    theirs = {c.index: c for c in _theirs(table, found)}
    layout = found.get(id(table.header.columns))
    columns = tuple(
        replace(c, field=f"家庭成员.{layout.fields.get(c.index, '关系')}", doubt=None) if layout and c.index in theirs else c
        for c in table.header.columns
    )  # fmt: skip
    return replace(table, header=replace(table.header, columns=columns))


def _layout(columns: Sequence[Column], rows: Sequence[Body]) -> _Layout | None:
    """The layout of a table's rows, if its relations name persons of the form and children have several lines."""
    for at, relation in enumerate(columns):
        own = tuple(c for c in columns[:at] if c.field in OWN)
        if not is_relation(relation.label) or not own:
            continue
        told = [_person(row, relation) for row in rows if _cell(row, relation.index) is not None]
        named = [person for person in told if person]
        if len(set(named)) < 2 or len(named) * (MOST + 1) < len(told) * MOST:
            continue
        more = [
            row for before, row in pairwise(rows)
            if _person(row, relation) and _follows(row, before, own)
        ]  # fmt: skip
        fields = _fields(columns[at + 1 :], more)
        if more and "姓名" in fields.values():
            return _Layout(relation, own, fields)
    return _layout_of_parents(columns, rows)


def _layout_of_parents(columns: Sequence[Column], rows: Sequence[Body]) -> _Layout | None:
    """The layout where a child has a second line with nothing but a relative's cells."""
    first = next(
        (at for at, c in enumerate(columns) if c.field is None and relative_field(c.label) == "姓名"), None
    )
    if first is None:
        return None
    own = tuple(c for c in columns[:first] if c.field)
    name = columns[first].index
    more = [
        row for before, row in pairwise(rows)
        if _cell(row, name) is not None and before.ignored is None and _follows(row, before, own)
    ]  # fmt: skip
    named = any(c.field == "姓名" for c in own)
    parents = is_parents(columns[first].label)
    return _Layout(None, own, _fields(columns[first:], more), parents) if more and named else None


def _fields(columns: Sequence[Column], more: Sequence[Body]) -> dict[int, str]:
    """The columns right behind the relation that a relative's own line fills, by the last of their labels."""
    fields: dict[int, str] = {}
    for column in columns:
        field = relative_field(column.label)
        theirs = any(_cell(row, column.index) is not None for row in more)
        if field is None or field in fields.values() or not (theirs or column.field is None):
            break
        fields[column.index] = field
    return fields


def _follows(row: Body, before: Body, own: Sequence[Column]) -> bool:
    """Whether a row goes on with the child above: its own cells are blank, or say the same again."""
    said = [(_cell(row, c.index), _cell(before, c.index)) for c in own]
    return all(here is None or here == above for here, above in said)


def _fold(bodies: Sequence[Body], found: dict[int, _Layout]) -> Iterator[Body]:
    child: list[Body] = []
    parts: list[Body] = []  # of the child, and what stands between its lines
    for body in bodies:
        layout = found.get(id(body.columns))
        if layout and child and _goes_on(body, child, layout):
            child.append(body)
            parts.append(Body(body.row, (), "member-row"))
        elif layout and body.ignored is None:
            yield from _joined(child, parts, found)
            child, parts = [body], []
        else:
            parts.append(body)
    yield from _joined(child, parts, found)


def _goes_on(body: Body, child: Sequence[Body], layout: _Layout) -> bool:
    """Whether a row is another line of the child."""
    if layout.relation:
        said = _person(body, layout.relation) is not None
    else:
        said = (
            body.ignored not in SUMS
            and len(child) < len(PARENTS)
            and any(_cell(body, i) is not None for i in layout.fields)
        )
    return said and _follows(body, child[0], layout.own)


def _joined(lines: Sequence[Body], parts: Sequence[Body], found: dict[int, _Layout]) -> Iterator[Body]:
    """A child's first row, with the relatives of all its lines behind the child's own cells; then its parts."""
    if lines:
        yield _child(lines, found[id(lines[0].columns)])
    yield from parts


def _child(lines: Sequence[Body], layout: _Layout) -> Body:
    first = lines[0]
    theirs = {*layout.fields} | ({layout.relation.index} if layout.relation else set())
    columns = [column for column in first.columns if column.index not in theirs]
    width = 1 + max(column.index for column in first.columns)
    cells: list[Cell] = [*first.row.cells[:width], *[None] * (width - len(first.row.cells))]
    places: dict[int, tuple[int, int]] = {}
    warnings: list[str] = []
    taken: dict[str, Cell] = {}
    told = _persons(lines, layout)
    warnings += told.doubts
    for line, person in zip(lines, told.persons, strict=True):
        values = {i: cell for i in layout.fields if (cell := _cell(line, i)) is not None}
        warnings += ["member-unclear"] if values and person is None else []
        for index, value in values.items() if person else ():
            label = f"{person}.{layout.fields[index]}"
            if label not in kinds():
                warnings.append(f"{label}:no-place-on-form")
            elif label not in taken:
                taken[label] = value
                places[len(cells)] = (line.row.index, index)
                columns.append(Column(len(cells), label, label))
                cells.append(value)
            elif taken[label] != value:
                warnings.append(f"{label}:member-twice")
    row = SheetRow(first.row.index, tuple(cells))
    return Body(
        row, tuple(columns), None, tuple(dict.fromkeys(warnings)), places, first.own or first.row.cells
    )


def _persons(lines: Sequence[Body], layout: _Layout) -> Told:
    if layout.relation:
        return Told([_person(line, layout.relation) for line in lines])
    if not layout.parents:
        return Told([None] * len(lines))
    name, number = (next((i for i, field in layout.fields.items() if field == kind), -1) for kind in OWN)
    child = next(_cell(lines[0], c.index) for c in layout.own if c.field == "姓名")
    return tell_parents(
        child, [(_cell(line, name), _cell(line, number) if number >= 0 else None) for line in lines]
    )


def _person(row: Body, relation: Column) -> str | None:
    cell = _cell(row, relation.index)
    return persons().get(bare(cell)) if isinstance(cell, str) else None


def _cell(row: Body, index: int) -> Cell:
    cell = row.row.cells[index] if index < len(row.row.cells) else None
    return None if isinstance(cell, str) and not cell.strip() else cell
