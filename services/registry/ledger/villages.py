"""The village that a row names: by a column, a line above it, a title, or the sheet's name; and the region it fits."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise

from services.registry.ledger.data import BRACKETS, bare, half_width
from services.registry.ledger.model import Column
from services.registry.ledger.tables import VILLAGE, Body
from services.registry.ledger.values.texts import is_not_known, is_nothing, marks, plain

LINES = ("title-row", "note-row")
IS_TITLE = re.compile(r"(?!注|备注|说明).{4,}(?:册|表|台账|名单|台帐)(?:[(（].*[)）])?")
UNIT = re.compile("填报单位")
LONGEST = 60  # characters of a line that names a village
COUNT = "[\\d一二三四五六七八九十]"
END = r"(?:村|社区)?(?:村民委员会|居民委员会|村委会|居委会|(?<![农本全各乡])村|社区)"
NAME = rf"([\u4e00-\u9fff]{{1,14}}?{END})"
LABEL = r"(?:[^:]{0,8}(?:村|社区|村居|单位)(?:名称|名)?:)?"
LINE = re.compile(rf"{LABEL}{NAME}(?:{COUNT}+组)?(?::.*|\(.*|共?{COUNT}+[人名户].*)?")
LABELLED = re.compile(
    r"(?:村名|村居|村名称|所属村|行政村|所在村|村\(居\)|村\(社区\)):([\u4e00-\u9fff]{1,14})"
)
TITLE = re.compile(
    rf"(?:^|[^\u4e00-\u9fff])(?:(?<=\d)年度?)?{NAME}(?=$|[\s\d(:]|农村|留守|困境|儿童|未成年|孤儿|花名|名册|台账|登记|统计|名单|情况|摸排|信息)"
)
GROUP = re.compile(
    rf"(?<=[村区会])[^村]{{1,8}}(?:组|队|社|屯|号)$|第?{COUNT}+(?:村民小?组|小?组|队|社|屯|号)$"
)
ENDINGS = re.compile(r"(?:村民委员会|居民委员会|委员会|村委会|居委会|社区|村)$")
ABOVE = re.compile("[省市县区旗乡镇盟道]|办事处")


def villages_above(sheet: str, bodies: Sequence[Body]) -> list[str | None]:
    """What names the village of each row where its own cell does not: the line above it, the title, the sheet."""
    told: list[str | None] = []
    current = in_title(sheet)
    begun = False
    for body in bodies:
        begun = begun or body.ignored == "header-row"
        if body.ignored in LINES:
            texts = _texts(body)
            named = _in_table(texts) if begun else _title_of(texts)
            current = named or current
        elif body.ignored == "form-row" and (unit := [t for t in _texts(body) if UNIT.search(t)]):
            current = in_title(" ".join(unit)) or in_title(sheet)
        told.append(current)
    return told


def _texts(body: Body) -> list[str]:
    return [cell.strip() for cell in body.row.cells if isinstance(cell, str) and cell.strip()]


def said_once(bodies: Sequence[Body]) -> dict[int, str]:
    """Rows whose blank cell goes on with the village above: an office that names each once, at its first child."""
    found: dict[int, str] = {}
    for rows in _village_cells(bodies).values():
        blank = sum(cell is None for _, cell in rows)
        again = any(one and one == other for (_, one), (_, other) in pairwise(rows))
        once = not again and blank * 2 >= max(len(rows), 2) and rows[0][1] is not None
        above: str | None = None
        for number, cell in rows:
            ditto = cell is not None and cell.strip() in marks("ditto")
            if above and (ditto or (once and cell is None)):
                found[number] = above
            elif cell is not None and not ditto:
                above = in_cell(cell)
            elif not ditto and not once:
                above = None
    return found


def _village_cells(bodies: Sequence[Body]) -> dict[int, list[tuple[int, str | None]]]:
    """The village's cell of each child's row, by table."""
    at: dict[int, Column | None] = {}
    tables: dict[int, list[tuple[int, str | None]]] = {}
    for number, body in enumerate(bodies):
        of = id(body.columns)
        if of not in at:
            at[of] = next((c for c in body.columns if c.field == VILLAGE), None)
        column = at[of]
        if body.ignored is None and column is not None and not body.places:
            cells = body.row.cells
            cell = cells[column.index] if column.index < len(cells) else None
            filled = cell is not None and str(cell).strip()
            tables.setdefault(of, []).append((number, str(cell) if filled else None))
    return tables


@lru_cache(maxsize=2048)
def in_cell(cell: str) -> str | None:
    """The village's text of a cell; None where it names a group of households alone, or nothing."""
    text = plain(cell)
    if is_nothing(cell) or is_not_known(cell) or text in marks("ditto") or not GROUP.sub("", text):
        return None
    return text[:LONGEST]


def in_line(line: str) -> str | None:
    """上塘村 in `一、上塘村(12人)` or `村名:上塘`."""
    text = _compact(line)
    found = LINE.fullmatch(text) or LABELLED.fullmatch(text)
    return found[1] if found and len(text) <= LONGEST else None


def in_title(title: str) -> str | None:
    """青禾镇上塘村 in `2016年青禾镇上塘村留守儿童花名册`."""
    found = TITLE.search(half_width(title).strip()) if len(title) <= LONGEST else None
    return found[1] if found else None


def fitting(text: str, names: Mapping[str, str]) -> list[str]:
    """Codes of the regions that the text names, with or without 村, 村委会, 社区, 居委会, or a township before it."""
    whole = bare(BRACKETS.sub("", half_width(text))) or bare(text)
    rests = [whole, *(whole[cut.end() :] for cut in ABOVE.finditer(whole))]
    for rest in rests:
        for form in (bare, _core):
            wanted = form(GROUP.sub("", rest) or rest)
            codes = [code for code, name in names.items() if wanted and form(name) == wanted]
            if codes:
                return codes
    return []


@lru_cache(maxsize=8192)
def _core(name: str) -> str:
    core = bare(name)
    while ENDINGS.sub("", core) not in ("", core):
        core = ENDINGS.sub("", core)
    return core


def _compact(line: str) -> str:
    text = re.sub(r"\s+", "", half_width(line)).strip("【】[]<>《》*-=·")
    return re.sub(rf"^[(]?{COUNT}{{1,3}}[).、]+|^第{COUNT}+[.、:]?", "", text)


def _in_table(texts: Sequence[str]) -> str | None:
    """A line that names the village, or the title of the next page."""
    if not texts or len(texts) > 2:
        return None
    return in_line(texts[0]) or (in_title(texts[0]) if IS_TITLE.fullmatch(texts[0]) else None)


def _title_of(texts: Sequence[str]) -> str | None:
    return next((named for text in reversed(texts) if (named := in_title(text))), None)
