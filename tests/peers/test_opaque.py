"""What training loops really save, with the real torch: by default, and with --allow-opaque where it names unknown things.

Each kind is written in both containers; every tensor that torch.load(weights_only=False) gives is compared. Kinds with a
list of names are refused by default, for these names and no others.
"""
import argparse
import collections
import datetime
import hashlib
import pathlib
import random

import numpy
import pytest
import torch

import support


class Net(torch.nn.Module):
    """A model of someone's own: shared and absent parameters, buffers that are saved and not, a tensor as attribute."""

    def __init__(self):
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 4, bias=False))
        self.tied = self.body[0]
        self.scale = torch.nn.Parameter(torch.randn(3))
        self.register_parameter("absent", None)
        self.register_buffer("table", torch.arange(6.0).reshape(2, 3))
        self.register_buffer("scratch", torch.zeros(5), persistent=False)
        self.cache = torch.ones(2)
        self.heads = torch.nn.ModuleDict({"a": torch.nn.Linear(3, 2), "b": torch.nn.ModuleList([torch.nn.Linear(2, 2)])})
        self.loose = torch.nn.ParameterList([torch.nn.Parameter(torch.randn(2)) for _ in range(2)])

    def hook(self, *_):
        return None


class Trainer:
    """Knows its model, which knows it."""

    def __init__(self):
        self.model = Net()
        self.model.owner = [self]
        self.best = torch.randn(2, 2)
        self.args = argparse.Namespace(lr=0.1, mean=torch.tensor([1.0, 2.0]))


class Slots:
    __slots__ = ("weight", "other")

    def __init__(self):
        self.weight, self.other = torch.randn(3), "text"


class MyTensor(torch.Tensor):
    pass


class MyDict(dict):
    pass


class MyList(list):
    pass


Pair = collections.namedtuple("Pair", "first second")


def linear():
    return torch.nn.Linear(4, 3)


def state():
    return linear().state_dict()


def trained(optimizer):
    model = linear()
    opt = optimizer(model.parameters())
    model(torch.randn(2, 4)).sum().backward()
    opt.step()
    return model, opt


def attributed():
    tensor = torch.randn(3)
    tensor.note = "kept by torch"
    return tensor


def with_attributes():
    parameter = torch.nn.Parameter(torch.randn(2))
    parameter.note = {"a": 1}
    return parameter


def training():
    model, opt = trained(torch.optim.AdamW)
    scheduler = torch.optim.lr_scheduler.StepLR(opt, 3)
    return {"epoch": 3, "model": model.state_dict(), "optimizer": opt.state_dict(), "scheduler": scheduler.state_dict(),
            "rng": torch.get_rng_state(), "python": random.getstate(), "numpy": numpy.random.get_state(),
            "best": numpy.float64(0.93), "seen": numpy.arange(5)}


def hooked():
    model = Net()
    model.body.register_forward_hook(model.hook)
    return model


DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int8, torch.int16, torch.int32, torch.int64,
          torch.uint8, torch.bool, torch.complex64, torch.complex128, torch.uint16, torch.uint32, torch.uint64,
          torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz]

SEQUENTIAL = ["torch.nn.modules.container.Sequential", "torch.nn.modules.linear.Linear"]
NET = ["test_opaque.Net", "torch.nn.modules.container.ModuleDict", "torch.nn.modules.container.ModuleList",
       "torch.nn.modules.batchnorm.BatchNorm1d", "torch.nn.modules.container.ParameterList", *SEQUENTIAL]

RANDOM_STATE = ["__randomstate_ctor"]
if tuple(map(int, numpy.__version__.split(".")[:2])) >= (1, 24):
    RANDOM_STATE.append("__bit_generator_ctor")

# What torch itself cannot write as a legacy stream, or not read again.
ZIP_ONLY = {"dtypes", "nested"}

# name: (what is saved, the names that are not known, options of torch.save)
KINDS = {
    # Read by default.
    "state_dict": (state, [], {}),
    "dtypes": (lambda: {str(d): torch.arange(6).to(d) for d in DTYPES}, [], {}),
    "dtypes_core": (lambda: {str(d): torch.arange(6).to(d) for d in DTYPES[:12]}, [], {}),
    "scalar": (lambda: {"s": torch.tensor(3.5), "e": torch.zeros(0, 3)}, [], {}),
    "top_tensor": (lambda: torch.randn(3), [], {}),
    "top_list": (lambda: [torch.randn(2), {"a": torch.randn(1)}], [], {}),
    "parameter": (lambda: {"p": torch.nn.Parameter(torch.randn(2)), "q": torch.nn.Parameter(torch.randn(2), False)}, [], {}),
    "parameter_attributes": (lambda: {"p": with_attributes()}, [], {}),
    "attributes": (lambda: {"t": attributed()}, [], {}),
    "keep_vars": (lambda: linear().state_dict(keep_vars=True), [], {}),
    "size_device_dtype": (lambda: {"t": torch.randn(2), "size": torch.Size([2, 3]), "device": torch.device("cpu"),
                                   "dtype": torch.bfloat16, "layout": torch.strided}, [], {}),
    "plain_values": (lambda: {"t": torch.randn(2), "a": None, "b": 2.5, "c": 10**30, "d": "text", "e": (1, (2,)), "f": [True]}, [], {}),
    "bytes": (lambda: {"t": torch.randn(2), "b": b"\x00\xff", "e": b"", "a": bytearray(b"xy")}, [], {}),
    "sets": (lambda: {"t": torch.randn(2), "s": {1, 2}, "f": frozenset("ab")}, [], {}),
    "complex": (lambda: {"t": torch.randn(2), "c": 1 + 2j}, [], {}),
    "counter": (lambda: {"t": torch.randn(2), "c": collections.Counter("abca")}, [], {}),
    "ordered": (lambda: collections.OrderedDict(a=torch.randn(2), b=collections.OrderedDict(c=torch.randn(1))), [], {}),
    "views": (lambda: {"t": torch.arange(12.0).reshape(3, 4).t(), "s": torch.arange(12.0)[::3], "e": torch.ones(1, 3).expand(4, 3)}, [], {}),
    "tied": (lambda: (lambda t: {"a": t, "b": t, "c": t[1:]})(torch.randn(3)), [], {}),
    "int_keys": (lambda: {0: torch.randn(1), (1, "a"): torch.randn(1), None: torch.randn(1)}, [], {}),
    "adam": (lambda: trained(torch.optim.Adam)[1].state_dict(), [], {}),
    "sgd": (lambda: trained(lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9))[1].state_dict(), [], {}),
    "rng": (lambda: {"rng": torch.get_rng_state(), "python": random.getstate()}, [], {}),
    "training": (training, [], {}),
    "numpy_array": (lambda: {"a": numpy.arange(6.0).reshape(2, 3), "f": numpy.asfortranarray(numpy.arange(6).reshape(2, 3)),
                             "b": numpy.arange(5, dtype=">i4"), "e": numpy.zeros((0, 2)), "t": torch.randn(2)}, [], {}),
    "numpy_scalar": (lambda: {"x": numpy.float32(1.5), "y": numpy.int64(3), "z": numpy.bool_(True), "t": torch.randn(2)}, [], {}),
    "numpy_rng": (lambda: {"state": numpy.random.RandomState(3).get_state(), "t": torch.randn(2)}, [], {}),
    "numpy_dtypes": (lambda: {d: numpy.arange(7).astype(d) for d in ("f2", "f4", "f8", "i1", "i2", "u8", "c8", "c16", "?", ">f8", ">c8")}, [], {}),
    "numpy_text": (lambda: {"a": numpy.array(["x", "yy"]), "t": torch.randn(2)}, [], {}),
    "defaultdict": (lambda: collections.defaultdict(list, a=torch.randn(2), b=[torch.randn(1)]), [], {}),
    "slice_range": (lambda: {"t": torch.randn(2), "s": slice(1, None, 2), "r": range(3)}, [], {}),
    "object": (lambda: {"t": torch.randn(2), "o": object()}, [], {}),
    "protocol_1": (lambda: {"w": torch.randn(3), "n": 10**30, "f": 0.1, "b": True, "s": "größe\n"}, [], {"pickle_protocol": 1}),
    "protocol_3": (training, [], {"pickle_protocol": 3}),
    "protocol_4": (training, [], {"pickle_protocol": 4}),
    "protocol_5": (training, [], {"pickle_protocol": 5}),
    "sparse": (lambda: {"s": torch.eye(3).to_sparse(), "c": torch.eye(3).to_sparse_csr(), "t": torch.randn(2)}, [], {}),
    "quantised": (lambda: {"q": torch.quantize_per_tensor(torch.randn(3), 0.1, 2, torch.qint8), "t": torch.randn(2)}, [], {}),
    "meta": (lambda: {"m": torch.empty(3, device="meta"), "t": torch.randn(2)}, [], {}),
    "nested": (lambda: {"n": torch.nested.nested_tensor([torch.randn(2), torch.randn(3)]), "t": torch.randn(2)}, [], {}),
    "conjugated": (lambda: {"c": torch.randn(3, dtype=torch.complex64).conj(), "t": torch.randn(2)}, [], {}),
    # Refused by default.
    "namespace": (lambda: {"args": argparse.Namespace(lr=0.1, w=torch.randn(2)), "model": state()}, ["argparse.Namespace"], {}),
    "path": (lambda: {"p": pathlib.PurePosixPath("/a/b"), "model": state()}, ["pathlib.PurePosixPath"], {}),
    "datetime": (lambda: {"d": datetime.datetime(2020, 1, 2), "model": state()}, ["datetime.datetime"], {}),
    "module": (linear, SEQUENTIAL[1:], {}),
    "module_sequential": (lambda: torch.nn.Sequential(linear(), torch.nn.Sequential(linear())), SEQUENTIAL, {}),
    "module_own": (Net, NET, {}),
    "module_nested": (lambda: {"epoch": 1, "net": Net(), "ema": [linear()]}, NET, {}),
    "module_hooked": (hooked, [*NET, "__builtin__.getattr"], {}),
    "module_protocol_5": (Net, NET, {"pickle_protocol": 5}),
    "module_protocol_1": (Net, [*NET, "copy_reg._reconstructor"], {"pickle_protocol": 1}),
    "cycle": (Trainer, ["test_opaque.Trainer", "argparse.Namespace", *NET], {}),
    "slots": (lambda: {"s": Slots()}, ["test_opaque.Slots"], {}),
    "subclasses": (lambda: {"d": MyDict(a=torch.randn(2)), "l": MyList([torch.randn(1)]), "p": Pair(torch.randn(1), 2)},
                   ["test_opaque.MyDict", "test_opaque.MyList", "test_opaque.Pair"], {}),
    "tensor_subclass": (lambda: {"t": torch.randn(2).as_subclass(MyTensor), "w": torch.randn(1)}, ["test_opaque.MyTensor"], {}),
    "random_state": (lambda: {"r": numpy.random.RandomState(3), "t": torch.randn(2)},
                     [f"numpy.random._pickle.{name}" for name in RANDOM_STATE], {}),
    "optimizer": (lambda: {"o": trained(torch.optim.Adam)[1], "t": torch.randn(2)}, ["torch.optim.adam.Adam"], {}),
    "class": (lambda: {"c": Net, "f": training, "t": torch.randn(2)}, ["test_opaque.Net", "test_opaque.training"], {}),
    "enum_key": (lambda: {"t": torch.randn(2), "by_type": {torch.float32: 1}, "by_path": {pathlib.PurePosixPath("a"): 2}},
                 ["pathlib.PurePosixPath"], {}),
}


def carried(tensor):
    """Whether it is one that Transload reads: sparse, quantised, nested and lazy ones are listed as left out."""
    return (tensor.layout == torch.strided and not tensor.is_quantized and not tensor.is_meta and not tensor.is_nested
            and not tensor.is_conj() and not tensor.is_neg())


def leaves(value, name="", seen=()):
    """Every tensor that Python finds below a value: dicts by key, sequences by position, objects by attribute."""
    def below(key):
        return f"{name}/{key}" if name else str(key)

    if any(value is one for one in seen):
        return
    seen = (*seen, value)
    if isinstance(value, torch.Tensor):
        if carried(value):
            yield name, value
    elif isinstance(value, numpy.ndarray):
        if value.dtype.kind in "fiucb":
            yield name, value
    elif isinstance(value, torch.nn.Module):
        for key, tensor in value.state_dict().items():
            yield below(key), tensor
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, below(key), seen)
    elif isinstance(value, (list, tuple)):
        for position, item in enumerate(value):
            yield from leaves(item, below(position), seen)
    elif isinstance(value, numpy.random.RandomState):
        yield below("state/key"), value.get_state()[1]
    elif isinstance(value, torch.optim.Optimizer):
        # Its state is kept by the parameters themselves: such keys have no text.
        for group, one in enumerate(value.param_groups):
            for position, parameter in enumerate(one["params"]):
                yield below(f"param_groups/{group}/params/{position}"), parameter
    elif hasattr(value, "__slots__"):
        for key in value.__slots__:
            yield from leaves(getattr(value, key), below(key), seen)
    elif hasattr(value, "__dict__") and not isinstance(value, type) and not callable(value):
        for key, item in vars(value).items():
            yield from leaves(item, below(key), seen)


def described(value):
    if isinstance(value, numpy.ndarray):
        little = numpy.ascontiguousarray(value.astype(value.dtype.newbyteorder("<")))
        return str(little.dtype), list(value.shape), hashlib.sha256(little.tobytes()).hexdigest()
    value = value.as_subclass(torch.Tensor)
    return support.dtype_of(value), list(value.shape), support.digest_of(value)


def check(path, saved, *options):
    found = support.inspect(path, *options)
    wanted = {name: described(value) for name, value in leaves(saved)}
    got = {name: (t["dtype"], t["shape"], t["sha256"]) for name, t in found["tensors"].items()}
    assert got == wanted
    return found["notes"]


def short(name):
    """`__builtin__` and `builtins`, `pathlib` and what newer Pythons made of it: the name of the class alone."""
    return name.rsplit(".", 1)[1]


CASES = [pytest.param(kind, legacy, id=f"{kind}-{'legacy' if legacy else 'zip'}")
         for kind in KINDS for legacy in (False, True) if not (legacy and kind in ZIP_ONLY)]


@pytest.mark.parametrize("kind, legacy", CASES)
def test_kind(kind, legacy, tmp_path):
    torch.manual_seed(0)
    make, unknown, options = KINDS[kind]
    path = tmp_path / "x.pt"
    torch.save(make(), path, _use_new_zipfile_serialization=not legacy, **options)
    saved = torch.load(path, weights_only=False)
    if not unknown:
        check(path, saved)
    else:
        refused = support.transload("inspect", path, expect=2)
        listed = [line.split(" at 0x")[0].strip() for line in refused.err.splitlines()[1:]]
        assert sorted(map(short, listed)) == sorted(map(short, unknown)), refused
        assert all(" at 0x" in line for line in refused.err.splitlines()[1:]), refused
        assert "--allow-opaque" in refused.err
    notes = "\n".join(check(path, saved, "--allow-opaque"))
    for name in unknown:
        assert f".{short(name)} at 0x" in notes
    assert ("inert" in notes) == bool(unknown)


def test_convert_carries_what_inspect_lists(tmp_path):
    torch.save({"net": Net(), "args": argparse.Namespace(a=1)}, tmp_path / "x.pt")
    support.transload("convert", tmp_path / "x.pt", tmp_path / "y.bin", "--family", "none", expect=2)
    support.transload("convert", tmp_path / "x.pt", tmp_path / "y.bin", "--family", "none", "--allow-opaque")
    written = torch.load(tmp_path / "y.bin", weights_only=True)
    wanted = dict(leaves(torch.load(tmp_path / "x.pt", weights_only=False)))
    assert list(written) == list(wanted)
    assert all(torch.equal(written[name], tensor) for name, tensor in wanted.items())


def test_a_tensor_of_an_unknown_function_is_left_out(tmp_path):
    class Made:
        def __reduce__(self):
            return numpy.linalg.norm, (torch.ones(2),)

    class OverStorage:
        def __reduce__(self):
            return torch._utils._rebuild_xla_tensor, (torch.ones(2).storage(), 0)

    torch._utils._rebuild_xla_tensor = _rebuild_xla_tensor = lambda *args: None
    _rebuild_xla_tensor.__module__, _rebuild_xla_tensor.__qualname__ = "torch._utils", "_rebuild_xla_tensor"
    try:
        torch.save({"made": Made(), "over": OverStorage(), "good": torch.zeros(3)}, tmp_path / "x.pt")
    finally:
        del torch._utils._rebuild_xla_tensor
    found = support.inspect(tmp_path / "x.pt", "--allow-opaque")
    assert set(found["tensors"]) == {"made/0", "good"}  # what was given to the function, and not what it makes of it
    assert any(note.startswith("'over' is left out: depends on torch._utils._rebuild_xla_tensor") for note in found["notes"])
    refused = support.transload("convert", tmp_path / "x.pt", tmp_path / "y.bin", "--family", "none", "--allow-opaque", expect=2)
    assert "over" in refused.err and not (tmp_path / "y.bin").exists()
    support.transload("convert", tmp_path / "x.pt", tmp_path / "y.bin", "--family", "none", "--allow-opaque", "--drop", "over")


def test_kinds_are_enough():
    assert len(KINDS) >= 47
    assert sum(bool(unknown) for _, unknown, _ in KINDS.values()) >= 12
