"""Lives through one history in a process of its own, so that both of a pair go on at once: `… COUNT SEED OUT.json`."""

import asyncio
import json
import sys
from pathlib import Path

from services.kernel.telemetry import set_up_logs
from tests.privacy.test_reporter import LIVED, history


def main() -> None:
    """Write what everybody but the police is given; what is logged is for whoever listens."""
    count, seed, out = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    set_up_logs("platform")
    out.write_text(json.dumps(asyncio.run(history(count, seed, lambda: ""))))
    sys.stderr.write(f"{LIVED} {count}\n")


if __name__ == "__main__":
    main()
