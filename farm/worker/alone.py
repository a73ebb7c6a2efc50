"""One command that belongs to no run, as a trial: ``python -m farm.worker.alone FOLDER SECONDS COMMAND``.

It is supervised as an attempt is, and ends with the standard input, so with the head's connection; whatever it has
started ends with it, and its folder goes. What it came to is a line of JSON: code, reason (``timeout``, ``killed`` or
null), out, err.
"""

import json
import os
import shutil
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from farm.worker import processes
from farm.worker.protocol import GRACE
from farm.worker.supervisor import WAKE, follow, spawn


def _end_with_input() -> None:
    while os.read(0, 1 << 12):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _run(command: str, seconds: float, folder: Path) -> dict[str, Any]:
    own = {"FARM_AGENT": processes.identity(os.getpid()) or "", "FARM_RUN": folder.name, "FARM_TASK": "alone"}
    with tempfile.TemporaryFile(dir=folder) as out, tempfile.TemporaryFile(dir=folder) as errors:
        status, reason = follow(spawn(command, os.environ | own, out.fileno(), errors.fileno()), seconds, GRACE)
        texts = []
        for file in (out, errors):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
    return {"code": os.waitstatus_to_exitcode(status), "reason": reason, "out": texts[0], "err": texts[1]}


def main() -> None:
    folder, seconds, command = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
    signal.pthread_sigmask(signal.SIG_BLOCK, WAKE)
    processes.adopt_orphans()
    threading.Thread(target=_end_with_input, daemon=True).start()
    try:
        told = _run(command, seconds, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
