"""Times a forward pass of the real-size Bort (4 layers of 1024, 8 heads, 768 inside) in double precision: the native
graph against transformers' BertModel in float64, with the same threads. forward_speed.py DUMP_STAGES [LENGTH...]

The native time includes reading the weights (stored as float32, in the page cache) and converting them to double, which
a proof does once for all its batches; PyTorch's weights are float64 in memory already."""
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
import transformers

THREADS, REPEAT = 2, 7


def main(dump, lengths):
    torch.manual_seed(0)
    torch.set_num_threads(THREADS)
    config = transformers.BertConfig(vocab_size=50265, hidden_size=1024, num_hidden_layers=4, num_attention_heads=8,
                                     intermediate_size=768, type_vocab_size=1, layer_norm_eps=1e-5)
    model = transformers.BertModel(config).eval()
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        model = model.double()
        for length in lengths:
            ids = torch.randint(0, config.vocab_size, (1, length))
            request = dict(weights=folder, family="bort", dialect="hf", config=f"{folder}/config.json", sequences=1,
                           length=length, ids=ids[0].tolist(), out=folder, threads=THREADS, repeat=REPEAT)
            file = Path(folder, "request.json")
            file.write_text(json.dumps(request))
            done = subprocess.run([dump, file], check=True, text=True, capture_output=True)
            reading, native = map(float, done.stdout.split()[-2:])
            theirs = []
            with torch.no_grad():
                for _ in range(REPEAT + 1):
                    start = time.perf_counter()
                    model(ids)
                    theirs.append(time.perf_counter() - start)
            print(f"length {length}: native {native * 1e3:.1f} ms, of which {reading * 1e3:.1f} ms reading; torch {min(theirs) * 1e3:.1f} ms, "
                  f"{native / min(theirs):.2f} times")


if __name__ == "__main__":
    main(sys.argv[1], [int(n) for n in sys.argv[2:]] or [1, 15, 128, 512])
