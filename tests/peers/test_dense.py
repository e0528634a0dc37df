"""--dense: sparse and quantised tensors of PyTorch become what to_dense() and dequantize() of the real torch give."""

import warnings

import pytest
import torch

import support

warnings.filterwarnings("ignore")

FLOATS = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
DTYPES = FLOATS + [torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.complex64,
                   torch.complex128]
CONTAINERS = {"zip": {}, "legacy": {"_use_new_zipfile_serialization": False}}


def values(shape, dtype, seed):
    generator = torch.Generator().manual_seed(seed)
    if dtype == torch.bool:
        return torch.rand(shape, generator=generator) > 0.5
    if dtype.is_complex:
        return torch.randn(shape, dtype=dtype, generator=generator)
    if dtype.is_floating_point:
        made = (torch.randn(shape, generator=generator) * 50).to(dtype)
        flat = made.flatten()
        if flat.numel() > 2:  # what a sum must not lose or invent
            flat[0] = -0.0
        if flat.numel() > 2 and seed == 9:
            flat[1] = float("inf")
        return made
    return torch.randint(-128 if dtype.is_signed else 0, 127, shape, generator=generator).to(dtype)


def dense(tensor):
    return tensor.dequantize() if tensor.is_quantized else tensor.to_dense()


def check(state, path, **how):
    """What Transload makes of `state`, against what torch makes of the file."""
    torch.save(state, path, **how)
    loaded = torch.load(path, weights_only=True)
    found = support.inspect(path, "--dense")["tensors"]
    for name, tensor in loaded.items():
        wanted = dense(tensor)
        assert found[name]["shape"] == list(wanted.shape), name
        assert found[name]["dtype"] == str(wanted.dtype).removeprefix("torch."), name
        assert found[name]["sha256"] == support.digest_of(wanted), (name, wanted)
    assert len(found) == len(state)


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_coo(dtype, container, tmp_path):
    state = {}
    for number, (shape, sparse) in enumerate([((7,), 1), ((5, 4), 2), ((5, 4, 3), 1), ((3, 4, 2, 2), 2), ((), 0),
                                              ((3, 0), 1), ((0, 3), 2)]):
        for entries in (0, 1, 9, 60):
            if entries and (0 in shape[:sparse]):
                continue
            indices = torch.zeros((sparse, entries), dtype=torch.int64)
            for axis, size in enumerate(shape[:sparse]):
                indices[axis] = torch.randint(0, max(size, 1), (entries,))
            tensor = torch.sparse_coo_tensor(indices, values((entries, *shape[sparse:]), dtype, entries), shape)
            if entries > 1 and sparse == 0:
                continue  # see test_several_entries_without_coordinates_are_left_out
            state[f"{number} {entries}"] = tensor
            if sparse and entries:
                state[f"{number} {entries} coalesced"] = tensor.coalesce()
    check(state, tmp_path / "m.pt", **CONTAINERS[container])


def test_several_entries_without_coordinates_are_left_out(tmp_path):
    tensor = torch.sparse_coo_tensor(torch.zeros((0, 9), dtype=torch.int64), torch.randn(9), ())
    torch.save({"s": tensor, "w": torch.ones(1)}, tmp_path / "m.pt")
    assert "without coordinates" in support.transload("inspect", tmp_path / "m.pt", "--dense").out


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("layout", [torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc], ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_compressed(dtype, layout, container, tmp_path):
    state = {}
    for shape in [(6, 4), (4, 6), (2, 6, 4), (2, 3, 4, 6), (0, 4), (4, 0)]:
        plain = values(shape, dtype, 7)
        mask = torch.rand(shape[-2:]) > 0.6
        plain = torch.where(mask, plain, torch.zeros((), dtype=dtype))
        blocks = {"blocksize": (2, 2)} if layout in (torch.sparse_bsr, torch.sparse_bsc) else {}
        try:
            tensor = plain.to_sparse(layout=layout, **blocks)
            tensor.to_dense()
        except (RuntimeError, NotImplementedError):
            continue  # torch cannot make this one
        state[str(shape)] = tensor
        if tensor.crow_indices().dtype == torch.int64 if "csr" in str(layout) else False:
            state[f"{shape} int32"] = torch.sparse_csr_tensor(tensor.crow_indices().int(), tensor.col_indices().int(),
                                                              tensor.values(), shape)
    assert len(state) >= 2
    check(state, tmp_path / "m.pt", **CONTAINERS[container])


def test_compressed_with_dense_axes_and_a_stored_minus_zero(tmp_path):
    state = {}
    for dtype in FLOATS:
        state[f"csr {dtype}"] = torch.sparse_csr_tensor([0, 2, 3], [0, 2, 1], values((3, 5), dtype, 1), (2, 3, 5))
        state[f"csc {dtype}"] = torch.sparse_csc_tensor([0, 1, 3, 3], [0, 0, 1], values((3, 5), dtype, 1), (2, 3, 5))
        state[f"bsr {dtype}"] = torch.sparse_bsr_tensor([0, 1, 2], [1, 0], -torch.zeros((2, 2, 3), dtype=dtype), (4, 6))
        state[f"bsc {dtype}"] = torch.sparse_bsc_tensor([0, 1, 2], [1, 0], values((2, 2, 3, 2), dtype, 1), (4, 6, 2))
    kept = {}
    for name, tensor in state.items():
        try:
            tensor.to_dense()
            kept[name] = tensor
        except (RuntimeError, NotImplementedError):
            pass  # torch cannot make this one
    assert len(kept) >= 4
    check(kept, tmp_path / "m.pt")


@pytest.mark.parametrize("container", CONTAINERS)
def test_quantised(container, tmp_path):
    state = {}
    for shape in [(), (7,), (3, 5), (2, 3, 4, 5), (0, 3), (100, 1000)]:
        x = torch.randn(shape) * 3
        for dtype in (torch.qint8, torch.quint8, torch.qint32, torch.quint4x2, torch.quint2x4):
            state[f"tensor {shape} {dtype}"] = torch.quantize_per_tensor(x, 0.1, 3, dtype)
        for axis in range(len(shape)):
            size = shape[axis]
            for dtype in (torch.qint8, torch.quint8, torch.qint32):
                state[f"channel {axis} {shape} {dtype}"] = torch.quantize_per_channel(
                    x, torch.rand(size) + 0.01, torch.randint(0, 5, (size,)), axis, dtype)
            for dtype in (torch.quint8, torch.quint4x2, torch.quint2x4):
                if axis == 0:
                    state[f"float channel {axis} {shape} {dtype}"] = torch.quantize_per_channel(
                        x, torch.rand(size) + 0.01, torch.rand(size) * 4, axis, dtype)
    extreme = torch.tensor([-2**31, 2**31 - 1, 0, 5], dtype=torch.int32)
    state["extreme"] = torch._make_per_tensor_quantized_tensor(extreme, 0.3, 7)
    state["transposed"] = torch.quantize_per_tensor(torch.randn(3, 5), 0.1, 3, torch.qint8).t()
    state["part"] = torch.quantize_per_tensor(torch.randn(8, 5), 0.1, 3, torch.quint8)[2:5]
    check({name: tensor for name, tensor in state.items()}, tmp_path / "m.pt", **CONTAINERS[container])


@pytest.mark.parametrize("dtype", [torch.quint8, torch.qint8, torch.qint32])
@pytest.mark.parametrize("scales", [torch.float64, torch.float32])
def test_scales_of_channels_count_as_they_are_stored(dtype, scales, tmp_path):
    generator = torch.Generator().manual_seed(3)
    integers = {torch.quint8: torch.uint8, torch.qint8: torch.int8, torch.qint32: torch.int32}[dtype]
    limits = torch.iinfo(integers)
    state = {}
    for axis, shape in ((0, (16, 16)), (1, (16, 16)), (1, (3, 5, 7))):
        values = torch.randint(limits.min, limits.max, shape, generator=generator).to(integers)
        scale = torch.rand(shape[axis], generator=generator, dtype=torch.float64).to(scales) + 0.01
        zero = torch.randint(0, 100, (shape[axis],), generator=generator)
        state[f"{axis} {shape}"] = torch._make_per_channel_quantized_tensor(values, scale, zero, axis)
    torch.save(state, tmp_path / "x.pt")
    found = support.inspect(tmp_path / "x.pt", "--dense")["tensors"]
    for name, tensor in torch.load(tmp_path / "x.pt", weights_only=False).items():
        assert found[name]["sha256"] == support.digest_of(tensor.dequantize()), name


def test_convert_refuses_without_and_carries_with_the_flag(tmp_path):
    sparse = torch.sparse_coo_tensor([[0, 1, 1]], [1.0, 2.0, 3.0], (4,))
    quantised = torch.quantize_per_tensor(torch.randn(300, 400), 0.1, 3, torch.qint8)
    torch.save({"s": sparse, "q": quantised, "w": torch.ones(2), "again": sparse}, tmp_path / "m.pt")
    convert = ["convert", tmp_path / "m.pt", tmp_path / "out.safetensors", "--family", "none"]
    refused = support.transload(*convert, expect=2)
    assert "--dense" in refused.err and "sparse" in refused.err
    assert not (tmp_path / "out.safetensors").exists()
    support.transload(*convert, "--dense")
    from safetensors.torch import load_file
    found = load_file(tmp_path / "out.safetensors")
    loaded = torch.load(tmp_path / "m.pt", weights_only=True)
    assert torch.equal(found["q"], loaded["q"].dequantize())
    assert torch.equal(found["s"], torch.tensor([1.0, 5.0, 0, 0])) and torch.equal(found["again"], found["s"])


def test_what_lies_outside_is_refused(tmp_path):
    for number, tensor in enumerate([
            torch.sparse_coo_tensor([[0, 4]], [1.0, 2.0], (4,), check_invariants=False),
            torch.sparse_coo_tensor([[0, -1]], [1.0, 2.0], (4,), check_invariants=False),
            torch.sparse_csr_tensor([0, 1, 2], [0, 3], [1.0, 2.0], (2, 3), check_invariants=False),
            torch.sparse_csr_tensor([0, 2, 1], [0, 1], [1.0, 2.0], (2, 3), check_invariants=False),
            torch.sparse_csr_tensor([0, 2, 2], [1, 1], [1.0, 2.0], (2, 3), check_invariants=False)]):
        path = tmp_path / f"{number}.pt"
        torch.save({"s": tensor}, path)
        refused = support.transload("inspect", path, "--dense", "--digest", expect=2)
        assert "tensor 's'" in refused.err, refused


def test_a_small_file_does_not_become_a_large_tensor(tmp_path):
    torch.save({"s": torch.sparse_coo_tensor([[0], [0]], [1.0], (2**20, 2**20))}, tmp_path / "m.pt")
    refused = support.transload("inspect", tmp_path / "m.pt", "--dense", expect=2)
    assert "times as much" in refused.err, refused
