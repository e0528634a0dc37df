"""Made t.npz with the real MXNet 2.0.0b1 (and NumPy 1.23.5), and expected.json: what asnumpy() gives for each array."""
import hashlib
import json
import pathlib

import mxnet as mx
import numpy as np
from mxnet import npx

HERE = pathlib.Path(__file__).parent
sparse = mx.nd.sparse
bfloat16 = np.dtype([("bfloat16", np.uint16)])
arrays = {
    "rsp": sparse.row_sparse_array((np.array([[1, 2, 3], [4, 5, 6]], "f4"), [1, 4]), shape=(6, 3)),
    "arg:rsp_f16": sparse.row_sparse_array((np.array([[0, 1], [2, 3]], "f2"), [0, 3]), shape=(5, 2), dtype="float16"),
    "csr": sparse.csr_matrix((np.array([1, 3, 2], "f4"), [0, 1, 2], [0, 1, 1, 3]), shape=(3, 4)),
    "rsp_zero": sparse.zeros("row_sparse", (4, 2)),
    "csr_zero": sparse.zeros("csr", (2, 3)),
    "aux:a/dense": mx.nd.array(np.arange(6).reshape(2, 3)),
    "x.bfloat16": mx.nd.array(np.array([[1, -2.5], [0.001, 3e38]], "f4")).astype(bfloat16),
}
npx.savez(str(HERE / "t.npz"), **arrays)


def described(name, array):
    values = array.asnumpy()
    dtype = "bfloat16" if values.dtype == bfloat16 else values.dtype.name
    return {"name": name, "stype": array.stype, "dtype": dtype, "shape": list(values.shape),
            "dense_sha256": hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()}


expected = {"writer": f"mxnet {mx.__version__} npx.savez (real)", "arrays": [described(*item) for item in arrays.items()]}
(HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
