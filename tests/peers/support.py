"""What the peer tests share: running the program and the original script, and models made by the real transformers."""
import filecmp
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
GOLDEN = TESTS / "golden"
TINY = GOLDEN / "tensorflow/tiny"
TRANSLOAD = Path(os.environ.get("TRANSLOAD", ROOT / "build/bin/transload")).resolve()

HEADS = ["BertModel", "BertForPreTraining", "BertForMaskedLM", "BertForNextSentencePrediction",
         "BertForSequenceClassification", "BertForTokenClassification", "BertForMultipleChoice",
         "BertForQuestionAnswering"]


class Result:
    """A finished process: code, out, err."""

    def __init__(self, done):
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    def __repr__(self):
        return f"exit {self.code}\n--- stdout\n{self.out[-2000:]}\n--- stderr\n{self.err[-4000:]}"


def run(*command, cwd=None, env=None, timeout=600, preexec_fn=None):
    return Result(subprocess.run([str(c) for c in command], cwd=cwd, env={**os.environ, **(env or {})}, text=True,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 timeout=timeout, preexec_fn=preexec_fn))


def transload(*arguments, expect=0, **options):
    result = run(TRANSLOAD, *arguments, **options)
    assert expect is None or result.code == expect, result
    return result


def inspect(path, *options):
    """`inspect --json --digest` as a dict, with its tensors by name in the order of the file."""
    result = transload("inspect", path, "--json", "--digest", *options)
    found = json.loads(result.out)
    names = [t["name"] for t in found["tensors"]]
    assert len(set(names)) == len(names), "a name appears twice"
    found["tensors"] = {t["name"]: t for t in found["tensors"]}
    return found


def original_script(*arguments, cwd):
    """The unmodified script of transformers 4.37.2, by run_original.py."""
    package = Path(importlib.util.find_spec("transformers").submodule_search_locations[0])
    script = package / "models/bert/convert_bert_pytorch_checkpoint_to_original_tf.py"
    result = run(sys.executable, Path(__file__).with_name("run_original.py"), script, *arguments, cwd=cwd)
    assert result.code == 0, result
    return result


def files_in(folder):
    return sorted(str(p.relative_to(folder)) for p in Path(folder).rglob("*") if not p.is_dir())


def assert_same_files(ours, theirs):
    assert files_in(ours) == files_in(theirs)
    for name in files_in(theirs):
        assert filecmp.cmp(Path(ours) / name, Path(theirs) / name, shallow=False), f"{name} differs"


def bytes_of(tensor):
    """A torch tensor's elements, C order, little endian."""
    import torch
    flat = torch.empty(tensor.shape, dtype=tensor.dtype)  # contiguous() keeps odd strides of axes of size 1
    flat.copy_(tensor.detach())
    return flat.reshape(-1).view(torch.uint8).numpy().tobytes() if flat.numel() else b""


def digest_of(tensor):
    return hashlib.sha256(bytes_of(tensor)).hexdigest()


def dtype_of(tensor):
    return str(tensor.dtype).removeprefix("torch.")


def make_model(kind, seed=0, **config):
    """A small BERT of the class `kind` with random values in every parameter: none is zero or one by default."""
    import torch
    import transformers
    sizes = dict(vocab_size=37, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=24,
                 max_position_embeddings=20)
    model = getattr(transformers, kind)(transformers.BertConfig(**{**sizes, **config}))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return model.eval()


def write_model(model, folder, safetensors=False, change=None):
    """A Hugging Face folder; `change` maps its state_dict before it is written as pytorch_model.bin."""
    import torch
    folder = Path(folder)
    if safetensors:
        model.save_pretrained(folder, safe_serialization=True)
        return folder
    folder.mkdir(parents=True)
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)
    state = model.state_dict()
    torch.save(change(state) if change else state, folder / "pytorch_model.bin")
    return folder
