"""Whether a sheet without a header goes on with the one before it."""

from collections.abc import Callable, Sequence

from services.registry.ledger.model import Cell, Column, Sheet
from services.registry.ledger.values.dates import read_date
from services.registry.ledger.values.ids import read_id
from services.registry.ledger.values.names import ODD, read_name
from services.registry.ledger.values.options import read_choice
from services.registry.ledger.values.read import Read, Setting
from services.registry.ledger.values.texts import is_nothing

LOOKED_AT = 200  # rows
DIGITS = 12
FEWEST = 3  # cells of a child's row
MOST = 4  # of five rows, so many have to fit
NAME = "姓名"
BY_SHAPE = ("公民身份证号码", "出生日期", "性别")  # a name alone fits anywhere


def continues(sheet: Sheet, columns: Sequence[Column]) -> bool:
    """Whether most rows hold a name, and a number, day of birth or sex, in the columns where these are due."""
    setting = Setting(sheet.date_1904, sheet.typed)
    readers: dict[str, Callable[[Cell], Read]] = {
        "公民身份证号码": _read_number,
        "出生日期": lambda cell: read_date(cell, setting),
        "性别": lambda cell: read_choice("性别", cell),
    }
    asked = {c.field: c.index for c in columns if c.field and c.field in (NAME, *BY_SHAPE)}
    rows = [
        row.cells for row in sheet.rows[:LOOKED_AT] if sum(not is_nothing(c) for c in row.cells) >= FEWEST
    ]
    return bool(rows) and len(rows) * MOST <= 5 * sum(_fits(cells, asked, readers) for cells in rows)


def _read_number(cell: Cell) -> Read:
    """A number with a digit too few or too many is still one."""
    digits = sum(letter.isdigit() for letter in str(cell))
    return Read(str(cell)) if digits >= DIGITS else read_id(cell, adult=False)


def _fits(cells: Sequence[Cell], asked: dict[str, int], readers: dict[str, Callable[[Cell], Read]]) -> bool:
    told = {field: cells[at] for field, at in asked.items() if at < len(cells) and not is_nothing(cells[at])}
    name = read_name(told.get(NAME)).value
    shaped = [readers[field](cell) for field, cell in told.items() if field in readers]
    misfits = ("id-malformed", "date-unreadable", "option-unknown")
    return (
        bool(name) and not ODD.search(str(name))
        and any(read.value for read in shaped) and not any(read.problem in misfits for read in shaped)
    )  # fmt: skip
