"""`transload bert-to-tf` against the real script: the same files, byte for byte, and the same lines."""
import os
import shutil
from pathlib import Path

import pytest
import torch

import support
from support import HEADS, TINY, assert_same_files, make_model, original_script, run, transload, write_model


class Pair:
    """Two folders with the same inputs: the script runs in one, the program in the other."""

    def __init__(self, root):
        self.theirs, self.ours = Path(root) / "theirs", Path(root) / "ours"

    def add(self, folder, name):
        for side in (self.theirs, self.ours):
            shutil.copytree(folder, side / name, copy_function=os.link)

    def convert(self, *arguments):
        expected = original_script(*arguments, cwd=self.theirs)
        actual = transload("bert-to-tf", *arguments, cwd=self.ours)
        assert actual.out == expected.out
        assert expected.out.count(": True\n") == len(expected.out.splitlines()) > 0
        assert_same_files(self.ours, self.theirs)
        return actual


@pytest.fixture
def pair(tmp_path):
    return Pair(tmp_path)


def flags(name="tiny", weights="pytorch_model.bin", out="out"):
    return "--model_name", name, "--pytorch_model_path", f"{name}/{weights}", "--tf_cache_dir", out


def test_tiny(pair):
    pair.add(support.ROOT / "examples/tiny-bert", "tiny")
    pair.convert(*flags())
    assert_same_files(pair.ours / "out", TINY / "expected_tf")


def test_minilm(pair, minilm):
    pair.add(minilm, "all-MiniLM-L6-v2")
    pair.convert(*flags("all-MiniLM-L6-v2", "model.safetensors"))
    assert (pair.ours / "out/all_MiniLM_L6_v2.ckpt.index").exists()


def test_bert_base(pair, bert_base):
    pair.add(bert_base, "bert-base")
    pair.convert(*flags("bert-base"))


def test_absolute_output_folder(pair, tmp_path):
    # The `checkpoint` file holds the absolute prefix then: both have to write to the same place, one after the other.
    source = support.ROOT / "examples/tiny-bert"
    pair.add(source, "tiny")
    out = tmp_path / "öut 'x'"
    expected = original_script(*flags(out=out), cwd=pair.theirs)
    out.rename(tmp_path / "expected")
    actual = transload("bert-to-tf", *flags(out=out), cwd=pair.ours)
    assert actual.out == expected.out
    assert_same_files(out, tmp_path / "expected")


def test_model_name_with_a_folder(pair):
    pair.add(support.ROOT / "examples/tiny-bert", "some-where/tiny-bert")
    pair.convert(*flags("some-where/tiny-bert"))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_other_dtypes_become_float32(pair, tmp_path, dtype):
    model = make_model("BertModel").to(dtype)
    pair.add(write_model(model, tmp_path / "model"), "tiny")
    pair.convert(*flags())


def test_float64_rounds_as_torch_does(pair, tmp_path):
    def widen(state):
        return {k: v.double() * (1 + 2.0**-30) for k, v in state.items()}
    pair.add(write_model(make_model("BertModel"), tmp_path / "model", change=widen), "tiny")
    pair.convert(*flags())


def test_gamma_and_beta_names(pair, tmp_path):
    def rename(state):
        return {k.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): v
                for k, v in state.items()}
    pair.add(write_model(make_model("BertModel"), tmp_path / "model", change=rename), "tiny")
    pair.convert(*flags())


def test_position_ids_are_dropped(pair, tmp_path):
    def add(state):
        return {"embeddings.position_ids": torch.arange(20)[None], **state}
    pair.add(write_model(make_model("BertModel"), tmp_path / "model", change=add), "tiny")
    pair.convert(*flags())


def test_legacy_file(pair, tmp_path):
    folder = write_model(make_model("BertModel"), tmp_path / "model")
    state = torch.load(folder / "pytorch_model.bin")
    torch.save(state, folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    pair.add(folder, "tiny")
    pair.convert(*flags())


def test_safetensors(pair, tmp_path):
    pair.add(write_model(make_model("BertModel"), tmp_path / "model", safetensors=True), "tiny")
    pair.convert(*flags(weights="model.safetensors"))


@pytest.mark.parametrize("config", [
    dict(is_decoder=True, add_cross_attention=True),
    dict(position_embedding_type="relative_key"),
    dict(position_embedding_type="relative_key_query"),
    dict(is_decoder=True, add_cross_attention=True, position_embedding_type="relative_key"),
], ids=["cross-attention", "relative_key", "relative_key_query", "both"])
def test_rare_parts(pair, tmp_path, config):
    pair.add(write_model(make_model("BertModel", **config), tmp_path / "model"), "tiny")
    pair.convert(*flags())


def test_eleven_layers_and_large_and_small_tensors(pair, tmp_path):
    # Order of layer_10 and layer_2; both ways in which the graph makes zeros (below and from 1000 elements).
    model = make_model("BertModel", num_hidden_layers=11, hidden_size=20, intermediate_size=50)
    pair.add(write_model(model, tmp_path / "model"), "tiny")
    pair.convert(*flags())


@pytest.mark.parametrize("kind", [k for k in HEADS if k not in ("BertModel", "BertForMaskedLM",
                                                               "BertForTokenClassification", "BertForQuestionAnswering")])
def test_heads_are_dropped_by_name(pair, tmp_path, kind):
    pair.add(write_model(make_model(kind), tmp_path / "model"), "tiny")
    actual = pair.convert(*flags())
    assert "transload convert" in actual.err, actual
    head = {"BertForMultipleChoice": "classifier", "BertForSequenceClassification": "classifier"}.get(kind, "cls.")
    assert head in actual.err, actual


@pytest.mark.parametrize("kind", ["BertForMaskedLM", "BertForTokenClassification", "BertForQuestionAnswering"])
def test_an_absent_pooler_is_not_invented(tmp_path, kind):
    # The script fills it with random values here and says True.
    write_model(make_model(kind), tmp_path / "tiny")
    result = transload("bert-to-tf", *flags(), cwd=tmp_path)
    assert "pooler" not in result.out
    assert "pooler" in result.err, result
    tensors = support.inspect(tmp_path / "out/tiny.ckpt")["tensors"]
    assert len(tensors) == 5 + 16 * 2 and not [name for name in tensors if "pooler" in name]


def test_without_a_configuration_sizes_come_from_the_tensors(pair, tmp_path):
    pair.add(write_model(make_model("BertModel"), tmp_path / "model"), "tiny")
    original_script(*flags(), cwd=pair.theirs)
    for file in (pair.ours / "tiny").iterdir():
        if file.suffix == ".json":
            file.unlink()
    transload("bert-to-tf", *flags(), cwd=pair.ours)
    assert_same_files(pair.ours / "out", pair.theirs / "out")


def test_called_by_the_old_name(tmp_path):
    link = tmp_path / "convert_bert_pytorch_checkpoint_to_original_tf"
    link.symlink_to(support.TRANSLOAD)
    shutil.copytree(support.ROOT / "examples/tiny-bert", tmp_path / "tiny")
    result = run(link, *flags(), cwd=tmp_path)
    assert result.code == 0, result
    assert_same_files(tmp_path / "out", TINY / "expected_tf")


def test_overwrites_and_leaves_other_models_alone(tmp_path):
    shutil.copytree(support.ROOT / "examples/tiny-bert", tmp_path / "tiny")
    shutil.copytree(support.ROOT / "examples/tiny-bert", tmp_path / "other")
    for name in ("other", "tiny", "tiny"):
        transload("bert-to-tf", *flags(name), cwd=tmp_path)
    out = tmp_path / "out"
    assert len(list(out.iterdir())) == 7
    assert (out / "checkpoint").read_text() == (TINY / "expected_tf/checkpoint").read_text()
    assert (out / "other.ckpt.data-00000-of-00001").read_bytes() == (out / "tiny.ckpt.data-00000-of-00001").read_bytes()


def test_harmful_names_are_made_harmless(tmp_path):
    # The script ignores --tf_cache_dir for an absolute name, and writes ".ckpt.index" for a trailing slash.
    shutil.copytree(support.ROOT / "examples/tiny-bert", tmp_path / "in/tiny")
    weights = tmp_path / "in/tiny/pytorch_model.bin"
    for name in (tmp_path / "in/tiny", "in/tiny/"):
        out = tmp_path / f"out{str(name).endswith('/')}"
        transload("bert-to-tf", "--model_name", name, "--pytorch_model_path", weights, "--tf_cache_dir", out,
                  cwd=tmp_path)
        assert [p for p in support.files_in(out) if p.endswith("tiny.ckpt.index")], support.files_in(out)
        assert sorted(support.files_in(tmp_path / "in")) == ["tiny/config.json", "tiny/pytorch_model.bin", "tiny/vocab.txt"]


def test_an_id_that_is_not_in_the_cache_names_the_download_command(tmp_path):
    result = transload("bert-to-tf", "--model_name", "google/nowhere", "--pytorch_model_path",
                       support.ROOT / "examples/tiny-bert/pytorch_model.bin", "--tf_cache_dir", tmp_path / "out",
                       "--cache_dir", tmp_path / "hub", cwd=tmp_path, expect=2)
    assert "google/nowhere" in result.err and "download" in result.err, result
    assert not (tmp_path / "out").exists()


def test_hub_id_in_the_cache(tmp_path):
    snapshot = tmp_path / "hub/models--google--tiny/snapshots/0123456789abcdef"
    shutil.copytree(support.ROOT / "examples/tiny-bert", snapshot)
    refs = tmp_path / "hub/models--google--tiny/refs"
    refs.mkdir()
    (refs / "main").write_text("0123456789abcdef")
    transload("bert-to-tf", "--model_name", "google/tiny", "--pytorch_model_path", snapshot / "pytorch_model.bin",
              "--tf_cache_dir", "out", "--cache_dir", tmp_path / "hub", cwd=tmp_path)
    # As the script names it: <tf_cache_dir>/google/tiny.ckpt
    assert (tmp_path / "out/google/tiny.ckpt.index").read_bytes() == (TINY / "expected_tf/tiny.ckpt.index").read_bytes()
