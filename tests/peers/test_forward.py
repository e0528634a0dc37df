"""The native forward graphs against the real frameworks, computed in the test: transformers in float64 to 1e-10, and
Google's modeling.py and GluonNLP, which compute in float32, to 1e-5; each relative to the stage's largest value where
that is above 1."""
import json
import sys
from pathlib import Path

import numpy
import pytest

import support

DUMP = support.TRANSLOAD.with_name("dump_stages")
IDS = [[5, 9, 1, 30, 36, 2, 7, 0, 11, 21, 3], [8, 6, 35, 4, 22, 13, 17, 1, 1, 1, 1]]
VALID = [11, 7]
TYPES = [[0] * 6 + [1] * 5, [0] * 3 + [1] * 4 + [0] * 4]
MASKED = [[1, 4, 10], [0, 3, 6]]
LENGTH = 11
ROWS = [s * LENGTH + p for s in range(2) for p in MASKED[s]]


def native(tmp_path, weights, family, dialect, config, types=True, masked=ROWS, prefix="", ids=IDS, valid=VALID):
    """Stage name -> values."""
    out = tmp_path / "stages"
    out.mkdir(exist_ok=True)
    config_file = tmp_path / "own_config.json"
    config_file.write_text(json.dumps(config))
    request = dict(weights=str(weights), family=family, dialect=dialect, prefix=prefix, config=str(config_file),
                   sequences=len(ids), length=len(ids[0]), ids=sum(ids, []), types=sum(TYPES, []) if types else [],
                   valid=valid, masked=masked, out=str(out), threads=1)
    file = tmp_path / "request.json"
    file.write_text(json.dumps(request))
    done = support.run(DUMP, file)
    assert done.code == 0, done
    return {name: numpy.load(out / f"{name}.npy") for name in done.out.split("\n") if name}


def valid_rows(values):
    """The rows of tokens that are not padding, of [sequences, length, width]."""
    return numpy.concatenate([numpy.asarray(values)[s, :VALID[s]] for s in range(2)])


def agrees(mine, theirs, tolerance, stage):
    theirs = numpy.asarray(theirs, dtype=numpy.float64)
    if theirs.ndim == 3 and mine.shape[0] == 2 * LENGTH:
        mine, theirs = valid_rows(mine.reshape(2, LENGTH, -1)), valid_rows(theirs)
    theirs = theirs.reshape(mine.shape)
    scale = max(1.0, numpy.abs(theirs).max())
    assert numpy.abs(mine - theirs).max() <= tolerance * scale, (stage, numpy.abs(mine - theirs).max(), scale)


# ---- transformers ----------------------------------------------------------------------------------------------------

def hf_model(kind, **config):
    """A model in float64 with random values in every parameter."""
    import torch
    import transformers
    sizes = dict(vocab_size=37, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=24,
                 max_position_embeddings=20)
    family = transformers.RobertaConfig if kind.startswith("Roberta") else transformers.BertConfig
    model = getattr(transformers, kind)(family(**{**sizes, **config})).double()
    generator = torch.Generator().manual_seed(len(kind))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * 0.5)
    return model.eval()


def hf_outputs(model, types, choices=False):
    import torch
    mask = torch.tensor([[1] * v + [0] * (LENGTH - v) for v in VALID])
    ids, token_types = torch.tensor(IDS), torch.tensor(TYPES if types else numpy.zeros_like(TYPES))
    inputs = dict(input_ids=ids, attention_mask=mask, token_type_ids=token_types)
    if choices:
        inputs = {k: v[None] for k, v in inputs.items()}
    with torch.no_grad():
        return model(**inputs, output_hidden_states=True)


def compare_hf(tmp_path, model, family, types=True, change=None, tolerance=1e-10, config=None):
    kind = type(model).__name__
    found = hf_outputs(model, types, choices="MultipleChoice" in kind)
    folder = support.write_model(model, tmp_path / "model", safetensors=change is None, change=change)
    config = config or json.loads((folder / "config.json").read_text())
    mine = native(tmp_path, folder, family, "hf", config, types=types)
    expected = {"embeddings": found.hidden_states[0]}
    expected.update({f"layer {i}": h for i, h in enumerate(found.hidden_states[1:])})
    mlm = found.get("prediction_logits", found.get("logits") if "MaskedLM" in kind else None)
    if mlm is not None:
        expected["mlm"] = mlm.reshape(-1, mlm.shape[-1])[ROWS]
    if found.get("pooler_output") is not None:
        expected["pooled"] = found.pooler_output
    if "NextSentence" in kind or "PreTraining" in kind:
        expected["nsp"] = found.get("seq_relationship_logits", found.get("logits"))
    if "SequenceClassification" in kind or "MultipleChoice" in kind:
        expected["classifier"] = found.logits
    if "TokenClassification" in kind:
        expected["token classifier"] = found.logits
    if "QuestionAnswering" in kind:
        import torch
        expected["span"] = torch.stack([found.start_logits, found.end_logits], dim=-1)
    assert set(expected) <= set(mine), (set(expected), set(mine))
    assert set(mine) - set(expected) <= {"pooled"}, "a head that the model does not have"
    for stage, values in expected.items():
        agrees(mine[stage], values, tolerance, stage)
    return mine


@pytest.mark.parametrize("kind", support.HEADS)
def test_bert_of_transformers(tmp_path, kind):
    compare_hf(tmp_path, hf_model(kind), "bert")


@pytest.mark.parametrize("act", ["gelu", "gelu_new", "gelu_python", "gelu_fast", "gelu_pytorch_tanh", "relu", "tanh",
                                 "linear", "silu", "swish"])
def test_activations_of_transformers(tmp_path, act):
    compare_hf(tmp_path, hf_model("BertForMaskedLM", hidden_act=act, layer_norm_eps=1e-3), "bert")


def test_the_default_token_types_are_zeros(tmp_path):
    compare_hf(tmp_path, hf_model("BertForPreTraining", type_vocab_size=1), "bort", types=False)


@pytest.mark.parametrize("kind", ["BertForMaskedLM", "RobertaForMaskedLM"])
def test_an_output_matrix_of_its_own(tmp_path, kind):
    compare_hf(tmp_path, hf_model(kind, tie_word_embeddings=False, **({} if kind[0] == "B" else dict(type_vocab_size=2))),
               "bert" if kind[0] == "B" else "roberta")


def test_names_from_before_2019(tmp_path):
    def old(state):
        return {k.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): v
                for k, v in state.items()}
    compare_hf(tmp_path, hf_model("BertForPreTraining"), "bert", change=old)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_stored_in_fewer_bits(tmp_path, dtype):
    """Computed in double precision from whatever is stored."""
    import torch
    model = hf_model("BertForPreTraining").to(getattr(torch, dtype))
    folder = support.write_model(model, tmp_path / "stored", safetensors=True)
    config = json.loads((folder / "config.json").read_text())
    mine = native(tmp_path, folder, "bert", "hf", config)
    found = hf_outputs(model.double(), True)
    agrees(mine["layer 1"], found.hidden_states[-1], 1e-10, "layer 1")
    agrees(mine["nsp"], found.seq_relationship_logits, 1e-10, "nsp")


def test_a_width_that_fills_no_block(tmp_path):
    compare_hf(tmp_path, hf_model("BertModel", hidden_size=21, num_attention_heads=3, intermediate_size=301), "bert")


@pytest.mark.parametrize("kind", ["RobertaModel", "RobertaForMaskedLM", "RobertaForSequenceClassification",
                                  "RobertaForMultipleChoice", "RobertaForTokenClassification",
                                  "RobertaForQuestionAnswering"])
@pytest.mark.parametrize("pad", [1, 3])
def test_roberta_of_transformers(tmp_path, kind, pad):
    """Also with padding's id in the middle of the text: it takes no position of its own."""
    compare_hf(tmp_path, hf_model(kind, type_vocab_size=2, pad_token_id=pad, hidden_act="relu", layer_norm_eps=1e-5),
               "roberta")


def test_tiny(tmp_path):
    """The fixture of the original script, in every type in which it is stored."""
    import torch
    import transformers
    config = json.loads((support.TINY / "config.json").read_text())
    for file in ("model.safetensors", "model_fp16.safetensors", "model_bf16.safetensors", "pytorch_model.bin"):
        from safetensors.torch import load_file
        path = support.TINY / file
        state = torch.load(path, weights_only=True) if file.endswith(".bin") else load_file(path)
        model = transformers.BertModel(transformers.BertConfig(**config)).double().eval()
        model.load_state_dict(state)
        found = hf_outputs(model, True)
        mine = native(tmp_path, path, "bert", "hf", config)
        agrees(mine["layer 1"], found.last_hidden_state, 1e-10, file)
        agrees(mine["pooled"], found.pooler_output, 1e-10, file)


def test_minilm(tmp_path, minilm):
    """The real model, stored in float32, in double precision."""
    import transformers
    model = transformers.BertModel.from_pretrained(minilm).double().eval()
    found = hf_outputs(model, True)
    mine = native(tmp_path, minilm, "bert", "hf", json.loads((minilm / "config.json").read_text()))
    for i, values in enumerate(found.hidden_states):
        stage = f"layer {i - 1}" if i else "embeddings"
        agrees(mine[stage], values, 1e-10, stage)
    agrees(mine["pooled"], found.pooler_output, 1e-10, "pooled")


def refused(tmp_path, model, family, config, text):
    folder = support.write_model(model, tmp_path / "model", safetensors=True)
    full = {**json.loads((folder / "config.json").read_text()), **config}
    with pytest.raises(AssertionError, match=text):
        native(tmp_path, folder, family, "hf", {k: v for k, v in full.items() if v is not None})


@pytest.mark.parametrize("config, text", [
    (dict(num_attention_heads=None), "num_attention_heads"),
    (dict(num_attention_heads=3), "divide"),
    (dict(hidden_size=32), "hidden_size"),
    (dict(num_hidden_layers=3), "num_hidden_layers"),
    (dict(position_embedding_type="relative_key"), "relative_key"),
    (dict(is_decoder=True), "decoder"),
    (dict(model_type="roberta"), "model_type"),
    (dict(hidden_act="mish"), "mish"),
])
def test_configurations_that_are_refused(tmp_path, config, text):
    refused(tmp_path, hf_model("BertModel"), "bert", config, text)


# ---- Google's code ---------------------------------------------------------------------------------------------------

GOOGLE = dict(vocab_size=37, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=24,
              max_position_embeddings=20, type_vocab_size=2)


def foreign(script, tmp_path, request):
    file = tmp_path / "foreign.json"
    file.write_text(json.dumps(request))
    done = support.run(sys.executable, Path(__file__).with_name(script), file, tmp_path)
    assert done.code == 0, done
    return dict(numpy.load(tmp_path / "outputs.npz"))


def log_softmax(x):
    x = x - x.max(axis=-1, keepdims=True)
    return x - numpy.log(numpy.exp(x).sum(axis=-1, keepdims=True))


def compare_google(tmp_path, kind, config, ids=IDS, checkpoint=None, **request):
    mask = [[1] * v + [0] * (LENGTH - v) for v in VALID]
    if checkpoint:
        request["restore"] = str(checkpoint)
    theirs = foreign("run_google.py", tmp_path, dict(config=config, kind=kind, ids=ids, mask=mask, types=TYPES,
                                                     positions=MASKED, labels=3, **request))
    mine = native(tmp_path, checkpoint or tmp_path / "model.ckpt", "bert", "tf1", config, ids=ids)
    for name in ("mlm", "nsp"):
        if name in mine:
            mine[name + "_log"] = log_softmax(mine.pop(name))
    assert set(mine) - {"token classifier"} == set(theirs)  # the classifier once more, read token by token
    for stage, values in theirs.items():
        agrees(mine[stage], values, 1e-5, stage)


@pytest.mark.parametrize("kind, act", [("pretraining", "gelu"), ("pretraining", "relu"), ("pretraining", "linear"),
                                       ("pretraining", "Tanh"), ("classifier", "gelu"), ("squad", "gelu")])
def test_google(tmp_path, kind, act):
    compare_google(tmp_path, kind, {**GOOGLE, "hidden_act": act}, seed=7)


@pytest.mark.parametrize("case, file, kind", [("google_pretraining", "model.ckpt", "pretraining"),
                                              ("google_pretraining_adam", "model.ckpt-1234", "pretraining"),
                                              ("google_classifier", "model.ckpt", "classifier")])
def test_google_fixtures(tmp_path, case, file, kind):
    folder = support.GOLDEN / "tensorflow" / case
    config = json.loads((folder / "bert_config.json").read_text())
    ids = [[i % config["vocab_size"] for i in row] for row in IDS]
    compare_google(tmp_path, kind, config, ids, folder / file)


def test_minilm_in_googles_code(tmp_path, minilm):
    support.transload("convert", minilm, tmp_path / "tf/model.ckpt", "--to", "tf1")
    config = json.loads((minilm / "config.json").read_text())
    keys = [*GOOGLE, "hidden_act"]
    compare_google(tmp_path, "model", {k: config[k] for k in keys}, checkpoint=tmp_path / "tf/model.ckpt")


# ---- GluonNLP --------------------------------------------------------------------------------------------------------

GLUON = dict(num_layers=2, units=16, hidden_size=24, max_length=20, num_heads=4, vocab_size=37)


@pytest.mark.parametrize("naming", ["model", "flat"])
@pytest.mark.parametrize("kind, extra", [("bert", dict(token_type_vocab_size=2)),
                                         ("bert", dict(token_type_vocab_size=2, activation="relu", layer_norm_eps=1e-3)),
                                         ("bort", dict(layer_norm_eps=1e-5, token_type_vocab_size=2)),
                                         ("roberta", dict(layer_norm_eps=1e-5))])
def test_gluon(tmp_path, kind, extra, naming):
    config = {**GLUON, **extra}
    theirs = foreign("run_gluon.py", tmp_path, dict(kind=kind, config=config, ids=IDS, types=TYPES, valid=VALID,
                                                    positions=MASKED, seed=3))
    mine = native(tmp_path, tmp_path / f"{naming}.params", kind, "gluon", config, types=kind == "bert")
    assert set(mine) == set(theirs) | {"embeddings"}
    for stage, values in theirs.items():
        agrees(mine[stage], values, 1e-5, stage)


@pytest.mark.parametrize("kind, inside", [("bert classifier", "bert."), ("roberta classifier", "roberta."),
                                          ("bert for qa", "bert."), ("bert tagger", "bert_model.")])
def test_gluon_within_a_classifier(tmp_path, kind, inside):
    """The head stands beside the model, outside its prefix."""
    family = kind.split()[0]
    config = {**GLUON, **(dict(token_type_vocab_size=2) if family == "bert" else dict(layer_norm_eps=1e-5))}
    theirs = foreign("run_gluon.py", tmp_path, dict(kind=kind, config=config, ids=IDS, types=TYPES, valid=VALID,
                                                    positions=MASKED, seed=5))
    mine = native(tmp_path, tmp_path / "model.params", family, "gluon", config, types=family == "bert", prefix=inside)
    assert set(mine) == set(theirs) | {"embeddings"}
    for stage, values in theirs.items():
        agrees(mine[stage], values, 1e-5, stage)
