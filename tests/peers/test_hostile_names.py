"""Names and texts from files reach a terminal escaped, and JSON as they are, whatever the format and the command."""
import json
import re
import shutil
import struct
import zipfile

import numpy
import pytest
import torch

import support
from support import TINY, transload

# Control characters of either set, marks that change the direction of writing: what must never reach a terminal.
UNPRINTABLE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
NAMES = ["clear\x1b[2Jscreen", "line\nINJECTED: all is well", "back\rINJECTED", "title\x1b]0;x\x07", "turn\u202eed",
         "iso\u2066late\u2069", "c1\x9b2J", "delete\x7f", "mark\u200f", "tab\tb", "par\u2029a", "plain"]
NUL = "nul\0l"


def torch_file(path, names):
    torch.save({name: torch.ones(2) for name in names}, path)


def torch_old_file(path, names):
    torch.save({name: torch.ones(2) for name in names}, path, _use_new_zipfile_serialization=False)


def safetensors_file(path, names):
    header = {name: {"dtype": "F32", "shape": [2], "data_offsets": [8 * i, 8 * i + 8]} for i, name in enumerate(names)}
    header["__metadata__"] = {name: name for name in names}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(8 * len(names)))


def mxnet_file(path, names):
    array = struct.pack("<IiIqiii", 0xF993FAC9, 0, 1, 2, 1, 0, 0) + bytes(8)
    texts = b"".join(struct.pack("<Q", len(n.encode())) + n.encode() for n in names)
    path.write_bytes(struct.pack("<QQQ", 0x112, 0, len(names)) + array * len(names) + struct.pack("<Q", len(names)) + texts)


def npz_file(path, names):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            numpy.save(path.with_suffix(".npy"), numpy.ones(2, "<f4"))
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), path.with_suffix(".npy").read_bytes())
    path.with_suffix(".npy").unlink()


def bundle(path, names):
    import tensorflow as tf
    tf.raw_ops.SaveV2(prefix=str(path), tensor_names=names, shape_and_slices=[""] * len(names),
                      tensors=[tf.ones(2)] * len(names))


FORMATS = {"x.pt": torch_file, "x.bin": torch_old_file, "x.safetensors": safetensors_file, "x.params": mxnet_file,
           "x.npz": npz_file, "x.ckpt": bundle}


def clean(result):
    """Nothing of what it says upsets a terminal or stands as a line of its own."""
    said = result.out + result.err
    assert not UNPRINTABLE.search(said), repr(UNPRINTABLE.search(said))
    assert not [line for line in said.splitlines() if line.startswith("INJECTED")], said
    return result


def run(work, *arguments, codes=(0, 2)):
    result = support.run(support.TRANSLOAD, *arguments, cwd=work)
    assert result.code in codes, result
    return result


@pytest.mark.parametrize("file", FORMATS)
def test_every_command(tmp_path, file):
    FORMATS[file](tmp_path / file, NAMES)
    shown = clean(run(tmp_path, "inspect", file, codes=(0,)))
    assert r"clear\x1b[2Jscreen" in shown.out and "plain" in shown.out
    clean(run(tmp_path, "inspect", file, "--stats", "--digest", codes=(0,)))
    told = json.loads(run(tmp_path, "inspect", file, "--json", codes=(0,)).out)
    assert sorted(t["name"] for t in told["tensors"]) == sorted(NAMES)
    target = "out.pt" if file == "x.safetensors" else "out.safetensors"
    clean(run(tmp_path, "convert", file, target, "--dry-run", codes=(0,)))
    clean(run(tmp_path, "convert", file, target, "--drop", "*clear*", codes=(0,)))
    done = run(tmp_path, "convert", file, target, "--json", "--force", codes=(0,))
    json.loads(done.out)
    again = json.loads(run(tmp_path, "inspect", target, "--json", codes=(0,)).out)
    assert sorted(t["name"] for t in again["tensors"]) == sorted(NAMES)
    # As the tensors of a model they are refused, all of them by name.
    refused = clean(run(tmp_path, "convert", file, "model", "--to", "hf", "--family", "bert", codes=(2,)))
    assert refused.err.startswith("transload: error: ")
    said = run(tmp_path, "convert", file, "model", "--to", "hf", "--family", "bert", "--json", codes=(2,))
    assert json.loads(said.out)["error"] and not UNPRINTABLE.search(said.err)
    clean(run(tmp_path, "prove", file, file, codes=(2,)))
    clean(run(tmp_path, "prove", file, file, "--family", "bert", codes=(2,)))


@pytest.mark.parametrize("file", FORMATS)
def test_a_nul_in_a_name(tmp_path, file):
    if file in ("x.npz", "x.ckpt"):  # zip and TensorFlow's own writer end the name there
        return FORMATS[file](tmp_path / file, [NUL])
    FORMATS[file](tmp_path / file, [NUL, "plain"])
    clean(run(tmp_path, "inspect", file))
    if (told := run(tmp_path, "inspect", file, "--json")).code == 0:
        assert [t["name"] for t in json.loads(told.out)["tensors"]] == [NUL, "plain"]
    clean(run(tmp_path, "convert", file, "out.safetensors" if file != "x.safetensors" else "out.pt"))


@pytest.mark.parametrize("file", ["x.pt", "x.bin"])
def test_half_a_surrogate_in_a_name(tmp_path, file):
    """A pickle holds what is no UTF-8."""
    FORMATS[file](tmp_path / file, ["half\ud800", "plain"])
    clean(run(tmp_path, "inspect", file))
    if (told := run(tmp_path, "inspect", file, "--json")).out:
        json.loads(told.out)
    clean(run(tmp_path, "convert", file, "out.safetensors"))


def test_bytes_that_are_no_utf8(tmp_path):
    FORMATS["x.params"](tmp_path / "x.params", ["plain"])
    (tmp_path / "x.params").write_bytes((tmp_path / "x.params").read_bytes().replace(b"plain", b"p\xff\x1b[n"))
    clean(run(tmp_path, "inspect", "x.params", codes=(2,)))
    import tensorflow as tf
    tf.raw_ops.SaveV2(prefix=str(tmp_path / "x.ckpt"), tensor_names=[b"p\xff\x1b[n"], shape_and_slices=[""],
                      tensors=[tf.ones(2)])
    for options in ((), ("--json",)):
        clean_or_json = run(tmp_path, "inspect", "x.ckpt", *options, codes=(2,))
        assert not UNPRINTABLE.search(clean_or_json.err)
    shutil.copytree(TINY, tmp_path / "tiny")
    (tmp_path / "tiny/config.json").write_bytes(b'{"model_type": "bert", "hidden_act": "\xff\x1b"}')
    clean(run(tmp_path, "convert", "tiny/model.safetensors", "out", codes=(2,)))


@pytest.mark.parametrize("text", NAMES)
def test_texts_of_a_configuration(tmp_path, text):
    (tmp_path / "m").mkdir()
    shutil.copy(TINY / "model.safetensors", tmp_path / "m")
    config = json.loads((TINY / "config.json").read_text())
    for key, value in (("hidden_act", text), ("model_type", text), ("architectures", [text]), (text, text),
                       ("position_embedding_type", text)):
        (tmp_path / "m/config.json").write_text(json.dumps({**config, key: value}))
        for command in (("inspect", "m"), ("convert", "m", "out", "--dry-run"), ("prove", "m", "m"),
                        ("convert", "m", "out/m.ckpt", "--to", "tf1", "--dry-run")):
            clean(run(tmp_path, *command))
        told = run(tmp_path, "convert", "m", "out", "--dry-run", "--json")
        json.loads(told.out)


@pytest.mark.parametrize("text", [name for name in NAMES if "/" not in name])
def test_names_of_files(tmp_path, text):
    path = tmp_path / f"{text}.safetensors"
    safetensors_file(path, ["w"])
    clean(run(tmp_path, "inspect", path.name, codes=(0,)))
    clean(run(tmp_path, "convert", path.name, f"{text}.pt", codes=(0,)))
    clean(run(tmp_path, "convert", path.name, f"{text}.pt", codes=(2,)))
    clean(run(tmp_path, "inspect", f"no {text}", codes=(2,)))
    folder = tmp_path / f"folder {text}"
    folder.mkdir()
    shutil.copy(path, folder / "a.safetensors")
    shutil.copy(path, folder / f"{text}.safetensors")
    clean(run(tmp_path, "inspect", folder.name, codes=(2,)))
    index = {"weight_map": {"w": f"{text}.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    clean(run(tmp_path, "inspect", folder.name))
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {text: f"no {text}.safetensors"}}))
    clean(run(tmp_path, "inspect", folder.name, codes=(2,)))
    for arguments in (("convert", "x", "y", "--to", text), (text,), ("inspect", "x", f"--{text}"),
                      ("convert", path.name, "o", "--family", text), ("inspect", path.name, "--key", text)):
        clean(run(tmp_path, *arguments, codes=(2,)))
    clean(run(tmp_path, "convert", path.name, "o.pt", "--drop", text))
