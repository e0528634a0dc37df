"""Disks of many sizes that are too small, just large enough, and larger: an overwrite among other files on a tmpfs.

    full_disk.py [SIZES]      (default 100). Where mounting is not permitted, the injector says ENOSPC instead, and
                              RLIMIT_FSIZE limits the size of files; the last line says which it was.
"""
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import outputs
from outputs import KINDS, Stage, make_inputs
from every_operation import judge

PAGE = 4096


def mounted(folder, size):
    folder.mkdir(exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True)
    return done.returncode == 0


def may_mount(base):
    if not mounted(base / "try", PAGE * 16):
        return False
    subprocess.run(["umount", base / "try"], check=True)
    return True


def on_small_disks(base, kind, sizes):
    """The set A and other files on a disk, then B over it with --force, on disks that leave more and more room."""
    problems, refused, kept = [], 0, 0
    stage = Stage(base, kind, "among")
    stage.begin()
    needed = sum((p.stat().st_size + PAGE - 1) // PAGE * PAGE + PAGE for p in stage.work.rglob("*"))
    for i in range(sizes):
        room = (needed * 3 // 2) * i // sizes
        stage.clear()
        if not mounted(stage.work, needed + room // PAGE * PAGE + PAGE):
            return ["a disk could not be mounted"], 0, 0
        try:
            stage.begin()
            done = stage.write()
            problem = judge(stage, "ENOSPC", done.returncode, done.stderr)
            left = outputs.litter(stage.work)
            if problem or left:
                problems.append(f"{kind.name}, {room} bytes free: {problem} {left}")
            refused += done.returncode == 2
            kept += done.returncode == 0
        finally:
            subprocess.run(["umount", stage.work], check=True)
    return problems, refused, kept


def by_limit(base, kind, sizes):
    """What stands in for it: files may only grow so far."""
    problems, refused, kept = [], 0, 0
    stage = Stage(base, kind, "among")
    largest = max(p.stat().st_size for p in (stage.kept / "B").iterdir())
    for i in range(sizes):
        limit = largest * 3 // 2 * i // sizes
        stage.begin()
        done = subprocess.run([str(c) for c in kind.command("B", True)], cwd=stage.work, capture_output=True, text=True,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        problem = judge(stage, "EFBIG", done.returncode, done.stderr)
        if problem or outputs.litter(stage.work):
            problems.append(f"{kind.name}, limit {limit}: {problem} {outputs.litter(stage.work)}")
        refused += done.returncode == 2
        kept += done.returncode == 0
    return problems, refused, kept


def run(base, sizes, kinds=KINDS, report=print):
    """Returns what was wrong, and how the disks were made."""
    real = may_mount(base)
    problems, way = [], "tmpfs" if real else "NOT tmpfs (mounting is not permitted): limits on the size of files"
    each = max(1, sizes // len(kinds))
    for kind in kinds:
        found, refused, written = (on_small_disks if real else by_limit)(base, kind, each)
        problems += found
        report(f"{kind.name}: {each} sizes, {refused} too small (the old set kept), {written} written; {way}")
        if not refused or not written:
            problems.append(f"{kind.name}: the sizes do not reach from too small to large enough")
    return problems, way


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory() as folder:
        make_inputs(Path(folder))
        found, how = run(Path(folder), max(number, 2 * len(KINDS)))
    print(*found, sep="\n")
    print(f"full disk: {max(number, 2 * len(KINDS))} sizes, {len(found)} wrong; {how}")
    sys.exit(bool(found))
