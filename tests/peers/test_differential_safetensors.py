"""Thousands of random safetensors files against the library (0.8.0): who reads what, who refuses what, and that both
write the same bytes. Seeded: every run has the same files."""
import ctypes
import json
import math
import random

import pytest
from safetensors import SafetensorError, TensorSpec, deserialize, serialize

from batch import Batch, described

SETS, MUTANTS = 3000, 3000

# Our name and the header's. The library's Python side takes ours, and can make no others.
DTYPES = {"bool": ("BOOL", 1), "uint8": ("U8", 1), "int8": ("I8", 1), "uint16": ("U16", 2), "int16": ("I16", 2),
          "uint32": ("U32", 4), "int32": ("I32", 4), "uint64": ("U64", 8), "int64": ("I64", 8), "float16": ("F16", 2),
          "bfloat16": ("BF16", 2), "float32": ("F32", 4), "float64": ("F64", 8), "complex64": ("C64", 8),
          "float8_e4m3fn": ("F8_E4M3", 1), "float8_e5m2": ("F8_E5M2", 1), "float8_e4m3fnuz": ("F8_E4M3FNUZ", 1),
          "float8_e5m2fnuz": ("F8_E5M2FNUZ", 1), "float8_e8m0fnu": ("F8_E8M0", 1), "float4_e2m1fn_x2": ("F4", 1)}
OURS = {header: name for name, (header, _) in DTYPES.items()} | {
    "F4": "float4_e2m1fn", "F6_E2M3": "float6_e2m3fn", "F6_E3M2": "float6_e3m2fn"}


def random_text(rng, most=24):
    """Any characters but surrogates, which UTF-8 does not have, and NUL, which a name of ours may not have."""
    ranges = [(0x20, 0x7f), (0x20, 0x7f), (1, 0x20), (0x7f, 0xa0), (0xa0, 0x3000), (0x3000, 0xd800), (0xe000, 0x10000),
              (0x10000, 0x110000)]
    odd = ['"', "\\", "/", "\u2028", "\ufeff", "\ufffd", "\uffff", "\u0301", "\u202e", "\x7f", "{", "layer.0.weight"]
    return "".join(rng.choice(odd) if rng.random() < 0.2 else chr(rng.randrange(*rng.choice(ranges)))
                   for _ in range(rng.randrange(most)))


def random_tensor(rng):
    dtype = rng.choice(list(DTYPES))
    shape = [rng.choice((0, 1, 1, 2, 3, 5, 8)) if rng.random() < 0.3 else rng.randrange(1, 6)
             for _ in range(rng.choice((0, 1, 1, 2, 2, 3, 4, 9)))]
    if dtype == "float4_e2m1fn_x2" and not shape:
        shape = [1]  # a pair of them needs a dimension to double
    return dtype, shape, rng.randbytes(math.prod(shape) * DTYPES[dtype][1])


def random_set(rng):
    names = dict.fromkeys(random_text(rng) for _ in range(rng.choice((0, 1, 1, 2, 3, 5, 8, 20))))
    tensors = {name: random_tensor(rng) for name in names if name != "__metadata__"}
    metadata = {random_text(rng): random_text(rng, 60) for _ in range(rng.choice((0, 0, 1, 1, 3)))}
    return tensors, metadata


def library_bytes(tensors, metadata):
    buffers = [ctypes.create_string_buffer(data, max(1, len(data))) for _, _, data in tensors.values()]
    specs = {name: TensorSpec(dtype=dtype, shape=shape, data_ptr=ctypes.addressof(buffer), data_len=len(data))
             for (name, (dtype, shape, data)), buffer in zip(tensors.items(), buffers)}
    return bytes(serialize(specs, metadata=metadata or None))


def in_file(tensors):
    """As a file says it: 4-bit numbers are counted one by one."""
    return {name: (dtype, shape, data) if dtype != "float4_e2m1fn_x2" else
            ("float4_e2m1fn", [*shape[:-1], 2 * shape[-1]], data) for name, (dtype, shape, data) in tensors.items()}


def read_by_library(data):
    """name -> (dtype, shape, bytes), or the reason why not."""
    try:
        return {name: (OURS[t["dtype"]], t["shape"], bytes(t["data"])) for name, t in deserialize(data)}
    except SafetensorError as error:
        return str(error)


def header_of(data):
    size = int.from_bytes(data[:8], "little")
    return json.loads(data[8:8 + size])


def test_random_sets_both_ways(tmp_path):
    rng = random.Random("sets")
    tensor_count = identical = 0
    with Batch() as batch:
        for case in range(SETS):
            tensors, metadata = random_set(rng)
            theirs, wanted = library_bytes(tensors, metadata), described(in_file(tensors))

            path = tmp_path / "theirs.safetensors"
            path.write_bytes(theirs)
            found = batch.read(path)
            assert found.get("tensors") == wanted, (case, found)
            assert found["metadata"] == metadata and found["format"] == "safetensors", case
            assert list(found["tensors"]) == [name for name in header_of(theirs) if name != "__metadata__"], case

            answer = batch.write("safetensors", tmp_path, "ours.safetensors", tensors, metadata)
            assert answer == {}, (case, answer)
            ours = (tmp_path / "ours.safetensors").read_bytes()
            (tmp_path / "ours.safetensors").unlink()
            assert described(read_by_library(ours)) == wanted, case
            assert header_of(ours).get("__metadata__", {}) == metadata, case
            if len(metadata) < 2:  # with more their order is another one in every process
                assert ours == theirs, case
                identical += 1
            tensor_count += len(tensors)
    print(f"\n{SETS} sets, {tensor_count} tensors, both ways; {identical} files the same byte for byte")
    assert identical > SETS // 2


# --- Headers that somebody changed ---------------------------------------------------------------------------------

def pairs_of(header):
    return json.loads(header, object_pairs_hook=lambda pairs: pairs)


def dump(value):
    """JSON of what pairs_of() gives: objects are lists of tuples, so that a key can be there twice."""
    if isinstance(value, list) and value and isinstance(value[0], tuple):
        return "{" + ",".join(f"{json.dumps(k, ensure_ascii=False)}:{dump(v)}" for k, v in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dump, value)) + "]"
    return value.text if isinstance(value, Raw) else json.dumps(value, ensure_ascii=False)


class Raw:
    """A piece of JSON as it stands."""

    def __init__(self, text):
        self.text = text


ODD_VALUES = [Raw(text) for text in (
    "null", "true", "-1", "-0", "0.0", "1.0", "1e0", "1E2", "00", "01", "18446744073709551615", "18446744073709551616",
    "9223372036854775807", "9223372036854775808", "2305843009213693952", "NaN", '"1"', "[]", "{}", "[[1]]", '"F32"',
    '"f32"', '"F64"', '"F128"', '"BOOL"', '"F4"', '"F6_E2M3"', '""', "[0,0]", "[0]", "[1,2,3]", "[0,4]", "[-1,4]",
    "[2,2]", "[18446744073709551615,2]", "[0,18446744073709551615]", "[0,9223372036854775807,9223372036854775807]",
    "[" + "1," * 64 + "1]", "[" + "1," * 63 + "1]")]


def mutate(rng, header):
    """A header text that differs in one or two places from `header`, which is what the library wrote."""
    entries = pairs_of(header)
    for _ in range(rng.choice((1, 1, 2))):
        kind = rng.randrange(16)
        tensors = [i for i, (name, _) in enumerate(entries) if name != "__metadata__"]
        at = rng.choice(tensors) if tensors else None
        if kind == 0:
            rng.shuffle(entries)
        elif kind == 1 and at is not None:  # twice, alike or not
            name, fields = entries[at]
            if rng.random() < 0.5 and isinstance(fields, list):
                fields = [(f[0], rng.choice(ODD_VALUES)) if rng.random() < 0.2 and isinstance(f, tuple) else f for f in fields]
            entries.insert(rng.randrange(len(entries) + 1), (name, fields))
        elif kind == 2 and at is not None:  # gone
            del entries[at]
        elif kind == 3 and at is not None:
            entries[at] = (rng.choice(["a\0b", "x" * 4096, "x" * 4097, "é" * 2048, "é" * 2049, "", " ", "__metadata__",
                                       random_text(rng)]), entries[at][1])
        elif kind == 4:
            entries.insert(rng.randrange(len(entries) + 1), ("__metadata__", rng.choice(
                [Raw("null"), Raw("{}"), [("a", "b")], [("a", "b"), ("a", "c")], [("a", Raw("null"))], [("a", 1)], Raw("[]"),
                 Raw('"x"'), [("a", [("b", "c")])]])))
        elif kind == 5 and at is not None:
            entries[at] = (entries[at][0], rng.choice(ODD_VALUES))
        elif kind < 12 and at is not None:
            name, fields = entries[at]
            if not isinstance(fields, list) or not fields:
                continue
            fields = list(fields)
            i = rng.randrange(len(fields))
            if not isinstance(fields[i], tuple):
                continue
            if kind == 6:
                del fields[i]
            elif kind == 7:
                fields.append((rng.choice(["strides", "dtype", "shape", "Shape", "", "data_offsets"]),
                               rng.choice([fields[i][1], *ODD_VALUES])))
            elif kind == 8:
                rng.shuffle(fields)
            elif kind == 9:
                fields[i] = (fields[i][0], rng.choice(ODD_VALUES))
            elif kind == 10 and fields[i][0] == "shape" and isinstance(fields[i][1], list):
                shape = fields[i][1]  # as many elements as before
                fields[i] = ("shape", shape + [1] * (rng.choice((1, 64, 65)) - len(shape)))
            else:  # one number
                key, value = fields[i]
                if isinstance(value, list) and value:
                    j = rng.randrange(len(value))
                    step = rng.choice([-1, 1, 4, 8, 1 << 32, 1 << 61, (1 << 64) - 1])
                    value = [*value[:j], value[j] + step if isinstance(value[j], int) and rng.random() < 0.7 else
                             rng.choice(ODD_VALUES), *value[j + 1:]]
                    fields[i] = (key, value)
            entries[at] = (name, fields)
    text = dump(entries) if entries else "{}"
    kind = rng.randrange(24)
    if kind == 0:
        text = rng.choice([" ", "\n", "\t", "\ufeff", "\0", "[", "  "]) + text
    elif kind == 1:
        text += rng.choice(["\n", "\t", "\r\n ", "\0", "}", ",", "{}", " x"])
    elif kind == 2:
        text = text.replace(":", rng.choice([" : ", ":\n", ":\t", ";", "::"]), 1)
    elif kind == 3:
        text = text.replace(",", rng.choice([", ", ",\r\n", ",,", " "]), 1)
    elif kind == 4:
        i = rng.randrange(len(text))
        text = text[:i] + rng.choice(list('{}[]",:0 \\\x01é')) + text[i + rng.randrange(2):]
    elif kind == 5:
        text = text.replace('"shape"', rng.choice(['"sh\\u0061pe"', '"\\ud800"', '"\\ud83d\\ude42"', "shape", "'shape'"]), 1)
    elif kind == 6 and '"' in text:
        i = text.index('"') + 1
        text = text[:i] + rng.choice(["\\u0000", "\\ud800", "\\x41", "\\/", "\t", "\\udc00\\ud800", "\x7f"]) + text[i:]
    return text.encode("utf-8", "surrogatepass")


def stricter_rules(header, tensors):
    """Which rules of docs/formats/safetensors.md that the library does not hold a header breaks that the library reads.
    Found without our own code."""
    text, broken = header.decode(), set()
    if not text.startswith("{"):
        broken.add("it begins with {")
    if not text.rstrip(" ").endswith("}"):
        broken.add("only blanks follow")

    def check(pairs):
        if len({key for key, _ in pairs}) != len(pairs):
            broken.add("no key twice")
        return pairs

    for name, fields in json.loads(text, object_pairs_hook=check):
        if name == "__metadata__":
            if fields is None:
                broken.add("__metadata__ is an object")
            continue
        if {key for key, _ in fields} != {"dtype", "shape", "data_offsets"}:
            broken.add("no other fields")
    # A name that is there twice is read once.
    for name, _ in json.loads(text, object_pairs_hook=lambda pairs: pairs):
        if "\0" in name or len(name.encode()) > 4096:
            broken.add("names of 4096 bytes without NUL")
    if any(len(shape) > 64 for _, shape, _ in tensors.values()):
        broken.add("64 dimensions")
    if any(size > 2**63 - 1 for _, shape, _ in tensors.values() for size in shape):
        broken.add("dimensions of 63 bits")
    return broken


def test_changed_headers_are_judged_alike(tmp_path):
    rng = random.Random("headers")
    counts = {"both read": 0, "both refuse": 0}
    rules = {}
    path = tmp_path / "x.safetensors"
    with Batch() as batch:
        for case in range(MUTANTS):
            tensors, metadata = random_set(rng)
            if not tensors and rng.random() < 0.8:
                tensors = {"a": random_tensor(rng)}
            sound = library_bytes(tensors, metadata)
            size = int.from_bytes(sound[:8], "little")
            header, data = mutate(rng, sound[8:8 + size].rstrip(b" ")), sound[8 + size:]
            header += b" " * rng.choice((0, 0, -len(header) % 8, 100))
            kind = rng.randrange(20)
            if kind == 0:
                data = data[:-1] if data and rng.random() < 0.5 else data + bytes(rng.choice((1, 8)))
            length = len(header) if kind != 1 else rng.choice((0, 1, len(header) - 1, len(header) + 1, 100_000_001,
                                                              2**63, 2**64 - 8, 2**64 - 1))
            file = length.to_bytes(8, "little") + header + data
            path.write_bytes(file)
            theirs, ours = read_by_library(file), batch.read(path)
            if isinstance(theirs, str):
                assert "error" in ours, (case, header, theirs)
                counts["both refuse"] += 1
                continue
            broken = stricter_rules(file[8:8 + length], theirs)
            if broken:
                assert "error" in ours, (case, header, broken)
                for rule in broken:
                    rules[rule] = rules.get(rule, 0) + 1
                continue
            assert "error" not in ours, (case, header, ours)
            assert ours["tensors"] == described(theirs), (case, header)
            counts["both read"] += 1
    print(f"\n{MUTANTS} changed headers: {counts}, ours is stricter by: {rules}")
    assert counts["both read"] > 300 and counts["both refuse"] > 300 and len(rules) >= 7


@pytest.mark.parametrize("dtype,header", [("float6_e2m3fn", "F6_E2M3"), ("float6_e3m2fn", "F6_E3M2"), ("float4_e2m1fn", "F4")])
def test_types_that_only_a_program_in_rust_can_write(tmp_path, dtype, header):
    bits = 4 if header == "F4" else 6
    with Batch() as batch:
        for count in range(0, 40):
            data = bytes(range(count * bits // 8))
            text = json.dumps({"a": {"dtype": header, "shape": [count], "data_offsets": [0, len(data)]}}).encode()
            file = len(text).to_bytes(8, "little") + text + data
            (tmp_path / "x.safetensors").write_bytes(file)
            theirs, ours = read_by_library(file), batch.read(tmp_path / "x.safetensors")
            assert isinstance(theirs, str) == ("error" in ours) == (count * bits % 8 != 0), (count, theirs, ours)
            if "error" in ours:
                continue
            assert ours["tensors"] == described(theirs) and ours["tensors"]["a"][0] == dtype
            assert batch.write("safetensors", tmp_path, f"{count}.safetensors", {"a": (dtype, [count], data)}) == {}
            assert read_by_library((tmp_path / f"{count}.safetensors").read_bytes()) == theirs
