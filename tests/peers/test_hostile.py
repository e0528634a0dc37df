"""The whole program over every file of tests/hostile: each comes to its required outcome, within limits, and touches
nothing else. Bytes that pass the parsers one by one are held in tests/formats; here it is what a user would run."""
import json
import os
import re
import struct
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
import pytest

import support

HOSTILE = support.TESTS / "hostile"
ABOVE_ITS_OWN = 256 << 20  # bytes of address space
CPU_SECONDS = 2

# Where the outcome is another than the corpus asks for, and why. "listed": inspect shows what is there with a note,
# convert refuses.
ON_PURPOSE = {
    "torch_zip/name_int.pt": ("load", "integer keys are printed as str() does: torch.save writes them"),
    "torch_zip/sparse_oob.pt": ("listed", "sparse tensors are carried only with --dense"),
    "torch_zip/qtensor.pt": ("listed", "quantised tensors are carried only with --dense"),
}
# What inspect may show and no output can hold.
LISTED_ONLY = {
    "tf_bundle/string_ok/x.index": "strings have no place in safetensors",
}


class Case:
    def __init__(self, row):
        self.file, self.kind, self.attack, self.outcome = row.split("\t")[:4]
        self.folder = self.file.split("/")[0]
        self.path = HOSTILE / self.file
        self.wanted = self.outcome.split()[0] if " or " not in self.outcome else "either"
        if self.outcome.startswith("refuse only") or "(or load" in self.outcome:
            self.wanted = "either"
        if self.file in ON_PURPOSE:
            self.wanted = ON_PURPOSE[self.file][0]
        elif self.file in LISTED_ONLY:
            self.wanted = "listed"

    def commands(self, model):
        """The command lines to run, each with its outcome: refuse, load, either."""
        if self.folder == "config":
            # A configuration is asked for where a model is converted.
            return [("convert", [model(self), "out/model.ckpt", "--to", "tf1", "--threads", "1"], self.wanted)]
        target = "out/x.pt" if self.kind in ("safetensors", "shard-index") else "out/x.safetensors"
        return [("inspect", [self.path, "--digest"], "load" if self.wanted == "listed" else self.wanted),
                ("convert", [self.path, target], "refuse" if self.wanted == "listed" else self.wanted)]

    def input(self):
        """What may be read: the file, or the whole of a folder that belongs to the case."""
        return self.path if self.path.parent == HOSTILE / self.folder else self.path.parent


CASES = [Case(row) for row in (HOSTILE / "EXPECTED.tsv").read_text().splitlines()[1:]]


def small_bert():
    """model.safetensors that fits config/ok/config.json."""
    hidden, inner = 8, 16
    shapes = {"embeddings.word_embeddings.weight": (10, hidden), "embeddings.position_embeddings.weight": (8, hidden),
              "embeddings.token_type_embeddings.weight": (2, hidden), "pooler.dense.weight": (hidden, hidden),
              "pooler.dense.bias": (hidden,)}
    layer = "encoder.layer.0."
    for name in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
        shapes[f"{layer}{name}.weight"], shapes[f"{layer}{name}.bias"] = (hidden, hidden), (hidden,)
    for name in ("embeddings.LayerNorm", f"{layer}attention.output.LayerNorm", f"{layer}output.LayerNorm"):
        shapes[f"{name}.weight"] = shapes[f"{name}.bias"] = (hidden,)
    shapes[f"{layer}intermediate.dense.weight"], shapes[f"{layer}intermediate.dense.bias"] = (inner, hidden), (inner,)
    shapes[f"{layer}output.dense.weight"], shapes[f"{layer}output.dense.bias"] = (hidden, inner), (hidden,)
    random = numpy.random.default_rng(1)
    header, data = {}, b""
    for name, shape in shapes.items():
        values = random.standard_normal(shape).astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """Case of a configuration -> folder of a good model with that configuration beside it."""
    root = tmp_path_factory.mktemp("models")
    weights = small_bert()

    def folder(case):
        made = root / Path(case.file).parent.name
        made.mkdir(exist_ok=True)
        (made / "model.safetensors").write_bytes(weights)
        (made / "config.json").write_bytes(case.path.read_bytes())
        return made
    return folder


@pytest.fixture(scope="session")
def own_space():
    """Bytes of address space that the program needs to start."""
    def starts(megabytes):
        return limited([support.TRANSLOAD, "--version"], None, megabytes << 20).code == 0
    low, high = 0, 1 << 14
    assert starts(high)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if starts(middle) else (middle, high)
    return high << 20


def limited(command, folder, space):
    shell = f"ulimit -v {space >> 10}; ulimit -t {CPU_SECONDS}; ulimit -c 0; exec \"$@\""
    return support.run("/bin/sh", "-c", shell, "sh", *command, cwd=folder, timeout=60)


def problems_of(case, verb, wanted, result, folder):
    """What is wrong with how a run ended; nothing: all is well."""
    said = result.out + result.err
    wrong = []
    codes = {"refuse": (2,), "load": (0,), "either": (0, 2)}[wanted]
    if result.code not in codes:
        wrong.append(f"exit {result.code}, wanted one of {codes}")
    lines = result.err.splitlines()
    errors = [line for line in lines if line.startswith("transload: error: ")]
    if len(errors) != (result.code == 2):
        wrong.append(f"{len(errors)} error lines")
    if not all(line.startswith(("transload: error: ", "  ")) for line in lines):
        wrong.append("other lines on stderr")
    named = "out/x" if case.file in LISTED_ONLY else case.input().name
    if errors and named not in errors[0]:
        wrong.append("the file is not named")
    if re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", said):
        wrong.append("a control character reached the terminal")
    if re.search(r"terminate called|what\(\)|std::|Sanitizer|runtime error|Traceback|bad_alloc|out of memory", said):
        wrong.append("an exception or a report")
    if "warn" in case.outcome and verb == "inspect" and "note: " not in result.out:
        wrong.append("no note")
    left = sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))
    if result.code != 0 and left:
        wrong.append(f"left behind: {left}")
    if result.code == 0 and verb == "inspect" and left:
        wrong.append(f"inspect wrote {left}")
    if any("PWNED" in name or ".tmp-" in name for name in left):
        wrong.append(f"left behind: {left}")
    return wrong


def every_case(model, tmp_path, run):
    """Runs all commands of all cases; `run(command, folder)` gives a Result, and may add to its list `wrong`."""
    jobs = [(case, verb, arguments, wanted) for case in CASES for verb, arguments, wanted in case.commands(model)]

    def one(numbered):
        number, (case, verb, arguments, wanted) = numbered
        folder = tmp_path / str(number)
        folder.mkdir()
        result = run([verb, *arguments], folder, case)
        wrong = problems_of(case, verb, wanted, result, folder) + getattr(result, "wrong", [])
        return case, verb, result, wrong
    started = time.monotonic()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        done = list(pool.map(one, enumerate(jobs)))
    failed = [f"{case.file} ({case.attack}): {verb}: {'; '.join(wrong)}\n{result}"
              for case, verb, result, wrong in done if wrong]
    assert not failed, f"{len(failed)} of {len(done)} runs:\n" + "\n\n".join(failed[:30])
    return done, time.monotonic() - started


def summary(title, done, seconds, more=""):
    refused = {case.file for case, _, result, _ in done if result.code == 2}
    loaded = {case.file for case, _, result, _ in done} - refused
    print(f"{title}: {len(CASES)} cases, {len(done)} runs: {len(refused)} refused, {len(loaded)} loaded{more}; "
          f"{seconds:.0f} s")


def test_the_corpus_is_whole():
    stored = {str(p.relative_to(HOSTILE)) for p in HOSTILE.rglob("*") if p.is_file()}
    assert len(CASES) == len({case.file for case in CASES}) >= 445
    assert {case.file for case in CASES} <= stored
    assert set(ON_PURPOSE) | set(LISTED_ONLY) <= {case.file for case in CASES}


def test_required_outcomes_within_limits(model, own_space, tmp_path):
    done, seconds = every_case(model, tmp_path, lambda command, folder, case: limited(
        [support.TRANSLOAD, *command], folder, own_space + ABOVE_ITS_OWN))
    errors = [result.err for _, _, result, _ in done if result.code == 2]
    placed = sum(bool(re.search(r" @\d+: |tensor '|'.*'", text)) for text in errors)
    summary("hostile", done, seconds,
            f" ({placed} of {len(errors)} errors name an offset or what it is about); address space {own_space >> 20} + "
            f"{ABOVE_ITS_OWN >> 20} MiB, {CPU_SECONDS} s")


def test_models_are_not_run_where_there_is_no_space_for_it(model, own_space, tmp_path):
    good = model(next(case for case in CASES if case.file == "config/ok/config.json"))
    result = limited([support.TRANSLOAD, "convert", good, "out/", "--to", "tf1"], tmp_path, own_space + (64 << 20))
    assert result.code == 2
    assert "the 144 MiB of address space to multiply matrices in are not left" in result.err
    assert "is in place, but it is not proven" in result.err and "ulimit -v" in result.err
    assert limited([support.TRANSLOAD, "inspect", "out/"], tmp_path, own_space + (64 << 20)).code == 0
    result = limited([support.TRANSLOAD, "prove", good, "out/"], tmp_path, own_space + (64 << 20))
    assert result.code == 2 and "address space to multiply matrices in are not left" in result.err


CALL = re.compile(r'^\d+ +(\w+)\((.*)$')
OPENS = {"open", "openat", "openat2", "creat"}
CHANGES = {"mkdir", "mkdirat", "unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "linkat", "symlink",
           "symlinkat", "chmod", "fchmodat", "chown", "truncate", "mknod", "mknodat", "rmdir", "utimensat"}
NETWORK = {"socket", "socketpair", "connect", "bind", "listen", "accept", "accept4", "sendto", "sendmsg", "sendmmsg",
           "recvfrom", "recvmsg"}


def traced(command, folder, log):
    result = support.run("strace", "-f", "-qq", "-s", "4096", "-e", "trace=%file,%network,%process", "-e", "signal=none",
                         "-o", log, support.TRANSLOAD, *command, cwd=folder, timeout=120)
    calls = []
    for line in log.read_text(errors="replace").splitlines():
        if found := CALL.match(line):
            calls.append((found[1], found[2]))
    return result, calls


def paths_in(arguments):
    return re.findall(r'"((?:[^"\\]|\\.)*)"', arguments)


def unwanted(calls, folder, always, allowed):
    """Calls that reach beyond `allowed` (files and folders) and what the program opens in any case."""
    wrong = []
    executed = 0
    for name, arguments in calls:
        if name in OPENS | CHANGES:
            for path in paths_in(arguments)[:2]:
                whole = Path(os.path.normpath(folder / path))
                if path not in always and not any(whole == a or a in whole.parents for a in allowed):
                    wrong.append(f"{name} {path}")
        elif name in NETWORK or name in ("fork", "vfork"):
            wrong.append(f"{name}({arguments}")
        elif name in ("clone", "clone3") and "CLONE_THREAD" not in arguments:
            wrong.append(f"{name}({arguments}")
        elif name in ("execve", "execveat"):
            executed += 1
    if executed != 1:
        wrong.append(f"{executed} programs were executed")
    return wrong


def test_nothing_else_is_opened_connected_or_executed(model, tmp_path):
    logs = tmp_path / "logs"
    logs.mkdir()
    opened = []
    # What its libraries open for themselves, whatever it is told to do: seen where all is well.
    always = set()
    good = support.ROOT / "examples/tiny-bert"
    for number, command in enumerate(([], ["inspect", good, "--digest"],
                                      ["convert", good, "out/model.ckpt", "--to", "tf1"])):
        folder = tmp_path / f"good{number}"
        folder.mkdir()
        _, calls = traced(command, folder, logs / folder.name)
        assert not [call for call in calls if call[0] in NETWORK]
        always |= {path for name, arguments in calls if name in OPENS for path in paths_in(arguments)
                   if not path.startswith("out") and str(support.ROOT) not in path}

    def run(command, folder, case):
        result, made = traced(command, folder, logs / folder.name)
        read = Path(command[1]) if case.folder == "config" else case.input()
        result.wrong = unwanted(made, folder, always, [read, folder])
        opened.extend(1 for name, arguments in made if name in OPENS and paths_in(arguments)[0] not in always)
        return result
    done, seconds = every_case(model, tmp_path, run)
    summary("hostile, traced", done, seconds, f"; {len(opened)} opens of inputs and outputs, none elsewhere")


# ./test names the program that it built with AddressSanitizer and UBSan.
if os.environ.get("TRANSLOAD_ASAN"):
    def test_no_report_of_the_sanitizers(model, tmp_path):
        env = {"ASAN_OPTIONS": "exitcode=99:abort_on_error=0:detect_leaks=1:allocator_may_return_null=0:"
                               "max_allocation_size_mb=256", "UBSAN_OPTIONS": "exitcode=99:print_stacktrace=1"}
        program = Path(os.environ["TRANSLOAD_ASAN"]).resolve()
        done, seconds = every_case(model, tmp_path, lambda command, folder, case: support.run(
            program, *command, cwd=folder, env=env, timeout=120))
        summary("hostile, sanitized", done, seconds)
