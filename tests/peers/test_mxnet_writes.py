"""What Transload writes for MXNet: the bytes of the real mxnet 1.5.0, which reads it."""
import mxnet as mx
import numpy as np
import pytest
from safetensors.numpy import save_file

from support import transload
from test_mxnet import dense_array, described, unique_names

# mxnet 1.5.0 asks scipy under a name that will go away.
pytestmark = pytest.mark.filterwarnings("ignore:Please import `csr_matrix`")


@pytest.mark.parametrize("seed", range(300))
def test_random_lists_that_transload_wrote(tmp_path, seed):
    rng = np.random.default_rng(5000 + seed)
    count = int(rng.integers(1, 9))
    names = [name for name in unique_names(rng, count + 8) if not name.startswith(("arg:", "aux:"))][:count]
    values = {name: dense_array(rng)[1] for name in names}
    if seed % 2:  # from MXNet's own file: the same order, so the same bytes
        arrays = {name: mx.nd.array(value, dtype=value.dtype) for name, value in values.items()}
        mx.nd.save(str(tmp_path / "source.params"), arrays)
        transload("convert", tmp_path / "source.params", tmp_path / "x.params", "--family", "none")
        assert (tmp_path / "x.params").read_bytes() == (tmp_path / "source.params").read_bytes()
    else:
        save_file({name: np.ascontiguousarray(value) for name, value in values.items()}, tmp_path / "source.safetensors")
        transload("convert", tmp_path / "source.safetensors", tmp_path / "x.params", "--family", "none")
    loaded = mx.nd.load(str(tmp_path / "x.params"))
    assert {name: described(array.asnumpy()) for name, array in loaded.items()} == {
        name: described(value) for name, value in values.items()}


@pytest.mark.parametrize("name", ["arg:w", "aux:", "arg:arg:w"])
def test_a_name_that_would_lose_its_prefix_is_refused(tmp_path, name):
    save_file({name: np.ones(2, "f4")}, tmp_path / "source.safetensors")
    result = transload("convert", tmp_path / "source.safetensors", tmp_path / "x.params", "--family", "none", expect=2)
    assert f"'{name}': its name would lose '{name[:4]}'" in result.err and "rename them" in result.err
    assert not (tmp_path / "x.params").exists()


def test_a_scalar_is_refused(tmp_path):
    save_file({"s": np.array(2.5, "f4"), "w": np.ones(2, "f4")}, tmp_path / "source.safetensors")
    result = transload("convert", tmp_path / "source.safetensors", tmp_path / "x.params", "--family", "none", expect=2)
    assert "'s': it is a scalar" in result.err and "leave such tensors out" in result.err
    assert not (tmp_path / "x.params").exists()
