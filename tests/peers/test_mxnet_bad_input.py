"""Broken .params, .npy and .npz on the command line: exit 2, one line, nothing left behind."""
import json

import pytest

from support import GOLDEN, TESTS, files_in, run, TRANSLOAD

HOSTILE = TESTS / "hostile"
ROWS = [line.split("\t") for line in (HOSTILE / "EXPECTED.tsv").read_text().splitlines()[1:]]
ROWS = [(row[0], row[3]) for row in ROWS if row[0].startswith(("mxnet/", "numpy/"))]
BORT = GOLDEN / "mxnet/bort_tiny_fp32"


def convert(source, folder):
    result = run(TRANSLOAD, "convert", source, folder / "y.safetensors", "--family", "none", timeout=20)
    return result, [name for name in files_in(folder) if name != source.name]


def assert_refused(source, folder):
    result, left = convert(source, folder)
    assert result.code == 2, result
    assert result.err.startswith("transload: error: ") and result.err.count("\n") == 1, result
    assert left == [], left
    return result.err


@pytest.mark.parametrize("file,outcome", ROWS)
def test_hostile(tmp_path, file, outcome):
    if outcome == "refuse" or outcome.startswith("refuse "):
        assert (HOSTILE / file).name in assert_refused(HOSTILE / file, tmp_path)
    else:
        assert outcome.startswith("load")
        result, left = convert(HOSTILE / file, tmp_path)
        assert result.code == 0 and left == ["y.safetensors"], result


def boundaries():
    """Where each part of a real file begins, and a byte before and after."""
    arrays = json.loads((BORT / "expected.json").read_text())["arrays"]
    size = (BORT / "bort.params").stat().st_size
    parts = {0, 8, 16, 24, *(a["data_offset"] for a in arrays), *(a["data_offset"] + a["nbytes"] for a in arrays)}
    for array in (arrays[0], arrays[-1]):
        end = array["data_offset"] + array["nbytes"]
        parts |= {end + 8, end + 12, end + 16}
    return sorted({at for part in parts for at in (part - 1, part, part + 1)} & set(range(size)) | {size - 1})


@pytest.mark.parametrize("size", boundaries())
def test_cut_at_every_boundary(tmp_path, size):
    source = tmp_path / "cut.params"
    source.write_bytes((BORT / "bort.params").read_bytes()[:size])
    error = assert_refused(source, tmp_path)
    assert "cut.params" in error


@pytest.mark.parametrize("size", [size for size in boundaries() if size > 0][::6])
def test_ends_with_another_length(tmp_path, size):
    """Bytes that are missing from the middle, so that all that follows is shifted."""
    whole = (BORT / "bort.params").read_bytes()
    source = tmp_path / "short.params"
    source.write_bytes(whole[:size - 1] + whole[size:])
    assert_refused(source, tmp_path)


def test_a_hundred_arrays_without_value_are_not_a_hundred_lines(tmp_path):
    import struct
    count = 100
    body = struct.pack("<QQQ", 0x112, 0, count) + struct.pack("<IiI", 0xF993FAC9, 0, 0) * count
    body += struct.pack("<Q", count) + b"".join(struct.pack("<Q", 3) + b"%03d" % i for i in range(count))
    source = tmp_path / "none.params"
    source.write_bytes(body)
    result, left = convert(source, tmp_path)
    lines = result.err.splitlines()
    assert result.code == 2 and left == [] and len(lines) == 22 and lines[-1] == "  ... and 80 more", result
    result = run(TRANSLOAD, "convert", source, tmp_path / "y.safetensors", "--family", "none", "--json")
    assert len(json.loads(result.out)["error"]["details"]) == 100
