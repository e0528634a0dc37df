"""Makes harmless PyTorch files of 47 kinds, one each, with the torch of the environment that runs it: hostile_benign.py FOLDER."""
import argparse
import collections
import datetime
import pathlib
import sys

import numpy as np
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self, x):
        return self.body(x)


def with_attributes():
    tensor = torch.ones(3)
    tensor.note = "kept"
    return tensor


def trained():
    """What a training loop saves: model, optimizer, schedule."""
    net = Net()
    optimizer = torch.optim.AdamW(net.parameters())
    net(torch.randn(2, 4)).sum().backward()
    optimizer.step()
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2)
    return {"model": net.state_dict(), "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict(), "epoch": 3}


def kinds():
    """name -> (object, options of torch.save)."""
    one = {"w": torch.arange(6.0).reshape(2, 3)}
    base = torch.arange(12.0)
    numbers = {f"dtype_{str(d).removeprefix('torch.')}": ({"w": torch.zeros(4, dtype=d)}, {}) for d in (
        torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool, torch.complex64,
        torch.uint16, torch.float8_e4m3fn, torch.float8_e5m2)}
    return numbers | {
        "plain": (one, {}),
        "state_dict": (Net().state_dict(), {}),
        "legacy": (one, {"_use_new_zipfile_serialization": False}),
        "legacy_state_dict": (Net().state_dict(), {"_use_new_zipfile_serialization": False}),
        "protocol_3": (one, {"pickle_protocol": 3}),
        "protocol_4": (one, {"pickle_protocol": 4}),
        "protocol_5": (one, {"pickle_protocol": 5}),
        "parameter": ({"w": nn.Parameter(torch.ones(2))}, {}),
        "attributes": ({"w": with_attributes()}, {}),
        "views": ({"a": base[2:8], "b": base.reshape(3, 4).T, "c": base}, {}),
        "tied": ({"a": base, "b": base}, {}),
        "single": (torch.ones(3), {}),
        "list": ([torch.ones(1), torch.zeros(2)], {}),
        "empty": ({}, {}),
        "scalar_and_empty": ({"s": torch.tensor(2.5), "e": torch.empty(0, 3)}, {}),
        "odd_names": ({"größe/重み": torch.ones(1), "a\nb": torch.ones(1), "": torch.ones(1)}, {}),
        "int_keys": ({0: torch.ones(1), 7: torch.zeros(1)}, {}),
        "training": (trained(), {}),
        "size_device_dtype": ({"s": torch.Size([2, 3]), "d": torch.device("cpu"), "t": torch.float16, **one}, {}),
        "bytes_and_set": ({"b": b"abc", "s": {1, 2}, **one}, {}),
        "counter": ({"c": collections.Counter("abca"), **one}, {}),
        "numpy_array": ({"a": np.arange(3.0), **one}, {}),
        "numpy_scalar": ({"best": np.float64(0.5), **one}, {}),
        "numpy_rng": ({"rng": np.random.get_state(), **one}, {}),
        "numpy_legacy": ({"a": np.arange(3), **one}, {"_use_new_zipfile_serialization": False}),
        "torch_rng": ({"rng": torch.get_rng_state(), **one}, {}),
        "defaultdict": ({"d": collections.defaultdict(list, a=[1]), **one}, {}),
        "namespace": ({"args": argparse.Namespace(lr=0.1), **one}, {}),
        "path": ({"from": pathlib.PurePosixPath("data/train.txt"), **one}, {}),
        "datetime": ({"at": datetime.datetime(2024, 1, 2), **one}, {}),
        "slice_and_range": ({"s": slice(1, 2), "r": range(3), **one}, {}),
        "sparse": ({"w": torch.eye(3).to_sparse()}, {}),
        "quantised": ({"w": torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)}, {}),
        "meta": ({"w": torch.empty(2, device="meta")}, {}),
        "whole_model": (Net().body, {}),
        "whole_model_legacy": (Net().body, {"_use_new_zipfile_serialization": False}),
    }


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    for name, (value, options) in kinds().items():
        torch.save(value, folder / f"{name}.pt", **options)
    torch.jit.save(torch.jit.trace(Net().eval(), torch.ones(1, 4)), folder / "torchscript.pt")


if __name__ == "__main__":
    main()
