"""Thousands of files through the library in one process: the program of tests/batch/batch.cc."""
import hashlib
import json
import subprocess

import support


class Batch:
    """`with Batch() as batch: batch.read(path)`. An answer is a dict, with `error` where the library refused."""

    def __enter__(self):
        self._process = subprocess.Popen([support.TRANSLOAD.with_name("batch")], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, text=True, encoding="utf-8")
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        code = self._process.wait(60)
        self._process.stdout.close()
        assert code == 0, f"batch ended with {code}"

    def _ask(self, request):
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"batch died of {request if len(str(request)) < 2000 else str(request)[:2000]}"
        return json.loads(line)

    def read(self, path):
        """With `tensors` as {name: (dtype, shape, sha256)}, in the order of the file."""
        answer = self._ask({"read": str(path)})
        if "error" not in answer:
            tensors = {name: (dtype, shape, digest) for name, dtype, shape, digest in answer["tensors"]}
            assert len(tensors) == len(answer["tensors"]), f"{path}: a name appears twice"
            answer["tensors"] = tensors
        return answer

    def write(self, format, folder, name, tensors, metadata=None):
        """`tensors`: name -> (dtype, shape, bytes in C order, little endian)."""
        return self._ask({"write": format, "folder": str(folder), "name": name, "metadata": metadata or {},
                          "tensors": [[n, d, list(s), b.hex()] for n, (d, s, b) in tensors.items()]})


def described(tensors):
    """What Batch.read() says of tensors as Batch.write() takes them."""
    return {n: (d, list(s), hashlib.sha256(b).hexdigest()) for n, (d, s, b) in tensors.items()}
