"""Keeps the layers apart, and the files short. Run by ctest: layering_test.py ROOT

A file may include only from its own or a lower layer:
core < io < wire < formats < scan; formats < mapping, plan < run < prove < tokenizer, forward < outputs < cli. Headers of include/transload/ belong to the layer
that implements them."""
import re, sys
from pathlib import Path

root = Path(sys.argv[1])
RANK = {"core": 0, "io": 1, "wire": 2, "formats": 3, "scan": 4, "mapping": 4, "plan": 4, "run": 5, "prove": 6,
        "tokenizer": 7, "forward": 7, "outputs": 8, "cli": 9}
PUBLIC = {"bytes": "core", "dtype": "core", "error": "core", "version": "core", "io": "io", "index": "formats",
          "format": "formats", "mapping": "mapping", "plan": "plan", "run": "run", "prove": "prove", "scan": "scan",
          "prove_outputs": "forward", "tokenizer": "tokenizer"}
# format.h names Plan and OutputSet only to declare a format's row; the format is told what to lay out.
ALLOWED = {("formats", "plan.h")}
# A proof that read the mapping would confirm its mistakes.
FORBIDDEN = {("forward", "mapping"), ("outputs", "mapping")}
HEADER_LINES, FILE_LINES = 150, 500

problems = []


def layer_of(path):
    parts = path.relative_to(root).parts
    return parts[1] if parts[0] == "src" else "cli"


def included_layer(name):
    if name.startswith("transload/"):
        stem = Path(name).stem
        if stem == "transload":
            return "cli"
        if stem not in PUBLIC:
            problems.append(f"include/{name}: add it to PUBLIC in tests/layering_test.py")
            return "core"
        return PUBLIC[stem]
    return name.split("/")[0] if name.split("/")[0] in RANK and "/" in name else None


sources = [p for folder in ("src", "cli", "include") for p in sorted((root / folder).rglob("*")) if p.suffix in (".h", ".cc")]
assert len(sources) > 20, "this test looks in the wrong place"
for path in sources:
    text = path.read_text()
    shown = path.relative_to(root)
    lines = text.count("\n")
    public = shown.parts[0] == "include"
    if lines > (HEADER_LINES if public else FILE_LINES):
        problems.append(f"{shown}: {lines} lines")
    if path.suffix == ".h" and "#pragma once" not in text:
        problems.append(f"{shown}: no #pragma once")
    if public and path.stem == "transload":
        continue
    own = PUBLIC.get(path.stem, "core") if public else layer_of(path)
    if own not in RANK:
        problems.append(f"{shown}: '{own}' is not a layer")
        continue
    for name in re.findall(r'^\s*#\s*include\s*"([^"]+)"', text, re.M):
        other = included_layer(name)
        if other and RANK[other] > RANK[own] and (own, Path(name).name) not in ALLOWED:
            problems.append(f"{shown}: layer {own} includes {name} of layer {other}")
        if (own, other) in FORBIDDEN:
            problems.append(f"{shown}: layer {own} may not know the mapping, and includes {name}")

for problem in problems:
    print(problem)
print(f"{len(sources)} files, {len(problems)} problems")
sys.exit(bool(problems))
