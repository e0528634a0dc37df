"""TensorFlow itself reads what `transload convert --to tf1` writes, in each of the ways that people use."""
import hashlib
import json

import numpy as np
import pytest
import tensorflow as tf
import tensorflow.compat.v1 as tf1
import torch

import support
from support import GOLDEN, TINY, make_model, transload, write_model


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    prefix = tmp_path_factory.mktemp("tf") / "model.ckpt"
    transload("convert", TINY / "pytorch_model.bin", prefix, "--to", "tf1")
    return prefix


@pytest.fixture(scope="module")
def expected():
    return json.loads((TINY / "expected.json").read_text())["tf"]


def digest(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def test_load_checkpoint(tiny, expected):
    reader = tf.train.load_checkpoint(str(tiny))
    assert set(reader.get_variable_to_shape_map()) == set(expected)
    for name, tensor in expected.items():
        array = reader.get_tensor(name)
        assert array.dtype == np.float32 and list(array.shape) == tensor["shape"]
        assert digest(array) == tensor["sha256"], name


def test_the_folder_and_its_latest_checkpoint(tiny, expected):
    assert tf.train.latest_checkpoint(str(tiny.parent)) == str(tiny)
    assert dict(tf.train.list_variables(str(tiny.parent))) == {n: t["shape"] for n, t in expected.items()}


def test_init_from_checkpoint(tiny, expected):
    with tf.Graph().as_default(), tf1.Session() as session:
        variables = {name: tf1.get_variable(name, shape=t["shape"], use_resource=False) for name, t in expected.items()}
        tf1.train.init_from_checkpoint(str(tiny), {name: name for name in variables})
        session.run(tf1.global_variables_initializer())
        for name, variable in variables.items():
            assert digest(session.run(variable)) == expected[name]["sha256"], name


def test_import_meta_graph(tiny, expected, tmp_path):
    with tf.Graph().as_default(), tf1.Session() as session:
        saver = tf1.train.import_meta_graph(f"{tiny}.meta")
        saver.restore(session, str(tiny))
        trainable = {v.op.name: v for v in tf1.trainable_variables()}
        assert set(trainable) == set(expected)
        for name, variable in trainable.items():
            assert digest(session.run(variable)) == expected[name]["sha256"], name
        saver.save(session, str(tmp_path / "again.ckpt"))
    for suffix in ("index", "data-00000-of-00001"):
        assert (tmp_path / f"again.ckpt.{suffix}").read_bytes() == tiny.with_name(f"model.ckpt.{suffix}").read_bytes()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_a_kept_dtype(tmp_path, dtype):
    model = make_model("BertModel").to(getattr(torch, dtype))
    folder, prefix = write_model(model, tmp_path / "model"), tmp_path / "out/model.ckpt"
    transload("convert", folder, prefix, "--to", "tf1")
    reader = tf.train.load_checkpoint(str(prefix))
    assert {t.name for t in reader.get_variable_to_dtype_map().values()} == {dtype}
    weight = model.state_dict()["pooler.dense.weight"].T.contiguous()
    assert reader.get_tensor("bert/pooler/dense/kernel").tobytes() == support.bytes_of(weight)
    with tf.Graph().as_default(), tf1.Session() as session:
        tf1.train.import_meta_graph(f"{prefix}.meta").restore(session, str(prefix))
        for variable in tf1.trainable_variables():
            assert session.run(variable).tobytes() == reader.get_tensor(variable.op.name).tobytes()


@pytest.mark.parametrize("option,dtype", [("f16", torch.float16), ("bf16", torch.bfloat16), ("f32", torch.float32)])
def test_a_changed_dtype_rounds_as_torch_does(tmp_path, option, dtype):
    model = make_model("BertModel").double()
    with torch.no_grad():
        model.pooler.dense.bias.copy_(torch.tensor([0.0, -0.0, float("inf"), float("-inf"), float("nan"), 65519.99,
                                                    65520.0, 1e-7, 2.0**-25, 2.0**-25 * 1.0001, 1e-310, 1.0 + 2.0**-11,
                                                    1.0 + 3 * 2.0**-9, 3.3895313892515355e38, 1e39, -1e-45]))
    folder, prefix = write_model(model, tmp_path / "model"), tmp_path / "out/model.ckpt"
    transload("convert", folder, prefix, "--to", "tf1", "--dtype", option, "--allow-overflow",
              "--allow-nonfinite")
    reader = tf.train.load_checkpoint(str(prefix))
    for ours, theirs in (("pooler/dense/bias", "pooler.dense.bias"),
                         ("embeddings/word_embeddings", "embeddings.word_embeddings.weight")):
        wanted = model.state_dict()[theirs].to(dtype)
        got = reader.get_tensor(f"bert/{ours}")
        nan = torch.isnan(wanted).numpy()
        assert np.array_equal(np.isnan(got.astype(np.float64)), nan)
        bits = np.uint16 if got.dtype.itemsize == 2 else np.uint32
        raw = np.frombuffer(support.bytes_of(wanted), bits).reshape(nan.shape)
        assert np.array_equal(got.view(bits)[~nan], raw[~nan])


@pytest.mark.parametrize("kind", sorted(p.name for p in (GOLDEN / "tensorflow/heads").iterdir()))
@pytest.mark.parametrize("weights", ["model.safetensors", "pytorch_model.bin"])
def test_heads_have_googles_names(tmp_path, kind, weights):
    case = GOLDEN / "tensorflow/heads" / kind
    wanted = json.loads((case / "expected.json").read_text())["tf"]
    prefix = tmp_path / "model.ckpt"
    transload("convert", case / weights, prefix, "--to", "tf1")
    reader = tf.train.load_checkpoint(str(prefix))
    assert dict(reader.get_variable_to_shape_map()) == {n: t["shape"] for n, t in wanted.items()}
    for name, tensor in wanted.items():
        assert digest(reader.get_tensor(name)) == tensor["sha256"], name


@pytest.mark.parametrize("kind", ["google_pretraining", "google_classifier"])
def test_the_torch_twin_of_a_google_graph_becomes_that_graphs_checkpoint(tmp_path, kind):
    # The .bin twin was made with the names of Hugging Face, the checkpoint by Google's own code from the same values.
    case = GOLDEN / "tensorflow" / kind
    transload("convert", case / "pytorch_model.bin", tmp_path / "model.ckpt", "--to", "tf1")
    wanted = json.loads((case / "expected.json").read_text())["tensors"]
    found = support.inspect(tmp_path / "model.ckpt")["tensors"]
    assert {n: t["sha256"] for n, t in found.items()} == {n: t["sha256"] for n, t in wanted.items()}
