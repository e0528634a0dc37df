"""Safetensors against the library: what it writes is read, and what we write is byte for byte what it would write."""
import random

import pytest
import torch
from safetensors.torch import load_file, save_file

import support
from support import transload
from test_torch_reader import random_tensor

# What the library of this version stores; complex128 is not among it.
KNOWN = {torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int8, torch.int16, torch.int32, torch.int64,
         torch.uint8, torch.bool, torch.complex64, torch.uint16, torch.uint32, torch.uint64, torch.float8_e4m3fn,
         torch.float8_e5m2}


def random_dict(rng):
    state = {}
    for i in range(rng.randrange(1, 12)):
        tensor = random_tensor(rng).detach().contiguous().clone()
        if tensor.dtype in KNOWN:
            state[rng.choice(["weight", "größe/", 'q"uote\\', "tab\t", "Z.", "a.", "\x7f"]) + str(i)] = tensor
    return state


@pytest.mark.parametrize("block", range(10))
def test_library_files_are_read(tmp_path, block):
    for case in range(10):
        state = random_dict(random.Random(f"read {block} {case}"))
        path = tmp_path / f"{case}.safetensors"
        save_file(state, path, metadata={"format": "pt"})
        found = support.inspect(path)
        assert found["format"] == "safetensors"
        assert {n: (t["dtype"], t["shape"], t["sha256"]) for n, t in found["tensors"].items()} == \
            {n: (support.dtype_of(t), list(t.shape), support.digest_of(t)) for n, t in state.items()}


@pytest.mark.parametrize("block", range(10))
def test_the_same_bytes_as_the_library(tmp_path, block):
    # A bare weights file of no known model keeps its names: a change of format only.
    for case in range(10):
        state = random_dict(random.Random(f"write {block} {case}")) or {"a": torch.ones(2)}
        torch.save(state, tmp_path / f"{case}.bin")
        transload("convert", tmp_path / f"{case}.bin", tmp_path / f"{case}.safetensors")
        metadata = support.inspect(tmp_path / f"{case}.safetensors")["metadata"]
        assert metadata in ({}, {"format": "pt"})
        save_file(state, tmp_path / "expected.safetensors", metadata=metadata or None)
        assert (tmp_path / f"{case}.safetensors").read_bytes() == (tmp_path / "expected.safetensors").read_bytes()


def test_a_model_is_byte_identical_to_save_pretrained(tmp_path):
    model = support.make_model("BertForSequenceClassification")
    support.write_model(model, tmp_path / "bin")
    support.write_model(model, tmp_path / "wanted", safetensors=True)
    transload("convert", tmp_path / "bin", tmp_path / "out", "--to", "hf")
    wanted = (tmp_path / "wanted/model.safetensors").read_bytes()
    assert (tmp_path / "out/model.safetensors").read_bytes() == wanted
    assert set(load_file(tmp_path / "out/model.safetensors")) == set(model.state_dict())


def test_shards(tmp_path):
    model = support.make_model("BertModel")
    model.save_pretrained(tmp_path / "shards", max_shard_size="4KB")
    assert (tmp_path / "shards/model.safetensors.index.json").exists()
    for path in (tmp_path / "shards", tmp_path / "shards/model.safetensors.index.json"):
        found = support.inspect(path)["tensors"]
        assert {n: t["sha256"] for n, t in found.items()} == \
            {n: support.digest_of(t) for n, t in model.state_dict().items()}


def test_torch_shards(tmp_path):
    model = support.make_model("BertModel")
    model.save_pretrained(tmp_path / "shards", max_shard_size="4KB", safe_serialization=False)
    assert (tmp_path / "shards/pytorch_model.bin.index.json").exists()
    found = support.inspect(tmp_path / "shards")["tensors"]
    assert {n: t["sha256"] for n, t in found.items()} == {n: support.digest_of(t) for n, t in model.state_dict().items()}


def test_float4_in_pairs_is_proven(tmp_path):
    # torch counts two numbers as one element, safetensors counts each.
    packed = torch.arange(24, dtype=torch.uint8).view(torch.float4_e2m1fn_x2).reshape(4, 6)
    torch.save({"a": packed}, tmp_path / "a.pt")
    transload("convert", tmp_path / "a.pt", tmp_path / "a.safetensors")
    assert support.inspect(tmp_path / "a.safetensors")["tensors"]["a"]["shape"] == [4, 12]
