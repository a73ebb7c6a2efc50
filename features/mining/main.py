"""``mine_objects``, the program that runs on a worker: a function over the light curves of a range, or a list."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from features import survey
from features.errors import InputError
from features.mining import job as jobs
from features.rebuild.errors import CassandraError, Exit
from features.rebuild.main import bound, keys, names, positive, tokens
from features.rebuild.settings import DEFAULT, load

TRIAL = 60.0
"""Seconds from which on ``--first`` begins no further object."""


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="mine_objects", description=__doc__)
    what = made.add_mutually_exclusive_group(required=True)
    what.add_argument("--range", type=tokens, metavar="LO:HI", help="objects with LO < token <= HI")
    what.add_argument("--objects", type=Path, metavar="FILE", help="objects by name, one a line")
    made.add_argument("--job", type=Path, required=True, metavar="FILE", help="job.json, beside the script")
    made.add_argument("--out", type=Path, metavar="FILE", help="the part; its manifest is written beside it")
    made.add_argument("--first", type=positive, metavar="N", help="only try the first N objects, and print JSON")
    made.add_argument("--cassandra", type=Path, default=DEFAULT, metavar="FILE", help="how to reach Cassandra")
    made.add_argument("--reads", type=positive, default=2, help="reads in flight")
    made.add_argument("--page", type=positive, default=20_000, help="rows of a read")
    made.add_argument("--max-rows-per-second", type=positive, help="no more than that, to spare Cassandra")
    made.add_argument("--max-partition-rows", type=positive, default=250_000, help="objects with more are not read")
    return made


def work(arguments: argparse.Namespace) -> Exit:
    from features.mining.guard import Guard
    from features.mining.mine import mine, reading_of, trial
    from features.rebuild.cluster import connect
    from features.rebuild.progress import Progress
    from features.rebuild.rebuild import Limits

    job = jobs.read(arguments.job)
    settings = load(arguments.cassandra)
    limits = Limits(arguments.reads, arguments.page, arguments.max_partition_rows, arguments.max_rows_per_second)
    whole = survey(job.survey)
    wanted = arguments.range or keys(names(arguments.objects), whole)
    with Guard(job, arguments.job.parent, whole.key.name, whole.key.dtype) as guard:
        read = reading_of(whole, guard.columns)
        with connect(settings, read.detections, read.inputs, read.beside) as reader:
            if arguments.first:
                guard.until = time.monotonic() + TRIAL
                told = trial(reader, read, job, guard, wanted, arguments.first, limits)
                sys.stdout.write(json.dumps(told) + "\n")
                return Exit.OK
            progress = Progress.from_environment()
            done = mine(reader, read, job, guard, wanted, arguments.out, limits, settings.consistency, progress)
    for kind in done.kinds:
        sys.stderr.write(f"{kind.count} objects failed, {kind.objects[0]} first: {kind.kind}\n{kind.traceback}\n")
    sys.stderr.write(f"{done.yielded} rows of {done.objects} objects, {done.failed} failed\n")
    return Exit.OK


def main(argv: Sequence[str] | None = None) -> None:
    arguments = parser().parse_args(bound(sys.argv[1:] if argv is None else argv))
    if not arguments.first and arguments.out is None:
        parser().error("--out or --first is needed")
    try:
        sys.exit(work(arguments))
    except (InputError, CassandraError) as error:
        sys.stderr.write(f"mine_objects: {error}\n")
        sys.exit(int(error.exit))
    except OSError as error:
        sys.stderr.write(f"mine_objects: {arguments.out} cannot be written: {error}\n")
        sys.exit(Exit.INPUT)
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)


if __name__ == "__main__":
    main()
