"""Every golden file that can be read gives what its own framework read from it; every other one is refused."""
import json

import pytest

import support
from support import GOLDEN, transload

# torch loads it, because it ignores the checksums of zip entries; we refuse it.
FLIPPED = "pytorch/zip_variants/data_bitflip.bin"
# What a later issue reads: protocol 4 and 5, V1 tables, several shards, slices, snappy.
LATER = {"pytorch/protocol4/zip.bin", "pytorch/protocol4/legacy.bin", "v1_single", "snappy_v1_single", "v2_sharded",
         "v2_partitioned", "snappy_v2_partitioned"}
# What others refuse and we may read: the outcome is ours to choose, but it may be no crash and no guess.
EITHER = {"pytorch/zip_variants/no_version_record.bin", "pytorch/zip_variants/prefixed_junk.bin"}


def torch_files():
    for case in sorted((GOLDEN / "pytorch").iterdir()):
        for name, expected in json.loads((case / "expected.json").read_text()).items():
            if not name.startswith("_"):
                yield f"pytorch/{case.name}/{name}", expected


TORCH = dict(torch_files())


def normal(tensors):
    return {n: (t["dtype"], t["shape"], t["nbytes"], t["sha256"]) for n, t in tensors.items()}


def groups(tensors, group):
    """The sets of names that share a storage, for storages with more than one."""
    found = {}
    for name, tensor in tensors.items():
        found.setdefault(group(name, tensor), set()).add(name)
    return sorted(sorted(names) for names in found.values() if len(names) > 1)


@pytest.mark.parametrize("file", sorted(f for f, e in TORCH.items() if e["weights_only"] == "ok" and f != FLIPPED))
def test_torch(file):
    wanted = TORCH[file]["tensors"]
    found = support.inspect(GOLDEN / file)
    assert found["format"] == "torch"
    if "sparse" in file:  # left out of the list, and named in the notes
        assert any("'s'" in note or "s:" in note for note in found["notes"]), found["notes"]
    assert list(found["tensors"]) == list(wanted)
    assert normal(found["tensors"]) == normal(wanted)
    full = {n: t for n, t in wanted.items() if t["nbytes"]}
    assert groups({n: found["tensors"][n] for n in full}, lambda n, t: t.get("tied_to", n)) == \
        groups(full, lambda n, t: t["storage_group"])


@pytest.mark.parametrize("file", sorted(f for f, e in TORCH.items() if e["weights_only"] != "ok" or f == FLIPPED))
def test_torch_refused(file):
    if file in LATER | EITHER:
        result = support.run(support.TRANSLOAD, "inspect", GOLDEN / file, "--digest")
        assert result.code in (0, 2), result
        return
    result = transload("inspect", GOLDEN / file, "--digest", expect=2)
    assert result.err.startswith("transload: error: "), result


@pytest.mark.parametrize("case", sorted(p.name for p in (GOLDEN / "tensorflow").iterdir()
                                        if (p / "expected.json").exists() and list(p.glob("*.index"))))
def test_tensorflow(case):
    folder = GOLDEN / "tensorflow" / case
    expected = json.loads((folder / "expected.json").read_text())
    (index,) = folder.glob("*.index")
    prefix = index.with_suffix("")
    if expected.get("expect_error") or case in LATER:
        result = support.run(support.TRANSLOAD, "inspect", prefix, "--json", "--digest")
        if case in LATER and result.code == 0:
            assert normal(support.inspect(prefix)["tensors"]) == normal(expected["tensors"])
        else:
            assert result.code == 2 and "transload: error: " in result.err, result
        return
    # A folder means its checkpoint unless PyTorch weights lie there too, which go first.
    by_folder = (folder / "checkpoint").exists() and not list(folder.glob("*.bin"))
    for path in (prefix, index, *sorted(folder.glob("*.data-00000-of-*")), *([folder] if by_folder else [])):
        found = support.inspect(path)
        assert found["format"] == "tensor_bundle"
        assert normal(found["tensors"]) == normal(expected["tensors"])


@pytest.mark.parametrize("weights", ["model.safetensors", "pytorch_model.bin", "pytorch_model.legacy.bin"])
def test_tiny(weights):
    tensors = json.loads((support.TINY / "expected.json").read_text())["torch"]
    found = support.inspect(support.TINY / weights)
    assert {n: (t["dtype"], t["shape"], t["sha256"]) for n, t in found["tensors"].items()} == \
        {n: (t["dtype"], t["shape"], t["sha256"]) for n, t in tensors.items()}
    assert (found["family"], found["dialect"]) == ("bert", "hf")
    assert found["total_bytes"] == sum(t["nbytes"] for t in found["tensors"].values())


def test_the_scripts_output():
    tensors = json.loads((support.TINY / "expected.json").read_text())["tf"]
    found = support.inspect(support.TINY / "expected_tf/tiny.ckpt")
    assert {n: (t["shape"], t["sha256"]) for n, t in found["tensors"].items()} == \
        {n: (t["shape"], t["sha256"]) for n, t in tensors.items()}
    assert (found["family"], found["dialect"]) == ("bert", "tf1")


@pytest.mark.parametrize("case", ["tf2_object", "v2_dtypes", "google_pretraining_adam"])
def test_stats_of_every_dtype(case):
    (index,) = (GOLDEN / "tensorflow" / case).glob("*.index")
    found = support.inspect(index.with_suffix(""), "--stats")["tensors"]
    assert all("stats" not in t for t in found.values() if t["dtype"] in ("string", "complex64"))
    assert any("stats" in t for t in found.values())


def test_options(tmp_path):
    found = support.inspect(support.TINY / "model.safetensors", "--filter", "pooler.*")
    assert list(found["tensors"]) == ["pooler.dense.bias", "pooler.dense.weight"]
    plain = transload("inspect", support.TINY / "model.safetensors").out
    assert "pooler.dense.weight" in plain and "float32" in plain and "safetensors" in plain
    assert transload("inspect", support.TINY / "model.safetensors", "--stats").out
    assert "sha256" not in transload("inspect", support.TINY / "model.safetensors", "--json").out
