"""The tar archives of PyTorch 0.1. Nothing writes them any more: this does, as the save() of 0.1.12 did, and the real
torch reads them with legacy_load()."""

import io
import pickle
import struct
import tarfile
from collections import OrderedDict

import pytest
import torch

import support

STORAGES = {torch.float64: "DoubleStorage", torch.float32: "FloatStorage", torch.float16: "HalfStorage",
            torch.int64: "LongStorage", torch.int32: "IntStorage", torch.int16: "ShortStorage",
            torch.int8: "CharStorage", torch.uint8: "ByteStorage"}


class Named:
    """Pickled as the global torch.NAME, which it stands for."""

    def __init__(self, name):
        self.name = name

    def __reduce__(self):
        raise AssertionError


class Pickler(pickle._Pickler):
    def save(self, value, save_persistent_id=True):
        if isinstance(value, Named):
            self.write(b"ctorch\n" + value.name.encode() + b"\n")
            return
        if isinstance(value, torch.Tensor):
            self.save(self.keys[id(value)])
            self.write(b"Q")
            return
        super().save(value, save_persistent_id)


def dumped(value, keys=None):
    out = io.BytesIO()
    pickler = Pickler(out, 2)
    pickler.keys = keys or {}
    pickler.dump(value)
    return out.getvalue()


def tensors_of(value):
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from tensors_of(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from tensors_of(one)


def save(value, path, views=(), with_times=True):
    """`views`: (tensor, offset, count): its storage is written as a part of itself, as 0.1 did with views of storages."""
    storages, tensors, keys, next_key = {}, {}, {}, 94000000000000
    part_of = {id(tensor): (offset, count) for tensor, offset, count in views}
    view_list = []
    for tensor in tensors_of(value):
        if id(tensor) in keys:
            continue
        data = tensor.untyped_storage()._cdata
        if data not in storages:
            next_key += 16
            storages[data] = (next_key, tensor)
        root = storages[data][0]
        next_key += 16
        keys[id(tensor)] = str(next_key)
        offset = tensor.storage_offset()
        storage = root
        if id(tensor) in part_of:
            start, count = part_of[id(tensor)]
            storage = next_key + 7
            view_list.append((storage, root, start, count))
            offset -= start
        tensors[next_key] = (storage, tensor, offset)
    out = dumped(len(storages))
    for key, tensor in storages.values():
        whole = torch.tensor([], dtype=tensor.dtype).set_(tensor.untyped_storage())
        out += dumped((key, "cpu", Named(STORAGES[tensor.dtype])))
        out += struct.pack("<q", whole.numel()) + support.bytes_of(whole)
    files = {"storages": out + dumped(view_list)}
    out = dumped(len(tensors))
    for key, (storage, tensor, offset) in tensors.items():
        out += dumped((key, storage, Named(STORAGES[tensor.dtype].replace("Storage", "Tensor"))))
        out += struct.pack("<q", tensor.dim())
        out += struct.pack(f"<{tensor.dim()}q", *tensor.shape) + struct.pack(f"<{tensor.dim()}q", *tensor.stride())
        out += struct.pack("<q", offset)
    files["tensors"] = out
    files["pickle"] = dumped(value, keys)
    files["sys_info"] = dumped({"protocol_version": 1000, "little_endian": True,
                                "type_sizes": {"short": 2, "int": 4, "long": 8}})
    with tarfile.open(path, "w:", format=tarfile.PAX_FORMAT) as archive:
        for name in ("sys_info", "pickle", "tensors", "storages"):
            entry = tarfile.TarInfo(name)
            entry.size = len(files[name])
            if with_times:  # of a temporary file: a fraction, so that Python writes a pax header
                entry.mtime = 1490000000.25
            archive.addfile(entry, io.BytesIO(files[name]))


def check(value, path, **how):
    save(value, path, **how)
    loaded = torch.load(path, weights_only=False)
    found = support.inspect(path)["tensors"]

    def compare(expected, name):
        if isinstance(expected, torch.Tensor):
            got = found.pop(name)
            assert got["shape"] == list(expected.shape) and got["dtype"] == str(expected.dtype).removeprefix("torch.")
            assert got["sha256"] == support.digest_of(expected), name
            return
        items = expected.items() if isinstance(expected, dict) else enumerate(expected)
        for key, one in items:
            if isinstance(one, (torch.Tensor, dict, list, tuple)):
                compare(one, f"{name}/{key}" if name else str(key))

    compare(loaded, "")
    assert found == {}
    return loaded


@pytest.mark.parametrize("with_times", [True, False])
def test_a_state_dict_of_every_type(with_times, tmp_path):
    state = OrderedDict()
    for dtype in STORAGES:
        name = str(dtype)
        state[name] = (torch.randn(5, 7) * 20).to(dtype)
        state[name + ".t"] = state[name].t()
        state[name + ".part"] = state[name][1:3, ::2]
        state[name + ".empty"] = torch.zeros(0, dtype=dtype)
    check(state, tmp_path / "m.pth", with_times=with_times)
    found = support.inspect(tmp_path / "m.pth")["tensors"]
    assert found["torch.float32.t"]["tied_to"] == "torch.float32"


def test_a_training_checkpoint_with_lists_and_a_shared_tensor(tmp_path):
    shared = torch.randn(300, 20)
    check({"epoch": 3, "model": OrderedDict(a=shared, b=shared, c=torch.arange(5)), "moments": [shared * 2, shared * 3],
           "best": 0.25, "name": "net"}, tmp_path / "m.pth")


def test_views_of_storages(tmp_path):
    base = torch.arange(100.0)
    part = base[20:30].view(2, 5)
    check({"base": base, "part": part}, tmp_path / "m.pth", views=[(part, 10, 40)])


def test_a_model_saved_whole_is_refused(tmp_path):
    save({"w": torch.ones(1)}, tmp_path / "m.pth")
    data = (tmp_path / "m.pth").read_bytes()
    assert b"QX" in data or b"Q" in data
    broken = data.replace(b"X\x0e\x00\x00\x0094000000000032", b"X\x0e\x00\x00\x0094000000000099")
    assert broken != data
    (tmp_path / "broken.pth").write_bytes(broken)
    refused = support.transload("inspect", tmp_path / "broken.pth", expect=2)
    assert "94000000000099 is the key of no tensor" in refused.err


def test_a_converted_archive_is_proven(tmp_path):
    save({"w": torch.randn(3, 4), "b": torch.randn(4)}, tmp_path / "m.pth")
    done = support.transload("convert", tmp_path / "m.pth", tmp_path / "m.safetensors", "--family", "none")
    assert "equal" in done.out + done.err
