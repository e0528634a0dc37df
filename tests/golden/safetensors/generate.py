"""Makes the files beside it with the real library: python generate.py, with torch and safetensors 0.8.0.

expected.json: file -> metadata, and for each tensor in the file's order its dtype (as torch names it), shape and the
SHA-256 of its bytes, all as the library itself reads them back.
"""
import hashlib
import json
import os

import torch
from safetensors import safe_open
from safetensors.torch import save_file

HERE = os.path.dirname(os.path.abspath(__file__))

DTYPES = [
    torch.bool, torch.uint8, torch.int8, torch.float8_e5m2, torch.float8_e4m3fn, torch.float8_e8m0fnu,
    torch.float8_e4m3fnuz, torch.float8_e5m2fnuz, torch.int16, torch.uint16, torch.float16, torch.bfloat16,
    torch.int32, torch.uint32, torch.float32, torch.complex64, torch.float64, torch.int64, torch.uint64,
    torch.float4_e2m1fn_x2,
]


def values(dtype, shape, seed):
    count = 1
    for size in shape:
        count *= size
    generator = torch.Generator().manual_seed(seed)
    high = 2 if dtype == torch.bool else 256
    data = torch.randint(0, high, (count * torch.empty((), dtype=dtype).element_size(),), generator=generator,
                         dtype=torch.uint8)
    return data.view(dtype).reshape(shape)


NAMES = ["a", "A", "b.c", "b_c", "\u00e4\u00f6", "\u4e2d", "\U0001f600", "with \"quotes\" and \\", "tab\tline\nreturn\r",
         "\b\f\x01\x1f", "\x7f", "/slash/", "z" * 300, "", "\uffff", "\u2028", "\u202e"]

CASES = {
    "dtypes.safetensors": ({str(d)[6:]: values(d, (2, 3), i) for i, d in enumerate(DTYPES)}, None),
    "names.safetensors": ({n: values(torch.float32, (1,), i) for i, n in enumerate(NAMES)}, {"format": "pt"}),
    "shapes.safetensors": ({"scalar": values(torch.float32, (), 1), "none": values(torch.float32, (0,), 2),
                            "zero": values(torch.int64, (3, 0, 2), 3), "one": values(torch.uint8, (1, 1, 1, 1), 4),
                            "odd": values(torch.uint8, (5,), 5), "deep": values(torch.float16, (1,) * 20 + (2,), 6)},
                           None),
    "metadata.safetensors": ({"w": values(torch.float32, (3,), 7)}, {"k\"ey\n": "v\u00e4lue \\ \x02"}),
    "empty.safetensors": ({}, None),
}

expected = {}
for file, (tensors, metadata) in CASES.items():
    path = os.path.join(HERE, file)
    save_file(tensors, path, metadata)
    with open(path, "rb") as f:
        size = int.from_bytes(f.read(8), "little")
        header = json.loads(f.read(size))
    rows = []
    with safe_open(path, "pt") as f:
        for name in header:
            if name == "__metadata__":
                continue
            tensor = f.get_tensor(name)
            raw = tensor.reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b""
            rows.append({"name": name, "dtype": str(tensor.dtype)[6:], "shape": list(tensor.shape),
                         "sha256": hashlib.sha256(raw).hexdigest()})
        expected[file] = {"metadata": f.metadata() or {}, "tensors": rows}
with open(os.path.join(HERE, "expected.json"), "w", encoding="utf-8") as f:
    json.dump(expected, f, indent=1, ensure_ascii=True)
    f.write("\n")
