"""GluonNLP's BERT, Bort and RoBERTa to Hugging Face and back, with the real mxnet 1.5.0, gluonnlp 0.8.3 and transformers."""
import hashlib
import json
import shutil

import gluonnlp  # noqa: F401
import mxnet as mx
import numpy as np
import pytest
import torch
import transformers
from gluonnlp.model.bert import BERTEncoder, BERTModel, RoBERTaModel
from safetensors.torch import load_file

from gluon_models import SIZES, VOCABULARY, hidden
from support import GOLDEN, bytes_of, transload

FIXTURES = GOLDEN / "mxnet"
BORT = {**SIZES, "hidden_size": 24, "layer_norm_eps": 1e-5, "token_type_vocab_size": 2}
BERT = {**SIZES, "hidden_size": 48, "layer_norm_eps": None, "token_type_vocab_size": 2}
ROBERTA = {**SIZES, "hidden_size": 48, "layer_norm_eps": 1e-5}
CASES = {"bort_tiny_fp32": BORT, "bort_tiny_fp16": BORT, "bort_tiny_decoder": BORT, "bort_tiny_export": BORT,
         "bort_tiny_flatnames": BORT, "bort_tiny_decoder_dedup_mx191": BORT, "bert_tiny": BERT,
         "roberta_tiny": ROBERTA}


def params_of(case):
    (path,) = (FIXTURES / case).glob("*.params")
    return path


@pytest.fixture(params=CASES)
def case(request):
    return request.param


@pytest.fixture
def folder(case, tmp_path):
    config = tmp_path / "config_of_gluon.json"
    config.write_text(json.dumps(CASES[case]))
    transload("convert", params_of(case), tmp_path / "hf", "--config", config)
    return tmp_path / "hf"


def stored(case, name):
    path = FIXTURES / case / f"{name}.npy"
    return np.load(path) if path.exists() else None


def test_values_are_those_that_the_fixtures_have(case, folder):
    path = FIXTURES / case / "hf_expected_tensors.json"
    if not path.exists():  # the same model as another file
        case = "bort_tiny_decoder" if "decoder" in case else "bort_tiny_fp32"
        path = FIXTURES / case / "hf_expected_tensors.json"
    expected = json.loads(path.read_text())
    tensors = load_file(folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    root = "" if config["architectures"][0] in ("BertModel", "RobertaModel") else None
    found = 0
    for name, tensor in tensors.items():
        known = name if root is None else f"bert.{name}"
        want = expected[known]
        assert list(tensor.shape) == want["shape"], name
        key = "sha256_f16" if tensor.dtype == torch.float16 else "sha256_f32"
        assert hashlib.sha256(bytes_of(tensor)).hexdigest() == want[key], name
        found += 1
    missing = set(expected) - {n if root is None else f"bert.{n}" for n in tensors}
    assert missing <= {"cls.predictions.decoder.weight", "lm_head.decoder.weight"}


def test_every_class_loads_it_and_computes_what_gluon_computed(case, folder):
    config = json.loads((folder / "config.json").read_text())
    if case == "roberta_tiny":
        bare, masked = transformers.RobertaModel, transformers.RobertaForMaskedLM
    else:
        bare, masked = transformers.BertModel, transformers.BertForMaskedLM
    has_decoder = case in ("bert_tiny", "roberta_tiny") or "decoder" in case
    assert (config["architectures"] == [bare.__name__]) == (not has_decoder)
    more = {} if case == "bert_tiny" else {"add_pooling_layer": False}
    model, report = bare.from_pretrained(folder, output_loading_info=True, torch_dtype="auto", **more)
    assert not report["missing_keys"] and not report["mismatched_keys"]
    auto = transformers.AutoModel.from_pretrained(folder, torch_dtype="auto")
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, auto.state_dict()[name]), name
    ids, lengths, types = (stored(case, n) for n in ("ids", "valid_length", "token_types"))
    if ids is not None:
        if (want := stored(case, "out_nomask")) is not None:
            assert np.abs(hidden(model, ids).last_hidden_state.numpy() - want).max() < 1e-5
        if (want := stored(case, "out_seq")) is not None:
            got = hidden(model, ids, lengths, types).last_hidden_state.numpy()
            for row, length in enumerate(lengths.astype(int)):
                assert np.abs(got[row, :length] - want[row, :length]).max() < 1e-5
    if has_decoder:
        head, report = masked.from_pretrained(folder, output_loading_info=True, torch_dtype="auto")
        assert not report["missing_keys"] and not report["mismatched_keys"]
        word = head.get_input_embeddings().weight
        assert torch.equal(head.get_output_embeddings().weight, word)
        assert torch.equal(word, model.get_input_embeddings().weight)
        if (want := stored(case, "out_mlm")) is not None:
            norm = head.lm_head.layer_norm if case == "roberta_tiny" else head.cls.predictions.transform.LayerNorm
            norm.eps = 1e-12  # GluonNLP's, whatever the encoder has
            got = hidden(head, ids, lengths, types).logits.numpy()
            places = stored(case, "masked_positions").astype(int)
            for row in range(len(places)):
                assert np.abs(got[row, places[row]] - want[row]).max() < 1e-5


def gluon_model(case, config):
    decoder = case in ("bert_tiny", "roberta_tiny") or "decoder" in case
    encoder = BERTEncoder(num_layers=2, units=32, hidden_size=config["hidden_size"], max_length=16, num_heads=4,
                          dropout=0.1, layer_norm_eps=config["layer_norm_eps"])
    common = dict(vocab_size=VOCABULARY, units=32, embed_size=32, embed_dropout=0.1, use_decoder=decoder)
    if case == "roberta_tiny":
        return RoBERTaModel(encoder, **common)
    full = case == "bert_tiny"
    return BERTModel(encoder, token_type_vocab_size=2, use_pooler=full, use_classifier=full, use_token_type_embed=full,
                     **common)


def test_the_way_back_is_a_file_of_gluonnlp(case, folder, tmp_path):
    transload("convert", folder, tmp_path / "back.params", "--to", "gluon")
    config = json.loads((tmp_path / "back.json").read_text())
    model = gluon_model(case, config)
    model.load_parameters(str(tmp_path / "back.params"), cast_dtype=True)
    if not case.endswith("fp16"):
        model.save_parameters(str(tmp_path / "saved.params"))
        assert (tmp_path / "saved.params").read_bytes() == (tmp_path / "back.params").read_bytes()
    names = list(mx.nd.load(str(params_of(case))))
    if "." in names[0] and "dedup" not in case:
        assert (tmp_path / "back.params").read_bytes() == params_of(case).read_bytes()
    ids, lengths = stored(case, "ids"), stored(case, "valid_length")
    if ids is not None and case in ("bort_tiny_fp32", "bort_tiny_fp16", "bort_tiny_export"):
        got = model(mx.nd.array(ids), [])
        assert np.abs(got.asnumpy() - stored(case, "out_nomask")).max() < 1e-5
    # And again to Hugging Face, by the configuration that was written: the same bytes.
    transload("convert", tmp_path / "back.params", tmp_path / "again")
    for name in ("model.safetensors", "config.json"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


def test_flat_names_of_every_part_are_read(tmp_path):
    """BERT with all its heads by its global names; the decoder's bias goes by the name of the embedding there."""
    model = gluon_model("bert_tiny", BERT)
    model.load_parameters(str(params_of("bert_tiny")))
    model.collect_params().save(str(tmp_path / "flat.params"))
    (tmp_path / "flat.json").write_text(json.dumps(BERT))
    (tmp_path / "dotted.json").write_text(json.dumps(BERT))
    names = list(mx.nd.load(str(tmp_path / "flat.params")))
    assert any(name.endswith("word_embed_embedding0_bias") for name in names)
    transload("convert", tmp_path / "flat.params", tmp_path / "flat")
    transload("convert", params_of("bert_tiny"), tmp_path / "dotted", "--config", tmp_path / "dotted.json")
    assert (tmp_path / "flat/model.safetensors").read_bytes() == (tmp_path / "dotted/model.safetensors").read_bytes()


# ---- from Hugging Face ----------------------------------------------------------------------------------------------


def write_roberta(folder, kind="RobertaForMaskedLM", types=0.0, **config):
    torch.manual_seed(3)
    sizes = dict(vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                 intermediate_size=48, max_position_embeddings=18, type_vocab_size=1, layer_norm_eps=1e-5,
                 pad_token_id=1, bos_token_id=0, eos_token_id=2)
    model = getattr(transformers, kind)(transformers.RobertaConfig(**{**sizes, **config})).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape) * 0.3)
        body = getattr(model, "roberta", model)
        body.embeddings.token_type_embeddings.weight.fill_(types)
    model.save_pretrained(folder)
    return model


def test_a_roberta_of_transformers_computes_the_same_in_gluonnlp(tmp_path):
    source = write_roberta(tmp_path / "hf")
    transload("convert", tmp_path / "hf", tmp_path / "m.params", "--to", "gluon")
    model = gluon_model("roberta_tiny", ROBERTA)
    model.load_parameters(str(tmp_path / "m.params"))
    model.save_parameters(str(tmp_path / "saved.params"))
    assert (tmp_path / "saved.params").read_bytes() == (tmp_path / "m.params").read_bytes()
    ids = np.random.default_rng(2).integers(3, VOCABULARY, size=(2, 11))
    places = np.array([[0, 4, 10]] * 2)
    got_hidden, got = model(mx.nd.array(ids), mx.nd.array([11, 11]), mx.nd.array(places))
    source.lm_head.layer_norm.eps = 1e-12
    with torch.no_grad():
        want_hidden = source.roberta(torch.tensor(ids)).last_hidden_state.numpy()
        want = source(torch.tensor(ids)).logits.numpy()
    assert np.abs(got_hidden.asnumpy() - want_hidden).max() < 1e-5
    assert np.abs(got.asnumpy() - want[:, [0, 4, 10]]).max() < 1e-4


def test_token_types_that_are_no_zeros_are_refused(tmp_path):
    write_roberta(tmp_path / "hf", types=0.25)
    result = transload("convert", tmp_path / "hf", tmp_path / "out/m.params", "--to", "gluon", expect=2)
    assert "token_type_embeddings.weight" in result.err and "must be zeros and holds 0.25 at [0, 0]" in result.err
    assert "set them to zeros in the source" in result.err
    assert not (tmp_path / "out/m.params").exists()


def test_a_roberta_pooler_has_no_place_and_goes_when_told(tmp_path):
    write_roberta(tmp_path / "hf", kind="RobertaModel")
    result = transload("convert", tmp_path / "hf", tmp_path / "m.params", "--to", "gluon", expect=2)
    assert "'pooler' has no place in gluon" in result.err
    transload("convert", tmp_path / "hf", tmp_path / "m.params", "--to", "gluon", "--drop", "pooler.*")
    model = RoBERTaModel(BERTEncoder(num_layers=2, units=32, hidden_size=48, max_length=16, num_heads=4, dropout=0.1,
                                     layer_norm_eps=1e-5), vocab_size=VOCABULARY, units=32, embed_size=32,
                         embed_dropout=0.1, use_decoder=False)
    model.load_parameters(str(tmp_path / "m.params"))


@pytest.mark.parametrize("kind", ["RobertaModel", "RobertaForMaskedLM", "RobertaForSequenceClassification",
                                  "RobertaForTokenClassification", "RobertaForMultipleChoice",
                                  "RobertaForQuestionAnswering"])
def test_robertas_of_transformers_stay_what_they_are(kind, tmp_path):
    """hf to hf: the rows before position 0 and the token types are not zeros, and stay."""
    model = write_roberta(tmp_path / "hf", kind=kind, types=0.5)
    transload("convert", tmp_path / "hf", tmp_path / "again")
    loaded = type(model).from_pretrained(tmp_path / "again")
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name]), name


# ---- what is asked for, and what stays what it is ---------------------------------------------------------------------


def test_without_a_configuration_it_asks(tmp_path):
    source = params_of("bort_tiny_fp32")
    result = transload("convert", source, tmp_path / "hf", expect=2)
    assert "the names of a bort or roberta" in result.err and "--family" in result.err
    result = transload("convert", source, tmp_path / "hf", "--family", "bort", expect=2)
    assert '"num_attention_heads" ("num_heads" for GluonNLP)' in result.err and "--config" in result.err
    result = transload("convert", params_of("bort_tiny_unnamed"), tmp_path / "hf", expect=2)
    assert "a list of arrays without names" in result.err
    assert not (tmp_path / "hf").exists()


@pytest.mark.parametrize("case", ["bort_tiny_fp32", "bort_tiny_flatnames", "bort_tiny_unnamed"])
def test_a_bare_file_without_to_keeps_names_that_no_family_claims(case, tmp_path):
    transload("convert", params_of(case), tmp_path / "copy.params")
    want, got = mx.nd.load(str(params_of(case))), mx.nd.load(str(tmp_path / "copy.params"))
    if isinstance(want, dict):
        assert list(got) == list(want)
    assert len(got) == len(want)


def test_bert_goes_to_google_and_comes_back(tmp_path):
    (tmp_path / "bert.json").write_text(json.dumps(BERT))
    transload("convert", params_of("bert_tiny"), tmp_path / "m.ckpt", "--to", "tf1", "--config", tmp_path / "bert.json")
    transload("convert", tmp_path / "m.ckpt", tmp_path / "again", "--to", "gluon")
    assert (tmp_path / "again/model.params").read_bytes() == params_of("bert_tiny").read_bytes()
    assert json.loads((tmp_path / "again/model.json").read_text())["token_type_vocab_size"] == 2


def test_a_config_lies_beside_params_that_mxnet_2_wrote_as_npz(tmp_path):
    source = mx.nd.load(str(params_of("bort_tiny_fp32")))
    with open(tmp_path / "bort.params", "wb") as file:
        np.savez(file, **{name: array.asnumpy() for name, array in source.items()})
    (tmp_path / "bort.json").write_text(json.dumps(BORT))
    for number, more in enumerate(([], ["--from", "gluon"])):
        transload("convert", tmp_path / "bort.params", tmp_path / f"hf{number}", *more)
        assert json.loads((tmp_path / f"hf{number}/config.json").read_text())["num_attention_heads"] == 4


def test_safetensors_with_gluon_names_are_read_from_gluon(tmp_path):
    config = tmp_path / "F.json"
    config.write_text(json.dumps(BERT))
    transload("convert", params_of("bert_tiny"), tmp_path / "out", "--to", "gluon", "--format", "safetensors",
              "--config", config)
    assert (tmp_path / "out/model.json").exists()
    transload("convert", tmp_path / "out/model.safetensors", tmp_path / "hf", "--from", "gluon")
    assert json.loads((tmp_path / "hf/config.json").read_text())["architectures"] == ["BertForPreTraining"]


def with_config(tmp_path, case, name="a"):
    shutil.copy(params_of(case), tmp_path / f"{name}.params")
    (tmp_path / f"{name}.json").write_text(json.dumps(CASES[case]))
    return tmp_path / f"{name}.params"


def test_a_vocabulary_is_named_after_the_weights_that_it_goes_with(tmp_path):
    source = with_config(tmp_path, "bert_tiny")
    (tmp_path / "a.vocab").write_text(json.dumps({"idx_to_token": [f"t{i}" for i in range(VOCABULARY)]}))
    transload("convert", source, tmp_path / "out/b.params", "--to", "gluon")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["b.json", "b.params", "b.vocab"]


@pytest.mark.parametrize("name, text", [
    ("vocab.txt", lambda n: "".join(f"t{i}\n" for i in range(n))),
    ("vocab.json", lambda n: json.dumps({f"t{i}": i for i in range(n)})),
    ("a.vocab", lambda n: json.dumps({"idx_to_token": [f"t{i}" for i in range(n)]}))])
def test_a_vocabulary_that_is_larger_than_the_embedding_is_refused(name, text, tmp_path):
    source = with_config(tmp_path, "bert_tiny")
    (tmp_path / name).write_text(text(VOCABULARY + 1))
    result = transload("convert", source, tmp_path / "hf", expect=2)
    assert f"has {VOCABULARY + 1} entries" in result.err and f"has {VOCABULARY} rows" in result.err
    assert name in result.err and "--no-sidecars" in result.err
    assert not (tmp_path / "hf").exists()
    transload("convert", source, tmp_path / "bare", "--no-sidecars")
    for count, noted in ((VOCABULARY, False), (VOCABULARY - 1, True)):
        (tmp_path / name).write_text(text(count))
        out = transload("convert", source, tmp_path / f"hf{count}").out
        assert (f"has {VOCABULARY - 1} entries, fewer than" in out) == noted


def test_a_roberta_whose_padding_is_another_token_is_not_shifted(tmp_path):
    write_roberta(tmp_path / "hf", pad_token_id=3)
    result = transload("convert", tmp_path / "hf", tmp_path / "m.params", "--to", "gluon", expect=2)
    assert '"pad_token_id" is 3' in result.err
    assert not (tmp_path / "m.params").exists()


def test_an_untied_decoder_does_not_become_a_tied_one(tmp_path):
    write_roberta(tmp_path / "hf", tie_word_embeddings=False)
    result = transload("convert", tmp_path / "hf", tmp_path / "m.params", "--to", "gluon", expect=2)
    assert "lm_head.decoder.weight" in result.err and "differs from" in result.err
    assert not (tmp_path / "m.params").exists()
    result = transload("convert", tmp_path / "hf", tmp_path / "m.params", "--to", "gluon", "--drop",
                       "lm_head.decoder.weight", expect=2)
    assert '"tie_word_embeddings" is false' in result.err


def test_a_causal_decoder_does_not_become_a_bidirectional_model(tmp_path):
    write_roberta(tmp_path / "hf", kind="RobertaForCausalLM", is_decoder=True)
    result = transload("convert", tmp_path / "hf", tmp_path / "m.params", "--to", "gluon", expect=2)
    assert '"is_decoder" is true' in result.err


def test_a_refusal_says_what_to_do(tmp_path):
    write_roberta(tmp_path / "hf", hidden_act="gelu_new", kind="RobertaModel")
    result = transload("convert", tmp_path / "hf", tmp_path / "m.params", "--to", "gluon", expect=2)
    assert str(tmp_path / "hf") in result.err and "--drop" in result.err
    result = transload("convert", tmp_path / "hf", tmp_path / "m.params", "--to", "gluon", "--drop", "pooler.*",
                       expect=2)
    assert 'no "activation" "gelu_new"' in result.err and "gelu, relu, sigmoid, tanh" in result.err
    assert "--config" in result.err
    config = tmp_path / "loud.json"
    config.write_text(json.dumps({**BORT, "activation": "GELU"}))
    result = transload("convert", params_of("bort_tiny_fp32"), tmp_path / "x", "--config", config, expect=2)
    assert "must be one of gelu, relu, sigmoid, tanh" in result.err and "quick_gelu" not in result.err
    config.write_text(json.dumps(BORT))
    result = transload("convert", params_of("bort_tiny_fp32"), tmp_path / "x", "--config", config, "--drop",
                       "word_embed.0.weight", expect=2)
    assert "whole checkpoint" not in result.err and "--drop" in result.err
