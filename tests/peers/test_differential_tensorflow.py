"""Hundreds of random checkpoints against the real TensorFlow 2.15.1: both ways, in slices and shards, and indexes that
somebody changed. Seeded: every run has the same files. (Tables alone, by the thousand: tests/wire/table_differential_test.cc.)"""
import faulthandler
import hashlib
import os
import random
import struct

import ml_dtypes
import numpy as np
import tensorflow as tf

from batch import Batch, described

WRITTEN_BY_THEM, WRITTEN_BY_US, CHANGED = 700, 700, 600

NUMPY = {"bool": np.bool_, "uint8": np.uint8, "int8": np.int8, "uint16": np.uint16, "int16": np.int16, "uint32": np.uint32,
         "int32": np.int32, "uint64": np.uint64, "int64": np.int64, "float16": np.float16, "float32": np.float32,
         "float64": np.float64, "complex64": np.complex64, "complex128": np.complex128,
         "bfloat16": ml_dtypes.bfloat16, "float8_e4m3fn": ml_dtypes.float8_e4m3fn, "float8_e5m2": ml_dtypes.float8_e5m2}


def random_name(rng):
    parts = ["bert", "encoder", "layer_0", "layer_10", "kernel", "bias", "LayerNorm", "größe", "重み", "a b", "_x", ".", "🙂",
             ".ATTRIBUTES", "VARIABLE_VALUE", "~", "\x01", "\x7f", "ÿ"]
    return "/".join(rng.choice(parts) for _ in range(rng.randrange(1, 5))) + rng.choice(["", "", str(rng.randrange(30))])


def random_values(rng, shape=None):
    if shape is None:
        shape = [rng.choice((0, 1, 2, 3, 7)) if rng.random() < 0.2 else rng.randrange(1, 6)
                 for _ in range(rng.choice((0, 1, 1, 2, 2, 3, 5, 8)))]
    dtype = rng.choice(list(NUMPY))
    count = int(np.prod(shape))
    data = bytes(b & 1 for b in rng.randbytes(count)) if dtype == "bool" else rng.randbytes(count * np.dtype(NUMPY[dtype]).itemsize)
    return np.frombuffer(data, NUMPY[dtype]).reshape(shape)


def described_array(array):
    if array.dtype == object:
        digest = hashlib.sha256(b"".join(struct.pack("<Q", len(text)) + text for text in array.reshape(-1)))
        return ("string", list(array.shape), digest.hexdigest())
    return (array.dtype.name, list(array.shape), hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest())


def read_by_tensorflow(prefix, partly=False):
    """`partly`: leaves out what TensorFlow writes in slices and does not read in slices, such as float16."""
    reader = tf.train.load_checkpoint(str(prefix))
    found = {}
    for name, dtype in reader.get_variable_to_dtype_map().items():
        try:
            if dtype in UNREAD:
                value = tf.raw_ops.RestoreV2(prefix=str(prefix), tensor_names=[name], shape_and_slices=[""], dtypes=[dtype])[0].numpy()
            else:
                value = reader.get_tensor(name)
        except (ValueError, tf.errors.InvalidArgumentError) as error:
            if not partly or "not supported" not in str(error):
                raise
            continue
        found[name] = described_array(np.asarray(value, dtype=object) if isinstance(value, bytes) else value)
    return found


# What this reader does not give to Python, though it is there for the operations.
UNREAD = (tf.uint32, tf.uint64, tf.as_dtype(ml_dtypes.float8_e4m3fn), tf.as_dtype(ml_dtypes.float8_e5m2))


def save(prefix, values, specs=None):
    tf.raw_ops.SaveV2(prefix=str(prefix), tensor_names=[name for name, _ in values],
                      shape_and_slices=specs or [""] * len(values), tensors=[value for _, value in values])


def sliced(rng, name, array):
    """The parts of a partitioned variable as SaveV2 takes them: [(name, part)], and what it calls the slices."""
    axis = rng.randrange(array.ndim)
    cuts = sorted(rng.sample(range(1, array.shape[axis]), rng.randrange(1, min(4, array.shape[axis]))))
    parts, specs = [], []
    for begin, end in zip([0, *cuts], [*cuts, array.shape[axis]]):
        where = ":".join(f"{begin},{end - begin}" if i == axis else "-" for i in range(array.ndim))
        parts.append((name, np.take(array, range(begin, end), axis)))
        specs.append(" ".join(map(str, array.shape)) + " " + where)
    order = list(range(len(parts)))
    rng.shuffle(order)
    return [parts[i] for i in order], [specs[i] for i in order]


def random_bundle(rng, prefix):
    """Written by TensorFlow, in one file or in several that are merged. Returns what it holds."""
    wanted, shards = {}, [([], []) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
    for name in dict.fromkeys(random_name(rng) for _ in range(rng.choice((1, 2, 5, 12, 40)))):
        shard = rng.choice(shards)
        kind = rng.random()
        if kind < 0.15:
            shape = [rng.randrange(0, 4) for _ in range(rng.randrange(3))]
            texts = [rng.randbytes(rng.choice((0, 1, 5, 130, 300))) for _ in range(int(np.prod(shape)))]
            value = np.empty(shape, object)
            value.reshape(-1)[:] = texts
            shard[0].append((name, tf.constant(value if texts else [], tf.string, shape)))
            shard[1].append("")
        elif kind < 0.35:
            value = random_values(rng, [rng.randrange(2, 7) for _ in range(rng.randrange(1, 4))])
            for part, spec in zip(*sliced(rng, name, value)):
                shard = rng.choice(shards)
                shard[0].append(part)
                shard[1].append(spec)
        else:
            value = random_values(rng)
            shard[0].append((name, value))
            shard[1].append("")
        wanted[name] = described_array(value)
    shards = [shard for shard in shards if shard[0]]
    if len(shards) == 1:
        save(prefix, *shards[0])
    else:
        parts = [f"{prefix}_part{i}" for i in range(len(shards))]
        for part, shard in zip(parts, shards):
            save(part, *shard)
        tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=parts, destination_prefix=str(prefix), delete_old_dirs=False)
    return wanted, len(shards)


def test_checkpoints_that_tensorflow_wrote(tmp_path):
    rng = random.Random("theirs")
    tensors = shards = unread = 0
    with Batch() as batch:
        for case in range(WRITTEN_BY_THEM):
            prefix = tmp_path / f"{case}.ckpt"
            wanted, count = random_bundle(rng, prefix)
            found = batch.read(f"{prefix}.index")
            assert found.get("tensors") == wanted, (case, found)
            assert found["left_out"] == [] and list(found["tensors"]) == sorted(wanted, key=str.encode), case
            theirs = read_by_tensorflow(prefix, partly=True)
            assert theirs == {name: wanted[name] for name in theirs}, case
            tensors += len(wanted)
            unread += len(wanted) - len(theirs)
            shards += count > 1
    print(f"\n{WRITTEN_BY_THEM} checkpoints of TensorFlow, {shards} of them in several files, {tensors} tensors; {unread} in "
          "slices that TensorFlow itself does not read")
    assert unread < tensors // 10


def test_checkpoints_that_transload_wrote(tmp_path):
    rng = random.Random("ours")
    tensors = 0
    with Batch() as batch:
        for case in range(WRITTEN_BY_US):
            values = {random_name(rng): random_values(rng) for _ in range(rng.choice((1, 2, 5, 12, 40)))}
            folder = tmp_path / str(case)
            answer = batch.write("tensor_bundle", folder, "x.ckpt", {n: (v.dtype.name, v.shape, v.tobytes())
                                                                     for n, v in values.items()})
            assert answer == {}, (case, answer)
            assert read_by_tensorflow(folder / "x.ckpt") == {n: described_array(v) for n, v in values.items()}, case
            assert tf.train.latest_checkpoint(str(folder)) == str(folder / "x.ckpt")
            # As a Saver has it: sorted by name, so that its files are the same.
            save(folder / "theirs.ckpt", sorted(values.items(), key=lambda item: item[0].encode()))
            for end in ("index", "data-00000-of-00001"):
                assert (folder / f"x.ckpt.{end}").read_bytes() == (folder / f"theirs.ckpt.{end}").read_bytes(), case
            tensors += len(values)
    print(f"\n{WRITTEN_BY_US} checkpoints of ours, {tensors} tensors, the same bytes as TensorFlow's")


def test_objects_with_slots(tmp_path):
    rng = random.Random("objects")
    with Batch() as batch:
        for case in range(20):
            root = tf.Module()
            root.layers = [tf.Module() for _ in range(rng.randrange(1, 5))]
            for layer in root.layers:
                layer.kernel = tf.Variable(tf.random.stateless_normal([rng.randrange(1, 9), 3], [case, 1]))
                layer.names = tf.Variable(["a", "größe"][:rng.randrange(3)], dtype=tf.string, shape=[None])
            prefix = tf.train.Checkpoint(model=root, step=tf.Variable(case, dtype=tf.int64)).save(str(tmp_path / f"{case}/x"))
            assert batch.read(f"{prefix}.index")["tensors"] == read_by_tensorflow(prefix), case


# --- Indexes that somebody changed ---------------------------------------------------------------------------------

CRC_TABLE = []
for n in range(256):
    for _ in range(8):
        n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
    CRC_TABLE.append(n)


def masked_crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def varint(value):
    value %= 1 << 64
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def table(entries):
    """One block of entries that share nothing."""
    out, places = b"", []
    for pairs in (entries, [], None):
        if pairs is None:
            pairs = [(b"\xff", varint(places[0][0]) + varint(places[0][1]))]
        block, restarts = b"", []
        for key, value in pairs:
            restarts.append(len(block))
            block += varint(0) + varint(len(key)) + varint(len(value)) + key + value
        block += b"".join(struct.pack("<I", at) for at in restarts or [0]) + struct.pack("<I", len(restarts or [0]))
        places.append((len(out), len(block)))
        out += block + b"\0" + struct.pack("<I", masked_crc32c(block + b"\0"))
    footer = b"".join(varint(n) for place in places[1:] for n in place)
    return out + footer.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)


def field(number, value):
    return varint(number << 3 | 2) + varint(len(value)) + value if isinstance(value, bytes) else varint(number << 3) + varint(value)


def changed_bundle(rng, prefix):
    """One or two float32 tensors, of whose index one thing is not as TensorFlow writes it."""
    header = field(1, 1) + field(3, field(1, 1))
    data, entries = b"", []
    for name in (b"a", b"b")[:rng.randrange(1, 3)]:
        shape = [rng.randrange(1, 4) for _ in range(rng.randrange(3))]
        values = rng.randbytes(4 * int(np.prod(shape)))
        entries.append({"name": name, "dtype": 1, "shape": shape, "shard": 0, "offset": len(data), "size": len(values),
                        "crc": masked_crc32c(values), "extra": b""})
        data += values
    one = rng.choice(entries)
    kind = rng.randrange(15)
    if kind == 0:
        one["dtype"] = rng.choice([2, 3, 4, 8, 9, 10, 14, 19])
    elif kind == 1 and one["shape"]:
        one["shape"][-1] += rng.choice([1, -1, 2])
    elif kind == 2:
        one["shape"] = [*one["shape"], rng.choice([1, 0, 2])]
    elif kind == 3:
        one["offset"] += rng.choice([1, 4, 1 << 40, -4])
    elif kind == 4:
        one["size"] += rng.choice([1, -1, 4, -4])
    elif kind == 5:
        one["crc"] ^= 1 << rng.randrange(32)
    elif kind == 6:
        one["shard"] = rng.choice([1, 2, -1, 1000])
    elif kind == 7:
        one["extra"] = rng.choice([field(15, b"abc"), field(99, 7), field(12, 1) + field(13, b"")])
    elif kind == 8:
        header = rng.choice([field(1, 1), field(1, 1) + field(3, field(1, 2)), field(1, 1) + field(3, field(1, 1) + field(2, 99)),
                             field(1, 2) + field(3, field(1, 1)), field(3, field(1, 1)), field(1, 1) + field(2, 2) + field(3, field(1, 1)),
                             header + field(9, b"x")])
    elif kind == 9:
        data = data[:-1] if rng.random() < 0.5 else data + b"\0"
    elif kind == 10:
        at = rng.randrange(len(data))
        data = data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1:]
    elif kind == 11:
        entries = [*entries, dict(entries[-1], name=b"c")]  # two names for the same bytes
    elif kind == 12:
        one["name"] = rng.choice([b"\xff", b"a\xc3", b"z" * 5000, b"a\0b"])
    elif kind == 13:
        one["swap"] = True
    elif kind == 14:  # what TensorFlow takes for a mistake of its own
        one.update(rng.choice([{"dtype": 99}, {"dtype": 101}, {"shape": [-1]}, {"shape": [1 << 40, 1 << 40]}, {"shape": [1] * 255}]))
    pairs = [(b"", header)]
    for e in sorted(entries, key=lambda e: e["name"]):
        fields = [field(1, e["dtype"]), field(2, b"".join(field(2, field(1, n) if n else b"") for n in e["shape"])),
                  field(3, e["shard"]) if e["shard"] else b"", field(4, e["offset"]) if e["offset"] else b"",
                  field(5, e["size"]) if e["size"] else b"", b"\x35" + struct.pack("<I", e["crc"]), e["extra"]]
        if e.get("swap"):
            rng.shuffle(fields)
        pairs.append((e["name"], b"".join(fields)))
    prefix.with_name(prefix.name + ".index").write_bytes(table(pairs))
    prefix.with_name(prefix.name + ".data-00000-of-00001").write_bytes(data)


def ask_tensorflow(prefixes):
    """What TensorFlow says of each: a dict, or why not. It ends its process over some files: so in children of this one."""
    answers = {}
    while len(answers) < len(prefixes):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            faulthandler.disable()  # it would print its stack
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            with os.fdopen(writing, "w") as out:
                for i in range(len(answers), len(prefixes)):
                    try:
                        answer = read_by_tensorflow(prefixes[i])
                    except Exception as error:  # its readers raise of many classes
                        answer = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
                    print(repr((i, answer)), file=out, flush=True)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as lines:
            for line in lines:
                i, answer = eval(line)  # a repr of our own
                answers[i] = answer
        _, status = os.waitpid(child, 0)
        if status:
            answers[len(answers)] = "TensorFlow ended its process"
    return [answers[i] for i in range(len(prefixes))]


# Why ours refuses what TensorFlow reads; docs/formats/tensor_bundle.md, section 3.
STRICTER = ("shares bytes of", "unknown byte order")


def test_changed_indexes_are_judged_alike(tmp_path):
    rng = random.Random("changed")
    prefixes = [tmp_path / f"{i}.ckpt" for i in range(CHANGED)]
    for prefix in prefixes:
        changed_bundle(rng, prefix)
    theirs = ask_tensorflow(prefixes)
    counts, stricter, ended = {"both read": 0, "both refuse": 0}, {}, 0
    with Batch() as batch:
        for prefix, answer in zip(prefixes, theirs):
            ours = batch.read(f"{prefix}.index")
            if isinstance(answer, str):
                assert "error" in ours, (prefix, answer, ours)
                counts["both refuse"] += 1
                ended += answer == "TensorFlow ended its process"
            elif "error" in ours:
                message = ours["error"]["message"]
                rule = next((rule for rule in STRICTER if rule in message), None)
                assert rule, (prefix, message, answer)
                stricter[rule] = stricter.get(rule, 0) + 1
            else:
                assert ours["tensors"] == answer, prefix
                counts["both read"] += 1
    print(f"\n{CHANGED} changed checkpoints: {counts}; over {ended} TensorFlow ended its process; ours is stricter by {stricter}")
    assert ended > 0 and counts["both read"] > CHANGED // 10 and counts["both refuse"] > CHANGED // 4
