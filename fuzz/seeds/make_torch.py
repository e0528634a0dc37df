"""Makes the seeds that only the real frameworks write: python fuzz/seeds/make_torch.py, with torch and numpy.

Made with torch 2.13. Files of torch are not the same bytes every time: run it to add kinds, not to refresh. What is
there already is left as it is.
"""
import argparse
import collections
import io
import pathlib
import pickle
import sys
import tempfile
import warnings

import numpy
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "peers"))
import test_torch_tar as tar  # noqa: E402

warnings.filterwarnings("ignore")
HERE = pathlib.Path(__file__).resolve().parent


def put(fuzzer, name, content):
    (HERE / fuzzer).mkdir(exist_ok=True)
    assert len(content) < 10240, (fuzzer, name, len(content))
    if not (HERE / fuzzer / name).exists():
        (HERE / fuzzer / name).write_bytes(content)


def saved(value, **how):
    file = io.BytesIO()
    torch.save(value, file, **how)
    return file.getvalue()


class Tagged(torch.Tensor):
    pass


def states():
    eye = torch.eye(3)
    yield "sparse", {"coo": eye.to_sparse(), "uncoalesced": torch.sparse_coo_tensor([[0, 0], [1, 1]], [1.0, 2.0], (2, 2)),
                     "hybrid": torch.sparse_coo_tensor([[0, 2]], torch.ones(2, 2), (3, 2))}
    repeated = lambda dtype: torch.sparse_coo_tensor([[1, 1, 0]], torch.tensor([1, 2, 3]).to(dtype), (3,))  # noqa: E731
    yield "repeated", {str(dtype): repeated(dtype) for dtype in (
        torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool,
        torch.complex64, torch.complex128)}
    yield "narrow", {"csr": torch.sparse_csr_tensor(torch.tensor([0, 1, 2], dtype=torch.int32),
                                                   torch.tensor([1, 0], dtype=torch.int32), torch.ones(2), (2, 2)),
                     "batched": torch.stack([torch.eye(2), torch.eye(2)]).to_sparse_csr(),
                     "hybrid": torch.ones(2, 2, 3).to_sparse_csr(dense_dim=1), "empty": torch.zeros(2, 2).to_sparse()}
    yield "compressed", {"csr": eye.to_sparse_csr(), "csc": eye.to_sparse_csc(),
                         "bsr": torch.eye(4).to_sparse_bsr((2, 2)), "bsc": torch.eye(4).to_sparse_bsc((2, 2))}
    yield "quantised", {
        "tensor": torch.quantize_per_tensor(torch.randn(2, 3), 0.1, 2, torch.qint8),
        "channel": torch.quantize_per_channel(torch.randn(2, 3), torch.tensor([0.1, 0.2]), torch.tensor([0, 1]), 0, torch.quint8),
        "wide": torch.quantize_per_tensor(torch.randn(3), 0.5, 0, torch.qint32)}
    yield "small_types", {"f8": torch.ones(3).to(torch.float8_e4m3fn), "f8b": torch.ones(3).to(torch.float8_e5m2),
                          "u16": torch.ones(2, dtype=torch.uint16), "u64": torch.ones(2, dtype=torch.uint64),
                          "c32": torch.ones(2, dtype=torch.complex32), "b": torch.tensor([True, False])}
    yield "numpy", {"scalar": numpy.float64(1.5), "array": numpy.arange(6, dtype="<i4").reshape(2, 3), "big": numpy.arange(3, dtype=">f8"),
                    "bool": numpy.array([True]), "dtype": numpy.dtype("float32"), "fortran": numpy.asfortranarray(numpy.ones((2, 3))),
                    "w": torch.ones(2)}
    yield "packed", {
        "four": torch.quantize_per_channel(torch.ones(2, 3), torch.tensor([0.1, 0.2]), torch.tensor([0.0, 1.0]), 0, torch.quint4x2),
        "two": torch.quantize_per_channel(torch.ones(2, 4), torch.tensor([0.1, 0.2]), torch.tensor([0.0, 1.0]), 0, torch.quint2x4),
        "float": torch.quantize_per_channel(torch.ones(2, 2), torch.tensor([0.1, 0.2]), torch.tensor([0.0, 1.0]), 1, torch.quint8)}
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.tag = "a tag"
    yield "parameters", {"p": torch.nn.Parameter(torch.ones(2), requires_grad=False), "with_state": parameter,
                         "buffer": torch.nn.Buffer(torch.ones(2)), "sub": torch.ones(2).as_subclass(Tagged)}
    base = torch.arange(12.0).reshape(3, 4)
    yield "views", {"t": base.t(), "row": base[1], "step": base[:, ::2], "expanded": torch.ones(1).expand(3, 4), "same": base,
                    "conj": torch.ones(2, dtype=torch.complex64).conj(), "neg": torch.ones(2, dtype=torch.complex64).conj().imag,
                    "meta": torch.empty(2, 3, device="meta"), "scalar": torch.tensor(1.0), "none": torch.empty(0, 3)}
    yield "values", {"set": {1, "a"}, "frozen": frozenset([1]), "complex": 1 + 2j, "size": torch.Size([1, 2]), "device": torch.device("cpu"),
                     "dtype": torch.float16, "bytes": b"\x00\xff", "array": bytearray(b"ab"), "args": argparse.Namespace(lr=0.1),
                     "counter": collections.Counter("aab"), "default": collections.defaultdict(list, {"k": [1]}), "big": 2**80,
                     "generator": torch.Generator().get_state()[:4].clone(), "layout": torch.sparse_coo, "w": torch.ones(2)}
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    yield "training", {"epoch": 3, "state_dict": model.state_dict(), "optimizer": optimizer.state_dict(), "best": float("inf")}
    yield "module", torch.nn.Sequential(torch.nn.Linear(2, 1))
    yield "list", [torch.ones(2), (torch.zeros(1), {"a": torch.ones(1)})]


for name, value in states():
    for container, how in (("zip", {}), ("legacy", {"_use_new_zipfile_serialization": False})):
        try:
            content = saved(value, **how)
        except Exception as error:  # what torch itself cannot write in one of the two
            print(f"{name} as {container}: {error}")
            continue
        if (name, container) == ("module", "legacy"):  # it holds the source text of the classes
            continue
        put("torch", f"{name}.{container}", content)
for protocol in (0, 1, 2, 3, 4, 5):
    put("torch", f"protocol{protocol}.legacy", saved({"w": torch.ones(2), "é": [1, 2.5, None, True, -3, 2**70]}, pickle_protocol=protocol,
                                                   _use_new_zipfile_serialization=False))
    everything = [None, True, 1, -1, 255, 65535, 2**31, 2**70, -2**70, 1.5, "text", "é", b"bytes", b"b" * 300, "t" * 300, (), (1,), (1, 2),
                  (1, 2, 3), (1, 2, 3, 4), [], [1, 2], {}, {"a": 1, 2: "b"}, {1, 2}, frozenset([1]), complex(1, 2),
                  collections.OrderedDict(a=1), collections.Counter("ab")]
    if protocol >= 5:
        everything.append(bytearray(b"array"))
    put("pickle", f"everything_p{protocol}", pickle.dumps(everything, protocol))

arrays = {"c": numpy.arange(6, dtype="<i4").reshape(2, 3), "f": numpy.asfortranarray(numpy.ones((2, 3))), "s": numpy.float32(2),
          "o": numpy.array([None, "a"], dtype=object), "r": numpy.zeros(2, dtype=[("a", "<f4")]), "w": torch.ones(2)}
for protocol in (0, 2, 5):
    put("torch", f"numpy_p{protocol}.legacy", saved(arrays, pickle_protocol=protocol, _use_new_zipfile_serialization=False))


class Scripted(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Linear(2, 1)
        self.kept = [torch.ones(1)]
        self.register_buffer("seen", torch.zeros(1))

    def forward(self, x):
        return self.inner(x) + self.kept[0]


file = io.BytesIO()
torch.jit.save(torch.jit.trace(Scripted(), torch.ones(1, 2)), file)
put("torch", "script.zip", file.getvalue())

# As Python 2 wrote texts, and what may stand in names and texts of protocol 0.
put("pickle", "escapes_p0", rb"""(dp0
S'a\x41\n\t\r\\\'\"\0\101\a\b\f\v'
I1
sS"quoted"
I01
sVtext \u20ac \U0001f600 \\u
L5L
sVlow \ud83d
F1.5
s.""")

whole = torch.arange(6.0)
for name, value, how in (("plain", {"w": whole.reshape(2, 3), "i": torch.ones(2, dtype=torch.int64)}, {}),
                         ("shared", [whole[:3], whole.reshape(3, 2).t()], {"with_times": False}),
                         ("view", {"part": whole}, {"views": [(whole, 0, 6)]})):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "tar"
        tar.save(value, path, **how)
        content = path.read_bytes().rstrip(b"\0")  # without the blocks that only fill up
        put("tar", name, content + bytes(-len(content) % 512 + 1024))
