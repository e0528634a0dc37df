"""run_gluon.py REQUEST.json OUT: builds a model of the real GluonNLP (0.8.3 on mxnet 1.5.0) with random values in every
parameter, and writes it to OUT/model.params (save_parameters) and OUT/flat.params (collect_params, flat names), and
what it computes to OUT/outputs.npz.

REQUEST: {"kind": "bert" | "bort" | "roberta" or one of WRAPPERS, "config": GluonNLP's own keys and "vocab_size", "ids",
"types": nested lists, "valid": list, "positions": nested lists, "seed"}"""
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
plain = dict(use_classifier=False, use_decoder=False, **shared)
nn = mxnet.gluon.nn


class Wrapped(mxnet.gluon.Block):
    """A model within another, as the scripts of GluonNLP 0.8.3 have them (scripts/bert/model): attributes, layers and
    what they read are those of BERTClassifier, RoBERTaClassifier, BERTForQA and BERTTagger."""

    def __init__(self, inside, core, head, layer, reads):
        super().__init__()
        self.reads, self.names = reads, (inside, head)
        setattr(self, inside, core)
        setattr(self, head, layer)

    def forward(self, *inputs):
        core, layer = (getattr(self, name) for name in self.names)
        found = core(*inputs[:-1])
        layers = found[0] if self.reads == "pooled" else found
        read = {"pooled": lambda: found[1], "first": lambda: layers[-1][:, 0, :], "all": lambda: layers[-1]}
        return [layers, *([found[1]] if self.reads == "pooled" else []), layer(read[self.reads]())]


def sequence(*layers):
    made = nn.HybridSequential()
    for layer in layers:
        made.add(layer)
    return made


def bert_model(**options):
    return bert.BERTModel(encoder, config["vocab_size"], config["token_type_vocab_size"], **{**shared, **options})


WRAPPERS = {
    "bert classifier": lambda: Wrapped("bert", bert_model(**plain), "classifier", sequence(nn.Dropout(0.1), nn.Dense(3)),
                                       "pooled"),
    "roberta classifier": lambda: Wrapped(
        "roberta", bert.RoBERTaModel(encoder, config["vocab_size"], use_decoder=False, **shared), "classifier",
        sequence(nn.Dropout(0.1), nn.Dense(config["units"], activation="tanh"), nn.Dropout(0.1), nn.Dense(3)), "first"),
    "bert for qa": lambda: Wrapped("bert", bert_model(use_pooler=False, **plain), "span_classifier",
                                   nn.Dense(2, flatten=False), "all"),
    "bert tagger": lambda: Wrapped("bert_model", bert_model(use_pooler=False, **plain), "tag_classifier",
                                   nn.Dense(5, flatten=False), "all"),
}
OUTPUTS = {"bert": ["pooled", "nsp", "mlm"], "bort": ["mlm"], "roberta": ["mlm"],
           "bert classifier": ["pooled", "classifier"], "roberta classifier": ["classifier"], "bert for qa": ["span"],
           "bert tagger": ["token classifier"]}

kind = request["kind"]
if kind in WRAPPERS:
    model = WRAPPERS[kind]()
elif kind == "roberta":
    model = bert.RoBERTaModel(encoder, config["vocab_size"], **shared)
elif kind == "bort":
    model = bert.BERTModel(encoder, config["vocab_size"], use_pooler=False, use_token_type_embed=False,
                           use_classifier=False, use_decoder=True, **shared)
else:
    model = bert_model()
model.initialize()

ids, types = (mxnet.nd.array(request[k], dtype="int32") for k in ("ids", "types"))
valid = mxnet.nd.array(request["valid"])
positions = mxnet.nd.array(request["positions"], dtype="int32")
inputs = (ids, valid, positions) if kind.startswith("roberta") else (ids, types, valid, positions)
model(*inputs)  # sets the shapes that are left open

random = numpy.random.default_rng(request["seed"])
for parameter in model.collect_params().values():
    parameter.set_data(mxnet.nd.array(random.normal(0, 0.4, parameter.shape)))

# The encoder returns all encodings here, which replaces what would be the sequence output.
layers, *rest = model(*inputs)
outputs = {f"layer {i}": value.asnumpy() for i, value in enumerate(layers)}
outputs.update({name: value.asnumpy() for name, value in zip(OUTPUTS[kind], rest, strict=True)})
numpy.savez(os.path.join(out, "outputs.npz"), **outputs)

model.save_parameters(os.path.join(out, "model.params"))
model.collect_params().save(os.path.join(out, "flat.params"))
