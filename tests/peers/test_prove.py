"""transload prove on models that the real transformers made, and on pairs that were made by hand, wrongly."""
import json

import numpy as np
import pytest
import torch

import support
from support import transload

LAYER = "bert.encoder.layer.{}."


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A BERT with heads, and Transload's own conversion of it to Google's form."""
    folder = tmp_path_factory.mktemp("pair")
    source = support.write_model(support.make_model("BertForPreTraining"), folder / "source")
    transload("convert", source, folder / "tf" / "bert.ckpt", "--to", "tf1")
    return source, folder / "tf" / "bert.ckpt"


def proof_of(*arguments, expect=0):
    return json.loads(transload("prove", *arguments, "--json", expect=expect).out)["proof"]


def test_a_conversion_is_proven(pair):
    proof = proof_of(*pair)
    assert proof["holds"] and proof["mistake"] is None and not proof["contradictions"]
    assert [s["stage"] for s in proof["stages"]] == ["embeddings", "layer 0", "layer 1", "pooled", "mlm", "nsp"]
    assert all(s["within"] and s["relative"] < 1e-12 for s in proof["stages"])
    assert [v["what"] for v in proof["variants"]] == ["activation"]
    assert proof["variants"][0]["difference"] > 0


def test_rounding_is_reported_and_does_not_decide(pair, tmp_path):
    transload("convert", pair[0], tmp_path / "half", "--dtype", "f16")
    proof = proof_of(pair[0], tmp_path / "half")
    assert proof["holds"]
    assert proof["rounding"]["to"] == "float16" and proof["rounding"]["difference"] > 1e-3
    assert proof["rounding"]["allclose"] is False


def swap(state, a, b):
    state[a], state[b] = state[b].clone(), state[a].clone()


def planted(kind, state):
    """Mistakes of real converters, as another tool would make them; returns what the proof has to say."""
    if kind == "table of the old Bort script":
        for i in range(2):
            at = LAYER.format(i)
            swap(state, at + "attention.output.dense.bias", at + "output.dense.bias")
        return "every layer: attention output and feed-forward output have changed places (biases only)"
    if kind == "transpose":
        name = LAYER.format(1) + "attention.self.value.weight"
        state[name] = state[name].T.contiguous()
        return "layer 1: the weight of value is transposed"
    if kind == "positions":
        name = "bert.embeddings.position_embeddings.weight"
        state[name] = torch.roll(state[name], 2, 0)
        return "embeddings: the position embeddings are shifted cyclically by +2 rows"
    if kind == "token types":
        state["bert.embeddings.token_type_embeddings.weight"].zero_()
        return "embeddings: the token-type embeddings are zeros"
    name = "cls.predictions.transform.dense.weight"
    state[name] = state[name].T.contiguous()
    return "mlm: the weight of the head's dense layer is transposed"


@pytest.mark.parametrize("kind", ["table of the old Bort script", "transpose", "positions", "token types", "head"])
def test_a_mistake_is_refused_and_named(kind, pair, tmp_path):
    model = support.make_model("BertForPreTraining")
    said = []

    def change(state):
        state = {name: value.clone() for name, value in state.items()}
        said.append(planted(kind, state))
        return state

    wrong = support.write_model(model, tmp_path / "wrong", change=change)
    proof = proof_of(pair[1], wrong, expect=1)
    assert not proof["holds"]
    assert proof["mistake"] == said[0] + "; with that put right the outputs agree"
    result = transload("prove", pair[0], wrong, "-q", expect=1)
    assert result.out == "" and said[0] in result.err


def test_a_configuration_that_contradicts_fails(pair, tmp_path):
    model = support.make_model("BertForPreTraining", layer_norm_eps=1e-7)
    proof = proof_of(pair[0], support.write_model(model, tmp_path / "other"), expect=1)
    assert len(proof["contradictions"]) == 1 and "1e-07" in proof["contradictions"][0]
    assert "epsilon is 1e-07 where the weights are of 1e-12" in proof["mistake"]


@pytest.mark.parametrize("kind, stage", [("BertForTokenClassification", "token classifier"),
                                         ("BertForSequenceClassification", "classifier")])
def test_googles_classifier_is_run_as_the_other_model_reads_it(kind, stage, tmp_path):
    """Its names are the same for sequences and for tokens."""
    source = support.write_model(support.make_model(kind), tmp_path / "source")
    transload("convert", source, tmp_path / "tf/model.ckpt", "--to", "tf1")
    proof = proof_of(source, tmp_path / "tf/model.ckpt")
    assert [s["stage"] for s in proof["stages"]][-1] == stage and not any("head" in note for note in proof["notes"])
    wrong = support.write_model(support.make_model(kind), tmp_path / "wrong", change=lambda state: {
        name: value + (name == "classifier.weight") for name, value in state.items()})
    assert proof_of(wrong, tmp_path / "tf/model.ckpt", expect=1)["first_beyond"] == stage
    assert proof_of(tmp_path / "tf/model.ckpt", wrong, expect=1)["first_beyond"] == stage


def test_own_ids(pair, tmp_path):
    ids = tmp_path / "ids.txt"
    ids.write_text("1 2 3 4\n5, 6\n")
    assert proof_of(*pair, "--ids", ids)["tokens"] == 6
    ids.write_text("1 37\n")
    result = transload("prove", *pair, "--ids", ids, expect=2)
    assert "id 37 (sequence 0, position 1) is not in the vocabulary of 37" in result.err
    ids.write_text("1 2\n3 x\n")
    assert "line 2: 'x' is not a token id" in transload("prove", *pair, "--ids", ids, expect=2).err
    ids.write_text(" ".join("1" * 21))
    assert "21 tokens are more than the 20 positions" in transload("prove", *pair, "--ids", ids, expect=2).err


def test_own_ids_as_an_array(pair, tmp_path):
    for dtype in np.int32, np.int64, np.float32:
        np.save(tmp_path / "ids.npy", np.array([[1, 2, 3], [4, 5, 36]], dtype))
        assert proof_of(*pair, "--ids", tmp_path / "ids.npy")["tokens"] == 6
    np.save(tmp_path / "ids.npy", np.array([1.5, 2], np.float32))
    assert "1.5 is not a token id" in transload("prove", *pair, "--ids", tmp_path / "ids.npy", expect=2).err
    np.save(tmp_path / "ids.npy", np.array([1, 37]))
    assert "id 37" in transload("prove", *pair, "--ids", tmp_path / "ids.npy", expect=2).err


def test_a_text_needs_a_vocabulary(pair, tmp_path):
    assert "--vocab" in transload("prove", *pair, "--text", "a b", expect=2).err
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + [chr(c) for c in range(ord("a"), ord("z") + 1)]
    (tmp_path / "vocab.txt").write_text("\n".join(words) + "\n")
    assert proof_of(*pair, "--text", "a b z", "--vocab", tmp_path)["tokens"] == 5
    assert proof_of(*pair, "--text", "a b z", "--vocab", tmp_path / "vocab.txt")["tokens"] == 5


def test_what_cannot_be_proven_exits_2(pair, tmp_path):
    other = support.write_model(support.make_model("BertModel", num_hidden_layers=3), tmp_path / "other")
    assert "layers: 2 and 3" in transload("prove", pair[0], other, expect=2).err
    transload("prove", pair[0], tmp_path / "nowhere", expect=2)


def test_bort_against_what_the_old_script_computes(tmp_path):
    """Both ways to name GluonNLP's tensors; the configuration in GluonNLP's own keys."""
    config = tmp_path / "bort.json"
    config.write_text(json.dumps(dict(num_layers=2, units=32, hidden_size=24, max_length=16, num_heads=4,
                                      layer_norm_eps=1e-5, token_type_vocab_size=2)))
    folder = support.GOLDEN / "mxnet"
    dotted, flat = folder / "bort_tiny_fp32/bort.params", folder / "bort_tiny_flatnames/bort.params"
    transload("convert", dotted, tmp_path / "hf", "--config", config, "--family", "bort")
    for source in dotted, flat:
        assert proof_of(source, tmp_path / "hf", "--config", config)["holds"]


def test_a_planted_gelu_variant_between_gluon_and_transformers_is_a_contradiction(tmp_path):
    config = tmp_path / "bert.json"
    expected = json.loads((support.GOLDEN / "mxnet/bert_tiny/expected.json").read_text())
    source = support.GOLDEN / "mxnet/bert_tiny/bert.params"
    config.write_text(json.dumps(expected["config"]))
    transload("convert", source, tmp_path / "hf", "--config", config, "--family", "bert", "--to", "hf")
    assert proof_of(source, tmp_path / "hf", "--config", config)["holds"]
    theirs = json.loads((tmp_path / "hf/config.json").read_text())
    theirs["hidden_act"] = "gelu_new"
    (tmp_path / "hf/config.json").write_text(json.dumps(theirs))
    proof = proof_of(source, tmp_path / "hf", "--config", config, expect=1)
    assert len(proof["contradictions"]) == 1 and "gelu (tanh)" in proof["contradictions"][0]


@pytest.mark.parametrize("options", [("--ids", "ids.txt", "--long"), ("--vocab", "vocab.txt"), ("--text", ""),
                                     ("--atol", "nan"), ("--text", "a", "--long")])
def test_options_that_would_be_ignored_are_refused(options, pair, tmp_path):
    (tmp_path / "ids.txt").write_text("1 2\n")
    transload("prove", *pair, *options, cwd=tmp_path, expect=2)


def test_a_dropped_adapter_in_a_layer_of_its_own_is_no_layer(tmp_path):
    def with_adapter(state):
        return {**state, "bert.encoder.layer.7.adapter.weight": torch.ones(4, 4)}

    source = support.write_model(support.make_model("BertForPreTraining"), tmp_path / "source", change=with_adapter)
    transload("convert", source, tmp_path / "out", "--drop", "**adapter**", "--proof", "run")


def test_nan_in_the_weights_is_named(pair, tmp_path):
    def change(state):
        state = {name: value.clone() for name, value in state.items()}
        state[LAYER.format(1) + "output.dense.weight"][2, 3] = float("nan")
        return state

    wrong = support.write_model(support.make_model("BertForPreTraining"), tmp_path / "nan", change=change)
    error = transload("prove", wrong, wrong, expect=2).err
    assert "bert.encoder.layer.1.output.dense.weight" in error and "nan at [2, 3]" in error
    error = transload("prove", wrong, wrong, "--allow-nonfinite", expect=1).err
    assert "NaN or infinity from layer 1 on" in error
