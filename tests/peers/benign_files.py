"""Files as people really save them: what torch.save, numpy and pickle write for weights, optimisers, whole models."""
import argparse
import collections
import datetime
import enum
import pathlib
import pickle
import random

import numpy
import torch


class Net(torch.nn.Module):
    """A whole model of somebody's own code."""

    def __init__(self):
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.LayerNorm(3))

    def forward(self, x):
        return self.body(x)


class Strategy(enum.Enum):
    """As the arguments of a training run have it."""
    EPOCH = "epoch"


class Scripted(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(3, 2)

    def forward(self, x):
        return torch.relu(self.linear(x))


def state():
    torch.manual_seed(0)
    return Net().state_dict()


def trained():
    """An optimiser's state after a step."""
    net = Net()
    optimiser = torch.optim.AdamW(net.parameters())
    scheduler = torch.optim.lr_scheduler.StepLR(optimiser, 1)
    net(torch.ones(2, 4)).sum().backward()
    optimiser.step()
    scheduler.step()
    return {"model": net.state_dict(), "optimizer": optimiser.state_dict(), "scheduler": scheduler.state_dict(),
            "epoch": 3, "loss": 0.5}


def with_attributes():
    tensor = torch.nn.Parameter(torch.ones(3))
    tensor.is_norm = True
    return {"w": tensor}


def quantised():
    return {"per_tensor": torch.quantize_per_tensor(torch.ones(4), 0.1, 0, torch.qint8),
            "per_channel": torch.quantize_per_channel(torch.ones(2, 4), torch.tensor([0.1, 0.2]), torch.tensor([0, 0]), 0,
                                                      torch.quint8)}


def sparse():
    return {"coo": torch.eye(3).to_sparse(), "csr": torch.eye(3).to_sparse_csr(), "csc": torch.eye(3).to_sparse_csc()}


# name: what is saved
OBJECTS = {
    "state_dict": state,
    "ordered_dict": lambda: collections.OrderedDict(a=torch.ones(2)),
    "plain_dict": lambda: {"a": torch.ones(2), "b": torch.zeros(3, dtype=torch.int64)},
    "nested": lambda: {"state_dict": state(), "ema": {"decay": 0.99, "shadow": state()}},
    "checkpoint": trained,
    "single_tensor": lambda: torch.ones(3),
    "list_of_tensors": lambda: [torch.ones(3), torch.zeros(2)],
    "tuple": lambda: (torch.ones(3), {"a": 1}),
    "parameter": lambda: {"w": torch.nn.Parameter(torch.ones(2))},
    "parameter_with_attributes": with_attributes,
    "buffer_views": lambda: {"a": torch.arange(12.0).reshape(3, 4).t(), "b": torch.arange(12.0)[::2]},
    "tied": lambda: (lambda t: {"a": t, "b": t})(torch.ones(4)),
    "all_dtypes": lambda: {str(d): torch.ones(2).to(d) for d in
                           (torch.float64, torch.float16, torch.bfloat16, torch.int8, torch.uint8, torch.int16, torch.int32,
                            torch.bool, torch.complex64, torch.complex128)},
    "new_dtypes": lambda: {str(d): torch.zeros(2, dtype=d) for d in (torch.uint16, torch.uint32, torch.uint64)},
    "float8": lambda: {str(d): torch.zeros(2).to(d) for d in (torch.float8_e4m3fn, torch.float8_e5m2)},
    "empty": lambda: {},
    "zero_size": lambda: {"a": torch.empty(0, 3), "b": torch.tensor(1.0)},
    "size": lambda: {"shape": torch.Size([1, 2])},
    "device": lambda: {"device": torch.device("cpu")},
    "dtype": lambda: {"dtype": torch.float32},
    "strings": lambda: {"vocabulary": ["a", "b"], "version": "1.0", "text": "multi\nline\ntext. cut it here (or not)"},
    "bytes": lambda: {"raw": b"\x00\x01\xff", "set": {1, 2}, "frozen": frozenset({"a"})},
    "bytearray": lambda: {"raw": bytearray(b"abc")},
    "complex": lambda: {"z": 1 + 2j},
    "counter": lambda: {"counts": collections.Counter("abca")},
    "numbers": lambda: {"big": 2**70, "negative": -5, "float": 1e300, "none": None, "true": True},
    "rng_torch": lambda: {"rng": torch.get_rng_state()},
    "sparse": sparse,
    "quantised": quantised,
    "meta": lambda: {"m": torch.empty(3, device="meta")},
    "nested_tensor": lambda: {"n": torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])},
    # From here on torch's own safe loading refuses them.
    "numpy_array": lambda: {"mean": numpy.arange(6.0).reshape(2, 3), "w": torch.ones(2)},
    "numpy_scalar": lambda: {"best": numpy.float64(0.5), "w": torch.ones(2)},
    "numpy_rng": lambda: {"rng": numpy.random.get_state(), "w": torch.ones(2)},
    "numpy_generator": lambda: {"rng": numpy.random.default_rng(0), "w": torch.ones(2)},
    "numpy_strings": lambda: {"labels": numpy.array(["a", "bc"]), "objects": numpy.array(["a", None], dtype=object)},
    "python_rng": lambda: {"rng": random.getstate(), "w": torch.ones(2)},
    "defaultdict": lambda: {"d": collections.defaultdict(int, a=1), "w": torch.ones(2)},
    "namespace": lambda: {"args": argparse.Namespace(data="/home/anna/data", host="gpu-07.example.org", lr=0.1)},
    "path": lambda: {"path": pathlib.PurePosixPath("/home/anna/run"), "w": torch.ones(2)},
    "datetime": lambda: {"when": datetime.datetime(2024, 1, 2), "took": datetime.timedelta(1)},
    "slice_range": lambda: {"slice": slice(1, 2), "range": range(3)},
    "enum": lambda: {"strategy": Strategy.EPOCH, "w": torch.ones(2)},
    "whole_model": Net,
    "whole_sequential": lambda: torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout()),
    "whole_transformer": lambda: torch.nn.TransformerEncoderLayer(8, 2, batch_first=True),
    "whole_lstm": lambda: torch.nn.LSTM(3, 4),
    "optimizer_object": lambda: torch.optim.SGD(Net().parameters(), lr=0.1),
}


def write_benign(folder):
    """All of them in several containers; the paths."""
    folder = pathlib.Path(folder)
    paths = []

    def path(name):
        paths.append(folder / name)
        return paths[-1]

    for name, make in OBJECTS.items():
        value = make()
        torch.save(value, path(f"{name}.pt"))
        if name not in ("new_dtypes", "float8", "nested_tensor"):
            torch.save(value, path(f"{name}.legacy.bin"), _use_new_zipfile_serialization=False)
    for protocol in (3, 4, 5):
        torch.save(state(), path(f"protocol{protocol}.pt"), pickle_protocol=protocol)
        torch.save(trained(), path(f"protocol{protocol}.legacy.bin"), pickle_protocol=protocol,
                   _use_new_zipfile_serialization=False)
    torch.jit.script(Scripted()).save(path("scripted.pt"))
    torch.jit.trace(Scripted(), torch.ones(1, 3)).save(path("traced.pt"))
    numpy.save(path("array.npy"), numpy.arange(6.0))
    numpy.save(path("objects.npy"), numpy.array(["a", 1, None], dtype=object))
    numpy.savez(path("arrays.npz"), a=numpy.ones(2), b=numpy.zeros((2, 3), dtype="<f4"))
    numpy.savez_compressed(path("compressed.npz"), a=numpy.ones(1000))
    for protocol in range(6):
        with open(path(f"plain{protocol}.pkl"), "wb") as file:
            pickle.dump({"a": [1, 2.5, "text"], "b": (None, True), "array": numpy.ones(3), "set": {1}}, file, protocol)
    return paths
