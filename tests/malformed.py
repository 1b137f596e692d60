"""Malformed requests for every signature of an export, asked through TensorFlow's C API.

Run as a program without Python's TensorFlow: `python tests/malformed.py MODEL [--text-ops]
[--quick]`. It prints one JSON object: how many requests were answered, how many refused with
INVALID_ARGUMENT, and those that ended in another way. A request that ends the process is the last
line of its standard error.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from advrec_tf.serving import c_api, c_library

SHAPES = (
    *[(), (0,), (1,), (2,), (5,), (0, 0), (1, 0), (0, 3), (1, 1), (2, 1), (1, 3), (3, 2)],
    *[(1, 1, 1), (2, 3, 1), (0, 1, 0), (1, 2, 2)],
)
MANY = 100_000
TEXTS = {
    "a megabyte": "x" * 2**20,
    "not UTF-8": b"\xff\xfe\x80abc",
    "NUL": "a\0b",
    "empty": "",
    "half a character": "é".encode()[:1],
}
NUMBERS = {
    "int32": (-1, 0, 2, 101, 2**31 - 1, -(2**31)),
    "int64": (-1, 2**63 - 1, -(2**63)),
    "float32": (float("nan"), float("inf"), -float("inf"), 3e38, -1.0),
}
QUICK = 7  # of the requests every seventh


def requests_of(specs: dict) -> list[tuple[str, dict]]:
    """Input name -> {"dtype", "shape"} as in the metadata -> titles and inputs of requests."""
    plain = {name: filled(of_one(spec), spec) for name, spec in specs.items()}
    found = []
    for name, spec in specs.items():
        for shape in SHAPES:
            found.append((f"{name} of shape {shape}", {**plain, name: filled(shape, spec)}))
        for title, value in values_of(spec):
            found.append((f"{name}: {title}", {**plain, name: value}))
        rank = len(spec["shape"])
        for place in range(rank):
            shape = [MANY if axis == place else 1 for axis in range(rank)]
            found.append((f"{name} of shape {shape}", {**plain, name: filled(shape, spec)}))
    for shape in (*SHAPES, (MANY,), (MANY, 1), (1, MANY)):
        alike = {name: filled(shape, spec) for name, spec in specs.items()}
        found.append((f"all of shape {shape}", alike))
    firsts = {name: [MANY, *[1] * (len(s["shape"]) - 1)] for name, s in specs.items()}
    long = {name: filled(firsts[name][: len(s["shape"])], s) for name, s in specs.items()}
    return [*found, ("all long", long)]


def of_one(spec) -> list[int]:
    """The shape of a request of one."""
    return [1 if size is None else size for size in spec["shape"]]


def filled(shape, spec) -> np.ndarray:
    if spec["dtype"] == "string":
        return np.full(shape, "x", object)
    return np.full(shape, 1 if spec["dtype"] != "bool" else True, spec["dtype"])


def values_of(spec):
    shape = of_one(spec)
    if spec["dtype"] == "string":
        for title, text in TEXTS.items():
            array = np.empty(shape, object)
            array.fill(text)
            yield title, array
    for number in NUMBERS.get(spec["dtype"], ()):
        yield str(number), np.full(shape, number, spec["dtype"])


def main(path: str, text_ops: bool, quick: bool) -> dict:
    notes = json.loads(Path(path, "assets.extra", "advrec_tf.json").read_text())
    libraries = c_library.text_op_libraries() if text_ops else ()
    answer = {"signatures": {}, "answered": 0, "refused": 0, "other": []}
    with c_api.SavedModelSession(path, op_libraries=libraries) as session:
        for signature, tensors in notes["signatures"].items():
            requests = requests_of(tensors["inputs"])
            requests = requests[:: QUICK if quick else 1]
            answer["signatures"][signature] = len(requests)
            for title, inputs in requests:
                print(f"{signature}: {title}", file=sys.stderr, flush=True)
                try:
                    session.run(signature, inputs)
                    answer["answered"] += 1
                except c_api.CApiError as error:
                    if error.code == 3:
                        answer["refused"] += 1
                    else:
                        answer["other"].append(f"{signature}: {title}: {error.code} {error}")
    if "tensorflow" in sys.modules:
        raise RuntimeError("Python's TensorFlow was imported; the test would prove nothing.")
    return answer


def ask(path: Path, *, text_ops: bool = False, quick: bool = False) -> dict:
    """`main` in a child process.

    Raises:
        AssertionError: if the process ended; it names the last request.
    """
    root = Path(__file__).resolve().parents[1]
    flags = itertools.chain(["--text-ops"] * text_ops, ["--quick"] * quick)
    child = subprocess.run(
        [sys.executable, os.fspath(Path(__file__).resolve()), os.fspath(path), *flags],
        capture_output=True,
        text=True,
        errors="replace",
        env={
            **os.environ,
            "PYTHONPATH": os.fspath(root),
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "CUDA_VISIBLE_DEVICES": "-1",
        },
        timeout=580,
    )
    # A process that is ended may print its stack after the request.
    asked = [line for line in child.stderr.splitlines() if re.match(r"[a-z_]+: ", line)]
    assert child.returncode == 0, f"exit status {child.returncode} at {asked[-1:]}"
    return json.loads(child.stdout)


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], "--text-ops" in sys.argv, "--quick" in sys.argv)))
