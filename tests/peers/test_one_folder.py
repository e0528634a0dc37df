"""What lies already where an output goes: nothing of one model may be read with another's weights unsaid."""
import json
import os
import shutil
import subprocess

import pytest

from support import ROOT, TRANSLOAD, make_model, transload, write_model

TOKENIZER = ["added_tokens.json", "merges.txt", "special_tokens_map.json", "tokenizer.json"]


@pytest.fixture
def work(tmp_path):
    shutil.copytree(ROOT / "examples/tiny-bert", tmp_path / "B")
    shutil.copytree(tmp_path / "B", tmp_path / "A")
    for name in [*TOKENIZER, "generation_config.json"]:
        (tmp_path / "A" / name).write_text('{"of": "A"}')
    return tmp_path


def tree(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_tokenizer_of_an_earlier_output_is_refused(work):
    transload("convert", "A", "out", cwd=work)
    for name in ("model.safetensors", "config.json"):
        (work / "out" / name).unlink()  # what would be in the way all the same
    before = tree(work / "out")
    result = transload("convert", "B", "out", cwd=work, expect=2)
    assert "tokenizer.json" in result.err and "nothing was written" in result.err
    assert all(name in result.err for name in TOKENIZER)
    assert tree(work / "out") == before


@pytest.mark.parametrize("options", [["-q"], ["--json"]])
def test_a_tokenizer_that_stays_despite_force_is_named(work, options):
    transload("convert", "A", "out", cwd=work)
    result = transload("convert", "B", "out", "--force", *options, cwd=work)
    notes = [line for line in result.err.splitlines() if "of an earlier output" in line]
    assert len(notes) == 1 and all(name in notes[0] for name in TOKENIZER), result
    if options == ["--json"]:
        assert any("tokenizer.json" in note and "stay" in note for note in json.loads(result.out)["notes"])
    # A second conversion of the model whose files they are has nothing to say.
    assert "earlier output" not in transload("convert", "A", "out", "--force", cwd=work).err


def test_the_index_of_an_earlier_sharded_set(work):
    (work / "out").mkdir()
    (work / "out/model.safetensors.index.json").write_text("{}")
    assert "model.safetensors.index.json" in transload("convert", "B", "out", cwd=work, expect=2).err
    assert "model.safetensors.index.json" in transload("convert", "B", "out", "--force", cwd=work).err


def test_what_is_of_the_source_itself_is_no_stranger(work):
    (work / "A/generation_config.json").unlink()
    result = transload("convert", "A", "A", cwd=work, expect=None)
    assert "earlier output" not in result.err and "not of this model" not in result.err


def test_a_second_prefix_does_not_take_the_first_ones_vocabulary(work):
    transload("convert", "A", "tf/model.ckpt", "--to", "tf1", cwd=work)
    (work / "B/vocab.txt").write_text((work / "B/vocab.txt").read_text().swapcase())
    before = tree(work / "tf")
    result = transload("convert", "B", "tf/other.ckpt", "--to", "tf1", "--force", cwd=work, expect=2)
    assert "vocab.txt" in result.err and "model.ckpt.index" in result.err and "--force" not in result.err
    assert tree(work / "tf") == before
    transload("convert", "B", "tf/other.ckpt", "--to", "tf1", "--no-sidecars", cwd=work)
    assert tree(work / "tf")["vocab.txt"] == before["vocab.txt"]
    # The same model twice shares both.
    transload("convert", "A", "tf/again.ckpt", "--to", "tf1", cwd=work)


def test_a_dry_run_says_what_the_run_would_refuse(work):
    transload("convert", "A", "out", cwd=work)
    result = transload("convert", "B", "out", "--dry-run", cwd=work)
    assert "exists already: it needs --force" in result.out
    notes = json.loads(transload("convert", "B", "out", "--dry-run", "--json", cwd=work).out)["notes"]
    assert any("exists already: it needs --force" in note for note in notes)
    forced = transload("convert", "B", "out", "--dry-run", "--force", cwd=work)
    assert "needs --force" not in forced.out and "earlier output" in forced.out
    assert "needs --force" not in transload("convert", "B", "new", "--dry-run", cwd=work).out


def test_a_configuration_of_the_source_that_is_replaced_is_noted(work):
    config = json.loads((work / "B/config.json").read_text())
    (work / "B/config.json").write_text(json.dumps({**config, "of_the_user": 1}))
    result = transload("convert", "B", "B", "--format", "safetensors", "--force", cwd=work)
    assert "config.json beside the source is replaced" in result.out


def test_in_a_log_the_error_comes_after_what_was_said_before(work):
    with open(work / "log", "w") as log:
        done = subprocess.run([TRANSLOAD, "convert", "A", "out", "--drop", "nothing.*"], cwd=work, stdout=log, stderr=log)
        assert done.returncode == 0
        done = subprocess.run([TRANSLOAD, "convert", "A", "out"], cwd=work, stdout=log, stderr=log)
    assert done.returncode == 2
    lines = [line for line in (work / "log").read_text().splitlines() if line.startswith(("from ", "transload: error"))]
    assert [line.split()[0] for line in lines] == ["from", "from", "transload:"]


def test_a_closed_pipe_does_not_end_a_conversion(work):
    """Many lines about the source fill the buffer of stdout before anything is written."""
    import torch
    torch.save({f"t{i}": torch.ones(1).expand(2) for i in range(3000)}, work / "many.pt")
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([TRANSLOAD, "convert", "many.pt", "many.safetensors", "--drop", "t1*"], cwd=work, stdout=write,
                          stderr=subprocess.PIPE, text=True, restore_signals=True)
    os.close(write)
    assert done.returncode == 2 and "standard output" in done.stderr and "in place" in done.stderr, done
    assert (work / "many.safetensors").exists()


def test_standard_error_that_cannot_be_written_is_no_crash(work):
    with open("/dev/full", "w") as full:
        done = subprocess.run([TRANSLOAD, "inspect", "nothing-here.bin"], cwd=work, stderr=full, stdout=full)
    assert done.returncode == 2


def test_an_output_that_another_conversion_replaced_is_said_to_be(tmp_path):
    """Two at once, until one of them finds the other's files where its own were."""
    write_model(make_model("BertModel", 1, hidden_size=64, vocab_size=3000), tmp_path / "A")
    write_model(make_model("BertModel", 2, hidden_size=64, vocab_size=3000), tmp_path / "B")
    told = 0
    for _ in range(12):
        both = [subprocess.Popen([TRANSLOAD, "convert", source, "out", "--force", "-q"], cwd=tmp_path, text=True,
                                 stderr=subprocess.PIPE) for source in "ABAB"]
        for process in both:
            error = process.communicate()[1]
            assert "FAILED" not in error, error
            if "was replaced by another conversion meanwhile; it is not proven" in error:
                assert process.returncode == 1
                told += 1
    assert told
