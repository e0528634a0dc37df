"""`transload scan` and Python's tarfile agree on what a tar archive holds, also where a header is damaged on purpose."""
import io
import os
import pickle
import random
import tarfile

import pytest
import torch

import test_torch_tar
from test_scan import grades, scan


class Evil:
    def __reduce__(self):
        return os.system, ("true",)


EVIL = pickle.dumps(Evil(), 2)
HARMLESS = pickle.dumps({"a": 1}, 2)
FORMATS = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)


def archive(members, kind, types=None):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=kind) as tar:
        for at, (name, content) in enumerate(members):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            if types:
                info.type = types[at]
            tar.addfile(info, io.BytesIO(content))
    return bytearray(file.getvalue())


def seen_by_tarfile(path):
    """Whether a member that tarfile would extract as a file is the evil pickle."""
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                if member.isfile() or member.type not in tarfile.SUPPORTED_TYPES:
                    tar.fileobj.seek(member.offset_data)
                    if tar.fileobj.read(max(0, min(member.size, len(EVIL)))) == EVIL:
                        return True
    except (tarfile.TarError, ValueError, EOFError, OverflowError, OSError):
        pass
    return False


def damaged(rng):
    """An archive whose headers lie in ways that tarfile lets through."""
    members = [("a", HARMLESS), ("model.pkl", EVIL), ("folder/b", HARMLESS)]
    rng.shuffle(members)
    types = [rng.choice([b"0", b"0", b"\0", b"7", b"Q", b"S", b"5", b"2", b"x", b"L", b"g"]) for _ in members]
    data = archive(members, tarfile.USTAR_FORMAT, types)
    headers = [at for at in range(0, len(data), 512) if data[at + 257:at + 262] == b"ustar"]
    for at in headers:
        length = int(bytes(data[at + 124:at + 135]), 8)
        if rng.random() < 0.5:
            length = rng.choice([length, 0, 512, 1024, 1 << 20])
            data[at + 124:at + 136] = rng.choice([
                b"0o%o" % length, b"+%o" % length, b" %o\t" % length, b"0_%o" % length,
                b"\x80" + length.to_bytes(11, "big"), b"%011o\0" % length])[:12].ljust(12, b"\0")
        if rng.random() < 0.3:
            data[at + 257:at + 265] = bytes(8)
        data[at + 148:at + 156] = b" " * 8
        block = data[at:at + 512]
        total = sum(block) if rng.random() < 0.7 else sum(byte - 256 if byte > 127 else byte for byte in block)
        data[at + 148:at + 156] = rng.choice([b"%06o\0 " % total, b"0o%o" % total, b"\x80" + total.to_bytes(7, "big"),
                                              b"%06o\0 " % total])[:8].ljust(8, b"\0")
    return bytes(data)


def test_no_member_that_tarfile_finds_is_missed(tmp_path):
    rng = random.Random(20)
    for number in range(400):
        (tmp_path / f"{number:04}.bin").write_bytes(damaged(rng))
    _, report = scan(tmp_path)
    dangerous, findings = set(), set()
    for file in report["files"]:
        name = os.path.basename(file["path"])
        if any(entry["grade"] == "dangerous" for entry in file["names"]):
            dangerous.add(name)
        if file["problems"] or file["names"]:
            findings.add(name)
    names = {path.name for path in tmp_path.iterdir() if seen_by_tarfile(path)}
    missed = sorted(names - dangerous)
    print(f"400 archives, {len(names)} in which tarfile finds the pickle, {len(dangerous)} called dangerous, "
          f"{len(missed)} missed, {len(names - findings)} of them clean")
    assert len(names) > 80
    assert names <= findings
    assert missed == []


def test_archives_of_tarfile_are_clean(tmp_path):
    names = ("a", "folder/b", "./c", "n" * 99, "n" * 150, "f" * 120 + "/" + "n" * 90, "größe.pkl", "f/" * 60 + "x")
    for kind in FORMATS:
        for name in names:
            path = tmp_path / "a.tar"
            try:
                path.write_bytes(archive([(name, HARMLESS), ("z", HARMLESS)], kind))
            except ValueError:
                assert kind == tarfile.USTAR_FORMAT
                continue
            code, report = scan(path)
            assert code == 0, (kind, name, report)
            assert grades(report, "dangerous") == []


# ---- the archives of PyTorch 0.1, whose members are pickles with raw numbers between them

STREAM = b"I1\n.cposix\nsystem\n(S'true'\ntR."  # what counts, and what torch.load takes for the first storage


def members(*pairs):
    block = tarfile.TarInfo._create_payload
    return b"".join(info.tobuf(tarfile.USTAR_FORMAT) + block(content) for info, content in pairs) + bytes(1024)


def member(name, content):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    return info, content


REST = [member("tensors", b"N."), member("pickle", b"N.")]


def with_a_slash():
    pax = tarfile.TarInfo._create_pax_generic_header({"path": "storages/"}, tarfile.XHDTYPE, "utf-8")
    return pax + members(member("x", STREAM), *REST)


def with_two_names():
    pax = tarfile.TarInfo._create_pax_generic_header({"path": "storages"}, tarfile.XHDTYPE, "utf-8")
    long = tarfile.TarInfo._create_gnu_long_header("notes.txt", tarfile.GNUTYPE_LONGNAME, "utf-8", "surrogateescape")
    return pax + long + members(member("x", STREAM), *REST)


def with_a_negative_sum():
    data = bytearray(members(member("storages", STREAM), *REST))
    data[157:257] = b"\0" + b"\x80" * 99
    data[257:265] = bytes(8)
    data[148:156] = b" " * 8
    total = sum(byte - 256 if byte > 127 else byte for byte in data[:512])
    data[148:156] = (b"-%o" % -total).ljust(8, b"\0")
    return bytes(data)


def with_two_types():
    number = pickle.dumps(1, 2)
    # A storage of bytes is named and forgotten behind the storage of doubles.
    storage = b"\x80\x02(K\x00U\x03cpuctorch\nDoubleStorage\nctorch\nByteStorage\n0t."
    stream = number + storage + (1).to_bytes(8, "little") + bytes(8) + pickle.dumps(Evil(), 2)
    return members(member("storages", stream), *REST)


@pytest.mark.parametrize("make", [with_a_slash, with_two_names, with_a_negative_sum, with_two_types])
def test_what_torch_would_load_from_its_old_archives_is_seen(make, tmp_path):
    (tmp_path / "a.pt").write_bytes(make())
    code, report = scan(tmp_path / "a.pt")
    assert code == 1 and grades(report, "dangerous") == ["posix.system"], report


@pytest.mark.parametrize("count", [127, 128, 384, 640, 1152, 1408])
def test_a_number_of_elements_is_no_pickle(count, tmp_path):
    test_torch_tar.save({"a": torch.arange(float(count)), "b": torch.ones(3)}, tmp_path / "a.tar")
    code, report = scan(tmp_path / "a.tar")
    assert code == 0, report
