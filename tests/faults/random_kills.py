"""SIGKILL at a random moment of an overwrite, again and again, in one folder, without clearing it between.

    random_kills.py [ROUNDS]      for each kind of output (default 1000)
"""
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import outputs
from outputs import KINDS, Stage, make_inputs

ROWS = 40_000  # of the vocabulary: an output of 5 MB, so that kills fall into the writing


def run(base, rounds, kinds=KINDS, report=print):
    """Returns what was wrong. base/in has larger models."""
    rng, problems = random.Random(5), []
    for kind in kinds:
        for scenario in ("alone", "among"):
            kind.size = 2_000_000
            stage = Stage(base, kind, scenario)
            kind.size = 2_000_000
            stage.begin()
            began = time.monotonic()
            assert stage.write().returncode == 0
            longest = (time.monotonic() - began) * 1.1
            seen, ended = Counter(), 0
            for _ in range(rounds // 2):
                version = rng.choice("AB")
                child = subprocess.Popen([str(c) for c in kind.command(version, True)], cwd=stage.work,
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                time.sleep(rng.uniform(0, longest))
                child.kill()
                code = child.wait()
                state = stage.state()
                ended += code == 0
                seen[state] += 1
                if state not in (("A", "B") if scenario == "alone" else ("A", "B", "none")):
                    problems.append(f"{kind.name}, {scenario}: {state}")
                if code == 0 and state != version:
                    problems.append(f"{kind.name}, {scenario}: exit 0 and not {version} but {state}")
            done = stage.write(force=False)
            if stage.state() not in ("A", "B") or outputs.litter(stage.work):
                problems.append(f"{kind.name}, {scenario}: after the next run {stage.state()}, {outputs.litter(stage.work)}"
                                f": {done.stderr}")
            report(f"{kind.name}, {scenario}: {rounds // 2} kills over {longest * 1000:.0f} ms, {ended} had ended before; "
                   f"a reader found {dict(seen)}; nothing left after the next run")
            kind.size = 9000
    return problems


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as folder:
        make_inputs(Path(folder), ROWS)
        found = run(Path(folder), number)
    print(*found, sep="\n")
    print(f"random kills: {number} for each of {len(KINDS)} kinds, {len(found)} lost, mixed or left")
    sys.exit(bool(found))
