"""run_original_bort.py --bort_checkpoint_path F --pytorch_dump_folder_path D: runs the original script of transformers,
unmodified. Only what it would fetch from a network has a stand-in: the vocabulary of 50265 tokens, of which it takes the
size, and the tokenizer, which gives the sample sentence the 15 ids below (RoBERTa's where a source tells them).
With BORT_HPARAMS='{"units": 32, ...}' the script's own sizes are replaced, to run it on small models."""
import importlib.util
import json
import os
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
import gluonnlp  # noqa: E402
import gluonnlp.model.utils  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402

SENTENCE = [0, 133, 8606, 6195, 2457, 3321, 9928, 16, 10, 2721, 9129, 11, 10489, 328, 2]
sizes = json.loads(os.environ.get("BORT_HPARAMS", "{}"))
vocabulary = sizes.pop("vocab_size", 50265)


class Tokenizer:
    @classmethod
    def from_pretrained(cls, name):
        return cls()

    def encode_plus(self, text, return_tensors=None):
        ids = [i % vocabulary for i in SENTENCE]
        if return_tensors is None:
            return {"input_ids": ids}
        return {"input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, len(ids), dtype=torch.long)}


transformers.RobertaTokenizer = Tokenizer
gluonnlp.model.utils._load_vocab = lambda name, vocab, root, cls=None: range(vocabulary)
package = Path(importlib.util.find_spec("transformers").submodule_search_locations[0])
script = package / "models/deprecated/bort/convert_bort_original_gluonnlp_checkpoint_to_pytorch.py"
text = script.read_text()
for key, value in sizes.items():
    before = f'"{key}": '
    start = text.index(before) + len(before)
    text = text[:start] + repr(value) + text[text.index(",", start):]
sys.argv[0] = str(script)
exec(compile(text, str(script), "exec"), {"__name__": "__main__"})
