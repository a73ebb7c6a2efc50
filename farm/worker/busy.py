"""``busy``: computes for some seconds, and does nothing useful. The farm's prototype task."""

import argparse
import json
import os
import time
from pathlib import Path


def busy(seconds: float) -> int:
    """Compute for ``seconds`` of the clock; returns the rounds done."""
    end = time.monotonic() + seconds
    progress = os.environ.get("FARM_PROGRESS")
    rounds = 0
    said = time.monotonic()
    while (now := time.monotonic()) < end:
        sum(number * number for number in range(10_000))
        rounds += 1
        if progress and now - said > 1:
            said = now
            scratch = Path(progress + ".tmp")
            scratch.write_text(json.dumps({"done": 1 - (end - now) / seconds}))
            scratch.replace(progress)
    return rounds


def main() -> None:
    parser = argparse.ArgumentParser(prog="busy", description=__doc__.partition(": ")[2].strip())
    parser.add_argument("seconds", type=float)
    given = parser.parse_args()
    rounds = busy(given.seconds)
    print(f"busy for {given.seconds} s: {rounds} rounds")


if __name__ == "__main__":
    main()
