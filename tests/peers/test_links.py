"""Where only a folder or an index is named, what lies in it is followed no further than its own root: symbolic links
lead nowhere else, and devices, pipes and folders in the place of a file are refused. What the user names is opened."""
import json
import os
import shutil
import subprocess

import pytest

import support
from support import TINY, transload

SHARD = "model-00001-of-00001.safetensors"
INDEX = "model.safetensors.index.json"


def refused(work, *arguments, says, **options):
    options.setdefault("timeout", 60)
    result = transload(*arguments, expect=2, cwd=work, **options)
    lines = [line for line in result.err.splitlines() if line.startswith("transload: error: ")]
    assert len(lines) == 1 and says in lines[0], result
    assert not (work / "out").exists()
    return lines[0]


@pytest.fixture
def work(tmp_path):
    """model/: a set of one shard with its configuration; elsewhere/: files that it must not reach."""
    (tmp_path / "model").mkdir()
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(TINY / "model.safetensors", tmp_path / "model" / SHARD)
    shutil.copy(TINY / "config.json", tmp_path / "model")
    shutil.copy(TINY / "vocab.txt", tmp_path / "model")
    names = support.inspect(tmp_path / "model" / SHARD)["tensors"]
    (tmp_path / "model" / INDEX).write_text(json.dumps({"weight_map": {name: SHARD for name in names}}))
    for name in (SHARD, "config.json", "vocab.txt", INDEX):
        shutil.copy(tmp_path / "model" / name, tmp_path / "elsewhere")
    shutil.copy(TINY / "model.safetensors", tmp_path / "elsewhere")
    return tmp_path


def replace(path, kind, target=None):
    path.unlink()
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to({"outside": target, "device": "/dev/zero", "loop": path.name, "nowhere": "nowhere",
                         "link to a pipe": "pipe"}[kind])
        if kind == "link to a pipe":
            os.mkfifo(path.parent / "pipe")


KINDS = {"outside": "leads out of its folder", "device": "leads out of its folder", "loop": "", "nowhere": "",
         "fifo": "not a regular file", "link to a pipe": "not a regular file", "folder": "is a folder"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["model", f"model/{INDEX}"])
def test_a_shard(work, kind, how):
    replace(work / "model" / SHARD, kind, f"../elsewhere/{SHARD}")
    for command in (("inspect", how, "--digest"), ("convert", how, "out")):
        refused(work, *command, says=KINDS[kind] or SHARD)


@pytest.mark.parametrize("kind", ["outside", "device"])
@pytest.mark.parametrize("name", ["model.safetensors", INDEX, "pytorch_model.bin", "weights.params"])
def test_weights_in_a_folder(work, kind, name):
    folder = work / "other"
    folder.mkdir()
    (folder / name).write_text("")
    replace(folder / name, kind, "../elsewhere/model.safetensors")
    # What is no regular file is not among the weights of a folder.
    says = "leads out of its folder" if kind == "outside" else "no weights in this folder"
    for command in (("inspect", "other"), ("convert", "other", "out")):
        refused(work, *command, says=says)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"loop", "nowhere"}))
@pytest.mark.parametrize("name", ["config.json", "vocab.txt"])
def test_configuration_and_vocabulary(work, kind, name):
    replace(work / "model" / name, kind, f"../elsewhere/{name}")
    said = refused(work, "convert", "model", "out", says=KINDS[kind])
    assert name in said
    # A vocabulary that is a link to a private file would be carried into the output, where others see it.
    if name == "vocab.txt":
        refused(work, "convert", "model", "out/model.ckpt", "--to", "tf1", says=KINDS[kind])
        transload("convert", "model", "out", "--no-sidecars", "--proof", "exact", cwd=work)


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "merges.txt",
                                  "generation_config.json", "README.md"])
def test_what_is_carried_beside_the_weights(work, name):
    (work / "private").write_text("{}")
    (work / "model" / name).symlink_to("../private")
    if name == "generation_config.json":  # read for models that generate
        config = json.loads((work / "model/config.json").read_text())
        (work / "model/config.json").write_text(json.dumps({**config, "architectures": ["BertLMHeadModel"]}))
        shutil.copy(support.GOLDEN / "tensorflow/heads/BertForMaskedLM/model.safetensors", work / "model" / SHARD)
        names = support.inspect(work / "model" / SHARD)["tensors"]
        (work / "model" / INDEX).write_text(json.dumps({"weight_map": {n: SHARD for n in names}}))
        (work / "model/vocab.txt").unlink()
        heads = support.GOLDEN / "tensorflow/heads/BertForMaskedLM/config.json"
        (work / "model/config.json").write_text(json.dumps({**json.loads(heads.read_text()),
                                                            "architectures": ["BertForMaskedLM"]}))
    refused(work, "convert", "model", "out", says="leads out of its folder")


@pytest.mark.parametrize("suffix", ["index", "data-00000-of-00001"])
@pytest.mark.parametrize("how", ["tf", "tf/tiny.ckpt"])
def test_files_of_a_bundle(work, suffix, how):
    shutil.copytree(TINY / "expected_tf", work / "tf")
    transload("inspect", how, "--digest", cwd=work)
    path = work / f"tf/tiny.ckpt.{suffix}"
    shutil.move(path, work / "elsewhere")
    path.symlink_to(f"../elsewhere/{path.name}")
    refused(work, "inspect", how, says="leads out of its folder")


def test_a_checkpoint_file_leads_nowhere_else(work):
    shutil.copytree(TINY / "expected_tf", work / "elsewhere/tf")
    (work / "tf").mkdir()
    (work / "tf/checkpoint").write_text(f'model_checkpoint_path: "{work}/elsewhere/tf/tiny.ckpt"\n')
    refused(work, "inspect", "tf", says="no such checkpoint in its own folder")
    (work / "tf/sub").symlink_to("../elsewhere/tf")
    (work / "tf/checkpoint").write_text('model_checkpoint_path: "sub/tiny.ckpt"\n')
    refused(work, "inspect", "tf", says="leads out of its folder")
    (work / "tf/checkpoint").unlink()
    (work / "tf/checkpoint").symlink_to("../elsewhere/tf/checkpoint")
    refused(work, "inspect", "tf", says="leads out of its folder")


def test_links_within_the_root_and_what_the_user_names(work):
    (work / "model/stored").mkdir()
    shutil.move(work / "model" / SHARD, work / "model/stored/data")
    (work / "model" / SHARD).symlink_to("stored/data")
    transload("inspect", "model", "--digest", cwd=work)
    # A folder and a file may be links themselves: the user named them.
    (work / "link").symlink_to("model")
    (work / "one.safetensors").symlink_to("elsewhere/model.safetensors")
    transload("inspect", "link", cwd=work)
    transload("inspect", "one.safetensors", cwd=work)
    (work / "c.json").symlink_to("elsewhere/config.json")
    transload("convert", "one.safetensors", "out", "--config", "c.json", "--proof", "exact", cwd=work)


def test_a_hub_cache(work):
    """Its snapshots are links to ../../blobs; a folder within a snapshot has them one level deeper."""
    model = work / "hub/models--org--tiny"
    snapshot = model / "snapshots/0123abcd"
    (snapshot / "tf").mkdir(parents=True)
    (model / "blobs").mkdir()
    (model / "refs").mkdir()
    (model / "refs/main").write_text("0123abcd")
    files = {"model.safetensors": TINY / "model.safetensors", "config.json": TINY / "config.json",
             "vocab.txt": TINY / "vocab.txt", "tf/checkpoint": TINY / "expected_tf/checkpoint",
             **{f"tf/tiny.ckpt.{s}": TINY / f"expected_tf/tiny.ckpt.{s}" for s in ("index", "data-00000-of-00001")}}
    for number, (name, source) in enumerate(files.items()):
        shutil.copy(source, model / f"blobs/{number}")
        (snapshot / name).symlink_to(("../" * name.count("/")) + f"../../blobs/{number}")
    env = {"HF_HUB_CACHE": str(work / "hub")}
    transload("convert", "org/tiny", "out", "--proof", "exact", cwd=work, env=env)
    assert (work / "out/vocab.txt").read_bytes() == (TINY / "vocab.txt").read_bytes()
    assert not (work / "out/vocab.txt").is_symlink()
    transload("inspect", snapshot / "tf", "--digest", cwd=work)
    shutil.rmtree(work / "out")
    (snapshot / "vocab.txt").unlink()
    (snapshot / "vocab.txt").symlink_to("../../../../elsewhere/vocab.txt")
    refused(work, "convert", "org/tiny", "out", says="leads out of its folder", env=env)
    # A snapshot is a folder of the cache, not a link to another.
    shutil.rmtree(snapshot)
    snapshot.symlink_to("../../../elsewhere")
    refused(work, "inspect", "org/tiny", says="org/tiny", env=env)


ARGUMENTS = {"weights": ("inspect", "{}"), "weights of convert": ("convert", "{}", "out"),
             "configuration": ("convert", "model", "out", "--config", "{}"),
             "ids": ("prove", "model", "model", "--ids", "{}"),
             "vocabulary": ("prove", "model", "model", "--text", "a", "--vocab", "{}")}


@pytest.mark.parametrize("what", ARGUMENTS)
def test_what_is_no_file_is_refused_as_an_argument(work, what):
    os.mkfifo(work / "pipe")
    for path in ("pipe", "/dev/zero", "/dev/null"):
        said = refused(work, *[a.format(path) for a in ARGUMENTS[what]], says=path)
        assert "not a regular file" in said, said
    # /dev/stdin and <(process substitution) are pipes.
    for path in ("/dev/stdin", "/dev/fd/0"):
        command = [str(support.TRANSLOAD), *[a.format(path) for a in ARGUMENTS[what]]]
        done = subprocess.run(command, cwd=work, input="x", capture_output=True, text=True, timeout=60)
        assert done.returncode == 2 and "not a regular file" in done.stderr, done
