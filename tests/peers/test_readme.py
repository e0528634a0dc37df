"""Every command in README.md is run, in order, in one folder. In ```console blocks, lines that begin with `$ ` are
commands, and what follows one is what it prints; a line `...` stands for any lines, `...` in a line for any text.
The folder holds what README says is there: copies of examples/tiny-bert and tiny-bort under the names that its commands use."""
import os
import re
import shutil
import subprocess

import support

README = (support.ROOT / "README.md").read_text()
# Commands that other tests run as a whole: they would call this one again, or take minutes.
ELSEWHERE = re.compile(r"^(\./test|\./quickstart|git clone|cd |bench/compare|cmake --install)")


def blocks():
    for text in re.findall(r"^```console\n(.*?)^```", README, re.M | re.S):
        command, output = None, []
        for line in text.splitlines():
            if line.startswith("$ "):
                if command:
                    yield command, output
                command, output = line[2:], []
            elif command and command.endswith("\\"):
                command = command[:-1] + line.strip()
            else:
                output.append(line)
        if command:
            yield command, output


def pattern(lines):
    parts = []
    for line in lines:
        if line.strip() == "...":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(".*?".join(re.escape(part) for part in line.split("...")) + r"\s*?\n")
    return "".join(parts)


def test_readme_commands(tmp_path):
    for model in ("tiny-bert", "tiny-bort"):
        shutil.copytree(support.ROOT / "examples" / model, tmp_path / model)
    shutil.copytree(support.ROOT / "examples", tmp_path / "examples")
    environment = {**os.environ, "PATH": f"{support.TRANSLOAD.parent}:{os.environ['PATH']}", "COLUMNS": "120"}
    ran = 0
    for command, output in blocks():
        if ELSEWHERE.match(command):
            continue
        done = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, f"$ {command}\n{done.stdout}"
        ran += 1
        if output:
            assert re.fullmatch(pattern(output), done.stdout if done.stdout.endswith("\n") else done.stdout + "\n"), \
                f"$ {command}\nREADME shows:\n" + "\n".join(output) + f"\nit prints:\n{done.stdout}"
    assert ran >= 4


def test_readme_shows_the_library_example():
    example = (support.ROOT / "examples/read_checkpoint.cc").read_text()
    shown = re.findall(r"^```cpp\n(.*?)^```", README, re.M | re.S)
    assert any(block.strip() and block.strip() in example for block in shown)


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (support.ROOT / target).exists(), target
