"""Installs the built project into an empty folder and builds examples/read_checkpoint.cc against what lies there:
once with the CMake package, once with pkg-config. Run by ctest: test.py BUILD_FOLDER COMPILER"""
import json, os, subprocess, sys, tempfile
from pathlib import Path

build, compiler = Path(sys.argv[1]), sys.argv[2]
root = Path(__file__).resolve().parents[2]


def run(*command, **options):
    return subprocess.run([str(c) for c in command], check=True, stdout=subprocess.PIPE, text=True, **options).stdout


def expected(case):
    tensors = json.loads((root / "tests/golden/tensorflow" / case / "expected.json").read_text())["torch"]
    return sorted(f"{name} {t['dtype']} [{', '.join(map(str, t['shape']))}]" for name, t in tensors.items())


def check(program):
    printed = run(program, root / "examples/tiny-bert/pytorch_model.bin").splitlines()
    assert sorted(printed) == expected("tiny"), printed


with tempfile.TemporaryDirectory() as folder:
    prefix, out = Path(folder) / "prefix", Path(folder) / "out"
    run("cmake", "--install", build, "--prefix", prefix)
    # The tree is moved before it is used: nothing in it may know where it was installed to.
    prefix = prefix.rename(Path(folder) / "moved")
    assert (prefix / "bin/transload").exists(), "the program is not installed"
    assert (prefix / "share/transload/mappings/bert.toml").exists(), "the mappings are not installed"
    assert run(prefix / "bin/transload", "--version").startswith("transload "), "the installed program does not run"

    run("cmake", "-S", root / "tests/consumer", "-B", out, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}",
        f"-DCMAKE_CXX_COMPILER={compiler}", "-DCMAKE_BUILD_TYPE=Release")
    run("cmake", "--build", out)
    check(out / "read_checkpoint")
    if (prefix / "include/transload/prove_outputs.h").exists():
        run(out / "proof", root / "examples/tiny-bert/pytorch_model.bin", root / "examples/tiny-bert/config.json")

    configs = [str(p.parent) for p in prefix.rglob("transload.pc")]
    assert len(configs) == 1, configs
    flags = run("pkg-config", "--cflags", "--libs", "transload",
                env={**os.environ, "PKG_CONFIG_PATH": configs[0]}).split()
    run(compiler, "-std=c++20", root / "examples/read_checkpoint.cc", "-o", Path(folder) / "by_pkg_config", *flags,
        f"-Wl,-rpath,{Path(configs[0]).parent}")
    check(Path(folder) / "by_pkg_config")
print("the installed package was used by CMake and by pkg-config")
