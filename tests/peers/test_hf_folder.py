"""Hugging Face folders that Transload writes, as safetensors and as pytorch_model.bin, read by the real transformers."""
import json
import os
import stat

import pytest
import torch
import transformers

import support
from support import transload

HEADS = ["BertModel", "BertForPreTraining", "BertLMHeadModel", "BertForMaskedLM", "BertForNextSentencePrediction",
         "BertForSequenceClassification", "BertForTokenClassification", "BertForQuestionAnswering"]
WEIGHTS = {"safetensors": "model.safetensors", "torch": "pytorch_model.bin"}


def loaded(cls, folder, **options):
    return getattr(transformers, cls).from_pretrained(folder, output_loading_info=True, **options)


def same_values(a, b):
    a, b = a.state_dict(), b.state_dict()
    assert list(a) == list(b)
    for name in a:
        assert support.bytes_of(a[name]) == support.bytes_of(b[name]), name


@pytest.fixture(scope="module", params=HEADS)
def pair(request, tmp_path_factory):
    """A model of the class, and its folder as save_pretrained writes it (safetensors)."""
    folder = tmp_path_factory.mktemp("hf") / request.param
    model = support.make_model(request.param)
    model.save_pretrained(folder)
    return model, folder


@pytest.mark.parametrize("format", WEIGHTS)
def test_its_own_class_loads_all_of_it(tmp_path, pair, format):
    model, folder = pair
    transload("convert", folder, tmp_path / "out", "--to", "hf", "--format", format)
    again, info = loaded(type(model).__name__, tmp_path / "out")
    assert info["missing_keys"] == info["unexpected_keys"] == info["mismatched_keys"] == []
    same_values(again, model)


@pytest.mark.parametrize("format", WEIGHTS)
def test_the_weights_file_is_that_of_save_pretrained(tmp_path, pair, format):
    model, folder = pair
    transload("convert", folder, tmp_path / "out", "--to", "hf", "--format", format)
    model.save_pretrained(tmp_path / "wanted", safe_serialization=format == "safetensors")
    assert (tmp_path / "out" / WEIGHTS[format]).read_bytes() == (tmp_path / "wanted" / WEIGHTS[format]).read_bytes()


def test_a_plain_torch_load_gives_the_whole_state_dict(tmp_path, pair):
    model, folder = pair
    transload("convert", folder, tmp_path / "out", "--to", "hf", "--format", "torch")
    state = torch.load(tmp_path / "out/pytorch_model.bin", weights_only=True, mmap=True)
    again = type(model)(model.config)
    again.load_state_dict(state, strict=True)  # tied names are there too
    same_values(again, model)


def without_version(path):
    values = json.loads(path.read_text())
    values.pop("transformers_version", None)
    return json.dumps(values, indent=2, sort_keys=True) + "\n"


def test_the_files_are_those_of_save_pretrained(tmp_path, pair):
    model, folder = pair
    bare = tmp_path / "bare"  # the source without its generation_config.json: it is made anew
    bare.mkdir()
    for name in ("config.json", "model.safetensors"):
        (bare / name).write_bytes((folder / name).read_bytes())
    for source in (folder, bare):
        out = tmp_path / f"out of {source.name}"
        transload("convert", source, out, "--to", "hf")
        assert support.files_in(out) == support.files_in(folder)
        for name in support.files_in(folder):
            if name.endswith(".json"):
                assert (out / name).read_text() == without_version(folder / name), name


@pytest.mark.parametrize("changes", [
    dict(pad_token_id=None), dict(pad_token_id=3, bos_token_id=1, eos_token_id=[2, 4]), dict(use_cache=False),
    dict(num_beams=3, max_length=30, bad_words_ids=[[1, 2]], output_attentions=True),
    dict(decoder_start_token_id=5, forced_eos_token_id=6, no_repeat_ngram_size=2, repetition_penalty=1.5)], ids=str)
def test_generation_parameters_of_the_configuration(tmp_path, changes):
    model = support.make_model("BertForMaskedLM", **changes)
    model.save_pretrained(tmp_path / "in")
    wanted = without_version(tmp_path / "in/generation_config.json")
    (tmp_path / "in/generation_config.json").unlink()
    transload("convert", tmp_path / "in", tmp_path / "out", "--to", "hf")
    assert (tmp_path / "out/generation_config.json").read_text() == wanted


def test_the_token_id_that_the_class_presets(tmp_path):
    model = support.make_model("BertForMaskedLM")
    model.save_pretrained(tmp_path / "in")
    (tmp_path / "in/generation_config.json").unlink()
    config = json.loads((tmp_path / "in/config.json").read_text())
    del config["pad_token_id"]  # as in configurations of 2019
    (tmp_path / "in/config.json").write_text(json.dumps(config))
    transload("convert", tmp_path / "in", tmp_path / "out", "--to", "hf")
    again = transformers.BertForMaskedLM.from_pretrained(tmp_path / "in")
    again.save_pretrained(tmp_path / "wanted")
    assert (tmp_path / "out/generation_config.json").read_text() == \
        without_version(tmp_path / "wanted/generation_config.json")


def test_an_own_generation_config_is_carried_over(tmp_path):
    model = support.make_model("BertForMaskedLM")
    model.generation_config.max_new_tokens = 7
    model.save_pretrained(tmp_path / "in")
    transload("convert", tmp_path / "in", tmp_path / "out", "--to", "hf")
    assert (tmp_path / "out/generation_config.json").read_text() == \
        without_version(tmp_path / "in/generation_config.json")
    assert json.loads((tmp_path / "out/generation_config.json").read_text())["max_new_tokens"] == 7


def test_the_list_of_generating_classes_is_complete():
    classes = [getattr(transformers, name) for name in dir(transformers) if name.startswith(("Bert", "Roberta"))]
    models = [c for c in classes if isinstance(c, type) and issubclass(c, transformers.PreTrainedModel)
              and c.__module__.split(".")[2] in ("bert", "roberta")]
    assert len(models) > 15
    assert {c.__name__ for c in models if c.can_generate()} == \
        {"BertLMHeadModel", "BertForMaskedLM", "RobertaForCausalLM"}


@pytest.mark.parametrize("format", WEIGHTS)
def test_other_classes_load_what_they_have(tmp_path, format):
    model = support.make_model("BertForPreTraining")
    model.save_pretrained(tmp_path / "in")
    transload("convert", tmp_path / "in", tmp_path / "out", "--to", "hf", "--format", format)
    for cls in ("BertModel", "AutoModel"):
        body, info = loaded(cls, tmp_path / "out")
        assert info["missing_keys"] == [] and all(key.startswith("cls.") for key in info["unexpected_keys"])
        same_values(body, model.bert)
    for cls in ("BertForMaskedLM", "AutoModelForMaskedLM"):
        masked, info = loaded(cls, tmp_path / "out")
        assert info["missing_keys"] == []
        assert {key.split(".")[1] for key in info["unexpected_keys"]} == {"pooler", "seq_relationship"}
        same_values(masked.cls.predictions, model.cls.predictions)
        assert masked.cls.predictions.decoder.weight is masked.bert.embeddings.word_embeddings.weight
    whole, info = loaded("AutoModelForPreTraining", tmp_path / "out")
    assert type(whole) is type(model) and info["missing_keys"] == info["unexpected_keys"] == []
    same_values(whole, model)


@pytest.mark.parametrize("format", WEIGHTS)
@pytest.mark.parametrize("head", ["BertForMaskedLM", "BertForPreTraining"])
def test_untied_words_stay_untied(tmp_path, head, format):
    model = support.make_model(head, tie_word_embeddings=False)
    assert model.cls.predictions.decoder.weight is not model.bert.embeddings.word_embeddings.weight
    model.save_pretrained(tmp_path / "in")
    transload("convert", tmp_path / "in", tmp_path / "out", "--to", "hf", "--format", format)
    again, info = loaded(head, tmp_path / "out")
    assert info["missing_keys"] == info["unexpected_keys"] == []
    same_values(again, model)
    model.save_pretrained(tmp_path / "wanted", safe_serialization=format == "safetensors")
    assert (tmp_path / "out" / WEIGHTS[format]).read_bytes() == (tmp_path / "wanted" / WEIGHTS[format]).read_bytes()


def test_a_decoder_that_is_stored_apart(tmp_path):
    # As a file does that went through clone(), or through safetensors by hand: equal values, another storage.
    model = support.make_model("BertForMaskedLM")
    apart = lambda state: {name: tensor.clone() for name, tensor in state.items()}
    support.write_model(model, tmp_path / "in", change=apart)
    transload("convert", tmp_path / "in", tmp_path / "out", "--to", "hf", "--format", "torch")
    state = torch.load(tmp_path / "out/pytorch_model.bin", weights_only=True)
    assert state["cls.predictions.decoder.weight"].data_ptr() == \
        state["bert.embeddings.word_embeddings.weight"].data_ptr()
    model.save_pretrained(tmp_path / "wanted", safe_serialization=False)
    assert (tmp_path / "out/pytorch_model.bin").read_bytes() == (tmp_path / "wanted/pytorch_model.bin").read_bytes()

    def damaged(state):
        state = apart(state)
        state["cls.predictions.decoder.weight"][3, 4] += 1
        return state

    support.write_model(model, tmp_path / "damaged", change=damaged)
    result = transload("convert", tmp_path / "damaged", tmp_path / "no", "--to", "hf", "--format", "torch", expect=2)
    assert "differs from 'bert.embeddings.word_embeddings.weight', to which it is tied" in result.err
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize("dtype", ["f16", "bf16"])
@pytest.mark.parametrize("format", WEIGHTS)
def test_the_dtype_is_that_of_the_weights(tmp_path, pair, format, dtype):
    model, folder = pair
    transload("convert", folder, tmp_path / "out", "--to", "hf", "--format", format, "--dtype", dtype)
    wanted = {"f16": torch.float16, "bf16": torch.bfloat16}[dtype]
    again, info = loaded(type(model).__name__, tmp_path / "out", torch_dtype="auto")
    assert again.config.torch_dtype == again.dtype == wanted
    assert info["missing_keys"] == info["unexpected_keys"] == []
    state = again.state_dict()
    for name, tensor in model.state_dict().items():
        assert support.bytes_of(state[name]) == support.bytes_of(tensor.to(wanted)), name


def test_from_a_tensorflow_checkpoint(tmp_path):
    model = support.make_model("BertForPreTraining")
    model.save_pretrained(tmp_path / "in")
    transload("convert", tmp_path / "in", tmp_path / "tf/model.ckpt", "--to", "tf1")
    transload("convert", tmp_path / "tf/model.ckpt", tmp_path / "out", "--to", "hf", "--format", "torch")
    again, info = loaded("BertForPreTraining", tmp_path / "out")
    assert info["missing_keys"] == info["unexpected_keys"] == []
    same_values(again, model)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_modes_do_not_depend_on_the_umask(tmp_path, pair, umask):
    _, folder = pair
    transload("convert", folder, tmp_path / "out", "--to", "hf", preexec_fn=lambda: os.umask(umask))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "out").iterdir()}
    assert len(modes) >= 2 and set(modes.values()) == {0o644}, modes


def test_what_transformers_would_load_instead_is_said(tmp_path, pair):
    _, folder = pair
    transload("convert", folder, tmp_path / "out", "--to", "hf")
    result = transload("convert", folder, tmp_path / "out", "--to", "hf", "--format", "torch")
    assert "note: model.safetensors lies in the folder too: transformers loads it, and not pytorch_model.bin" in result.out


def test_the_new_configuration_is_not_given_to_other_weights(tmp_path, pair):
    _, folder = pair
    transload("convert", folder, tmp_path / "out", "--to", "hf")
    config = json.loads((folder / "config.json").read_text())
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps({**config, "hidden_dropout_prob": 0.33}))
    before = {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()}
    result = transload("convert", folder, tmp_path / "out", "--to", "hf", "--format", "torch", "--config", changed,
                       "--force", expect=2)
    assert "transformers would load it with the configuration of pytorch_model.bin" in result.err
    assert {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()} == before


def with_values(tmp_path, name, **values):
    """A BERT with values planted into the tensor `name`, at the places that the keywords "i_j" say."""
    model = support.make_model("BertForMaskedLM")
    tensor = model.state_dict()[name]
    for place, value in values.items():
        tensor[tuple(int(part) for part in place.strip("_").split("_"))] = value
    model.save_pretrained(tmp_path / "in")
    return model


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")], ids=str)
@pytest.mark.parametrize("to", [("tf1",), ("hf",), ("hf", "--format", "torch"), ("hf", "--dtype", "f16")], ids=" ".join)
def test_a_value_that_is_not_finite_is_named(tmp_path, value, to):
    with_values(tmp_path, "bert.encoder.layer.1.output.dense.weight", _3_17=value, _5_0=float("nan"))
    command = ("convert", tmp_path / "in", tmp_path / "out/model.ckpt" if to == ("tf1",) else tmp_path / "out", "--to", *to)
    result = transload(*command, expect=2)
    assert result.err.strip().splitlines()[-1] == (
        f"transload: error: {tmp_path}/in/model.safetensors, tensor 'bert.encoder.layer.1.output.dense.weight': "
        f"holds {value} at [3, 17]; nothing was written; the weights are damaged, or their training diverged; --allow-nonfinite carries "
        "them over")
    assert not (tmp_path / "out").exists()
    transload(*command, "--allow-nonfinite")


def test_a_change_of_format_keeps_what_is_not_finite(tmp_path):
    state = {"a": torch.tensor([1.0, float("nan"), float("inf")])}
    torch.save(state, tmp_path / "a.bin")
    transload("convert", tmp_path / "a.bin", tmp_path / "a.safetensors")


def test_overflow_is_named_and_counted(tmp_path):
    name = "bert.encoder.layer.0.intermediate.dense.weight"
    with_values(tmp_path, name, _2_1=-70000.0, _7_3=65520.0, _7_4=65519.9, _23_15=1e30)
    command = ("convert", tmp_path / "in", tmp_path / "out", "--to", "hf", "--dtype", "f16")
    what = "-70000 at [2, 1] is too large for float16 and becomes infinite, as do 2 more values"
    result = transload(*command, expect=2)
    assert f"tensor '{name}': {what}; nothing was written; choose a wider --dtype" in result.err
    assert not (tmp_path / "out").exists()
    result = transload(*command, "--allow-overflow", "--json")
    assert f"'{name}': {what}" in json.loads(result.out)["notes"]
    result = transload(*command, "--allow-overflow", "--force")
    assert f"  note: '{name}': {what}\n" in result.out
    out = transformers.BertForMaskedLM.from_pretrained(tmp_path / "out", torch_dtype="auto").state_dict()[name]
    assert out[2, 1] == -float("inf") and out[7, 3] == float("inf") and out[7, 4] == 65504.0
