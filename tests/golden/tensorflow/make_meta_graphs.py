"""Writes meta_graphs.json: what the real TensorFlow 2.15.1 puts into the .meta of a program that creates variables
as the conversion script of transformers 4.37 does, for many dtypes, shapes and names. Needs tensorflow-cpu==2.15.1.
"""

import hashlib
import json
import os
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow.compat.v1 as tf  # noqa: E402

tf.disable_v2_behavior()

SMALL = [("b/s", []), ("a/v", [7]), ("a/m", [3, 4]), ("a/B9", [999]), ("z/empty", [0]), ("z/e2", [3, 0, 2]),
         ("q/one", [1]), ("q/_x", [2, 2]), ("q/l_10", [2]), ("q/l_2", [2])]
LARGE = [("a/big", [20, 60]), ("a/bigv", [1000]), ("z/c", [10, 10, 11])]
DTYPES = ["float16", "bfloat16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32",
          "uint64", "bool", "complex64", "complex128"]


def bert(layers, hidden, inner, vocabulary, positions):
    out = [("word_embeddings", [vocabulary, hidden]), ("position_embeddings", [positions, hidden]),
           ("token_type_embeddings", [2, hidden]), ("LayerNorm/gamma", [hidden]), ("LayerNorm/beta", [hidden])]
    out = [("bert/embeddings/" + name, shape) for name, shape in out]
    for i in range(layers):
        layer = []
        for name, a, b in (("attention/self/query", hidden, hidden), ("attention/self/key", hidden, hidden),
                           ("attention/self/value", hidden, hidden), ("attention/output/dense", hidden, hidden),
                           ("attention/output/LayerNorm", 0, hidden), ("intermediate/dense", hidden, inner),
                           ("output/dense", inner, hidden), ("output/LayerNorm", 0, hidden)):
            if a:
                layer += [(name + "/kernel", [a, b]), (name + "/bias", [b])]
            else:
                layer += [(name + "/gamma", [b]), (name + "/beta", [b])]
        out += [(f"bert/encoder/layer_{i}/" + name, shape) for name, shape in layer]
    return out + [("bert/pooler/dense/kernel", [hidden, hidden]), ("bert/pooler/dense/bias", [hidden])]


def cases():
    for dtype in DTYPES:
        yield f"{dtype}, small", [(n, dtype, s) for n, s in SMALL]
        yield f"{dtype}, small and large", [(n, dtype, s) for n, s in SMALL + LARGE]
    yield "mixed", [(f"v{i}/x", dtype, [2, i + 1]) for i, dtype in enumerate(DTYPES)]
    yield "64-bit shapes", [("h/v", "float32", [3000000000]), ("h/m", "float32", [2, 3000000000]),
                            ("h/p", "float16", [70000, 70000]), ("h/q", "float16", [2147483647, 2])]
    for name in [".a", "a>b", "a-b", "0a", "a//b", "A", "aa/a.b"]:
        yield f"name {name}", [(name, "float32", [2])]
    yield "case", [("B", "float32", [2]), ("a", "float32", [2]), ("C", "float32", [2]), ("a_b", "float32", [2])]
    yield "1100 variables", [(f"v/x{i}", "float32", [i % 7]) for i in range(1100)]
    yield "BERT, 12 layers", [(n, "float32", s) for n, s in bert(12, 768, 3072, 30522, 512)]
    yield "BERT, 24 layers", [(n, "float32", s) for n, s in bert(24, 1024, 4096, 28996, 512)]


def meta(variables):
    tf.reset_default_graph()
    with tf.Session():
        for name, dtype, shape in variables:
            # numpy is asked for nothing: the graph is the same whether or not the session runs.
            v = tf.get_variable(dtype=tf.as_dtype(dtype), shape=shape, name=name, initializer=tf.zeros_initializer())
            tf.variables_initializer([v])
            # what keras.backend.set_value() adds
            v.assign(tf.placeholder(v.dtype.base_dtype, shape=tf.TensorShape([None] * len(shape))))
        saver = tf.train.Saver(tf.trainable_variables())
        with tempfile.TemporaryDirectory() as folder:
            saver.export_meta_graph(folder + "/meta")
            with open(folder + "/meta", "rb") as file:
                return file.read()


def main():
    out = []
    for case, variables in cases():
        data = meta(variables)
        out.append({"case": case, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(),
                    "variables": [list(v) for v in variables]})
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "meta_graphs.json")
    with open(path, "w", encoding="utf-8") as file:
        file.write("[\n" + ",\n".join(json.dumps(case) for case in out) + "\n]\n")


if __name__ == "__main__":
    main()
