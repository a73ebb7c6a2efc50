"""Rows to SSTables: the one place that knows the Java program, how it is compiled, started and fed."""

import hashlib
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import PIPE
from typing import IO

from farm.errors import SetupError
from farm.seed.rows import END, Rows, chunk, header
from features.declare import Table
from features.schema import cql_ddl, cql_name

SOURCE = Path(__file__).with_name("SSTableFeed.java")
JAVA = (
    *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in ("java.io", "java.nio", "sun.nio.ch")),
    *(f"--add-exports=java.base/{package}=ALL-UNNAMED" for package in ("jdk.internal.misc", "jdk.internal.ref")),
    "--add-exports=java.base/sun.nio.ch=ALL-UNNAMED",
    "-Xmx1g",
)
"""What CQLSSTableWriter needs of Java 17. It holds one partition in memory, whatever the number of rows."""


class Feed:
    """Rows on their way into a folder of SSTables; made by ``feed``."""

    def __init__(self, table: Table, pipe: IO[bytes]) -> None:
        self._columns = [(column.name, column.cql) for column in table.columns]
        self._pipe = pipe
        self.rows = 0
        pipe.write(header([cql for _, cql in self._columns]))

    def add(self, rows: Rows) -> None:
        """Rows after those that were added before, in the order of their tokens."""
        count = len(next(iter(rows.values())))
        self._pipe.write(chunk(rows, self._columns, count))
        self.rows += count


@contextmanager
def feed(jars: Path, classes: Path, table: Table, keyspace: str, folder: Path) -> Iterator[Feed]:
    """Write what is added as SSTables of a table into ``folder``, which must be empty.

    ``jars`` is the folder of Cassandra's jars, ``classes`` one that keeps the compiled program.
    Raises SetupError where there is no JDK, or the program fails.
    """
    compiled = _compile(jars, classes)
    command = ["java", *JAVA, "-cp", f"{compiled}:{jars}/*", "SSTableFeed", str(folder)]
    command += [cql_ddl(table, keyspace), _insert(table, keyspace)]
    with tempfile.TemporaryFile() as log, subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=log) as process:
        assert process.stdin is not None
        said = b""
        try:
            fed = Feed(table, process.stdin)
            yield fed
            process.stdin.write(END)
            said, _ = process.communicate()
        except BrokenPipeError:
            with suppress(BrokenPipeError):
                process.stdin.close()
            process.wait()
        except BaseException:
            process.kill()
            with suppress(BrokenPipeError):
                process.stdin.close()
            raise
        if process.returncode or said.split()[-1:] != [str(fed.rows).encode()]:
            log.seek(0)
            raise SetupError(f"Cassandra's bulk writer failed: {_reason(log.read().decode(errors='replace'))}")


def _insert(table: Table, keyspace: str) -> str:
    names, marks = ", ".join(cql_name(column.name) for column in table.columns), ", ".join("?" for _ in table.columns)
    return f"INSERT INTO {keyspace}.{table.name} ({names}) VALUES ({marks})"  # noqa: S608


def _reason(log: str) -> str:
    """The exception's own line of a Java program's log."""
    lines = [line for line in log.splitlines() if line.strip() and not line.startswith("\tat ")]
    return lines[0] if lines else "it ended without a word"


def _compile(jars: Path, classes: Path) -> Path:
    """The folder of the compiled program, made when its source or the jars are others than before."""
    if not any(jars.glob("cassandra-all-*.jar")):
        raise SetupError(
            f"{jars} lacks Cassandra's jars: run ansible-playbook -i inventory/lab provision.yml, which fetches them"
        )
    names = "\n".join(sorted(path.name for path in jars.iterdir()))
    folder = classes / hashlib.sha256(SOURCE.read_bytes() + names.encode()).hexdigest()[:16]
    if folder.exists():
        return folder
    classes.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=classes) as scratch:
        made = Path(scratch) / "made"
        _javac(["javac", "-nowarn", "-cp", f"{jars}/*", "-d", str(made), str(SOURCE)])
        made.rename(folder)
    return folder


def _javac(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise SetupError("there is no javac on this machine: apt-get install openjdk-17-jdk-headless") from None
    if done.returncode:
        raise SetupError(f"{SOURCE.name} does not compile against these jars: {done.stderr.strip().splitlines()[-1]}")
