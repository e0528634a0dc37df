"""MXNet's files against the real mxnet 1.5.0, and NumPy's against the real NumPy: random ones by the hundred."""
import hashlib
import string

import mxnet as mx
import numpy as np
import pytest
from safetensors.numpy import load_file

from support import inspect, transload

# mxnet 1.5.0 asks scipy under a name that will go away.
pytestmark = pytest.mark.filterwarnings("ignore:Please import `csr_matrix`")

DTYPES = ["float32", "float64", "float16", "uint8", "int32", "int8", "int64"]
SPARSE = ["float32", "float64", "float16", "int32", "int8", "uint8", "int64"]


def random_values(rng, dtype, shape):
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        values = rng.normal(scale=10.0 ** rng.integers(-6, 5), size=shape).astype(dtype)
        flat = values.reshape(-1)
        for special in (np.inf, -np.inf, np.nan, -0.0, np.finfo(dtype).tiny / 4):
            if flat.size and rng.integers(4) == 0:
                flat[rng.integers(flat.size)] = special
        return values
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, size=shape, dtype=dtype, endpoint=True)


def random_shape(rng, most=5, least=1):
    return tuple(int(n) for n in rng.integers(1, 7, size=rng.integers(least, most + 1)))


def dense_array(rng, shape=None):
    dtype = str(rng.choice(DTYPES))
    values = random_values(rng, dtype, random_shape(rng) if shape is None else shape)
    return mx.nd.array(values, dtype=dtype), values


def row_sparse_array(rng):
    dtype = str(rng.choice(SPARSE))
    shape = random_shape(rng, least=2)
    rows = np.sort(rng.choice(shape[0], size=rng.integers(0, shape[0] + 1), replace=False))
    values = random_values(rng, dtype, (len(rows), *shape[1:]))
    if len(rows) == 0:
        return mx.nd.sparse.zeros("row_sparse", shape, dtype=dtype), np.zeros(shape, dtype)
    dense = np.zeros(shape, dtype)
    dense[rows] = values
    return mx.nd.sparse.row_sparse_array((mx.nd.array(values, dtype=dtype), rows), shape=shape, dtype=dtype), dense


def csr_array(rng):
    dtype = str(rng.choice(SPARSE))
    shape = random_shape(rng, most=2, least=2)
    kept = rng.integers(0, 3, size=shape) == 0
    if not kept.any():
        return mx.nd.sparse.zeros("csr", shape, dtype=dtype), np.zeros(shape, dtype)
    dense = random_values(rng, dtype, shape)
    dense[~kept] = 0
    columns = [np.flatnonzero(row) for row in kept]
    starts = np.cumsum([0] + [len(c) for c in columns])
    array = mx.nd.sparse.csr_matrix((mx.nd.array(dense[kept], dtype=dtype), np.concatenate(columns), starts),
                                    shape=shape, dtype=dtype)
    return array, dense


def random_name(rng):
    letters = string.ascii_letters + string.digits + "._/:-äß重み🙂 '\"\\\n"
    name = "".join(rng.choice(list(letters), size=rng.integers(0, 40)))
    return ["", "arg:", "aux:"][rng.integers(3)] + name if rng.integers(3) == 0 else name


def cut(name):
    return name[4:] if name.startswith(("arg:", "aux:")) else name


def random_list(rng):
    """Arrays as mxnet has them, and the values that they stand for."""
    makers = [dense_array, dense_array, dense_array, row_sparse_array, csr_array]
    return [makers[rng.integers(len(makers))](rng) for _ in range(rng.integers(0, 9))]


def unique_names(rng, count):
    names = {}
    while len(names) < count:
        name = random_name(rng)
        names.setdefault(cut(name), name)
    return list(names.values())


def described(values):
    little = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"))
    return values.dtype.name, list(values.shape), hashlib.sha256(little.tobytes()).hexdigest()


def found_in(path):
    return {name: (t["dtype"], t["shape"], t["sha256"]) for name, t in inspect(path)["tensors"].items()}


@pytest.mark.parametrize("seed", range(300))
def test_random_lists_that_mxnet_wrote(tmp_path, seed):
    rng = np.random.default_rng(seed)
    arrays = random_list(rng)
    path = tmp_path / "x.params"
    if seed % 5 == 0:
        mx.nd.save(str(path), [array for array, _ in arrays])
        names = [str(i) for i in range(len(arrays))]
    else:
        names = unique_names(rng, len(arrays))
        mx.nd.save(str(path), {name: array for name, (array, _) in zip(names, arrays)})
    found = found_in(path)
    assert list(found) == [cut(name) for name in names]
    loaded = mx.nd.load(str(path))
    for i, name in enumerate(names):
        values = arrays[i][1]
        # What mxnet itself reads, so that the values of this test are the file's.
        theirs = (loaded[name] if isinstance(loaded, dict) else loaded[i]).asnumpy()
        assert theirs.tobytes() == values.tobytes()
        assert found[cut(name)] == described(values), name


def test_numpy_semantics(tmp_path):
    path = tmp_path / "x.params"
    with mx.util.np_shape(True):
        arrays = {"scalar": mx.nd.array(np.float32(2.5)), "empty": mx.nd.zeros((2, 0, 3), dtype="float16"),
                  "plain": mx.nd.array(np.arange(6).reshape(2, 3), dtype="int64")}
        mx.nd.save(str(path), arrays)
        wanted = {name: described(array.asnumpy()) for name, array in arrays.items()}
    assert found_in(path) == wanted
    assert wanted["scalar"][1] == [] and wanted["empty"][1] == [2, 0, 3]


@pytest.mark.parametrize("seed", range(20))
def test_converted_to_safetensors(tmp_path, seed):
    rng = np.random.default_rng(1000 + seed)
    arrays = dict(zip(unique_names(rng, 6), (row_sparse_array(rng), csr_array(rng), *(dense_array(rng) for _ in range(4)))))
    mx.nd.save(str(tmp_path / "x.params"), {name: array for name, (array, _) in arrays.items()})
    transload("convert", tmp_path / "x.params", tmp_path / "y.safetensors", "--family", "none")
    back = load_file(tmp_path / "y.safetensors")
    assert {name: described(values) for name, values in back.items()} == {
        cut(name): described(values) for name, (_, values) in arrays.items()}


def test_a_gluonnlp_model(tmp_path):
    """save_parameters, export and save_checkpoint of one model: the same values under the names of each."""
    import gluonnlp
    mx.random.seed(3)
    encoder = gluonnlp.model.BERTEncoder(units=16, hidden_size=12, num_layers=2, num_heads=4, max_length=20,
                                         dropout=0.0)
    model = gluonnlp.model.BERTModel(encoder, vocab_size=37, token_type_vocab_size=2, units=16, embed_size=16,
                                     use_decoder=False, use_classifier=False)
    model.initialize(mx.init.Normal(0.5))
    model.hybridize()
    ids = mx.nd.array([[1, 2, 3]])
    model(ids, mx.nd.zeros_like(ids), mx.nd.array([3]))
    model.save_parameters(str(tmp_path / "dotted.params"))
    (tmp_path / "exported").mkdir()
    model.export(str(tmp_path / "exported/model"), epoch=7)
    wanted = {name: described(parameter.data().asnumpy())
              for name, parameter in model._collect_params_with_prefix().items()}
    assert found_in(tmp_path / "dotted.params") == wanted
    exported = inspect(tmp_path / "exported")  # a folder with one .params
    assert sorted(t["sha256"] for t in exported["tensors"].values()) == sorted(w[2] for w in wanted.values())
    assert any("`arg:`" in note for note in exported["notes"])


@pytest.mark.parametrize("seed", range(60))
def test_random_archives_that_numpy_wrote(tmp_path, seed):
    rng = np.random.default_rng(seed)
    kinds = ["?", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8", "c8", "c16"]
    arrays = {}
    for i in range(rng.integers(1, 8)):
        dtype = np.dtype(str(rng.choice(["<", ">"])) + str(rng.choice(kinds)))
        shape = tuple(int(n) for n in rng.integers(0 if rng.integers(5) == 0 else 1, 7, size=rng.integers(0, 6)))
        values = np.frombuffer(rng.bytes(int(np.prod(shape)) * dtype.itemsize), dtype).reshape(shape)
        if dtype.kind == "b":
            values = values.view("u1") % 2 == 1
        name = "/".join("".join(rng.choice(list("abAB._-"), size=4)) + "x" for _ in range(rng.integers(1, 4)))
        arrays[f"{i}{name}"] = np.asfortranarray(values) if rng.integers(3) == 0 else values
    (np.savez_compressed if seed % 2 else np.savez)(tmp_path / "x.npz", **arrays)
    assert found_in(tmp_path / "x.npz") == {name: described(values) for name, values in arrays.items()}
    name, values = next(iter(arrays.items()))
    np.save(tmp_path / "x.npy", values)
    assert found_in(tmp_path / "x.npy") == {"0": described(values)}
