"""TorchScript archives: refused, or under --allow-opaque read as what torch.jit.load(...).state_dict() gives."""

import warnings

import pytest
import torch

import support

warnings.filterwarnings("ignore")


class Part(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(2, 3)
        self.no_bias = torch.nn.Linear(3, 3, bias=False)
        self.norm = torch.nn.BatchNorm1d(3)
        self.register_buffer("table", torch.arange(3))
        self.register_buffer("not_saved_by_eager", torch.ones(3), persistent=False)
        self.attribute = torch.full((4,), 7.0)
        self.number, self.text = 5, "text"
        self.tensors = [torch.zeros(1), torch.ones(1)]
        self.named = {"k": torch.ones(2)}

    def forward(self, x):
        x = self.norm(self.no_bias(self.linear(x))) + self.table + self.not_saved_by_eager
        return x + self.number + self.attribute[0] + self.tensors[0] + self.named["k"][0] + torch.tensor([1.0, 2, 3])


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.part = Part()
        self.layers = torch.nn.ModuleList([torch.nn.Linear(3, 3), torch.nn.Linear(3, 3)])
        self.layers[1].weight = self.layers[0].weight
        self.tied = self.part.linear.weight
        self.view = torch.nn.Parameter(torch.randn(6, 4).t())
        self.half = torch.nn.Parameter(torch.randn(2, 2).half())
        self.sequence = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.ReLU(), torch.nn.Embedding(4, 2))

    def forward(self, x):
        x = self.part(x)
        for layer in self.layers:
            x = layer(x)
        return x + self.view[0, 0] + self.half[0, 0] + self.tied[0, 0] + self.sequence[0](x)


class Shared(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.one = torch.nn.Linear(2, 2)
        self.two = self.one

    def forward(self, x):
        return self.two(self.one(x))


def scripted(path):
    torch.jit.save(torch.jit.script(Model().eval()), path)


def traced(path):
    torch.jit.save(torch.jit.trace(Model().eval(), torch.ones(2, 2)), path)


def lite(path):
    torch.jit.script(Model().eval())._save_for_lite_interpreter(str(path))


def shared(path):
    torch.jit.save(torch.jit.script(Shared()), path)


@pytest.mark.parametrize("save", [scripted, traced, lite, shared])
def test_the_state_dict_of_the_module(save, tmp_path):
    path = tmp_path / "model.pt"
    save(path)
    refused = support.transload("inspect", path, expect=2)
    assert "TorchScript" in refused.err and "--allow-opaque" in refused.err
    expected = torch.jit.load(path).state_dict()
    report = support.inspect(path, "--allow-opaque")
    found = report["tensors"]
    assert sorted(found) == sorted(expected)
    for name, tensor in expected.items():
        assert found[name]["dtype"] == str(tensor.dtype).removeprefix("torch."), name
        assert found[name]["shape"] == list(tensor.shape), name
        assert found[name]["sha256"] == support.digest_of(tensor), name
        for other in expected:
            tied = tensor.untyped_storage().data_ptr() == expected[other].untyped_storage().data_ptr()
            assert tied == (found[name].get("tied_to", name) == found[other].get("tied_to", other)), (name, other)
    notes = " ".join(report["notes"])
    assert "TorchScript" in notes
    assert ("part.attribute" in notes) == (save in (scripted, lite))


def test_it_converts(tmp_path):
    scripted(tmp_path / "model.pt")
    support.transload("convert", tmp_path / "model.pt", tmp_path / "out.safetensors", "--family", "none",
                      "--allow-opaque")
    from safetensors.torch import load_file
    found, expected = load_file(tmp_path / "out.safetensors"), torch.jit.load(tmp_path / "model.pt").state_dict()
    assert sorted(found) == sorted(expected)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_a_frozen_module_has_no_parameters_left(tmp_path):
    torch.jit.save(torch.jit.freeze(torch.jit.script(Model().eval())), tmp_path / "model.pt")
    report = support.inspect(tmp_path / "model.pt", "--allow-opaque")
    expected = torch.jit.load(tmp_path / "model.pt").state_dict()
    assert sorted(report["tensors"]) == sorted(expected)
