"""Makes the seeds of the parsers that have few or large files in tests/: python fuzz/seeds/make.py

Standard library only; the same files every time. What real frameworks wrote is taken from tests/golden.
"""
import gzip
import io
import json
import pathlib
import pickle
import struct
import tarfile
import zlib

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE.parent.parent / "tests" / "golden"
MAPPINGS = HERE.parent.parent / "mappings"


def put(fuzzer, name, content):
    (HERE / fuzzer).mkdir(exist_ok=True)
    assert len(content) < 16384, (fuzzer, name, len(content))
    (HERE / fuzzer / name).write_bytes(content)


def golden(*path):
    return GOLDEN.joinpath(*path).read_bytes()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x82F63B78 * (crc & 1)
    return crc ^ 0xFFFFFFFF


def masked(crc):
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def checkpoint():
    for folder in ("v1_single", "v2_partitioned", "tf2_object", "google_pretraining"):
        put("checkpoint", folder, golden("tensorflow", folder, "checkpoint"))
    put("checkpoint", "text_format", (
        b"# a comment\n"
        b"model_checkpoint_path: 'a\\x41\\101\\n\\\"b' 'c'\n"
        b"all_model_checkpoint_paths: \"x\" ; all_model_checkpoint_timestamps: 1.5e9,\n"
        b"last_preserved_timestamp: -1.0e-3f unknown { a: 1 b < c: [1, 2] > } [ext.ension]: true\n"))


def tf_strings():
    for name, strings, big in (("three", [b"u,", b"hello", b"abc"], False), ("empty", [b"", b""], False),
                               ("big_endian", [b"x" * 200, b"y"], True), ("none", [], False)):
        lengths = b"".join(struct.pack(">I" if big else "<I", len(s)) for s in strings)
        crc = struct.pack(">I" if big else "<I", masked(crc32c(lengths)))
        put("tf_strings", name, bytes([len(strings) | big << 7]) + b"".join(varint(len(s)) for s in strings) + crc +
            b"".join(strings))


def inflate():
    text = b"the quick brown fox jumps over the lazy dog " * 20
    for name, level, strategy, content in (("stored", 0, 0, text), ("fixed", 9, zlib.Z_FIXED, text),
                                           ("dynamic", 9, 0, bytes(i * i >> 3 & 0xFF for i in range(2000))),
                                           ("huffman", 6, zlib.Z_HUFFMAN_ONLY, text), ("empty", 9, 0, b""),
                                           ("zeros", 9, 0, bytes(60000))):
        packer = zlib.compressobj(level, zlib.DEFLATED, -15, 8, strategy)
        put("inflate", name, struct.pack("<H", len(content)) + packer.compress(content) + packer.flush())


def proto():
    """The values of the bundles' entries; a header with all of its fields."""
    number = 0
    for seed in sorted((HERE / "bundle").iterdir()):
        rest = seed.read_bytes()
        rest = rest[1 + rest[0]:]
        seen = set()
        while rest:
            key, rest = rest[1:1 + rest[0]], rest[1 + rest[0]:]
            value, rest = (rest[1:1 + rest[0]], rest[1 + rest[0]:]) if rest else (b"", b"")
            kind = value[:2] + bytes([len(value) // 8])
            if kind not in seen:
                seen.add(kind)
                put("proto", f"{seed.name}_{number}", value)
                number += 1
    put("proto", "header", b"\x08\x02\x10\x01\x1a\x06\x08\x01\x10\x01\x18\x07")
    put("proto", "unknown_rank", b"\x08\x01\x12\x02\x18\x01")
    put("proto", "named", b"\x08\x01\x12\x09\x12\x07\x08\x03\x12\x03dim\x28\x0c\x35\x01\x02\x03\x04")


def plan():
    whole = {
        "transload_plan": 1,
        "sources": [{"path": "a.safetensors", "format": "safetensors", "digest": "00"}],
        "slots": [
            {"name": "w", "dtype": "float32", "shape": [2, 3], "pieces": [
                {"op": "copy", "source": 0, "tensor": "w", "axes": [[2, 1, 3], [3, 2, 1]], "from_offset": 0, "to_offset": 0}]},
            {"name": "h", "dtype": "float16", "shape": [3], "pieces": [
                {"op": "cast", "source": 0, "tensor": "b", "axes": [[3, 1, 1]], "from_offset": 0, "to_offset": 0}]},
            {"name": "r", "dtype": "float32", "shape": [4, 2], "pieces": [
                {"op": "copy", "source": 0, "tensor": "w", "axes": [[2, 2, 2], [2, 1, 1]], "from_offset": 0, "to_offset": 0,
                 "rows": [2, 0]},
                {"op": "zeros", "axes": [[4, 0, 1]], "from_offset": 0, "to_offset": 4}]},
            {"name": "s", "dtype": "float32", "shape": [], "pieces": [
                {"op": "copy", "source": 0, "tensor": "b", "axes": [], "from_offset": 2, "to_offset": 0}]},
            {"name": "t", "dtype": "bfloat16", "shape": [3, 2], "pieces": [
                {"op": "cast", "source": 0, "tensor": "t", "axes": [[2, 3, 1], [3, 1, 2]], "from_offset": 0, "to_offset": 0}]},
            {"name": "c", "dtype": "float32", "shape": [8], "pieces": [
                {"op": "copy", "source": 0, "tensor": "c", "axes": [[8, 1, 1]], "from_offset": 0, "to_offset": 0}]},
            {"name": "k", "dtype": "float32", "shape": [2, 3], "pieces": [
                {"op": "copy", "source": 0, "tensor": "c", "axes": [[3, 2, 1], [2, 1, 3]], "from_offset": 2, "to_offset": 0}]}],
        "drops": [{"source": 0, "tensor": "pos", "reason": "a buffer"}],
        "equals": [{"source": 0, "kept": "w", "dropped": "v"}],
        "zeros": [{"source": 0, "tensor": "z", "reason": "no token types"}],
        "notes": ["a note"], "metadata": {"format": "pt"}, "allow_overflow": False, "allow_nonfinite": True}
    put("plan", "whole", json.dumps(whole).encode())
    put("plan", "empty", json.dumps({**whole, "sources": [], "slots": [], "drops": [], "equals": [], "zeros": []}).encode())


def family():
    dialects = (MAPPINGS / "dialects.toml").read_bytes().split(b"# The global names")[0]
    for name in ("bort", "roberta"):
        put("family", name, (MAPPINGS / f"{name}.toml").read_bytes() + b"\xff" + dialects)
    small = b"""[kinds]
linear = "i -> o"
vector = "c"
[a]
linear = { weight = ["{}.w", "o i"], bias = ["{}.b", "o"] }
vector = { value = ["{}", "c"] }
[b]
linear = { weight = ["{}.w", "i o"], bias = ["{}.b", "o"] }
vector = { value = ["{}", "c"] }
"""
    body = b"""family = "small"
dialects = ["a", "b"]
[dims]
H = { a = "width", b = "width" }
L = { a = "layers", b = "layers" }
[body]
one = { linear = "H -> H", a = "one", b = "eins" }
[layer]
repeat = "L"
prefix = { a = "l.{}.", b = "m{}." }
two = { vector = "H", a = "two", b = "zwei" }
[tail]
optional = true
three = { vector = "2", a = "three", b = "drei" }
[models]
Small = ["tail"]
"""
    put("family", "small", body + b"\xff" + small)
    put("family", "zeros", b"""family = "small"
dialects = ["a", "b"]
[dims]
H = { a = "width", b = "width" }
P = { a = "places", b = "places" }
T = { a = "types", b = { fixed = 1 } }
[body]
types  = { table = "T H", a = "types", zeros = ["b"] }
places = { table = "P H", a = "places", b = "orte", lead = { a = 2 } }
[models]
Small = []
\xff[kinds]
table = "n c"
[a]
table = { rows = ["{}", "n c"] }
[b]
table = { rows = ["{}", "n c"] }
""")
    put("family", "joined", b"""family = "small"
dialects = ["a"]
root = { a = ["x.", ""] }
[dims]
H = { a = "width" }
A = { a = "heads", divides = "H" }
L = { a = "layers" }
[layer]
repeat = "L"
prefix = { a = "l.{}." }
query = { linear = "H -> H", a = "q" }
key   = { linear = "H -> H", a = "k" }
[models]
Small = []
[column.b]
"root" = [""]
"layer.prefix" = "m{}."
[join.b."layer.qk"]
of     = ["query", "key"]
weight = ["qk.weight", "(a n d) i", "(a d) i"]
bias   = ["qk.bias", "(a n d)", "(a d)"]
""" + b"\xff" + small)


def vocabulary():
    wordpiece = b"\n".join([b"[PAD]", b"[UNK]", b"[CLS]", b"[SEP]", b"[MASK]", b"the", b"palace", b",", b"!", b"p", b"##al",
                            b"##ace", "é".encode(), b"##s", "宮".encode()])
    config = {"do_lower_case": True, "tokenize_chinese_chars": True, "strip_accents": None, "unk_token": "[UNK]",
              "cls_token": {"content": "[CLS]", "lstrip": False, "normalized": False, "rstrip": False, "single_word": False},
              "additional_special_tokens": ["[MASK]"],
              "added_tokens_decoder": {"4": {"content": "[MASK]", "lstrip": False, "normalized": False, "rstrip": False,
                                             "single_word": False, "special": True}}}
    special = {"mask_token": "[MASK]", "pad_token": "[PAD]", "sep_token": "[SEP]"}
    put("vocabulary", "bert", b"\xff".join([b"0" + wordpiece, b"3" + json.dumps(config).encode(),
                                             b"4" + json.dumps(special).encode(), "The Palace, thé 宮 [MASK]!".encode()]))
    put("vocabulary", "bert_plain", b"0" + wordpiece)
    put("vocabulary", "cased", b"0" + wordpiece + b"\xff3" + json.dumps({"do_lower_case": False}).encode())
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "T", "h", "e", "\u0120", "\u0120p", "al", "a", "l", "Th", "\u00c3", "\u00a9"]
    vocab = json.dumps({piece: i for i, piece in enumerate(pieces)}).encode()
    merges = "#version: 0.2\n\u0120 p\na l\nT h\n".encode()
    roberta = {"add_prefix_space": True, "bos_token": "<s>", "mask_token": {
        "content": "<mask>", "lstrip": True, "normalized": False, "rstrip": False, "single_word": False}}
    put("vocabulary", "roberta", b"\xff".join([b"1" + vocab, b"2" + merges, b"3" + json.dumps(roberta).encode(),
                                                "The pal<mask> é".encode()]))
    gpt2 = json.dumps({"<|endoftext|>": 0, "T": 1, "h": 2, "Th": 3, "e": 4}).encode()
    put("vocabulary", "gpt2", b"\xff".join([b"1" + gpt2, b"2" + b"T h\n", b"The<|endoftext|>"]))
    gluon = {"idx_to_token": ["<s>", "<pad>", "</s>", "<unk>", "T", "h"], "token_to_idx": {"T": 4}, "unknown_token": "<unk>"}
    put("vocabulary", "gluon", b"\xff".join([b"1" + json.dumps(gluon).encode(), b"2T h\n", b"Th"]))
    put("vocabulary", "tokenizer", b"5" + (HERE / "tokenizer" / "wordpiece_json").read_bytes().split(b"\xff")[0])
    put("vocabulary", "added", b"0" + wordpiece + b"\xff6{}")


def safetensors(tensors):
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in tensors.items():
        size = 4
        for extent in shape:
            size *= extent
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(at)


def locate():
    def folder(name, **files):
        put("locate", name, b"\xff".join(key.encode() + b"\n" + value for key, value in files["files"].items()))

    one, two = safetensors({"a": [2, 2]}), safetensors({"b": [3]})
    index = {"metadata": {"total_size": 28},
             "weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    commit = "0123456789abcdef0123456789abcdef01234567"
    table = golden("tensorflow", "v2_sharded", "model.ckpt.index")
    data = golden("tensorflow", "v2_sharded", "model.ckpt.data-00000-of-00002").replace(b"\xff", b"\xfe")
    folder("plain", files={"model.safetensors": one, "config.json": b"{\"model_type\": \"bert\"}"})
    folder("sharded", files={"model.safetensors.index.json": json.dumps(index).encode(),
                             "model-00001-of-00002.safetensors": one, "model-00002-of-00002.safetensors": two})
    metadata = {**index, "metadata": {"total_size": 29}}
    folder("sharded_notes", files={"model.safetensors.index.json": json.dumps(metadata).encode(),
                                   "model-00001-of-00002.safetensors": one.replace(b'"pt"', b'"np"'),
                                   "model-00002-of-00002.safetensors": two})
    swapped = {"weight_map": {"a": "model-00002-of-00002.safetensors", "b": "model-00001-of-00002.safetensors"}}
    folder("sharded_swapped", files={"model.safetensors.index.json": json.dumps(swapped).encode(),
                                     "model-00001-of-00002.safetensors": one, "model-00002-of-00002.safetensors": two})
    folder("sharded_twice", files={"model.safetensors.index.json": json.dumps(index).encode(),
                                   "model-00001-of-00002.safetensors": one, "model-00002-of-00002.safetensors": one})
    folder("shards_alone", files={"model-00001-of-00002.safetensors": one, "model-00002-of-00002.safetensors": two})
    folder("hub", files={"models--org--model/refs/main": commit.encode(),
                         f"models--org--model/snapshots/{commit}/model.safetensors": one})
    folder("hub_two", files={f"models--org--model/snapshots/{commit}/model.safetensors": one,
                             f"models--org--model/snapshots/{commit[::-1]}/pytorch_model.bin": b"x"})
    folder("tensorflow", files={"checkpoint": b'model_checkpoint_path: "model.ckpt"\n', "model.ckpt.index": table,
                                "model.ckpt.data-00000-of-00002": data, "model.ckpt.data-00001-of-00002": data})
    folder("tensorflow_meta", files={"m.index": table, "m.meta": b"\n\x02\x08\x01", "m.data-00000-of-00001": data})
    folder("mxnet", files={"m-0000.params": golden("mxnet", "fmt_empty_mx191", "t.params"), "m-symbol.json": b"{}",
                           "m.json": b"{\"units\": 8}"})
    folder("mxnet_export", files={"m-0007.params": golden("mxnet", "fmt_keys_mx150", "t.params").replace(b"\xff", b"\xfe"),
                                  "m-symbol.json": b"{}"})
    folder("hub_links", files={f"models--org--model/snapshots/{commit}/model.safetensors": b"->../../blobs/abc",
                               "models--org--model/blobs/abc": one, "models--org--model/refs/main": commit.encode()})
    folder("links", files={"a.safetensors": one, "b.bin": b"->a.safetensors", "c.pt": b"->nowhere", "d": b"->.", "e.pt": b"->../../x"})
    folder("two", files={"a.safetensors": one, "b.safetensors": two, "c.npz": b"PK\x05\x06" + bytes(18)})
    folder("foreign", files={"pytorch_model.bin": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n",
                             "model.h5": b"\x89HDF\r\n\x1a\n", "x.gguf": b"GGUF\x03\0\0\0", "page.bin": b"<!DOCTYPE html><html>",
                             "m.onnx": b"\x08\x07\x12\x07pytorch"})
    folder("torch", files={"pytorch_model.bin": b"\x80\x02}q\x00.", "training_args.bin": b"\x80\x02}q\x00."})


def npy(descr, shape, content, version=1):
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H", len(header)) + header + content


def ids():
    put("ids", "lines", b"101 7592 102\n[101, 2088, 999, 102]\n\n0;1\t2\r\n")
    for descr, code in (("<i8", "<q"), ("<i4", "<i"), (">i2", ">h"), ("|i1", "b"), ("|u1", "B"), ("<u2", "<H"), ("<u4", "<I"),
                        ("<f4", "<f"), ("<f8", "<d"), ("<f2", "<e")):
        put("ids", "npy_" + descr.strip("<>|"), npy(descr, "(2, 3)", b"".join(struct.pack(code, i) for i in range(6))))
    put("ids", "npy_flat", npy("<i8", "(3,)", struct.pack("<3q", 1, 2, 3)))
    put("ids", "npy_bool", npy("|b1", "(3,)", b"\0\1\1"))
    put("ids", "npy_half", npy("<f4", "(2,)", struct.pack("<2f", 1.5, 1e30)))


def key_text():
    keys = [None, True, False, 0, -5, 2**62, 2**70, 1.5, -0.0, 1e300, float("inf"), float("nan"), 1e-5, 123456789.0, "a'b",
            "a\"b'c", "é\u20ac\U0001f600", "\n\t\\\x01\x7f", b"x\x00\xff'", (), (1,), (1, (2, "x"), None, b"y", 2.0)]
    for protocol in (2, 3):
        put("key_text", f"keys_p{protocol}", pickle.dumps({key: 0 for key in keys}, protocol))


def sidecars():
    put("sidecars", "many_lines", b"token\n" * 12)
    put("sidecars", "many_tokens", json.dumps({"idx_to_token": ["a"] * 12}).encode())


def scan():
    evil = b"cos\nsystem\n(S'true'\ntR."
    for name, form in (("gnu", tarfile.GNU_FORMAT), ("pax", tarfile.PAX_FORMAT)):
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w", format=form) as tar:
            for member, kind in (("a" * 120 + ".pkl", tarfile.REGTYPE), ("link", tarfile.SYMTYPE), ("folder", tarfile.DIRTYPE)):
                info = tarfile.TarInfo(member)
                info.type, info.linkname = kind, "b" * 120 if kind == tarfile.SYMTYPE else ""
                info.size = len(evil) if kind == tarfile.REGTYPE else 0
                info.pax_headers = {"size": str(info.size), "comment": "x"}
                tar.addfile(info, io.BytesIO(evil))
        put("scan", f"tar_{name}", file.getvalue().rstrip(b"\0") + bytes(1024))
    put("scan", "gzip", gzip.compress(evil, mtime=0))
    put("scan", "two_gzips", gzip.compress(evil[:5], mtime=0) + gzip.compress(evil[5:], mtime=0))
    put("scan", "zlib", zlib.compress(evil))
    inner = evil
    for _ in range(7):  # deeper than is looked into
        inner = gzip.compress(inner, mtime=0)
    put("scan", "deep", inner)
    put("scan", "getattr", b"\x80\x02cbuiltins\ngetattr\ncos\npath\nX\x04\0\0\0join\x86R.")
    put("scan", "bytearray", b"\x80\x02cbuiltins\nbytearray\nJ\0\0\0\x7f\x85R.")
    put("scan", "joblib", b"\x80\x03cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}X\x05\0\0\0shapeK\x02\x85sb\0\0\x80?\0\0\0@.")
    put("scan", "nested", b"\x80\x02" + b"]" * 1200 + b"a" * 1199 + b".")


for make in (checkpoint, tf_strings, inflate, proto, plan, family, vocabulary, locate, ids, key_text, sidecars, scan):
    make()
