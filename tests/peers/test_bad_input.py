"""Bad input ends with exit 2, one clear line, and nothing left behind."""
import ctypes
import json
import os
import resource
import shutil
import subprocess

import pytest
import torch
from safetensors.torch import save_file

import support
from support import GOLDEN, TINY, make_model, transload, write_model


def listing(folder):
    return sorted((str(p.relative_to(folder)), p.lstat().st_size, p.is_dir()) for p in folder.rglob("*"))


def refused(work, *arguments, says=(), **options):
    """Runs the program in `work`; it has to fail as the issue demands, and to leave `work` as it was."""
    before = listing(work)
    result = transload(*arguments, expect=2, cwd=work, **options)
    lines = result.err.splitlines()
    assert sum(line.startswith("transload: error: ") for line in lines) == 1, result
    # Before it may stand what was already said about the source, below it (indented) the other problems of its kind.
    assert all(line.startswith(("transload: ", "  ", "note: ", "dropped ")) for line in lines), result
    for text in says:
        assert text in result.err, f"{text!r} is not in:\n{result.err}"
    assert listing(work) == before
    return result


@pytest.fixture
def work(tmp_path):
    shutil.copytree(support.ROOT / "examples/tiny-bert", tmp_path / "tiny")
    return tmp_path


def change(work, function):
    path = work / "tiny/pytorch_model.bin"
    torch.save(function(torch.load(path)), path)


CONVERT = ("convert", "tiny", "out/model.ckpt", "--to", "tf1")
SCRIPT = ("bert-to-tf", "--model_name", "tiny", "--pytorch_model_path", "tiny/pytorch_model.bin", "--tf_cache_dir", "out")
BOTH = pytest.mark.parametrize("command", [CONVERT, SCRIPT], ids=["convert", "bert-to-tf"])
QUERY = "encoder.layer.1.attention.self.query.weight"


@BOTH
def test_missing_tensor(work, command):
    change(work, lambda state: {k: v for k, v in state.items() if k != QUERY})
    refused(work, *command, says=[QUERY])


def test_all_problems_at_once(work):
    change(work, lambda state: {**{k: v for k, v in state.items() if "query.weight" not in k}, "odd": torch.ones(2)})
    refused(work, *CONVERT, says=[QUERY, "encoder.layer.0.attention.self.query.weight", "odd"])


@BOTH
def test_nested_dict_without_a_state_dict(work, command):
    change(work, lambda state: {"epoch": 3, "something": {"else": state}})
    refused(work, *command)


@BOTH
@pytest.mark.parametrize("file", ["full_module_builtin/zip.bin", "full_module_builtin/legacy.bin",
                                  "full_module_custom/zip.bin", "full_module_custom/legacy.bin"])
def test_whole_module_pickle(work, command, file):
    shutil.copy(GOLDEN / "pytorch" / file, work / "tiny/pytorch_model.bin")
    refused(work, *command, says=["state_dict"])


@BOTH
def test_forbidden_global(work, command):
    class Evil:
        def __reduce__(self):
            return os.system, ("touch PWNED",)
    torch.save({"a": torch.ones(2), "b": Evil()}, work / "tiny/pytorch_model.bin")
    refused(work, *command, says=["system", "pytorch_model.bin", "@"])
    assert not (work / "PWNED").exists()


@BOTH
def test_wrong_shape(work, command):
    change(work, lambda state: {**state, QUERY: torch.ones(32, 31)})
    refused(work, *command, says=[QUERY, "[32, 31]", "[32, 32]"])


@BOTH
def test_wrong_vocabulary_for_the_configuration(work, command):
    config = json.loads((work / "tiny/config.json").read_text())
    (work / "tiny/config.json").write_text(json.dumps({**config, "vocab_size": 101}))
    refused(work, *command, says=["word_embeddings", "101", "100"])


@BOTH
def test_unknown_tensor(work, command):
    change(work, lambda state: {**state, "extra.thing": torch.ones(3)})
    refused(work, *command, says=["extra.thing", "--drop"] if command is CONVERT else ["extra.thing"])


def test_unknown_tensor_dropped_and_recorded(work):
    change(work, lambda state: {**state, "extra.thing": torch.ones(3)})
    result = transload(*CONVERT, "--drop", "extra.*", "--json", cwd=work)
    assert "extra.thing" in result.out
    assert json.loads(result.out)


@pytest.mark.parametrize("source", ["pytorch_model.bin", "pytorch_model.legacy.bin", "model.safetensors"])
def test_truncated(work, source):
    # Every length is tried inside the library's own tests; here a sample of them against the whole program.
    data = (TINY / source).read_bytes()
    lengths = {0, 1, 4, 7, 8, 9, 30, 100, 1000, len(data) // 2, len(data) - 1, len(data) - 8, len(data) - 22,
               len(data) - 40, len(data) - 100, *range(13, len(data), len(data) // 12)}
    name = "model.safetensors" if source.endswith("safetensors") else "pytorch_model.bin"
    folder = work / "cut"
    folder.mkdir()
    shutil.copy(TINY / "config.json", folder)
    for length in sorted(lengths):
        (folder / name).write_bytes(data[:length])
        refused(work, "convert", f"cut/{name}", "out/model.ckpt", "--to", "tf1", says=[name])


@pytest.mark.parametrize("suffix", ["index", "data-00000-of-00001"])
def test_truncated_tensorflow(work, suffix):
    shutil.copytree(TINY / "expected_tf", work / "tf")
    path = work / f"tf/tiny.ckpt.{suffix}"
    data = path.read_bytes()
    for length in [*range(0, len(data), len(data) // 15), len(data) - 1]:
        path.write_bytes(data[:length])
        refused(work, "convert", "tf/tiny.ckpt", "back", "--to", "hf", "--config", "tiny/config.json")


def test_flipped_byte_in_a_zip(work):
    path = work / "tiny/pytorch_model.bin"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)
    refused(work, *CONVERT, says=["pytorch_model.bin"])


def test_flipped_byte_in_a_bundle(work):
    shutil.copytree(TINY / "expected_tf", work / "tf")
    for name, at in (("tiny.ckpt.data-00000-of-00001", 50000), ("tiny.ckpt.index", 700)):
        path = work / "tf" / name
        good = path.read_bytes()
        bad = bytearray(good)
        bad[at] ^= 1
        path.write_bytes(bad)
        refused(work, "convert", "tf/tiny.ckpt", "back", "--to", "hf", "--config", "tiny/config.json", says=[name])
        path.write_bytes(good)


def test_flipped_byte_is_found_by_inspect(work):
    refused(work, "inspect", GOLDEN / "tensorflow/corrupt_data_bitflip/model.ckpt", "--digest")
    refused(work, "inspect", GOLDEN / "pytorch/zip_variants/data_bitflip.bin", "--digest")


@BOTH
@pytest.mark.parametrize("file,says", [("gitlfs.bin", ["git lfs pull"]), ("empty.bin", ["empty"]), ("text.bin", []),
                                       ("evil.bin", []), ("plain_zip.bin", []), ("pickle_only.bin", [])])
def test_not_a_checkpoint(work, command, file, says):
    shutil.copy(GOLDEN / "pytorch/not_torch" / file, work / "tiny/pytorch_model.bin")
    refused(work, *command, says=["pytorch_model.bin", *says])


@BOTH
def test_no_such_source(work, command):
    refused(work, *[argument.replace("tiny", "nowhere") for argument in command], says=["nowhere"])


@BOTH
def test_output_folder_is_below_a_file(work, command):
    (work / "out").write_text("a file")
    refused(work, *command, says=["out"])


def without_privileges():
    """For a child process: permissions count, also for root (CAP_DAC_OVERRIDE leaves the bounding set)."""
    if os.geteuid() == 0:
        assert ctypes.CDLL(None, use_errno=True).prctl(24, 1, 0, 0, 0) == 0, os.strerror(ctypes.get_errno())


@BOTH
def test_output_folder_cannot_be_written(work, command):
    (work / "out").mkdir(mode=0o555)
    refused(work, *command, says=["out"], preexec_fn=without_privileges)


@BOTH
def test_output_folder_cannot_be_made(work, command):
    (work / "closed").mkdir(mode=0o555)
    refused(work, *[argument.replace("out", "closed/out") for argument in command], says=["closed"],
            preexec_fn=without_privileges)


@BOTH
def test_full_disk(work, command):
    (work / "out").mkdir()
    # A disk that is really full, where the test may mount one; a limit on the size of files elsewhere.
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", work / "out"], capture_output=True)
    try:
        refused(work, *command, says=["out"], preexec_fn=None if mounted.returncode == 0 else limit_file_size)
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", work / "out"], check=True)


@BOTH
def test_file_size_limit(work, command):
    refused(work, *command, says=["out"], preexec_fn=limit_file_size)


def limit_file_size():
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))


def test_existing_output(work):
    transload(*CONVERT, cwd=work)
    before = {p: p.read_bytes() for p in (work / "out").iterdir()}
    refused(work, *CONVERT, says=["out", "--force"])
    assert {p: p.read_bytes() for p in (work / "out").iterdir()} == before
    transload(*CONVERT, "--force", cwd=work)
    assert {p: p.read_bytes() for p in (work / "out").iterdir()} == before


def test_an_empty_folder_is_no_existing_output(work):
    (work / "out").mkdir()
    transload("convert", "tiny", "out", "--to", "hf", cwd=work)
    assert (work / "out/model.safetensors").exists()
    refused(work, "convert", "tiny", "out", "--to", "hf", says=["--force"])


@pytest.mark.parametrize("force", [[], ["--force"]], ids=["plain", "force"])
def test_input_and_output_are_the_same_file(work, force):
    shutil.copy(TINY / "model.safetensors", work / "a.safetensors")
    (work / "link.safetensors").symlink_to("a.safetensors")
    os.link(work / "a.safetensors", work / "hard.safetensors")
    for target in ("a.safetensors", "./a.safetensors", "link.safetensors", "hard.safetensors"):
        refused(work, "convert", "a.safetensors", target, *force)
    assert (work / "a.safetensors").read_bytes() == (TINY / "model.safetensors").read_bytes()


def test_a_failed_overwrite_keeps_the_old_output(work):
    transload(*CONVERT, cwd=work)
    change(work, lambda state: {k: v for k, v in state.items() if k != QUERY})
    refused(work, *CONVERT, "--force")


def test_a_folder_needs_a_configuration(work):
    # The number of heads is not in the tensors.
    (work / "tiny/config.json").unlink()
    refused(work, "convert", "tiny/pytorch_model.bin", "back", "--to", "hf", says=["--config"])


def test_sparse_tensors_are_not_converted(work):
    refused(work, "convert", GOLDEN / "pytorch/unsupported_sparse/zip.bin", "x.safetensors", says=["sparse"])


def test_a_value_that_overflows_is_not_made_infinite(work):
    change(work, lambda state: {**state, "pooler.dense.bias": torch.full((32,), 65520.0)})
    refused(work, *CONVERT, "--dtype", "f16", says=["pooler.dense.bias", "--allow-overflow"])
    transload(*CONVERT, "--dtype", "bf16", cwd=work)


def test_a_device_and_a_pipe_are_no_checkpoints(work):
    os.mkfifo(work / "pipe")
    refused(work, "inspect", "pipe", timeout=20)
    refused(work, "inspect", "/dev/zero", timeout=20)


def test_names_cannot_upset_a_terminal(work):
    torch.save({"a\x1b[2Jb\r": torch.ones(2), "c\u202ed": torch.ones(1)}, work / "names.pt")
    out = transload("inspect", "names.pt", cwd=work).out
    assert "\x1b[2J" not in out and "\r" not in out and "\u202e" not in out
    names = [t["name"] for t in json.loads(transload("inspect", "names.pt", "--json", cwd=work).out)["tensors"]]
    assert names == ["a\x1b[2Jb\r", "c\u202ed"]


@pytest.mark.parametrize("arguments", [(), ("convert",), ("nonsense",), ("convert", "tiny", "out", "--to", "nowhere"),
                                       ("bert-to-tf",), ("convert", "tiny", "out/m.ckpt", "--to", "tf1", "--dtype", "f12")])
def test_wrong_use(work, arguments):
    before = listing(work)
    result = transload(*arguments, cwd=work, expect=2)
    assert result.err, result
    assert listing(work) == before


@pytest.mark.parametrize("arguments, says", [
    (("scan", "--foo"), "there is no option '--foo'"),
    (("convert", "tiny", "-x.safetensors"), "a file's name that begins with - comes after --"),
    (("convert", "tiny", "x.onnx"), "'x.onnx' is the name of a kind of file that is not written"),
    (("convert", "tiny", "tiny/vocab.txt"), "is a file, where the output needs a folder")])
def test_wrong_use_is_named(work, arguments, says):
    refused(work, *arguments, says=[says])


@pytest.mark.parametrize("text", ["{bad", "[]", ""])
def test_a_broken_configuration_is_what_is_to_be_mended(work, text):
    (work / "tiny/config.json").write_text(text)
    refused(work, *CONVERT, says=["tiny/config.json", "correct the configuration, or give another with --config"])


def test_shards_without_their_index(work):
    for name in "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors":
        save_file({"a": torch.ones(2)}, work / name)
    refused(work, "convert", ".", "out", says=["2 shards of a model lie here without their index", ".index.json"])


def test_errors_under_json(work):
    change(work, lambda state: {k: v for k, v in state.items() if k != QUERY})
    result = transload(*CONVERT, "--json", cwd=work, expect=2)
    assert QUERY in json.dumps(json.loads(result.out)) + result.err


@pytest.mark.parametrize("kind", ["BertForMaskedLM", "BertForQuestionAnswering"])
def test_an_absent_pooler_is_said(tmp_path, kind):
    write_model(make_model(kind), tmp_path / "model")
    result = transload("convert", "model", "out/model.ckpt", "--to", "tf1", cwd=tmp_path)
    assert "pooler" in result.out + result.err, result
    assert not [n for n in support.inspect(tmp_path / "out/model.ckpt")["tensors"] if "pooler" in n]


def hostile_files():
    rows = [line.split("\t") for line in (support.TESTS / "hostile/EXPECTED.tsv").read_text().splitlines()[1:]]
    return [(r[0], r[3]) for r in rows if (support.TESTS / "hostile" / r[0]).exists()]


@pytest.mark.parametrize("folder", ["safetensors", "torch_zip", "torch_legacy", "zip", "pickle", "pickle_mem", "tf_bundle",
                                    "index"])
def test_hostile_files_do_no_harm(work, folder):
    # The outcome of each is held by the library's own tests; here: no crash, no hang, no code run, little memory.
    cases = [name for name, _ in hostile_files() if name.startswith(folder + "/")]
    assert cases
    limit = 2 << 30
    for name in cases:
        path = support.TESTS / "hostile" / name
        result = support.run(support.TRANSLOAD, "inspect", path, "--json", "--digest", cwd=work, timeout=20,
                             preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
        assert result.code in (0, 2), (name, result)
        assert (result.code == 2) == ("transload: error: " in result.err), (name, result)
    assert not list(work.rglob("PWNED*"))


@pytest.mark.parametrize("arguments", [("convert",), ("inspect", "x", "--nonsense"), ("nonsense",),
                                       ("convert", "a", "b", "--to", "\x1b[2J")])
def test_wrong_use_under_json(work, arguments):
    result = transload(*arguments, "--json", cwd=work, expect=2)
    assert json.loads(result.out)["error"]["code"] == "usage"
    assert result.err.startswith("transload: error: ") and "\x1b" not in result.err


def test_more_threads_than_cores(work):
    assert transload(*CONVERT, "--threads", "1024", cwd=work).err == ""


@pytest.mark.parametrize("name", ["config.json", "vocab.txt", "tokenizer.json", "model.safetensors.index.json"])
def test_gigabytes_beside_the_weights(work, name):
    if name.endswith("index.json"):
        (work / "tiny/pytorch_model.bin").unlink()
    with open(work / "tiny" / name, "wb") as file:
        file.truncate(5 << 30)  # sparse: it takes no room on the disk
    refused(work, "convert", "tiny", "out", says=[name],
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30)))
