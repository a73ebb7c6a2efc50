"""``make bench``: measure on the lab, print a table, keep the JSON in docs/benchmarks/."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.bench import machine, rebuild

KEPT = Path(__file__).parents[2] / "docs" / "benchmarks"


def main() -> None:
    rebuild.ready()
    measured = {
        "schema": 1,
        "when": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": machine.describe(),
        **rebuild.measure(),
    }
    KEPT.mkdir(parents=True, exist_ok=True)
    (KEPT / "rebuild.json").write_text(json.dumps(measured, indent=1) + "\n")
    print(
        f"{'objects':>9} {'bare scan':>10} {'old, 1':>8} {'old, best':>10} {'ours':>8}"
        f" {'ours/bare':>10} {'ours/old':>9}"
    )
    for size in measured["sizes"]:
        old = [each["objects_per_second"] for each in size["old_method"]]
        print(
            f"{size['objects']:>9,} {size['bare_scan_objects_per_second']:>10,.0f} {old[0]:>8,.0f} {max(old):>10,.0f}"
            f" {size['ours']['objects_per_second']:>8,.0f} {size['ours_to_bare_scan']:>10.2f}"
            f" {size['ours_to_old_one_process']:>9.1f}"
        )


if __name__ == "__main__":
    main()
