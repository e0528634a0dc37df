"""A loss of power at any moment: the operations of a real run are recorded, and disks as they may be afterwards are built
from them. What was not synced is there in part or not at all, in any order that a file system may choose.

    power_loss.py [STATES]      (default 500)

What a disk may hold: of a file that is not synced, any of its blocks of 4 KiB and any size; of a folder that is not
synced, any of its changes, but of two changes of one entry the second only with the first. A rename is one change of two
entries, and is there once one of the two folders is synced. What was synced is there.
"""
import os
import random
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

import outputs
from outputs import KINDS, SCENARIOS, Stage, make_inputs

BLOCK = 4096


class Node:
    """A file or a folder, whatever its name is."""

    def __init__(self, folder, data=b""):
        self.folder, self.entries, self.synced = folder, {}, bytes(data)
        self.pending = []  # (offset, bytes) of a file; a size is (size, None)

    def contents(self, rng):
        """What the disk has of a file."""
        if not self.pending:
            return self.synced
        how, data = rng.choice(["nothing", "all", "some"]), bytearray(self.synced)
        for offset, piece in self.pending if how != "nothing" else []:
            if piece is None:
                data.extend(bytes(max(0, offset - len(data))))
                continue
            for at in range(0, len(piece), BLOCK):
                if how == "all" or rng.random() < 0.5:
                    part = piece[at:at + BLOCK]
                    data.extend(bytes(max(0, offset + at + len(part) - len(data))))
                    data[offset + at:offset + at + len(part)] = part
        return bytes(data)

    def sync(self):
        data = bytearray(self.synced)
        for offset, piece in self.pending:
            data.extend(bytes(max(0, offset + len(piece or b"") - len(data))))
            if piece is not None:
                data[offset:offset + len(piece)] = piece
        self.synced, self.pending = bytes(data), []


class Disk:
    def __init__(self, root):
        self.root = self.read(root)
        self.names = {}    # (folder, name): what a process sees
        self.durable = {}  # the same on the disk
        self.changes = []  # not synced: {entry: node or None}
        self.gather(self.root)
        self.durable = dict(self.names)

    def read(self, path):
        if not path.is_dir():
            return Node(False, path.read_bytes())
        node = Node(True)
        node.entries = {p.name: self.read(p) for p in path.iterdir()}
        return node

    def gather(self, node):
        for name, child in node.entries.items():
            self.names[node, name] = child
            if child.folder:
                self.gather(child)

    def find(self, path):
        node = self.root
        for part in path:
            node = self.names.get((node, part))
            if node is None:
                return None
        return node

    def change(self, entries):
        self.changes.append(entries)
        self.names.update(entries)

    def apply(self, operation, a, b, offset, data):
        entry = (self.find(a[:-1]), a[-1]) if a else None
        if operation in ("create", "mkdir"):
            if self.find(a) is None:
                self.change({entry: Node(operation == "mkdir")})
        elif operation in ("unlink", "rmdir"):
            self.change({entry: None})
        elif operation in ("rename", "exchange"):
            other = (self.find(b[:-1]), b[-1])
            self.change({entry: self.find(b) if operation == "exchange" else None, other: self.find(a)})
        elif operation == "write":
            self.find(a).pending.append((offset, data))
        elif operation == "fallocate":
            self.find(a).pending.append((offset, None))
        elif operation == "fsync":
            node = self.find(a)
            if node.folder:
                self.settle([c for c in self.changes if any(folder is node for folder, _ in c)])
            else:
                node.sync()

    def with_earlier(self, wanted):
        """These changes and all that must be there before them."""
        chosen = []
        touched = set()
        for change in reversed(self.changes):
            if change in wanted or touched & change.keys():
                touched |= change.keys()
                chosen.append(change)
        return chosen[::-1]

    def settle(self, wanted):
        for change in self.with_earlier(wanted):
            self.durable.update(change)
            self.changes.remove(change)

    def build(self, rng, root):
        """One disk that may be found after the power came back; and which file of it is which node."""
        share = rng.choice([0, 0.3, 0.7, 1])
        entries = dict(self.durable)
        for change in self.with_earlier([c for c in self.changes if rng.random() < share]):
            entries.update(change)
        paths, contents = {}, {}

        def write(node, path):
            path.mkdir(exist_ok=True)
            for (folder, name), child in entries.items():
                if folder is not node or child is None:
                    continue
                if child.folder:
                    write(child, path / name)
                    continue
                # A file that two entries name until a rename is settled is one file.
                contents.setdefault(child, child.contents(rng))
                (path / name).write_bytes(contents[child])
                paths[child] = path / name
        write(self.root, root)
        return paths


def identity(path):
    status = path.lstat()
    return f"{status.st_ino}:{status.st_size}:{status.st_mtime_ns // 10**9}.{status.st_mtime_ns % 10**9}"


def renew_record(work, fresh, old, paths):
    """The record names inodes, and the ones that were just built have other numbers."""
    for record in [*work.glob(".*/record"), *work.glob("out/.*/record")]:
        fields = record.read_bytes().split(b"\0")
        if len(fields) % 5 != 3 or fields[-2] != b"end":
            continue
        for at in range(1, len(fields) - 2, 5):
            name = fields[at].decode()
            for i, nodes in ((3, fresh), (4, old)):
                if fields[at + i] != b"-":
                    path = paths.get(nodes.get(name))
                    fields[at + i] = identity(path).encode() if path else b"gone"
        record.write_bytes(b"\0".join(fields))


def recorded(stage, base):
    """The operations of one run: (name, path, path, offset, bytes)."""
    log = base / "log"
    done = stage.write(log=log)
    assert done.returncode == 0, done.stderr
    data, at, operations = (base / "log.data").read_bytes(), 0, []
    for line in log.read_text().splitlines():
        _, name, result, offset, a, b = line.split("\t")
        piece = None
        if name == "write" and int(result) > 0:
            piece, at = data[at:at + int(result)], at + int(result)
        if int(result) < 0 or "(deleted)" in a:
            continue
        parts = [Path(os.path.relpath(p, stage.work)).parts if p else () for p in (a, b)]
        operations.append((name, *parts, int(offset), piece))
    assert at == len(data)
    return operations


def run(base, states, kinds=KINDS, report=print):
    """Returns what was wrong."""
    rng, problems = random.Random(7), []
    combinations = [(k, s) for k in kinds for s in SCENARIOS]
    for kind, scenario in combinations:
        stage = Stage(base, kind, scenario)
        stage.begin()
        start = base / "start"
        shutil.rmtree(start, ignore_errors=True)
        shutil.copytree(stage.work, start)
        operations = recorded(stage, base)
        found = Counter()
        each = -(-states // len(combinations))
        for number in range(each):
            # The end, where the new set must be there, more often than other moments.
            moment = len(operations) if number % 5 == 0 else rng.randrange(len(operations) + 1)
            disk = Disk(start)
            old = {name: node for (folder, name), node in disk.names.items() if folder is disk.find(("out",))}
            fresh = {}
            for operation in operations[:moment]:
                disk.apply(*operation)
                name, a = operation[:2]
                if name == "create" and a[-2:-1] == ("new",):
                    fresh[a[-1]] = disk.find(a)
            stage.clear()
            paths = disk.build(rng, stage.work)
            renew_record(stage.work, fresh, old, paths)
            state = stage.state()
            allowed = {"B"} if moment == len(operations) else {stage.before(), "B", "none"}
            where = f"{kind.name}, {scenario}, power lost after {moment} of {len(operations)} operations"
            if state not in allowed:
                problems.append(f"{where}: a reader finds {state}")
            done = stage.write(force=False)
            after = stage.state()
            # Forward only where a reader finds no set: where nothing has moved, the next run goes back.
            expected = ["A", "B"] if state == "none" else [state]
            if after not in expected or after == "none" or outputs.litter(stage.work):
                problems.append(f"{where}: {state}, and after the next run {after} {outputs.litter(stage.work)}: {done.stderr}")
            found[state] += 1
        report(f"{kind.name}, {scenario}: {len(operations)} operations, {each} disks, a reader found {dict(found)}")
    return problems


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    with tempfile.TemporaryDirectory() as folder:
        make_inputs(Path(folder))
        wrong = run(Path(folder), number)
    print(*wrong, sep="\n")
    print(f"loss of power: {number} disks, {len(wrong)} mixed, lost or not recovered")
    sys.exit(bool(wrong))
