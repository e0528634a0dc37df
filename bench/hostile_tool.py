"""Runs one Python tool over many files, each in a process of its own; bench/hostile starts it with the tool's own
interpreter. hostile_tool.py TOOL: paths on stdin, one a line; for each one line of JSON on stdout,
{"path", "verdict", "seconds", "marker"}.

The tool is loaded once; each file is judged in a forked child that may take 15 s of processor time, 25 s in all and 2 GiB of
address space beyond what was loaded, and that starts in an empty folder. `marker`: the payload ran and left its file."""
import json
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import warnings

ADDRESS_SPACE, CPU_SECONDS, SECONDS, LARGEST_FILE = 2 << 30, 15, 25, 64 << 20
MARKER = "PWNED"
OUT_OF_MEMORY = 77


def command_line(main, *arguments):
    """The exit code of a tool's own command."""
    def call(path):
        sys.argv = [*arguments, path]
        try:
            return main() or 0
        except SystemExit as stopped:
            return stopped.code if isinstance(stopped.code, int) else int(stopped.code is not None)
    return call


def picklescan():
    from picklescan.cli import main
    return command_line(main, "picklescan", "-p"), {0: "clean", 1: "flagged", 2: "error"}


def modelscan():
    from modelscan.cli import main
    import modelscan.modelscan  # noqa: F401
    return command_line(main, "modelscan", "-p"), {0: "clean", 1: "flagged", 2: "error", 3: "not looked at"}


def modelaudit():
    import contextlib
    import importlib
    import pkgutil

    from modelaudit import scanners
    from modelaudit.cli import main
    for module in pkgutil.iter_modules(scanners.__path__):  # else each child would import them
        with contextlib.suppress(Exception):
            importlib.import_module(f"{scanners.__name__}.{module.name}")
    return command_line(main, "modelaudit", "scan", "--no-cache"), {0: "clean", 1: "flagged", 2: "error"}


def fickling():
    import zipfile
    from fickling.__main__ import main
    from fickling.analysis import Severity
    from fickling.loader import scan_zip_archive
    stream = command_line(main, "fickling", "--check-safety")

    def call(path):
        if not zipfile.is_zipfile(path):
            return stream(path)
        found = scan_zip_archive(path, graceful=True)  # its command reads streams only
        if not found:
            return 3
        return int(any(one.severity > Severity.LIKELY_SAFE or one.errors for one in found.values()))
    return call, {0: "clean", 1: "flagged", 2: "error", 3: "not looked at"}


def torch_load(**options):
    import torch

    def call(path):
        try:
            torch.load(path, map_location="cpu", **options)
        except RuntimeError as error:
            if "allocate" in str(error):
                raise MemoryError from error
            raise
        return 0
    return call, {0: "clean", 2: "refused"}


def torch_safe():
    return torch_load(weights_only=True)


def torch_unsafe():
    return torch_load(weights_only=False)


def plain_pickle():
    import pickle

    import numpy  # noqa: F401
    import torch  # noqa: F401

    def call(path):
        with open(path, "rb") as file:
            pickle.load(file)
        return 0
    return call, {0: "clean", 2: "refused"}


def safetensors():
    from safetensors.torch import load_file

    def call(path):
        load_file(path)
        return 0
    return call, {0: "clean", 2: "refused"}


TOOLS = {tool.__name__: tool for tool in (picklescan, modelscan, modelaudit, fickling, torch_safe, torch_unsafe, plain_pickle,
                                          safetensors)}


def limits(address_space=True):
    """For a child, before it does anything."""
    os.setsid()
    if address_space:
        with open("/proc/self/statm", encoding="ascii") as statm:
            own = int(statm.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (own + ADDRESS_SPACE,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def judge(call, path):
    """Only in a child. Does not return."""
    try:
        code = call(path)
        if not isinstance(code, int) or not 0 <= code <= 4:
            code = 2
    except MemoryError:
        code = OUT_OF_MEMORY
    except BaseException:  # whatever a file makes a tool say
        code = 2
    os._exit(code)


def run(call, codes, path, folder):
    """(verdict, seconds) of one file."""
    null = os.open(os.devnull, os.O_RDWR)
    start = time.perf_counter()
    child = os.fork()
    if child == 0:
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        os.chdir(folder)
        limits()
        judge(call, path)
    os.close(null)
    waiting = os.pidfd_open(child)
    hung = not select.select([waiting], [], [], SECONDS)[0]
    os.close(waiting)
    try:
        os.killpg(child, signal.SIGKILL)  # the child, if it still runs, and what it may have started
    except ProcessLookupError:
        pass
    _, status = os.waitpid(child, 0)
    seconds = time.perf_counter() - start
    if hung or os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL):
        return "hung", seconds
    if os.WIFSIGNALED(status):
        return "crashed", seconds
    code = os.WEXITSTATUS(status)
    return "out of memory" if code == OUT_OF_MEMORY else codes.get(code, "error"), seconds


def main():
    os.environ.update(PROMPTFOO_DISABLE_TELEMETRY="1", NO_ANALYTICS="1", DO_NOT_TRACK="1", OMP_NUM_THREADS="1")
    home = tempfile.mkdtemp(prefix="transload-hostile-home-")
    os.environ["HOME"] = home  # where some keep caches
    warnings.simplefilter("ignore")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a tool prints while it is loaded
    call, codes = TOOLS[sys.argv[1]]()
    for line in sys.stdin:
        path = json.loads(line)
        folder = tempfile.mkdtemp(prefix="transload-hostile-")
        verdict, seconds = run(call, codes, path, folder)
        marker = os.path.exists(os.path.join(folder, MARKER))
        shutil.rmtree(folder, ignore_errors=True)
        print(json.dumps({"path": path, "verdict": verdict, "seconds": seconds, "marker": marker}), file=answers, flush=True)
    shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
