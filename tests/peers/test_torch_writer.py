"""Files in PyTorch's format that Transload writes: byte for byte those of the real torch.save, and loaded by it."""
import io
import random

import pytest
import torch
from safetensors.torch import save_file
from torch.utils.serialization import config

import support
from support import transload
from test_torch_reader import DTYPES, random_tensor

load_config = config.load
# What a safetensors source can hand over; the others come out of files of torch itself.
ALL = DTYPES + [torch.float8_e4m3fnuz, torch.float8_e5m2fnuz, torch.float8_e8m0fnu, torch.complex32,
                torch.float4_e2m1fn_x2, torch.bits8, torch.bits16]
NAMES = ["weight", "bias", "layer.0.weight", "größe", "日本語", "🦀", "a b", "x" * 300, "emb\n", "q'", "data/0", "A", "a"]


def plain(tensor):
    """The tensor alone in a contiguous storage, with the strides of C order."""
    tensor = tensor.detach()
    result = torch.empty(tensor.shape, dtype=tensor.dtype)
    if tensor.numel():
        result.reshape(-1).view(torch.uint8).copy_(torch.frombuffer(bytearray(support.bytes_of(tensor)),
                                                                    dtype=torch.uint8))
    return result


def random_state(rng, most=12):
    state = {}
    for i in range(rng.randrange(1, most)):
        tensor = plain(random_tensor(rng))
        # A tensor that begins with the mark of a zip descriptor changes the fingerprint: docs/formats/torch.md.
        if not support.bytes_of(tensor).startswith(b"PK\x07\x08"):
            state[rng.choice(NAMES) + str(i)] = tensor
    return state or {"a": torch.ones(2)}


def converted(tmp_path, state, name="out.bin", *options):
    """`state` written by torch under another name, and by Transload from that."""
    torch.save(state, tmp_path / "source file.pth")
    transload("convert", tmp_path / "source file.pth", tmp_path / name, "--force", "--family", "none", *options)
    return tmp_path / name


def check_loads(path, state):
    for mmap, computed in ((False, False), (True, False), (True, True)):
        # "computed": places of storages from their order, without reading the headers.
        load_config.calculate_storage_offsets = computed
        try:
            loaded = torch.load(path, weights_only=True, mmap=mmap)
        finally:
            load_config.calculate_storage_offsets = False
        assert type(loaded) is dict and list(loaded) == list(state)
        for name, tensor in state.items():
            assert (loaded[name].dtype, loaded[name].shape) == (tensor.dtype, tensor.shape), name
            assert support.bytes_of(loaded[name]) == support.bytes_of(tensor), name
            assert not mmap or not tensor.numel() or loaded[name].data_ptr() % 64 == 0, name


def check_equal(ours, state):
    folder = ours.parent / "wanted"
    folder.mkdir(exist_ok=True)
    torch.save(state, folder / ours.name)
    assert ours.read_bytes() == (folder / ours.name).read_bytes()


@pytest.mark.parametrize("block", range(10))
def test_random_state_dicts_are_byte_identical(tmp_path, block):
    for case in range(10):
        state = random_state(random.Random(f"{block} {case}"))
        ours = converted(tmp_path, state)
        check_equal(ours, state)
        check_loads(ours, state)


@pytest.mark.parametrize("count", [0, 1, 2, 21, 22, 999, 1000, 1001, 2000, 2001, 5000])
def test_any_number_of_entries(tmp_path, count):
    # 256 memo entries are reached near 21; dicts are written in batches of 1000.
    state = {f"p{i}": torch.full((i % 3,), i, dtype=[torch.float32, torch.uint16, torch.int64][i % 3])
             for i in range(count)}
    ours = converted(tmp_path, state)
    check_equal(ours, state)
    check_loads(ours, state)


def test_every_dtype(tmp_path):
    state = {str(dtype): torch.arange(1, 33, dtype=torch.uint8).view(dtype)[:2].clone() for dtype in ALL
             if dtype != torch.bool}
    state["torch.bool"] = torch.tensor([True, False])
    check_equal(ours := converted(tmp_path, state), state)
    check_loads(ours, state)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 5), (1,), (255,), (256,), (65535,), (65536,), (1, 1), (2, 3, 4),
                                   (2, 1, 2, 3), (1,) * 5, (1, 300, 70000, 0)], ids=str)
def test_shapes(tmp_path, shape):
    state = {"t": torch.zeros(shape, dtype=torch.int8), "u": torch.zeros(shape, dtype=torch.float8_e5m2)}
    check_equal(ours := converted(tmp_path, state), state)
    check_loads(ours, state)


@pytest.mark.parametrize("name", ["m.pt", "a.b.pth", "no_extension.bin", "Größe.bin", "with space.pt", "-.bin",
                                  "x" * 200 + ".pt"])
def test_the_folder_in_the_archive_is_that_of_torch(tmp_path, name, monkeypatch):
    state = {"a": torch.arange(5.0)}
    ours = converted(tmp_path, state, name)
    (tmp_path / "wanted").mkdir()
    monkeypatch.chdir(tmp_path / "wanted")
    torch.save(state, name)
    assert ours.read_bytes() == (tmp_path / "wanted" / name).read_bytes()


@pytest.mark.parametrize("name", ["..bin", ".bin", "c:d.bin"])
def test_names_that_no_archive_should_hold(tmp_path, name):
    state = {"a": torch.arange(5.0)}
    ours = converted(tmp_path, state, name)
    buffer = io.BytesIO()  # torch.save calls this folder "archive"
    torch.save(state, buffer)
    assert ours.read_bytes() == buffer.getvalue()


def test_names_that_torch_itself_uses(tmp_path):
    # Composed, as state_dict() composes them: other objects than torch's own texts and keys.
    names = ["".join(parts) for parts in ("0", "1", ("c", "pu"), ("stor", "age"), "7", ("data", "/0"))]
    state = {name: torch.full((i,), i) for i, name in enumerate(names)}
    ours = converted(tmp_path, state)
    check_equal(ours, state)
    check_loads(ours, state)


def test_tied_tensors_stay_tied(tmp_path):
    a, b = torch.arange(6.0).reshape(2, 3), torch.arange(4)
    # detach() makes another tensor over the same storage, as state_dict() does.
    state = {"a": a, "b": b, "tied": a.detach(), "flat": a.detach().view(6), "other": a.clone()}
    ours = converted(tmp_path, state)
    check_equal(ours, state)
    loaded = torch.load(ours, weights_only=True)
    assert loaded["a"].data_ptr() == loaded["tied"].data_ptr() == loaded["flat"].data_ptr()
    assert loaded["a"].data_ptr() != loaded["other"].data_ptr()


def test_ties_survive_a_change_of_dtype(tmp_path):
    a = torch.randn(3, 5)
    state = {"a": a, "tied": a.detach(), "b": torch.randn(2)}
    ours = converted(tmp_path, state, "out.bin", "--dtype", "f16")
    half = {"a": a.half(), "b": state["b"].half()}
    check_equal(ours, {"a": half["a"], "tied": half["a"].detach(), "b": half["b"]})


def test_a_tie_goes_with_its_first_name(tmp_path):
    a = torch.arange(6.0)
    torch.save({"a": a, "tied": a.detach(), "again": a.detach()}, tmp_path / "in.bin")
    transload("convert", tmp_path / "in.bin", tmp_path / "out.bin", "--family", "none", "--drop", "a")
    check_equal(tmp_path / "out.bin", {"tied": a, "again": a.detach()})


def test_views_into_one_storage_are_written_apart(tmp_path):
    whole = torch.arange(24.0)
    state = {"q": whole[:8], "k": whole[8:16], "t": whole.view(4, 6).t(), "step": whole[::2]}
    ours = converted(tmp_path, state)
    check_equal(ours, {name: plain(tensor) for name, tensor in state.items()})
    check_loads(ours, state)


def test_from_safetensors(tmp_path):
    state = {"b": torch.randn(3, 4), "a": torch.randint(9, (5,))}
    save_file(state, tmp_path / "x.safetensors")
    transload("convert", tmp_path / "x.safetensors", tmp_path / "x.bin", "--family", "none")
    order = list(support.inspect(tmp_path / "x.safetensors")["tensors"])
    check_equal(tmp_path / "x.bin", {name: state[name] for name in order})


def test_a_tensor_that_looks_like_a_zip_descriptor(tmp_path):
    # torch mixes such a tensor's next four bytes into the fingerprint, which it only logs.
    state = {"a": torch.frombuffer(bytearray(b"PK\7\x08" * 16), dtype=torch.uint8).clone()}
    ours = converted(tmp_path, state)
    check_loads(ours, state)
    torch.save(state, tmp_path / "theirs" if (tmp_path / "theirs").mkdir() else tmp_path / "theirs/out.bin")
    theirs = (tmp_path / "theirs/out.bin").read_bytes()
    differing = [i for i, (x, y) in enumerate(zip(ours.read_bytes(), theirs)) if x != y]
    at = theirs.index(b".data/serialization_id")
    # The second half of the fingerprint, and its checksum in the descriptor and in the directory.
    assert len(ours.read_bytes()) == len(theirs) and 0 < len(differing) <= 28 and min(differing) > at


def test_what_torch_does_not_hold_is_refused(tmp_path):
    # F6 and packed F4 have no dtype in torch.
    header = b'{"t":{"dtype":"F6_E2M3","shape":[4],"data_offsets":[0,3]}}'
    header += b" " * (-len(header) % 8)
    (tmp_path / "x.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"abc")
    result = transload("convert", tmp_path / "x.safetensors", tmp_path / "x.bin", "--family", "none", expect=2)
    assert "cannot hold 't': torch has no float6_e2m3fn" in result.err
    assert not (tmp_path / "x.bin").exists()
