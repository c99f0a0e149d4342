"""What libraries log: when and where, and not a word of what."""

import json
import subprocess
import sys
from datetime import datetime, timedelta

SAY = """
import logging
from services.kernel.telemetry import log, set_up_logs
set_up_logs("exam")
logging.getLogger("library").warning("refused %s", "张小禾")
logging.getLogger("library").info("not this")
log.warning("exam.waits", error="BusDown", name="张小禾")
"""


def test_lines_of_libraries_and_ours_are_json_that_says_when_and_names_nobody() -> None:
    told = subprocess.run([sys.executable, "-c", SAY], capture_output=True, text=True, check=True).stderr
    theirs, ours = [json.loads(line) for line in told.splitlines()]
    assert "张小禾" not in told
    assert (theirs["logger"], theirs["level"], theirs["at"]) == ("library", "WARNING", "<string>:5")
    when, then = (datetime.fromisoformat(line["timestamp"]) for line in (theirs, ours))
    assert abs(then - when) < timedelta(minutes=1)
    assert ours["error"] == "BusDown"
