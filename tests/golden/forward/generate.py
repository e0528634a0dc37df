"""Made blocks.json and google.json with torch 2.13.0 and transformers 4.37.2, in float64. Run: python generate.py

blocks.json: the parts of an encoder by torch's own functions. google.json: what the torch twins of
tests/golden/tensorflow/google_* compute with transformers, with gelu_new, which is the formula of Google's code."""
import json
from pathlib import Path

import torch
import torch.nn.functional as F
import transformers

HERE = Path(__file__).resolve().parent
torch.manual_seed(2)
torch.set_default_dtype(torch.float64)


def numbers(*tensors):
    return [t.detach().flatten().tolist() for t in tensors] if len(tensors) > 1 else tensors[0].flatten().tolist()


def activations():
    x = torch.tensor([-40.0, -6.5, -3.0, -1.0, -0.25, -1e-9, 0.0, 1e-9, 0.25, 1.0, 3.0, 6.5, 40.0])
    return {"x": numbers(x), "gelu_erf": numbers(F.gelu(x)), "gelu_tanh": numbers(F.gelu(x, approximate="tanh")),
            "relu": numbers(F.relu(x)), "tanh": numbers(torch.tanh(x)), "linear": numbers(x), "silu": numbers(F.silu(x))}


def norm():
    x, scale, shift = torch.randn(3, 11), torch.randn(11), torch.randn(11)
    return {"x": numbers(x), "scale": numbers(scale), "shift": numbers(shift), "epsilon": 1e-3,
            "y": numbers(F.layer_norm(x, (11,), scale, shift, 1e-3))}


def layer():
    sequences, length, heads, hidden, inner, epsilon = 2, 4, 2, 6, 5, 1e-5
    valid = [4, 2]
    x = torch.randn(sequences, length, hidden)
    shapes = [(hidden, hidden)] * 4 + [(inner, hidden), (hidden, inner)]
    weights, biases = [torch.randn(s) for s in shapes], [torch.randn(s[0]) for s in shapes]
    norms = [torch.randn(hidden) for _ in range(4)]

    def split(y):
        return y.view(sequences, length, heads, -1).transpose(1, 2)
    q, k, v = (split(F.linear(x, weights[i], biases[i])) for i in range(3))
    mask = torch.tensor([[i < n for i in range(length)] for n in valid])[:, None, None, :]
    context = F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).reshape(x.shape)
    h = F.layer_norm(x + F.linear(context, weights[3], biases[3]), (hidden,), norms[0], norms[1], epsilon)
    y = F.linear(F.gelu(F.linear(h, weights[4], biases[4])), weights[5], biases[5])
    y = F.layer_norm(h + y, (hidden,), norms[2], norms[3], epsilon)
    return {"sequences": sequences, "length": length, "valid": valid, "heads": heads, "hidden": hidden, "inner": inner,
            "epsilon": epsilon, "x": numbers(x), "weights": numbers(*weights), "biases": numbers(*biases),
            "norms": numbers(*norms), "y": numbers(y)}


def google(case, kind):
    folder = HERE.parent / "tensorflow" / case
    config = transformers.BertConfig.from_pretrained(folder, hidden_act="gelu_new")
    model = getattr(transformers, kind)(config).double().eval()
    problems = model.load_state_dict(torch.load(folder / "pytorch_model.bin", weights_only=True), strict=False)
    assert not problems.missing_keys or set(problems.missing_keys) <= {"cls.predictions.decoder.weight"}, problems
    ids = [[1, 17, 4, 29, 0, 8, 3], [5, 2, 11, 23, 0, 0, 0]]
    types, valid = [[0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 0, 0, 0]], [7, 4]
    mask = [[int(i < n) for i in range(7)] for n in valid]
    with torch.no_grad():
        found = model(torch.tensor(ids), torch.tensor(mask), torch.tensor(types), output_hidden_states=True)
        pooled = model.bert.pooler(found.hidden_states[-1])
    stages = {"embeddings": found.hidden_states[0], "pooled": pooled}
    stages.update({f"layer {i}": h for i, h in enumerate(found.hidden_states[1:])})
    if kind == "BertForPreTraining":
        stages.update({"mlm": found.prediction_logits, "nsp": found.seq_relationship_logits})
    else:
        stages["classifier"] = found.logits
    return {"ids": sum(ids, []), "types": sum(types, []), "valid": valid,
            "stages": {k: numbers(v) for k, v in stages.items()}}


def write(name, value):
    (HERE / name).write_text(json.dumps(value, separators=(",", ":")) + "\n")


write("blocks.json", {"activations": activations(), "norm": norm(), "layer": layer()})
write("google.json", {"google_pretraining": google("google_pretraining", "BertForPreTraining"),
                      "google_classifier": google("google_classifier", "BertForSequenceClassification")})
