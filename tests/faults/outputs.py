"""The kinds of output, two versions of each, and what a reader finds at the destination."""
import hashlib
import json
import os
import shutil
import struct
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TRANSLOAD = Path(os.environ.get("TRANSLOAD", ROOT / "build/bin/transload")).resolve()
INJECTOR = TRANSLOAD.with_name("inject.so")
WRITE_SET = TRANSLOAD.with_name("write_set")
OTHERS = {"notes.txt": b"of the user", "other.ckpt.index": b"another checkpoint", "below/file": b"deeper"}
SHARDS = ["config.json", *(f"model-{i:05}-of-00003.safetensors" for i in (1, 2, 3)), "model.safetensors.index.json!"]


def run(command, cwd, timeout=120, **environment):
    return subprocess.run([str(c) for c in command], cwd=cwd, env={**os.environ, **environment}, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout)


def loaded(**settings):
    """The environment that puts the injector into a program: loaded(at=3, mode="EIO", under=FOLDER)."""
    return {"LD_PRELOAD": str(INJECTOR), **{f"INJECT_{key.upper()}": str(value) for key, value in settings.items()}}


class Kind:
    """One kind of output. `key`: without it a reader finds nothing. command(version, force): what writes it to out/."""

    def __init__(self, name, key, arguments):
        self.name, self.key, self.arguments = name, key, arguments

    def command(self, version, force, *more):
        if self.name == "sharded":
            return [WRITE_SET, "out", version, self.size, "FORCE" if force else "NEW", *SHARDS]
        return [TRANSLOAD, "convert", f"../in/{version}", *self.arguments, "--threads", "1", "--proof", "none",
                *(["--force"] if force else []), *more]

    size = 9000


KINDS = [
    Kind("safetensors", "model.safetensors", ["out/model.safetensors"]),
    Kind("torch", "pytorch_model.bin", ["out/pytorch_model.bin"]),
    Kind("hf folder", "model.safetensors", ["out", "--to", "hf"]),
    Kind("sharded", "model.safetensors.index.json", []),
    Kind("tf bundle", "model.ckpt.index", ["out/model.ckpt", "--to", "tf1"]),
    Kind("mxnet", "model.params", ["out/model.params", "--to", "gluon"]),
]


def make_inputs(base, rows=None):
    """base/in/A and base/in/B: a tiny BERT as a Hugging Face folder, with other values and another configuration each. `rows`: of
    its vocabulary, for a larger one."""
    example = ROOT / "examples/tiny-bert"
    (base / "in").mkdir(parents=True)
    done = run([TRANSLOAD, "convert", example, base / "in/A", "--to", "hf", "--proof", "none"], base)
    assert done.returncode == 0, done.stderr
    if rows:
        grow(base / "in/A", rows)
    shutil.copytree(base / "in/A", base / "in/B")
    config = json.loads((base / "in/B/config.json").read_text())
    (base / "in/B/config.json").write_text(json.dumps({**config, "hidden_dropout_prob": 0.25}))
    path = base / "in/B/model.safetensors"
    data = bytearray(path.read_bytes())
    for at in range(8 + struct.unpack("<Q", data[:8])[0], len(data), 4):
        data[at] ^= 1
    path.write_bytes(data)


def grow(folder, rows):
    path = folder / "model.safetensors"
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8:8 + size]), data[8 + size:]
    metadata = header.pop("__metadata__", None)
    out, new = b"", {} if metadata is None else {"__metadata__": metadata}
    for name, tensor in sorted(header.items(), key=lambda entry: entry[1]["data_offsets"]):
        begin, end = tensor["data_offsets"]
        piece, shape = body[begin:end], tensor["shape"]
        if name.endswith("word_embeddings.weight"):
            piece = (piece * (rows // shape[0] + 1))[:rows * shape[1] * 4]
            shape = [rows, shape[1]]
        elif name in ("cls.predictions.bias", "cls.predictions.decoder.bias"):
            piece, shape = (piece * (rows // shape[0] + 1))[:rows * 4], [rows]
        new[name] = {"dtype": tensor["dtype"], "shape": shape, "data_offsets": [len(out), len(out) + len(piece)]}
        out += piece
    text = json.dumps(new).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + out)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": rows}))
    for name in ("vocab.txt", "tokenizer.json"):
        (folder / name).unlink(missing_ok=True)


def digests(folder):
    """Of every file that is not hidden, by its path; None: there is no such folder."""
    if not folder.is_dir():
        return None
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in sorted(folder.rglob("*"))
            if p.is_file() and not any(part.startswith(".") for part in p.relative_to(folder).parts)}


def litter(work):
    """Hidden entries in and beside the destination."""
    return [str(p.relative_to(work)) for p in work.rglob(".*")]


# Of the destination: not there; holds the set A alone, or among files of the user; A alone, on a file system that can
# neither exchange nor keep from replacing.
SCENARIOS = ["new", "alone", "among", "old system"]


class Stage:
    """A folder in which one kind is written again and again, from one scenario's beginning."""

    def __init__(self, base, kind, scenario):
        self.work, self.kept, self.kind, self.scenario = base / "w", base / "kept", kind, scenario
        self.work.mkdir(exist_ok=True)
        self.sets = {}
        self.extra = {"INJECT_OLD": "1"} if scenario == "old system" else {}
        for version in "AB":
            self.clear()
            done = run(kind.command(version, False), self.work)
            assert done.returncode == 0, done.stderr
            self.sets[version] = digests(self.work / "out")
            shutil.rmtree(self.kept / version, ignore_errors=True)
            shutil.copytree(self.work / "out", self.kept / version)
        assert self.sets["A"].keys() == self.sets["B"].keys()
        assert self.sets["A"][kind.key] != self.sets["B"][kind.key]
        self.others = {} if scenario != "among" else {
            name: hashlib.sha256(data).hexdigest() for name, data in OTHERS.items()}

    def clear(self):
        for path in self.work.iterdir():
            shutil.rmtree(path)

    def begin(self):
        self.clear()
        if self.scenario == "new":
            return
        shutil.copytree(self.kept / "A", self.work / "out")
        for name in self.others:
            path = self.work / "out" / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(OTHERS[name])

    def write(self, force=None, version="B", **settings):
        force = self.scenario != "new" if force is None else force
        return run(self.kind.command(version, force), self.work, **{**loaded(under=self.work, **settings), **self.extra}
                   if settings or self.extra else {})

    def state(self):
        """What a reader finds: "A", "B", "none" (there is no key), or what is wrong."""
        found = digests(self.work / "out")
        if found is None:
            return "none" if not self.others else "the folder is gone"
        for name, digest in self.others.items():
            if found.pop(name, None) != digest:
                return f"{name} of the user is lost or changed"
        for version, files in self.sets.items():
            if found == files:
                return version
        if self.kind.key not in found:
            return "none"
        return f"MIX {sorted(found)}"

    def before(self):
        return "none" if self.scenario == "new" else "A"
