"""How much a file may ask of us: sizes in bytes, times in seconds."""

from math import ceil

MIB = 1024 * 1024
FILE_BYTES = 48 * MIB  # a full county roster of 100,000 rows stays under 30 MiB
UNZIPPED_BYTES = 400 * MIB
BOMB_RATIO = 150  # an honest sheet shrinks 10 to 60 times
BOMB_FLOOR = 16 * MIB  # below this no ratio is a danger
ZIP_MEMBERS = 2_000
COLUMNS = 512
ROWS = 200_000
CELLS = 8_000_000  # of all sheets, empty ones between others too
LINES = 1_048_576  # blank ones too: as many as a sheet has
SHEETS = 200
MERGES = 100_000  # of one sheet
TEXT_CHARS = 500  # of one value
LINE_CHARS = 1_000_000  # of a text file
ANSWER_BYTES = 128 * MIB  # of the roster of 100,000 rows it is 31
CHILD_MEMORY = 448 * MIB
CHILD_CPU_SECONDS = 60
CHILD_WALL_SECONDS = 90


def child_memory(kind: str, size: int) -> int:
    """Text is read line by line; of workbooks a roster of 100,000 rows (10 to 14 MiB, 24 columns) takes 337 MiB."""
    return 256 * MIB if kind == "text" else min(CHILD_MEMORY, 180 * MIB + 24 * size)


def child_cpu_seconds(size: int) -> int:
    """2 s for a small file, then 3 s a MiB: five times what honest rosters take."""
    return min(CHILD_CPU_SECONDS, ceil(1 + 3 * size / MIB))
