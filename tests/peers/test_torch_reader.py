"""Files that the real torch.save writes, read by `inspect`: name, dtype, shape, values, ties."""
import collections
import random

import pytest
import torch

import support

DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int8, torch.int16, torch.int32, torch.int64,
          torch.uint8, torch.bool, torch.complex64, torch.complex128, torch.uint16, torch.uint32, torch.uint64,
          torch.float8_e4m3fn, torch.float8_e5m2]


def random_tensor(rng):
    dtype = rng.choice(DTYPES)
    shape = [rng.choice([0, 1, 2, 3, 5, 8]) if rng.random() < 0.9 else rng.randint(9, 40) for _ in range(rng.choice([0, 1, 2, 2, 3, 4]))]
    count = 1
    for extent in shape:
        count *= extent
    raw = torch.frombuffer(bytearray(rng.randbytes(max(1, count) * 16)), dtype=torch.uint8)
    if dtype == torch.bool:
        tensor = (raw[:count] > 127).reshape(shape)
    else:
        tensor = raw[:count * torch.empty(0, dtype=dtype).element_size()].view(dtype).reshape(shape)
    tensor = tensor.clone()
    # Views: transposed, a step, a part, an expanded row.
    kind = rng.random()
    if kind < 0.15 and tensor.dim() >= 2:
        tensor = tensor.transpose(0, rng.randrange(tensor.dim()))
    elif kind < 0.3 and tensor.dim() and tensor.shape[0] > 2:
        tensor = tensor[1::rng.choice([1, 2])]
    elif kind < 0.4 and tensor.dim() and tensor.shape[-1] > 2:
        tensor = tensor[..., 1:-1]
    elif kind < 0.45 and tensor.dim() and tensor.shape[0] == 1:
        tensor = tensor.expand(3, *tensor.shape[1:])
    if rng.random() < 0.1 and tensor.is_floating_point() and tensor.dtype.itemsize > 1:
        tensor = torch.nn.Parameter(tensor, requires_grad=rng.random() < 0.5)
    return tensor


def random_state(rng, depth=0):
    state, tensors = {"first": random_tensor(rng)}, []  # a file of plain values only is refused
    for i in range(rng.randrange(9)):
        name = rng.choice(["weight", "bias", "layer.0.weight", "größe", "a b", "", "x" * 300, "emb\n", "q'"]) + str(i)
        if depth < 2 and rng.random() < 0.15:
            state[name] = random_state(rng, depth + 1)
        elif rng.random() < 0.1:
            state[name] = rng.choice([1, 2.5, None, True, "text", 10**30, -7])
        elif tensors and rng.random() < 0.15:
            state[name] = rng.choice(tensors)  # the same tensor twice: tied
        else:
            state[name] = random_tensor(rng)
            tensors.append(state[name])
    return state


def leaves(state, prefix=""):
    for name, value in state.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{name}/")
        elif isinstance(value, torch.Tensor):
            yield prefix + name, value


def check(path, state):
    found = support.inspect(path)
    assert found["format"] == "torch"
    wanted = dict(leaves(state))
    assert list(found["tensors"]) == list(wanted)
    first_user = {}
    for name, tensor in wanted.items():
        got = found["tensors"][name]
        assert (got["dtype"], got["shape"]) == (support.dtype_of(tensor), list(tensor.shape)), name
        assert got["nbytes"] == tensor.numel() * tensor.element_size(), name
        assert got["sha256"] == support.digest_of(tensor), (name, tensor.stride(), tensor.storage_offset())
        if tensor.untyped_storage().nbytes():
            first = first_user.setdefault(tensor.untyped_storage().data_ptr(), name)
            assert got.get("tied_to") == (None if first == name else first), name


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("block", range(10))
def test_random_state_dicts(tmp_path, block, legacy):
    for case in range(20):
        rng = random.Random(f"{block} {case}")
        state, path = random_state(rng), tmp_path / f"{case}.pt"
        torch.save(state, path, _use_new_zipfile_serialization=not legacy)
        check(path, state)


def test_every_dtype_of_torch_is_named(tmp_path):
    state = {str(dtype): torch.zeros(3, dtype=torch.uint8).view(torch.uint8).repeat(16).view(dtype)[:2].clone()
             for dtype in DTYPES + [torch.float8_e4m3fnuz, torch.float8_e5m2fnuz, torch.float8_e8m0fnu]}
    torch.save(state, tmp_path / "all.pt")
    check(tmp_path / "all.pt", state)


def test_a_module_with_its_metadata(tmp_path):
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.LSTM(4, 5))
    torch.save(model.state_dict(), tmp_path / "module.pt")
    check(tmp_path / "module.pt", dict(model.state_dict()))


def test_a_training_checkpoint_with_an_optimizer(tmp_path):
    model = torch.nn.Linear(3, 4)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(2, 3)).sum().backward()
    optimizer.step()
    torch.save({"epoch": 3, "model": model.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "train.pt")
    found = support.inspect(tmp_path / "train.pt")["tensors"]
    assert found["model/weight"]["sha256"] == support.digest_of(model.weight)
    moment = optimizer.state_dict()["state"][0]["exp_avg"]
    assert found["optimizer/state/0/exp_avg"]["sha256"] == support.digest_of(moment)
    only = support.inspect(tmp_path / "train.pt", "--key", "model")["tensors"]
    assert sorted(name.split("/")[-1] for name in only) == ["bias", "weight"]
    told = support.transload("inspect", tmp_path / "train.pt", "--key", "model").out
    assert "note: not carried over: 6 tensors outside of 'model'" in told


@pytest.mark.parametrize("alignment", [64, 4096])
def test_alignment_of_the_records(tmp_path, alignment):
    # The setting is torch's own; the default is 64.
    from torch.utils.serialization import config
    state = {"a": torch.arange(7.0), "b": torch.arange(3)}
    before = config.save.storage_alignment
    try:
        config.save.storage_alignment = alignment
        torch.save(state, tmp_path / "x.pt")
    finally:
        config.save.storage_alignment = before
    check(tmp_path / "x.pt", state)


def test_a_file_without_checksums(tmp_path):
    torch.serialization.set_crc32_options(False)
    try:
        state = {"a": torch.arange(7.0)}
        torch.save(state, tmp_path / "x.pt")
    finally:
        torch.serialization.set_crc32_options(True)
    check(tmp_path / "x.pt", state)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_tensor_that_is_an_attribute_of_a_dict_is_not_lost_in_silence(zipped, tmp_path):
    state = collections.OrderedDict(a=torch.ones(2))
    state.extra = torch.zeros(5)
    torch.save(state, tmp_path / "x.pt", _use_new_zipfile_serialization=zipped)
    result = support.transload("convert", tmp_path / "x.pt", tmp_path / "x.safetensors", expect=2)
    assert "tensor 'extra': is an attribute of a dict" in result.err
    support.transload("convert", tmp_path / "x.pt", tmp_path / "x.safetensors", "--drop", "extra")
