"""`python -m shouwang`."""

from shouwang.cli import main

main()
