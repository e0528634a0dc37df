"""Hugging Face -> TensorFlow -> Hugging Face: bit-identical, and the real transformers runs the result."""
import json
import shutil

import pytest
import torch
import transformers
from safetensors.torch import load_file

import support
from support import HEADS, make_model, transload, write_model


@pytest.mark.parametrize("kind", HEADS)
def test_every_class(tmp_path, kind):
    model = make_model(kind)
    source = write_model(model, tmp_path / "source")
    transload("convert", source, tmp_path / "tf/model.ckpt", "--to", "tf1")
    transload("convert", tmp_path / "tf/model.ckpt", tmp_path / "back", "--to", "hf", "--config", source / "config.json")

    state, back = model.state_dict(), load_file(tmp_path / "back/model.safetensors")
    tied = {"cls.predictions.decoder.weight", "cls.predictions.decoder.bias"}
    assert set(state) - tied <= set(back) <= set(state)
    for name, tensor in back.items():
        assert support.bytes_of(tensor) == support.bytes_of(state[name]), name

    loaded, info = getattr(transformers, kind).from_pretrained(tmp_path / "back", output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"], info
    shape = (2, 3, 7) if kind == "BertForMultipleChoice" else (2, 7)
    ids = torch.randint(0, 37, shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        wanted, got = model(ids).to_tuple(), loaded.eval()(ids).to_tuple()
    assert len(wanted) == len(got) > 0
    for one, other in zip(wanted, got):
        assert torch.equal(one, other)


def test_without_config_option_the_sidecar_is_found(tmp_path):
    source = write_model(make_model("BertModel"), tmp_path / "source")
    (source / "vocab.txt").write_text("".join(f"t{i}\n" for i in range(37)))
    transload("convert", source, tmp_path / "tf/model.ckpt", "--to", "tf1")
    assert json.loads((tmp_path / "tf/bert_config.json").read_text())["hidden_size"] == 16
    transload("convert", tmp_path / "tf", tmp_path / "back", "--to", "hf")
    assert (tmp_path / "back/vocab.txt").read_text() == (source / "vocab.txt").read_text()
    wanted = json.loads((source / "config.json").read_text())
    found = json.loads((tmp_path / "back/config.json").read_text())
    for key in ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size",
                "max_position_embeddings", "type_vocab_size", "hidden_act", "model_type"):
        assert found[key] == wanted[key], key


def test_no_sidecars(tmp_path):
    source = write_model(make_model("BertModel"), tmp_path / "source")
    transload("convert", source, tmp_path / "tf/model.ckpt", "--to", "tf1", "--no-sidecars")
    assert support.files_in(tmp_path / "tf") == ["checkpoint", "model.ckpt.data-00000-of-00001", "model.ckpt.index",
                                                 "model.ckpt.meta"]


def test_minilm(tmp_path, minilm):
    transload("convert", minilm, tmp_path / "tf/model.ckpt", "--to", "tf1")
    transload("convert", tmp_path / "tf", tmp_path / "back", "--to", "hf")
    wanted, found = load_file(minilm / "model.safetensors"), load_file(tmp_path / "back/model.safetensors")
    wanted.pop("embeddings.position_ids", None)
    found.pop("embeddings.position_ids", None)
    assert set(wanted) == set(found)
    assert all(support.bytes_of(found[n]) == support.bytes_of(wanted[n]) for n in wanted)
    model = transformers.BertModel.from_pretrained(tmp_path / "back").eval()
    assert transformers.BertTokenizer.from_pretrained(tmp_path / "back").vocab_size == model.config.vocab_size


def test_google_pretraining_with_optimizer(tmp_path):
    case = support.GOLDEN / "tensorflow/google_pretraining_adam"
    shutil.copytree(case, tmp_path / "tf")
    result = transload("convert", tmp_path / "tf", tmp_path / "back", "--to", "hf")
    twin = torch.load(support.GOLDEN / "tensorflow/google_pretraining/pytorch_model.bin")
    found = load_file(tmp_path / "back/model.safetensors")
    assert set(found) == {n for n in twin if not n.startswith("cls.predictions.decoder")} or set(found) == set(twin)
    reference = json.loads((case / "expected.json").read_text())["tensors"]
    assert support.digest_of(found["cls.seq_relationship.weight"]) == reference["cls/seq_relationship/output_weights"]["sha256"]
    kernel = found["bert.pooler.dense.weight"].T.contiguous()
    assert support.digest_of(kernel) == reference["bert/pooler/dense/kernel"]["sha256"]
    assert result.code == 0


@pytest.mark.parametrize("config", [dict(is_decoder=True, add_cross_attention=True),
                                    dict(position_embedding_type="relative_key")], ids=["decoder", "relative"])
def test_rare_parts(tmp_path, config):
    model = make_model("BertModel", **config)
    source = write_model(model, tmp_path / "source")
    transload("convert", source, tmp_path / "tf/model.ckpt", "--to", "tf1")
    transload("convert", tmp_path / "tf/model.ckpt", tmp_path / "back", "--to", "hf", "--config", source / "config.json")
    back, state = load_file(tmp_path / "back/model.safetensors"), model.state_dict()
    assert set(back) == set(state)
    assert all(support.bytes_of(back[n]) == support.bytes_of(state[n]) for n in state)
