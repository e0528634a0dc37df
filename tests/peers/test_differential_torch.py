"""5,000 random state_dicts, both ways: written by torch and read by us, written by us and read by torch.

A process costs more than a state_dict, so many of them share a file: a list of them, in one of the containers and protocols
that torch.save has. Values are random bytes, so NaN, infinities and every bit pattern are among them.
"""
import random

import pytest
import torch

import support

STATES, PER_FILE = 5000, 50
FILES = STATES // PER_FILE
DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int8, torch.int16, torch.int32, torch.int64,
          torch.uint8, torch.bool, torch.complex64, torch.complex128]
# torch writes these in zip files only.
NEW_DTYPES = [torch.uint16, torch.uint32, torch.uint64, torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz,
              torch.float8_e5m2fnuz]
NAMES = ["weight", "bias", "layer.0.weight", "größe", "層", "a b", "", "x" * 300, "emb\n", "q'", "\t", "%s", "\x1b[31m", "𝕏", ".",
         "..", "-", "0", "None", "\u202e", "__class__", "state_dict", "e\u0301", "\x7f", "cpu", "storage"]
SHAPES = [(), (0,), (1,), (3,), (17,), (2, 3), (3, 0, 2), (1, 5), (4, 1), (2, 3, 4), (1, 1, 1), (2, 1, 3, 2), (40,), (64, 3)]


def values(rng, dtype, count):
    raw = torch.frombuffer(bytearray(rng.randbytes(max(1, count) * 16)), dtype=torch.uint8)
    if dtype == torch.bool:
        return raw[:count] > 127
    return raw[:count * dtype.itemsize].view(dtype)


def random_tensor(rng, dtypes):
    dtype, shape = rng.choice(dtypes), list(rng.choice(SHAPES))
    count = 1
    for extent in shape:
        count *= extent
    kind = rng.random()
    if kind < 0.1:  # a part of a larger storage
        return values(rng, dtype, count + 5)[rng.randrange(6):][:count].reshape(shape)
    tensor = values(rng, dtype, count).reshape(shape)
    if kind < 0.25 and tensor.dim() >= 2:
        return tensor.transpose(*rng.sample(range(tensor.dim()), 2))
    if kind < 0.35 and tensor.dim() and tensor.shape[0] > 2:
        return tensor[rng.randrange(2)::rng.choice([1, 2, 3])]
    if kind < 0.4 and tensor.dim() and tensor.shape[-1] > 2:
        return tensor[..., 1:-1]
    if kind < 0.45 and tensor.dim() and tensor.shape[0] == 1:
        return tensor.expand(3, *tensor.shape[1:])
    if kind < 0.5 and tensor.dim() == 1 and tensor.numel() > 6:
        return tensor.as_strided((3, 4), (1, 1))
    if kind < 0.6 and dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16):
        return torch.nn.Parameter(tensor, requires_grad=rng.random() < 0.5)
    return tensor


def random_state(rng, dtypes, depth=0):
    state, made = torch.nn.Module().state_dict() if rng.random() < 0.3 else {}, []
    for number in range(rng.randrange(1, 10)):
        name = rng.choice(NAMES) + (str(number) if rng.random() < 0.95 else "")
        kind = rng.random()
        if depth < 3 and kind < 0.1:
            state[name] = random_state(rng, dtypes, depth + 1)
        elif kind < 0.15:
            state[name] = [random_tensor(rng, dtypes) for _ in range(rng.randrange(3))]
        elif kind < 0.2:
            state[name] = (random_tensor(rng, dtypes), rng.choice([1, 2.5, None, True, "text", 10**30, -7, b"\x80"]))
        elif kind < 0.25:
            state[name] = rng.choice([1, 2.5, None, True, "text", 10**30, -2**40, b"\x80", {1, 2}, 1 + 2j, float("nan")])
        elif made and kind < 0.35:
            state[name] = rng.choice(made)  # the same tensor twice
        elif made and kind < 0.4:
            other = rng.choice(made).detach()
            state[name] = other.reshape(-1)[1:] if other.is_contiguous() and other.numel() > 1 else other
        else:
            state[name] = random_tensor(rng, dtypes)
            made.append(state[name])
    return state


def leaves(value, name):
    if isinstance(value, torch.Tensor):
        yield name, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{name}/{key}")
    elif isinstance(value, (list, tuple)):
        for position, item in enumerate(value):
            yield from leaves(item, f"{name}/{position}")


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and support.bytes_of(a) == support.bytes_of(b)


COUNT = {"states": 0, "tensors": 0}


@pytest.mark.parametrize("number", range(FILES))
def test_both_ways(number, tmp_path):
    rng = random.Random(number)
    legacy, protocol = number % 2 == 1, 2 + number // 2 % 4
    dtypes = DTYPES if legacy else DTYPES + NEW_DTYPES
    states = [random_state(rng, dtypes) for _ in range(PER_FILE)]
    states[0]["first"] = torch.zeros(1)  # a file without any tensor is refused
    written, again = tmp_path / "theirs.pt", tmp_path / "ours.bin"
    torch.save(states, written, pickle_protocol=protocol, _use_new_zipfile_serialization=not legacy)

    wanted = {name: tensor for i, state in enumerate(states) for name, tensor in leaves(state, str(i))}
    found = support.inspect(written)
    assert list(found["tensors"]) == list(wanted)
    for name, tensor in wanted.items():
        got = found["tensors"][name]
        assert (got["dtype"], got["shape"]) == (support.dtype_of(tensor), list(tensor.shape)), name
        assert got["sha256"] == support.digest_of(tensor), (name, tensor.stride(), tensor.storage_offset())

    support.transload("convert", written, again, "--family", "none", "--quiet")
    read = torch.load(again, weights_only=True)
    assert list(read) == list(wanted)
    for name, tensor in wanted.items():
        assert same(read[name], tensor), name
    COUNT["states"] += len(states)
    COUNT["tensors"] += len(wanted)


def test_all_were_compared(capsys):
    with capsys.disabled():
        print(f"\n{COUNT['states']} random state_dicts of torch, {COUNT['tensors']} tensors: equal both ways")
    assert COUNT["states"] == STATES
