"""run_google.py REQUEST.json OUT: builds one of Google's BERT graphs (package bert-tensorflow, unmodified) under
tensorflow.compat.v1, with the variables of a checkpoint, or random values in every variable, and writes those to OUT/model.ckpt
and what it computes to OUT/outputs.npz.

REQUEST: {"config": {...}, "kind": "pretraining" | "classifier" | "squad" | "model", "ids", "mask", "types": nested lists,
"positions": for pretraining, "labels": for the classifier, "seed" or "restore": a checkpoint}"""
import importlib
import json
import os
import sys
import types

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy  # noqa: E402
import tensorflow.compat.v1 as tf  # noqa: E402


def contrib_layer_norm(inputs, begin_norm_axis, begin_params_axis, scope):
    """tf.contrib.layers.layer_norm of TensorFlow 1.15, for the last axis: its variables and its arithmetic."""
    assert begin_norm_axis == begin_params_axis == -1
    with tf.variable_scope(scope, "LayerNorm", [inputs]):
        shape = inputs.shape[-1:]
        beta = tf.get_variable("beta", shape=shape, initializer=tf.zeros_initializer())
        gamma = tf.get_variable("gamma", shape=shape, initializer=tf.ones_initializer())
        mean, variance = tf.nn.moments(inputs, [-1], keepdims=True)
        return tf.nn.batch_normalization(inputs, mean, variance, offset=beta, scale=gamma, variance_epsilon=1e-12)


tf.disable_v2_behavior()
tf.contrib = types.SimpleNamespace(layers=types.SimpleNamespace(layer_norm=contrib_layer_norm))
sys.modules["tensorflow"] = tf
from bert import modeling  # noqa: E402

request, out = json.load(open(sys.argv[1])), sys.argv[2]
if request["kind"] != "model":
    script = importlib.import_module("bert.run_" + request["kind"])  # one only: they declare the same flags
config = modeling.BertConfig.from_dict(request["config"])
ids, mask, token_types = (tf.constant(request[k], tf.int32) for k in ("ids", "mask", "types"))

models = []
BertModel = modeling.BertModel
modeling.BertModel = lambda *a, **k: models.append(BertModel(*a, **k)) or models[-1]

fetch = {}
if request["kind"] in ("pretraining", "model"):
    model = modeling.BertModel(config=config, is_training=False, input_ids=ids, input_mask=mask,
                               token_type_ids=token_types)
if request["kind"] == "pretraining":
    positions = tf.constant(request["positions"], tf.int32)
    _, _, fetch["mlm_log"] = script.get_masked_lm_output(
        config, model.get_sequence_output(), model.get_embedding_table(), positions, tf.zeros_like(positions),
        tf.ones_like(positions, tf.float32))
    _, _, fetch["nsp_log"] = script.get_next_sentence_output(
        config, model.get_pooled_output(), tf.zeros([len(request["ids"])], tf.int32))
elif request["kind"] == "classifier":
    _, _, fetch["classifier"], _ = script.create_model(
        config, False, ids, mask, token_types, tf.zeros([len(request["ids"])], tf.int32), request["labels"], False)
elif request["kind"] == "squad":
    start, end = script.create_model(config, False, ids, mask, token_types, False)
    fetch["span"] = tf.stack([start, end], axis=-1)

model, = models
fetch["embeddings"] = model.get_embedding_output()
for i, layer in enumerate(model.get_all_encoder_layers()):
    fetch[f"layer {i}"] = layer
fetch["pooled"] = model.get_pooled_output()

with tf.Session() as session:
    if "restore" in request:
        tf.train.Saver(tf.trainable_variables()).restore(session, request["restore"])
    else:
        random = numpy.random.default_rng(request["seed"])
        for variable in tf.trainable_variables():
            variable.load(random.normal(0, 0.5, variable.shape.as_list()).astype(numpy.float32), session)
        tf.train.Saver(tf.trainable_variables()).save(session, os.path.join(out, "model.ckpt"))
    numpy.savez(os.path.join(out, "outputs.npz"), **session.run(fetch))
