"""How much a file may ask of us: sizes in bytes, times in seconds."""

MIB = 1024 * 1024
FILE_BYTES = 48 * MIB  # a full county roster of 100,000 rows stays under 30 MiB
UNZIPPED_BYTES = 400 * MIB
BOMB_RATIO = 150  # an honest sheet shrinks 10 to 60 times
BOMB_FLOOR = 16 * MIB  # below this no ratio is a danger
ZIP_MEMBERS = 2_000
COLUMNS = 512
ROWS = 200_000
SHEETS = 200
MERGES = 100_000  # of one sheet
TEXT_CHARS = 500  # of one value
CHILD_MEMORY = 448 * MIB
CHILD_CPU_SECONDS = 60
CHILD_WALL_SECONDS = 90
