"""Hugging Face folders that Transload writes, as safetensors and as pytorch_model.bin, read by the real transformers."""
import json
import os
import stat

import pytest
import torch
import transformers

import support
from support import transload

HEADS = ["BertModel", "BertForPreTraining", "BertLMHeadModel", "BertForMaskedLM", "BertForNextSentencePrediction",
         "BertForSequenceClassification", "BertForTokenClassification", "BertForQuestionAnswering"]
WEIGHTS = {"safetensors": "model.safetensors", "torch": "pytorch_model.bin"}


def loaded(cls, folder, **options):
    return getattr(transformers, cls).from_pretrained(folder, output_loading_info=True, **options)


def same_values(a, b):
    a, b = a.state_dict(), b.state_dict()
    assert list(a) == list(b)
    for name in a:
        assert support.bytes_of(a[name]) == support.bytes_of(b[name]), name


@pytest.fixture(scope="module", params=HEADS)
def pair(request, tmp_path_factory):
    """A model of the class, and its folder as save_pretrained writes it (safetensors)."""
    folder = tmp_path_factory.mktemp("hf") / request.param
    model = support.make_model(request.param)
    model.save_pretrained(folder)
    return model, folder


@pytest.mark.parametrize("format", WEIGHTS)
def test_its_own_class_loads_all_of_it(tmp_path, pair, format):
    model, folder = pair
    transload("convert", folder, tmp_path / "out", "--to", "hf", "--format", format)
    again, info = loaded(type(model).__name__, tmp_path / "out")
    assert info["missing_keys"] == info["unexpected_keys"] == info["mismatched_keys"] == []
    same_values(again, model)


@pytest.mark.parametrize("format", WEIGHTS)
def test_the_weights_file_is_that_of_save_pretrained(tmp_path, pair, format):
    model, folder = pair
    transload("convert", folder, tmp_path / "out", "--to", "hf", "--format", format)
    model.save_pretrained(tmp_path / "wanted", safe_serialization=format == "safetensors")
    assert (tmp_path / "out" / WEIGHTS[format]).read_bytes() == (tmp_path / "wanted" / WEIGHTS[format]).read_bytes()


def test_a_plain_torch_load_gives_the_whole_state_dict(tmp_path, pair):
    model, folder = pair
    transload("convert", folder, tmp_path / "out", "--to", "hf", "--format", "torch")
    state = torch.load(tmp_path / "out/pytorch_model.bin", weights_only=True, mmap=True)
    again = type(model)(model.config)
    again.load_state_dict(state, strict=True)  # tied names are there too
    same_values(again, model)
