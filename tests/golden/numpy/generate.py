"""Made the files beside it with NumPy 1.23.5, and expected.json: what numpy.load reads from them."""
import hashlib
import io
import json
import pathlib
import zipfile

import numpy as np
from numpy.lib import format as npy

HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(20240229)


def sample(dtype, shape):
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(dtype)
    if dtype.kind in "ui":
        info = np.iinfo(dtype)
        return rng.integers(info.min, info.max, shape, dtype=dtype.newbyteorder("="), endpoint=True).astype(dtype)
    values = rng.normal(size=shape)
    if dtype.kind == "c":
        values = values + 1j * rng.normal(size=shape)
    return values.astype(dtype)


def contents(arrays, version=None):
    for name, array in arrays.items():
        buffer = io.BytesIO()
        npy.write_array(buffer, array, version=version, allow_pickle=False)
        yield name, buffer.getvalue()


names = ["b1", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8", "c8", "c16"]
types = {}
for order in "<>":
    for name in names:
        types[f"{'little' if order == '<' else 'big'}.{name}"] = sample(np.dtype(order + name), (3, 4))
shapes = {
    "scalar": sample(np.dtype("<f4"), ()),
    "empty": sample(np.dtype("<f4"), (2, 0, 3)),
    "one": sample(np.dtype("<f8"), (1,)),
    "five": sample(np.dtype("<i2"), (2, 1, 3, 2, 2)),
    "fortran": np.asfortranarray(sample(np.dtype("<f4"), (3, 4, 5))),
    "fortran.big": np.asfortranarray(sample(np.dtype(">f8"), (3, 4))),
    "Case": sample(np.dtype("<f4"), (2,)),
    "case": sample(np.dtype("<f4"), (3,)),
    "a/b": sample(np.dtype("<f4"), (2,)),
    "zeros": np.zeros((64, 128), "<f4"),
}
np.savez(HERE / "types.npz", **types)
# More than a zip archive may have at its end, so that a reader is seen to leave the values alone.
np.savez(HERE / "shapes.npz", **shapes, large=sample(np.dtype("<f4"), (160, 128)))
np.savez_compressed(HERE / "deflated.npz", **{**types, **shapes})
with zipfile.ZipFile(HERE / "versions.npz", "w") as archive:
    for version in [(1, 0), (2, 0), (3, 0)]:
        for name, content in contents({f"v{version[0]}": sample(np.dtype("<f4"), (3, 2))}, version):
            archive.writestr(name + ".npy", content)
np.savez(HERE / "text.npz", words=np.array(["one", "two"]), raw=np.array([b"x"]), when=np.array(["2020-01-01"], "M8[D]"),
         record=np.zeros(2, [("a", "<f4"), ("b", [("c", "<i4"), ("d", "<U3")])]), number=np.arange(3))
np.savez_compressed(HERE / "zeros.npz", w=np.zeros((1024, 1024), "<f4"))
np.savez(HERE / "names.npz", **{name: np.arange(i + 1) for i, name in enumerate(["w:0", "/a", "a//b", ":", "/"])})
np.save(HERE / "fortran.npy", shapes["fortran"])
np.save(HERE / "big.npy", sample(np.dtype(">i4"), (5,)))

expected = {}
for path in sorted(HERE.glob("*.np[yz]")):
    loaded = np.load(path)
    arrays = {"0": loaded} if path.suffix == ".npy" else {name: loaded[name] for name in loaded.files}
    expected[path.name] = {}
    for name, array in arrays.items():
        if array.dtype.kind in "USMV":
            continue
        little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"))
        expected[path.name][name] = {"dtype": array.dtype.name, "shape": list(array.shape),
                                     "sha256": hashlib.sha256(little.tobytes()).hexdigest()}
(HERE / "expected.json").write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n")
