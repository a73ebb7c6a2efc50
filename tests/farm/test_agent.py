"""The agent, for real: a process that starts processes, and leaves none behind."""

import json
import os
import signal
import subprocess
import time
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
from agents import LocalAgent, alive, eventually, gone, written
from command import ROOT

from farm.worker.protocol import PROTOCOL

STUBBORN = """
setsid sh -c 'trap "" TERM HUP; echo $$ > {daemon}; while :; do sleep 1; done' > /dev/null 2>&1 &
trap "" TERM
echo $$ > {main}
while :; do sleep 1; done
"""
"""Ignores SIGTERM, and leaves a daemon that does so too in a session of its own."""


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[LocalAgent]:
    with LocalAgent(tmp_path) as made:
        yield made


def stubborn(agent: LocalAgent, folder: Path, **options: float) -> tuple[int, int]:
    """Start the stubborn task; returns the process ids of its shell and of its daemon."""
    main, daemon = folder / "main", folder / "daemon"
    agent.start("stubborn", STUBBORN.format(main=main, daemon=daemon), **options)
    return int(written(main)), int(written(daemon))


def test_it_says_who_it_is(agent: LocalAgent) -> None:
    assert agent.hello["protocol"] == PROTOCOL
    assert agent.hello["cores"] == os.cpu_count()
    assert agent.hello["memory"] > 2**20


@pytest.mark.parametrize("found", [None, "b" * 64])
def test_it_starts_no_task_for_a_run_of_another_release(tmp_path: Path, found: str | None) -> None:
    """The release is a venv whose RELEASE.json is missing, or is another's."""
    release = tmp_path / ("a" * 64)
    venv.create(release, symlinks=True)
    if found:
        (release / "RELEASE.json").write_text(json.dumps({"digest": found}))
    words = [
        release / "bin/python",
        "-m",
        "farm.worker.agent",
        "--run",
        "run",
        "--env",
        "x",
        "--root",
        tmp_path / "root",
    ]
    environ = {"PYTHONPATH": str(ROOT), "FARM_RELEASE": "a" * 64}
    done = subprocess.run(words, env=environ, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 1
    refused = json.loads(done.stdout)
    assert refused["t"] == "refused"
    what = f"release {'b' * 12}" if found else "no complete release"
    assert f"{release} is {what}, and the run began with {'a' * 12}:" in refused["why"]
    assert refused["why"] in done.stderr
    assert not (tmp_path / "root").exists()


def test_every_exit_code_is_reported_as_it_is(agent: LocalAgent) -> None:
    for code in range(256):
        agent.start(f"t{code}", f"exit {code}")
    codes = {receipt["task"]: receipt["code"] for receipt in (agent.hear("end") for _ in range(256))}
    assert codes == {f"t{code}": code for code in range(256)}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_a_signal_ends_is_reported_with_that_signal(agent: LocalAgent, number: signal.Signals) -> None:
    receipt = agent.run(f"kill -{int(number)} $$")
    assert (receipt["code"], receipt["signal"], receipt["reason"]) == (None, number, None)


def test_three_hundred_failing_commands_are_all_reported_as_failed(agent: LocalAgent) -> None:
    for number in range(300):
        agent.start(f"t{number}", "exit 1")
    receipts = [agent.hear("end") for _ in range(300)]
    assert {receipt["code"] for receipt in receipts} == {1}
    assert len({receipt["task"] for receipt in receipts}) == 300


def test_a_command_that_closes_its_output_early_and_then_fails_has_failed(agent: LocalAgent) -> None:
    assert agent.run("exec >&- 2>&-; sleep 0.3; exit 5")["code"] == 5


def test_a_receipt_carries_the_mark_that_came_with_the_command_and_stands_on_disk_too(agent: LocalAgent) -> None:
    receipt = agent.run("exit 0")
    assert receipt["mark"] == "mark-t"
    assert {**json.loads(written(agent.work("t") / "receipt.json")), "slot": 1} == receipt


def test_a_failure_carries_the_end_of_its_log(agent: LocalAgent) -> None:
    assert agent.run("echo out; echo err >&2; exit 1")["tail"] == "out\nerr\n"


def test_a_command_is_interpreted_once(agent: LocalAgent) -> None:
    text = 'it\'s "$(echo no)" `echo no` \\n %s Ångström ☃'
    quoted = "'" + text.replace("'", "'\\''") + "'"
    agent.run(f"printf '%s' {quoted}\nprintf '\\n%s' second\\ line > other")
    assert (agent.work("t") / "log").read_text() == text
    assert (agent.work("t") / "other").read_text() == "\nsecond line"


def test_a_task_knows_itself(agent: LocalAgent) -> None:
    agent.run('echo "$FARM_RUN $FARM_TASK $FARM_ATTEMPT $FARM_ENV"; touch "$FARM_OUT/part"; pwd')
    assert (agent.work("t") / "log").read_text().split() == ["run", "t", "1", "test", str(agent.work("t"))]
    assert (agent.work("t") / "out" / "part").exists()


def test_progress_comes_with_the_beat(agent: LocalAgent) -> None:
    agent.start("t", """echo '{"done": 0.5}' > "$FARM_PROGRESS"; sleep 60""")
    written(agent.work("t") / "progress.json")
    agent.say(t="beat", n=7)
    beat = agent.hear("beat")
    assert (beat["n"], beat["progress"]) == (7, {"t": {"done": 0.5}})


def test_a_task_runs_no_longer_than_its_timeout_and_takes_all_its_processes_with_it(
    agent: LocalAgent, tmp_path: Path
) -> None:
    main, daemon = stubborn(agent, tmp_path, timeout=0.6)
    receipt = agent.hear("end")
    assert (receipt["reason"], receipt["signal"]) == ("timeout", signal.SIGKILL)
    assert gone(main, daemon)


def test_a_killed_task_takes_all_its_processes_with_it(agent: LocalAgent, tmp_path: Path) -> None:
    main, daemon = stubborn(agent, tmp_path)
    agent.say(t="kill", task="stubborn", attempt=1, reason="cancelled")
    assert agent.hear("end")["reason"] == "cancelled"
    assert gone(main, daemon)


def test_a_task_that_ends_well_leaves_no_daemon(agent: LocalAgent, tmp_path: Path) -> None:
    receipt = agent.run(
        f"setsid sh -c 'echo $$ > {tmp_path}/daemon; exec sleep 600' & until [ -s {tmp_path}/daemon ]; do :; done"
    )
    assert receipt["code"] == 0
    assert not alive(int((tmp_path / "daemon").read_text()))


def test_ending_one_task_leaves_the_others_and_their_daemons_alone(agent: LocalAgent, tmp_path: Path) -> None:
    main, daemon = stubborn(agent, tmp_path)
    assert agent.run("setsid sleep 600 &")["code"] == 0
    assert alive(main)
    assert alive(daemon)


def test_without_a_beat_the_agent_kills_everything_and_ends(tmp_path: Path) -> None:
    with LocalAgent(tmp_path, lease=1) as agent:
        main, daemon = stubborn(agent, tmp_path)
        assert agent.process.stdin is not None
        agent.wait()
        assert gone(main, daemon)


def test_beats_keep_the_lease(tmp_path: Path) -> None:
    with LocalAgent(tmp_path, lease=1) as agent:
        agent.start("t", "sleep 60")
        for number in range(6):
            time.sleep(0.25)
            agent.say(t="beat", n=number)
            assert agent.hear("beat")["n"] == number


def test_beats_that_waited_for_a_frozen_agent_are_no_beats(tmp_path: Path) -> None:
    with LocalAgent(tmp_path, lease=1.2) as agent:
        main, daemon = stubborn(agent, tmp_path)
        agent.process.send_signal(signal.SIGSTOP)
        agent.say(t="beat", n=1)
        time.sleep(1.6)
        agent.say(t="beat", n=2)
        agent.process.send_signal(signal.SIGCONT)
        agent.wait()
        assert gone(main, daemon)


def test_the_end_of_its_input_ends_everything(agent: LocalAgent, tmp_path: Path) -> None:
    main, daemon = stubborn(agent, tmp_path)
    assert agent.process.stdin
    agent.process.stdin.close()
    agent.wait()
    assert gone(main, daemon)


def test_a_killed_agent_takes_its_tasks_with_it(agent: LocalAgent, tmp_path: Path) -> None:
    main, daemon = stubborn(agent, tmp_path)
    agent.process.kill()
    assert gone(main, daemon)


def test_a_killed_supervisor_is_reported_and_leaves_nothing(agent: LocalAgent, tmp_path: Path) -> None:
    main, daemon = stubborn(agent, tmp_path)
    supervisor = int(Path(f"/proc/{main}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(supervisor, signal.SIGKILL)
    assert "supervisor" in agent.hear("end")["error"]
    assert gone(main, daemon)


def test_a_new_agent_of_the_run_ends_the_former_one_first(agent: LocalAgent, tmp_path: Path) -> None:
    main, daemon = stubborn(agent, tmp_path)
    with LocalAgent(tmp_path) as heir:
        assert not alive(main)
        assert not alive(daemon)
        agent.wait()
        heir.say(t="beat", n=1)
        heir.hear("beat")
        assert not agent.work("stubborn").exists()


def test_a_new_agent_leaves_other_runs_alone(agent: LocalAgent, tmp_path: Path) -> None:
    main, daemon = stubborn(agent, tmp_path)
    with LocalAgent(tmp_path, run="other") as other:
        assert other.hello["swept"] == []
        assert alive(main)
        assert alive(daemon)


def test_a_new_agent_sweeps_what_a_dead_one_and_its_supervisors_left(agent: LocalAgent, tmp_path: Path) -> None:
    main, daemon = stubborn(agent, tmp_path)
    supervisor = int(Path(f"/proc/{main}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(agent.process.pid, signal.SIGSTOP)
    os.kill(supervisor, signal.SIGKILL)
    os.kill(agent.process.pid, signal.SIGKILL)
    agent.wait()
    assert alive(main)
    with LocalAgent(tmp_path, run="other") as other:
        assert other.hello["swept"] == ["run/stubborn"]
        assert gone(main, daemon)


def test_an_attempt_that_cannot_be_started_says_why(agent: LocalAgent) -> None:
    agent.work("t").write_text("in the way")
    receipt = agent.run("exit 0")
    assert receipt["code"] is None
    assert "cannot start the command" in receipt["error"]


@pytest.mark.parametrize("command", ["echo a\0b", "echo \udcff\ud800"])
def test_a_command_that_no_command_line_can_hold_fails_with_the_reason(agent: LocalAgent, command: str) -> None:
    receipt = agent.run(command)
    assert (receipt["code"], receipt["signal"]) == (None, None)
    assert receipt["error"].startswith("cannot start the command: ")
    agent.start("next", "exit 0")
    assert agent.hear("end")["code"] == 0


def test_a_process_that_is_killed_is_not_said_to_have_lacked_memory(agent: LocalAgent) -> None:
    receipt = agent.run("kill -9 $$")
    assert (receipt["signal"], receipt["lack"]) == (signal.SIGKILL, None)


def test_a_forgotten_attempt_leaves_no_folder_and_a_stopped_run_leaves_none(agent: LocalAgent) -> None:
    agent.run("exit 0")
    agent.say(t="forget", task="t", attempt=1)
    assert eventually(lambda: not agent.work("t").exists())
    agent.start("u", "exit 0")
    agent.hear("end")
    agent.say(t="forget", task="u", attempt=1)
    agent.say(t="stop")
    assert agent.wait() == 0
    assert not agent.root.exists()


def test_what_a_failure_left_stays_when_the_run_is_stopped(agent: LocalAgent) -> None:
    agent.run("echo why; exit 1")
    agent.say(t="stop")
    agent.wait()
    assert (agent.work("t") / "log").read_text() == "why\n"
