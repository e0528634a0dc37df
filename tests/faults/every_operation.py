"""Every file operation of every kind of output made to fail, and the process killed before and after it.

    every_operation.py [EVERY]      EVERY: takes one operation in so many (default 1: all)
"""
import sys
import tempfile
import time
from pathlib import Path

import outputs
from outputs import KINDS, SCENARIOS, Stage, make_inputs

MODES = ["EIO", "ENOSPC", "EINTR", "short", "kill-after", "eio-on"]
UNCONFIRMED = "durability not confirmed"
LATER = "the next conversion into this folder"
# Those of the modes that only some operations can have.
ONLY = {"short": {"write"}, "ENOSPC": {"create", "write", "fallocate", "mkdir", "rename", "exchange", "fsync", "close"}}


def judge(stage, mode, code, err):
    """What is wrong after a run that met a fault; empty: nothing."""
    state, before = stage.state(), stage.before()
    if code == -9:
        readable = {before, "B"} if stage.scenario == "new" else {before, "B", "none"}
        if stage.scenario == "alone":
            readable.discard("none")
        return "" if state in readable and mode == "kill-after" else f"killed, and a reader finds {state}"
    if code == 0:
        return "" if state == "B" else f"exit 0, and a reader finds {state}"
    if code == 1:
        return "" if state == "B" and UNCONFIRMED in err else f"exit 1, a reader finds {state}: {err}"
    if code != 2:
        return f"exit {code}: {err}"
    if LATER in err:  # the way back is closed, too: said, and the next run goes on
        fine = mode == "eio-on" and state == (before if "as it was" in err else "none")
        return "" if fine else f"said to be completed later, and a reader finds {state}: {err}"
    if state != before:
        return f"exit 2, and a reader finds {state}: {err}"
    return "" if "nothing was written" in err else f"what is at the destination is not said: {err}"


def recover(stage):
    """The next run, which may not replace anything: it clears away what is left, or completes it."""
    state = stage.state()
    if not outputs.litter(stage.work) and state != "none":
        return ""
    done = stage.write(force=False)
    after = stage.state()
    if outputs.litter(stage.work):
        return f"litter after the next run: {outputs.litter(stage.work)}: {done.stderr}"
    # Forward only where a reader finds no set: where nothing has moved, the next run goes back.
    expected = ["A", "B"] if state == "none" else [state]
    return "" if after in expected else f"{state} before and {after} after the next run: {done.stderr}"


def run(base, every=1, kinds=KINDS, scenarios=SCENARIOS, modes=MODES, report=print):
    """Returns the number of points and what was wrong."""
    points, problems = 0, []
    for kind in kinds:
        for scenario in scenarios:
            if scenario == "old system" and kind.name in ("safetensors", "torch"):
                continue  # one file takes its place by one rename there, too
            stage = Stage(base, kind, scenario)
            stage.begin()
            counter = base / "log"
            done = stage.write(log=counter)
            assert done.returncode == 0 and stage.state() == "B", done.stderr
            names = [line.split("\t")[1] for line in counter.read_text().splitlines()]
            operations, wrong, began = len(names), len(problems), time.monotonic()
            here = 0
            for mode in modes:
                possible = [i + 1 for i, name in enumerate(names) if name in ONLY.get(mode, names)]
                for at in possible[MODES.index(mode) % every::every]:
                    stage.begin()
                    done = stage.write(at=at, mode=mode)
                    here += 1
                    problem = judge(stage, mode, done.returncode, done.stderr)
                    if not problem and outputs.litter(stage.work) and done.returncode == 2 and mode != "eio-on":
                        problem = f"litter after an error: {outputs.litter(stage.work)}: {done.stderr}"
                    problem = problem or recover(stage)
                    if problem:
                        problems.append(f"{kind.name}, {scenario}, {mode} at {at} of {operations}: {problem}")
            points += here
            report(f"{kind.name}, {scenario}: {operations} operations, {here} points, "
                   f"{len(problems) - wrong} wrong, {time.monotonic() - began:.0f} s")
    return points, problems


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        make_inputs(Path(folder))
        count, found = run(Path(folder), int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    print(*found, sep="\n")
    print(f"operations x faults: {count} points, {len(found)} wrong")
    sys.exit(bool(found))
