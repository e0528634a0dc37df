"""Thousands of random lists of arrays against the real mxnet 1.5.0: both ways, and files that somebody changed. Seeded:
every run has the same files."""
import struct

import mxnet as mx
import numpy as np
import pytest

from batch import Batch
from test_mxnet import cut, dense_array, described, random_list, unique_names

LISTS, MUTANTS = 2000, 2000

# mxnet 1.5.0 asks scipy under a name that will go away.
pytestmark = pytest.mark.filterwarnings("ignore:Please import `csr_matrix`")


def values_of(loaded):
    """What mx.nd.load gives, by name; without names by number."""
    items = loaded.items() if isinstance(loaded, dict) else ((str(i), array) for i, array in enumerate(loaded))
    return {name: array.asnumpy() for name, array in items}


def test_random_lists_both_ways(tmp_path):
    rng = np.random.default_rng(20260101)
    array_count = identical = sparse = 0
    with Batch() as batch:
        for case in range(LISTS):
            arrays = random_list(rng)
            names = [str(i) for i in range(len(arrays))] if case % 5 == 0 else unique_names(rng, len(arrays))
            path = tmp_path / "theirs.params"
            mx.nd.save(str(path), [array for array, _ in arrays] if case % 5 == 0 else
                       {name: array for name, (array, _) in zip(names, arrays)})
            found = batch.read(path)
            wanted = {cut(name): described(values) for name, (_, values) in zip(names, arrays)}
            assert {n: list(t) for n, t in found["tensors"].items()} == {n: list(t) for n, t in wanted.items()}, case
            assert list(found["tensors"]) == list(wanted), case
            # What this test compares with is what mxnet itself reads of the file.
            assert {cut(n): described(v) for n, v in values_of(mx.nd.load(str(path))).items()} == wanted, case
            array_count += len(arrays)
            sparse += sum(array.stype != "default" for array, _ in arrays)

            ours, written = tmp_path / "ours.params", [n for n in unique_names(rng, len(arrays) + 8) if n == cut(n)]
            values = {name: dense_array(rng)[1] for name in written[:len(arrays)]}
            answer = batch.write("mxnet", tmp_path, ours.name,
                                 {n: (v.dtype.name, v.shape, v.tobytes()) for n, v in values.items()})
            assert answer == {}, (case, answer)
            loaded = mx.nd.load(str(ours))
            assert {n: described(v) for n, v in values_of(loaded).items()} == {n: described(v) for n, v in values.items()}
            mx.nd.save(str(path), {name: mx.nd.array(v, dtype=v.dtype) for name, v in values.items()})
            if values:
                assert ours.read_bytes() == path.read_bytes(), case
                identical += 1
            ours.unlink()
            array_count += len(values)
    print(f"\n{LISTS} lists each way, {array_count} arrays, {sparse} of them sparse; {identical} files the same byte for byte")
    assert identical > LISTS // 2 and sparse > LISTS // 2


def test_numpy_semantics_of_random_lists(tmp_path):
    """Version 3, which mxnet writes and reads while it is told to: scalars and dimensions of 0."""
    rng = np.random.default_rng(20260102)
    path = tmp_path / "x.params"
    with Batch() as batch, mx.util.np_shape(True):
        for case in range(300):
            values = {}
            for name in unique_names(rng, int(rng.integers(1, 7))):
                shape = tuple(int(n) for n in rng.integers(0, 4, size=rng.integers(0, 5)))
                values[name] = dense_array(rng, shape)[1]
            mx.nd.save(str(path), {name: mx.nd.array(v, dtype=v.dtype) if v.size else mx.nd.zeros(v.shape, dtype=v.dtype)
                                   for name, v in values.items()})
            found = batch.read(path)["tensors"]
            assert {n: list(t) for n, t in found.items()} == {cut(n): list(described(v)) for n, v in values.items()}, case


# --- Files that somebody changed -----------------------------------------------------------------------------------

TYPES = ["<f4", "<f8", "<f2", "u1", "<i4", "i1", "<i8"]


def shape_bytes(shape):
    return struct.pack("<i", len(shape)) + b"".join(struct.pack("<q", n) for n in shape)


class Changed:
    """A dense list, version 0, 1 or 2, with one thing changed. `rules` are those of docs/formats/mxnet.md by which ours is
    stricter, `wider` what we read beyond 1.5.0. Not here: sizes and counts that lie, after which mxnet takes values for sizes
    and allocates what they say, until the system ends it (tests/hostile has such files)."""

    def __init__(self, rng):
        self.rules, self.wider = set(), set()
        count = int(rng.integers(1, 5))
        names = [name.encode() for name in unique_names(rng, count)]
        arrays = []
        for _ in range(count):
            flag = int(rng.integers(7))
            shape = [int(n) for n in rng.integers(1, 4, size=rng.integers(1, 4))]
            data = rng.bytes(int(np.prod(shape)) * np.dtype(TYPES[flag]).itemsize)
            arrays.append({"version": int(rng.integers(3)), "storage": 0, "shape": shape, "device": (1, 0), "flag": flag,
                           "data": data})
        head, reserved, named, tail = 0x112, 0, count, b""
        one = arrays[rng.integers(count)]
        kind = int(rng.integers(16))
        if kind == 0:
            reserved = int(rng.integers(1, 2**32))
            if reserved % 256 == ord("{"):  # then it is a header of safetensors
                reserved += 1
        elif kind == 1:
            one["device"] = tuple(int(n) for n in rng.integers(0, 99, size=2))
        elif kind == 2:
            tail = rng.bytes(int(rng.integers(1, 20)))
            self.rules.add("bytes after the names")
        elif kind == 3 and count > 1:
            names[1] = names[0]
            self.rules.add("a name twice")
        elif kind == 4 and count > 1:
            names[0], names[1] = b"arg:same", b"aux:same"
            self.rules.add("a name twice without its prefix")
        elif kind == 5:
            names[0] = b"a\0b"
            self.rules.add("NUL")
        elif kind == 6:
            names[0] = rng.choice([b"\xff", b"a\xc3", b"\xed\xa0\x80", b"\xc0\x80"])
        elif kind == 7:
            names[0] = b"x" * int(rng.choice([4096, 4097]))
            if len(names[0]) > 4096:
                self.rules.add("names longer than 4096 bytes")
        elif kind == 8:
            one["flag"] = int(rng.choice([13, 14, 99, -1, 2**31 - 1]))
        elif kind == 9:
            one["flag"] = int(rng.integers(7, 13))
            one["data"] = rng.bytes(int(np.prod(one["shape"])) * {7: 1, 8: 2, 9: 2, 10: 4, 11: 8, 12: 2}[one["flag"]])
            self.wider.add("element types 7 and up")
        elif kind == 10:
            named = int(rng.choice([0, count - 1, count + 1, 1000]))
        elif kind in (11, 12):
            one["version"], one["shape"] = 1 + int(rng.integers(2)), [*one["shape"][:-1], int(rng.integers(-3, 0))]
        elif kind == 13:
            one["version"], one["storage"] = 2, int(rng.choice([3, 9, -1, -7]))
        elif kind == 14:
            head = int(rng.choice([0x111, 0x113, 0, 0x1120]))
        body = struct.pack("<QQQ", head, reserved, count)
        for a in arrays:
            rest = struct.pack("<iii", *a["device"], a["flag"]) + a["data"]
            if a["version"] == 2:
                body += struct.pack("<Ii", 0xF993FAC9, a["storage"]) + shape_bytes(a["shape"]) + rest
            elif a["version"] == 1:
                body += struct.pack("<I", 0xF993FAC8) + shape_bytes(a["shape"]) + rest
            else:
                body += struct.pack("<I", len(a["shape"])) + b"".join(struct.pack("<I", n % 2**32) for n in a["shape"]) + rest
        body += struct.pack("<Q", named)
        if named:
            body += b"".join(struct.pack("<Q", len(name)) + name for name in names[:named])
        self.bytes = body + tail
        if kind == 15:
            self.bytes = self.bytes[:int(rng.integers(len(self.bytes)))]


def test_changed_files_are_judged_alike(tmp_path):
    rng = np.random.default_rng(20260103)
    path = tmp_path / "x.params"
    counts, rules, wider = {"both read": 0, "both refuse": 0}, {}, {}
    with Batch() as batch:
        for case in range(MUTANTS):
            changed = Changed(rng)
            path.write_bytes(changed.bytes)
            ours = batch.read(path)
            try:
                theirs = values_of(mx.nd.load(str(path)))
            except (mx.base.MXNetError, UnicodeDecodeError) as error:
                if "error" not in ours:
                    assert changed.wider, (case, error, ours)
                    for what in changed.wider:
                        wider[what] = wider.get(what, 0) + 1
                else:
                    counts["both refuse"] += 1
                continue
            if changed.rules:
                assert "error" in ours, (case, changed.rules)
                for rule in changed.rules:
                    rules[rule] = rules.get(rule, 0) + 1
                continue
            assert "error" not in ours, (case, ours)
            assert {n: list(t) for n, t in ours["tensors"].items()} == \
                {cut(n): list(described(v)) for n, v in theirs.items()}, case
            counts["both read"] += 1
    print(f"\n{MUTANTS} changed files: {counts}, ours is stricter by: {rules}, reads more: {wider}")
    assert counts["both read"] > 200 and counts["both refuse"] > 400 and len(rules) == 5 and wider
