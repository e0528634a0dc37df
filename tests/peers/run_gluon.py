"""run_gluon.py REQUEST.json OUT: builds a model of the real GluonNLP (0.8.3 on mxnet 1.5.0) with random values in every
parameter, and writes it to OUT/model.params (save_parameters) and OUT/flat.params (collect_params, flat names), and what it
computes to OUT/outputs.npz.

REQUEST: {"kind": "bert" | "bort" | "roberta", "config": GluonNLP's own keys and "vocab_size", "ids", "types": nested
lists, "valid": list, "positions": nested lists, "seed"}"""
import json
import os
import sys
import warnings

warnings.filterwarnings("ignore")
import numpy  # noqa: E402
import mxnet  # noqa: E402
from gluonnlp.model import bert  # noqa: E402

request, out = json.load(open(sys.argv[1])), sys.argv[2]
config = request["config"]
encoder = bert.BERTEncoder(
    num_layers=config["num_layers"], units=config["units"], hidden_size=config["hidden_size"],
    max_length=config["max_length"], num_heads=config["num_heads"], dropout=0.1, output_all_encodings=True,
    activation=config.get("activation", "gelu"), layer_norm_eps=config.get("layer_norm_eps"))
shared = dict(units=config["units"], embed_size=config["units"], embed_dropout=0.1)
if request["kind"] == "roberta":
    model = bert.RoBERTaModel(encoder, config["vocab_size"], **shared)
elif request["kind"] == "bort":
    model = bert.BERTModel(encoder, config["vocab_size"], use_pooler=False, use_token_type_embed=False,
                           use_classifier=False, use_decoder=True, **shared)
else:
    model = bert.BERTModel(encoder, config["vocab_size"], config["token_type_vocab_size"], **shared)
model.initialize()

ids, types = (mxnet.nd.array(request[k], dtype="int32") for k in ("ids", "types"))
valid = mxnet.nd.array(request["valid"])
positions = mxnet.nd.array(request["positions"], dtype="int32")
inputs = (ids, valid, positions) if request["kind"] == "roberta" else (ids, types, valid, positions)
model(*inputs)  # sets the shapes that are left open

random = numpy.random.default_rng(request["seed"])
for parameter in model.collect_params().values():
    parameter.set_data(mxnet.nd.array(random.normal(0, 0.4, parameter.shape)))

# The encoder returns all encodings here, which replaces what would be the sequence output.
layers, *rest = model(*inputs)
names = {"bert": ["pooled", "nsp", "mlm"]}.get(request["kind"], ["mlm"])
outputs = {f"layer {i}": value.asnumpy() for i, value in enumerate(layers)}
outputs.update({name: value.asnumpy() for name, value in zip(names, rest, strict=True)})
numpy.savez(os.path.join(out, "outputs.npz"), **outputs)

model.save_parameters(os.path.join(out, "model.params"))
model.collect_params().save(os.path.join(out, "flat.params"))
