"""bort-to-pytorch against the unmodified script of transformers, which runs under the real MXNet and GluonNLP."""
import json
import os
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

import support
from bort_models import PUBLISHED, TINY, make_bort
from support import transload

SCRIPT = Path(__file__).with_name("run_original_bort.py")
OLD_NAME = "convert_bort_original_gluonnlp_checkpoint_to_pytorch"
SAME, DIFFERENT = "✔️ Both model do output the same tensors", "❌ Both model do **NOT** output the same tensors"


def write(folder, sizes=TINY, half=False, **options):
    """bort.params, and its sizes as bort.json."""
    model = make_bort(sizes, **options)
    if half:
        model.cast("float16")
    model.save_parameters(str(folder / "bort.params"))
    keys = {key: value for key, value in sizes.items() if key != "vocab_size"}
    (folder / "bort.json").write_text(json.dumps(keys))
    return folder / "bort.params"


def flags(path, folder):
    return ["--bort_checkpoint_path", path, "--pytorch_dump_folder_path", folder]


def original(path, folder, sizes=TINY):
    result = support.run(sys.executable, SCRIPT, *flags(path, folder), env={"BORT_HPARAMS": json.dumps(sizes)})
    assert result.code == 0, result
    return result


@pytest.mark.parametrize("half", [False, True], ids=["fp32", "fp16"])
@pytest.mark.parametrize("decoder", [False, True], ids=["body", "decoder"])
def test_the_same_weights_and_configuration(tmp_path, half, decoder):
    path = write(tmp_path, half=half, decoder=decoder)
    original(path, tmp_path / "theirs")
    result = transload("bort-to-pytorch", *flags(path, tmp_path / "ours"))
    assert result.out.splitlines()[0] == SAME
    ours, theirs = (load_file(tmp_path / side / "model.safetensors") for side in ("ours", "theirs"))
    for name, tensor in theirs.items():
        if not name.startswith("cls."):  # random in the script's
            mine = ours.get(name, ours.get(name.removeprefix("bert.")))
            assert mine is not None and mine.dtype == tensor.dtype and mine.equal(tensor), name
    mine, wanted = (json.loads((tmp_path / side / "config.json").read_text()) for side in ("ours", "theirs"))
    del wanted["transformers_version"]
    if not decoder:
        wanted["architectures"] = ["BertModel"]
    assert list(mine.items()) == list(wanted.items())


def test_the_script_rejects_what_is_right_and_we_do_not(tmp_path):
    path = write(tmp_path, scale=0.2)
    assert DIFFERENT in original(path, tmp_path / "theirs").out
    assert SAME in transload("bort-to-pytorch", *flags(path, tmp_path / "ours")).out


def test_word_embeddings_survive_the_class_that_the_folder_names(tmp_path):
    import torch
    from transformers import AutoModel, AutoModelForMaskedLM
    path = write(tmp_path, decoder=True)
    transload("bort-to-pytorch", *flags(path, tmp_path / "ours"))
    words = load_file(tmp_path / "ours/model.safetensors")["bert.embeddings.word_embeddings.weight"].float()
    model, info = AutoModelForMaskedLM.from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert type(model).__name__ == "BertForMaskedLM" and not info["missing_keys"] and not info["unexpected_keys"]
    assert torch.equal(model.bert.embeddings.word_embeddings.weight, words)
    assert torch.equal(model.cls.predictions.decoder.weight, words)
    assert torch.equal(AutoModel.from_pretrained(tmp_path / "ours").embeddings.word_embeddings.weight, words)


def test_the_old_name(tmp_path):
    path = write(tmp_path)
    (tmp_path / OLD_NAME).symlink_to(support.TRANSLOAD)
    result = support.run(tmp_path / OLD_NAME, *flags(path, tmp_path / "ours"))
    assert result.code == 0 and SAME in result.out, result


def test_unknown_tensors_are_dropped_with_a_line_each(tmp_path):
    import mxnet as mx
    path = write(tmp_path)
    arrays = mx.nd.load(str(path))
    arrays["teacher.weight"] = arrays["mystery"] = mx.nd.ones((2, 3))
    mx.nd.save(str(path), arrays)
    result = transload("bort-to-pytorch", *flags(path, tmp_path / "ours"))
    assert SAME in result.out
    assert "dropped teacher.weight:" in result.err and "dropped mystery:" in result.err


def test_an_earlier_output_is_replaced_and_a_failure_keeps_it(tmp_path):
    path = write(tmp_path)
    transload("bort-to-pytorch", *flags(path, tmp_path / "ours"))
    before = (tmp_path / "ours/model.safetensors").read_bytes()
    write(tmp_path, seed=5)
    transload("bort-to-pytorch", *flags(path, tmp_path / "ours"))
    after = (tmp_path / "ours/model.safetensors").read_bytes()
    assert after != before
    os.truncate(path, path.stat().st_size - 10)
    result = transload("bort-to-pytorch", *flags(path, tmp_path / "ours"), expect=2)
    assert result.err.count("\n") == 1 and "bort.params" in result.err
    assert (tmp_path / "ours/model.safetensors").read_bytes() == after


def test_the_published_size_needs_no_configuration(tmp_path):
    path = write(tmp_path, PUBLISHED, half=True)
    (tmp_path / "bort.json").unlink()
    result = transload("bort-to-pytorch", *flags(path, tmp_path / "ours"))
    assert result.out.startswith(SAME), result
    assert json.loads((tmp_path / "ours/config.json").read_text())["num_attention_heads"] == 8


def test_without_its_sizes_a_small_one_is_not_guessed(tmp_path):
    path = write(tmp_path)
    (tmp_path / "bort.json").unlink()
    result = transload("bort-to-pytorch", *flags(path, tmp_path / "ours"), expect=2)
    assert "num_heads" in result.err and "--config" in result.err
    assert not (tmp_path / "ours").exists()
