"""Which tests can run here, and the one lab that all of them share.

A test that cannot run on this machine is left out by name, never skipped in silence; under CI that fails the run.
"""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field

import provisioning
import pytest
from light_curves import REAL_DATA, Seeded, filled
from provisioning import FirstProvision

KEEP_LAB = bool(os.environ.get("FARM_KEEP_LAB"))
LAB_TIMEOUT = 600
"""Seconds, fixtures included: whichever test comes first waits for the lab to be made and provisioned."""
UNDER_CI = os.environ.get("CI", "").lower() not in ("", "0", "false")


@dataclass
class LeftOut:
    """Tests that this machine cannot run, by reason."""

    by_reason: dict[str, list[str]] = field(default_factory=dict)


LEFT_OUT = pytest.StashKey[LeftOut]()


def reasons(lab_wanted: bool) -> dict[str, str]:
    """Marker name to why its tests cannot run here."""
    found = {}
    if not (REAL_DATA / "ztf").is_dir():
        found["realdata"] = "the real light curves (../shared/data) are not here"
    if not shutil.which("chromium"):
        found["browser"] = "Chromium is not here: apt-get install chromium"
    if lab_wanted:
        from farm import lab

        if problems := lab.preflight():
            found["lab"] = found["faults"] = "no lab can be made here: " + "; ".join(problems)
    return found


def pytest_configure(config: pytest.Config) -> None:
    """The head's state of a test run is its own, and goes with it; so are the signals that programs obey."""
    config.stash[LEFT_OUT] = LeftOut()
    for number, usual in {signal.SIGHUP: signal.SIG_DFL, signal.SIGINT: signal.default_int_handler}.items():
        if signal.getsignal(number) == signal.SIG_IGN:  # as nohup or a shell's background leaves them
            signal.signal(number, usual)
    if not KEEP_LAB:
        home = tempfile.mkdtemp(prefix="farm-tests-")
        config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
        os.environ["FARM_HOME"] = home


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what cannot run here; tests without a lab first, the lab's after them."""
    needs_lab = [item for item in items if item.get_closest_marker("lab") or item.get_closest_marker("faults")]
    why = reasons(bool(needs_lab))
    kept = []
    for item in items:
        reason = next((why[mark.name] for mark in item.iter_markers() if mark.name in why), None)
        if reason is None:
            kept.append(item)
        else:
            config.stash[LEFT_OUT].by_reason.setdefault(reason, []).append(item.nodeid)
        if item in needs_lab and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(LAB_TIMEOUT))
    kept.sort(key=lambda item: item in needs_lab)
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for reason, names in config.stash[LEFT_OUT].by_reason.items():
        terminalreporter.section(f"left out: {len(names)} tests", sep="-")
        terminalreporter.line(reason)
        for name in names:
            terminalreporter.line(f"  {name}")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """What was left out fails the run under CI; elsewhere a run of nothing else is no failure."""
    if session.config.stash[LEFT_OUT].by_reason and exitstatus in (0, pytest.ExitCode.NO_TESTS_COLLECTED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED if UNDER_CI else pytest.ExitCode.OK


@pytest.fixture(scope="session")
def lab() -> Iterator[None]:
    """The lab's hosts, up and bare: made for this session, and taken down at its end.

    FARM_KEEP_LAB=1 takes the lab and the head's state as they stand and leaves them: for working on one test.
    """
    from farm import lab

    if KEEP_LAB:
        lab.up()
        yield
        return
    lab.down()
    lab.up(holder=os.getpid())
    yield
    lab.down()


@pytest.fixture(scope="session")
def first_provision(lab: None) -> FirstProvision:
    """Check mode and then the first run of provision.yml on bare hosts, as they went."""
    return provisioning.first_provision()


@pytest.fixture(scope="session")
def provisioned(request: pytest.FixtureRequest) -> None:
    """The lab with keys, release, databases and accounts."""
    if KEEP_LAB:
        request.getfixturevalue("lab")
        return
    if any("first_provision" in getattr(item, "fixturenames", ()) for item in request.session.items):
        ran = request.getfixturevalue("first_provision").run
    else:
        request.getfixturevalue("lab")
        ran = provisioning.provision()
    assert ran.returncode == 0, ran.output


@pytest.fixture(scope="session")
def seeded(provisioned: None) -> Seeded:
    """Light curves in the lab's Cassandra."""
    return filled()
