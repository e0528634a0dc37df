"""Models of GluonNLP with a classifier around them, as its scripts build and save them: to Hugging Face and back."""
import json
import re

import mxnet as mx
import numpy as np
import pytest
import torch
import transformers
from gluonnlp.model.bert import BERTEncoder, BERTModel, RoBERTaModel
from mxnet.gluon import Block, nn
from safetensors.torch import load_file, save_file

from gluon_models import SIZES, VOCABULARY, hidden
from support import transload


class Classifier(Block):
    """BERTClassifier and BERTRegression of GluonNLP's scripts; BortClassifier and RoBERTaClassifier with `inner`."""

    def __init__(self, attribute, body, units, classes, dropout=0.1, inner=False, head="classifier"):
        super().__init__()
        setattr(self, attribute, body)
        self.body, self.units = [body], units
        with self.name_scope():
            layers = nn.HybridSequential()
            if dropout:
                layers.add(nn.Dropout(rate=dropout))
            if inner:
                layers.add(nn.Dense(units=units, activation="tanh"))
                layers.add(nn.Dropout(rate=dropout))
            layers.add(nn.Dense(units=classes))
        self.layers = [layers]
        setattr(self, head, layers)
        self.inner = inner

    def forward(self, ids, types):
        out = self.body[0](ids, types) if types is not None else self.body[0](ids)
        first = out.slice(begin=(0, 0, 0), end=(None, 1, None)).reshape((-1, self.units)) if self.inner else out[1]
        return self.layers[0](first)


class Tokenwise(Block):
    """BertForQA and BERTTagger."""

    def __init__(self, attribute, body, head, classes):
        super().__init__()
        setattr(self, attribute, body)
        self.body = [body]
        with self.name_scope():
            setattr(self, head, nn.Dense(units=classes, flatten=False))
        self.head = [getattr(self, head)]

    def forward(self, ids, types):
        return self.head[0](self.body[0](ids, types))


def encoder(eps):
    return BERTEncoder(num_layers=2, units=32, hidden_size=24, max_length=16, num_heads=4, dropout=0.1,
                       layer_norm_eps=eps)


def bert(pooler):
    return BERTModel(encoder(None), vocab_size=VOCABULARY, token_type_vocab_size=2, units=32, embed_size=32,
                     embed_dropout=0.1, use_pooler=pooler, use_decoder=False, use_classifier=False)


class BortModel(BERTModel):
    """As in alexa/bort, so that its global names begin with bortmodel."""

    def __call__(self, ids):
        return super().__call__(ids, [])


def bort():
    return BortModel(encoder(1e-5), vocab_size=VOCABULARY, units=32, embed_size=32, embed_dropout=0.1,
                     use_pooler=False, use_decoder=False, use_classifier=False, use_token_type_embed=False)


def roberta():
    return RoBERTaModel(encoder(1e-5), vocab_size=VOCABULARY, units=32, embed_size=32, embed_dropout=0.1,
                        use_decoder=False)


WRAPPED = {
    "classifier": ("bert", lambda: Classifier("bert", bert(True), 32, 3), "BertForSequenceClassification"),
    "classifier without dropout": ("bert", lambda: Classifier("bert", bert(True), 32, 3, dropout=0),
                                   "BertForSequenceClassification"),
    "regression": ("bert", lambda: Classifier("bert", bert(True), 32, 1, head="regression"),
                   "BertForSequenceClassification"),
    "questions": ("bert", lambda: Tokenwise("bert", bert(False), "span_classifier", 2), "BertForQuestionAnswering"),
    "tagger": ("bert", lambda: Tokenwise("bert_model", bert(False), "tag_classifier", 5),
               "BertForTokenClassification"),
    "bort": ("bort", lambda: Classifier("bort", bort(), 32, 3, inner=True), "BertForSequenceClassification"),
    "roberta": ("roberta", lambda: Classifier("roberta", roberta(), 32, 3, inner=True),
                "RobertaForSequenceClassification"),
}


@pytest.mark.parametrize("kind", WRAPPED)
def test_a_classifier_arrives_with_its_model(kind, tmp_path):
    family, make, name = WRAPPED[kind]
    mx.random.seed(7)
    model = make()
    model.initialize(mx.init.Normal(0.3))
    ids = np.random.default_rng(1).integers(0, VOCABULARY, size=(2, 9))
    types = np.array([[0] * 4 + [1] * 5] * 2) if family == "bert" else None
    want = model(mx.nd.array(ids), None if types is None else mx.nd.array(types)).asnumpy()
    model.save_parameters(str(tmp_path / "model.params"))
    config = {**SIZES, "hidden_size": 24, "layer_norm_eps": None if family == "bert" else 1e-5}
    if family != "roberta":
        config["token_type_vocab_size"] = 2
    (tmp_path / "model.json").write_text(json.dumps(config))
    transload("convert", tmp_path / "model.params", tmp_path / "hf")
    if kind == "regression":  # one output: BertForMultipleChoice has the same tensors
        assert "BertFor" in json.loads((tmp_path / "hf/config.json").read_text())["architectures"][0]
    else:
        assert json.loads((tmp_path / "hf/config.json").read_text())["architectures"] == [name]
    loaded, report = getattr(transformers, name).from_pretrained(
        tmp_path / "hf", output_loading_info=True, **({"num_labels": 1} if kind == "regression" else {}))
    assert not any(report[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    out = hidden(loaded, ids, types=types)
    got = torch.stack([out.start_logits, out.end_logits], -1) if kind == "questions" else out.logits
    assert np.abs(got.numpy() - want).max() < 2e-5
    transload("convert", tmp_path / "hf", tmp_path / "back.params", "--to", "gluon")
    if kind not in ("classifier without dropout", "regression"):
        assert (tmp_path / "back.params").read_bytes() == (tmp_path / "model.params").read_bytes()
        model.load_parameters(str(tmp_path / "back.params"))


@pytest.mark.parametrize("kind, block, stage", [
    ("classifier", "bertclassifier", "classifier"), ("bort", "bortclassifier", "classifier"),
    ("roberta", "robertaclassifier", "classifier"), ("tagger", "berttagger", "token classifier"),
    ("questions", "bertforqa", "span")])
def test_heads_under_flat_names_are_run(kind, block, stage, tmp_path):
    """As export() names them; the proof runs them, and a head that is changed is found."""
    family, make, _ = WRAPPED[kind]
    model = make()
    model.initialize(mx.init.Normal(0.3))
    ids = np.random.default_rng(1).integers(0, VOCABULARY, size=(2, 9))
    model(mx.nd.array(ids), mx.nd.zeros((2, 9)) if family == "bert" else None)
    arrays, dense = {}, 0
    for name, parameter in model.collect_params().items():
        if not re.match("bertencoder|bertmodel|bortmodel|robertamodel", name):
            last = name.rsplit("_", 1)[1]
            name = f"{block}0_dense{dense // 2}_{last}"
            dense += 1
        arrays[name] = parameter.data()
    assert dense in (2, 4)
    mx.nd.save(str(tmp_path / "model.params"), arrays)
    config = {**SIZES, "hidden_size": 24, "layer_norm_eps": None if family == "bert" else 1e-5}
    if family != "roberta":
        config["token_type_vocab_size"] = 2
    (tmp_path / "model.json").write_text(json.dumps(config))
    done = transload("convert", tmp_path / "model.params", tmp_path / "hf", "--json")
    assert stage in [each["stage"] for each in json.loads(done.out)["proof"]["run"]["stages"]]
    path = tmp_path / "hf/model.safetensors"
    tensors = load_file(path)
    bias = next(name for name in tensors if re.search(r"(classifier|out_proj|qa_outputs)\.bias$", name))
    tensors[bias] = tensors[bias] + 1
    save_file(tensors, path, metadata={"format": "pt"})
    broken = transload("prove", tmp_path / "model.params", tmp_path / "hf", "--json", expect=1)
    assert json.loads(broken.out)["proof"]["first_beyond"] == stage
