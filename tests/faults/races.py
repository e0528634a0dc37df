"""Two conversions into one target at the same time.

    races.py [ROUNDS]      (default 100)
"""
import random
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import outputs
from outputs import KINDS, SCENARIOS, Stage, make_inputs


def run(base, rounds, kinds=KINDS, report=print):
    """Returns what was wrong."""
    rng, problems = random.Random(3), []
    combinations = [(k, s) for k in kinds for s in SCENARIOS]
    each = -(-rounds // len(combinations))
    for kind, scenario in combinations:
        stage = Stage(base, kind, scenario)
        ends = Counter()
        for number in range(each):
            stage.begin()
            force = scenario != "new" or number % 2 == 0
            # Each waits before every operation, so that they meet in all of them.
            children = [subprocess.Popen([str(c) for c in kind.command(version, force)], cwd=stage.work, text=True,
                                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                         env={**outputs.os.environ, **stage.extra,
                                              **outputs.loaded(under=stage.work, delay=rng.choice([0, 300, 1000]))})
                        for version in "AB"]
            errors = [child.communicate()[1] for child in children]
            codes = tuple(child.returncode for child in children)
            state = stage.state()
            ends[codes] += 1
            fine = state in ("A", "B") and not outputs.litter(stage.work) and all(c in (0, 2) for c in codes)
            winners = [version for version, code in zip("AB", codes) if code == 0]
            # Whoever says that it was written was the last one, or was replaced by the other one.
            if not fine or state not in winners:
                problems.append(f"{kind.name}, {scenario}: exits {codes}, a reader finds {state}, "
                                f"{outputs.litter(stage.work)}: {errors}")
        report(f"{kind.name}, {scenario}: {each} rounds, exits {dict(ends)}")
    return problems


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory() as folder:
        make_inputs(Path(folder))
        found = run(Path(folder), number)
    print(*found, sep="\n")
    print(f"two at once: {number} rounds, {len(found)} wrong")
    sys.exit(bool(found))
