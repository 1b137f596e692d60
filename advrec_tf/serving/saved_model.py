"""Writing a served graph to disk as a versioned SavedModel, and proving that the copy answers.

One `export` and one `check` for every kind of `ServedModule`. The copy is loaded through
TensorFlow's C API in a child process, as a model server loads it (`c_api`), before its folder gets
the number under which a server would find it.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import tensorflow as tf

from advrec_tf._version import __version__
from advrec_tf.ops.files import atomic_folder
from advrec_tf.serving import folder
from advrec_tf.serving import warmup as warmup_file
from advrec_tf.serving.model_card import model_card
from advrec_tf.serving.module import Case, ExportCheckError, ServedModule

_INVALID_ARGUMENT = 3  # TF_Code


@dataclasses.dataclass(frozen=True, kw_only=True)
class CheckReport:
    """What was compared, and how fast the answers came.

    Attributes:
        requests: requests made, refusals among them.
        answers: lists, scores or rows that were compared with those of the model in memory.
        largest_difference: of a number, divided by max(1, |number|).
        load_seconds: opening the version.
        latency_us: signature -> median microseconds of a repeated request, through `ctypes` on
            the CPU.
    """

    requests: int
    answers: int
    largest_difference: float
    load_seconds: float
    latency_us: dict[str, float]

    def as_dict(self) -> dict:
        """The report as JSON values."""
        return dataclasses.asdict(self)


def export(
    module: ServedModule,
    directory: str | os.PathLike,
    *,
    version: int | None = None,
    metadata: Mapping | None = None,
    warmup: Mapping | None = None,
    assets: Mapping[str, str] | None = None,
    keep: int | None = None,
    check: bool = True,
    timeout: float = 300.0,
) -> Path:
    """Write `module` to `directory/version`, checked first.

    Beside the graph stand `MODEL_CARD.md` and, in `assets.extra`, `advrec_tf.json` (versions,
    signatures, the module's notes, the report of the check and `metadata`), the warm-up requests
    and the assets. A version appears whole or not at all.

    Args:
        directory: the model's folder; its name is the model's name in warm-up requests.
        version: >= 0; by default 1 + the highest there is, and where another process takes that
            number meanwhile the next one.
        metadata: what the caller wants to remember, as JSON values; numbers under "metrics"
            stand in the model card.
        warmup: signature name -> inputs of a request; by default the module's own, {} for none.
        assets: file name -> text for `assets.extra`, besides the module's own.
        keep: >= 1; afterwards older versions are removed until so many are left. None keeps all.
        check: whether `module.cases()` are asked of the copy before it gets its number.
        timeout: seconds the check may take.

    Returns:
        The folder of the new version.

    Raises:
        ValueError: if `version` or `keep` is out of range, or `metadata` is not JSON.
        FileExistsError: if the named version exists; it is left as it is.
        ExportCheckError: if the copy does not load or answers differently; nothing is left.
    """
    if keep is not None and keep < 1:
        raise ValueError(f"`keep` should be >= 1. Received: {keep!r}.")
    notes = _notes(module, metadata)
    target = folder.version_path(directory, version)
    signatures = module.signatures()
    notes["signatures"] = {
        name: {
            "inputs": _specs(module.inputs()[name]),
            "outputs": _specs(function.structured_outputs),
        }
        for name, function in signatures.items()
    }
    requests = module.warmup() if warmup is None else warmup
    texts = {**module.assets(), **(assets or {})}
    while True:
        try:
            with atomic_folder(target) as unfinished:
                tf.saved_model.save(module, os.fspath(unfinished), signatures=signatures)
                if check:
                    notes["check"] = _checked(
                        unfinished, module.cases(), target, timeout, module.text_ops
                    ).as_dict()
                _write_beside(unfinished, Path(directory).absolute().name, notes, requests, texts)
            break
        except FileExistsError:
            if version is not None or not target.exists():
                raise
            target = folder.version_path(directory)
    if keep is not None:
        folder.remove_old(directory, keep)
    return target


def _write_beside(path: Path, name: str, notes: dict, requests: Mapping, texts: Mapping) -> None:
    """The model card and the files of `assets.extra`."""
    (path / folder.EXTRA).mkdir()
    if requests:
        warmup_file.write_requests(path / folder.WARMUP, name, requests)
    for file, text in texts.items():
        (path / folder.EXTRA / file).write_text(text, encoding="utf-8", newline="\n")
    metadata = json.dumps(notes, indent=2, allow_nan=False) + "\n"
    (path / folder.METADATA).write_text(metadata, encoding="utf-8")
    (path / folder.MODEL_CARD).write_text(model_card(name, notes), encoding="utf-8")


def _notes(module: ServedModule, metadata: Mapping | None) -> dict:
    metadata = dict(metadata or {})
    try:
        json.dumps(metadata, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"`metadata` should hold JSON values: {error}.") from error
    return {
        "versions": {"advrec_tf": __version__, "tensorflow": tf.__version__},
        "batches": module.batches,
        "needs_tensorflow_text": module.text_ops,
        **module.notes(),
        "metadata": metadata,
    }


def _specs(specs: Mapping[str, tf.TensorSpec]) -> dict:
    return {
        name: {"dtype": spec.dtype.name, "shape": spec.shape.as_list()}
        for name, spec in specs.items()
    }


def check(
    path: str | os.PathLike,
    cases: Sequence[Case],
    *,
    tolerance: float = 1e-4,
    timeout: float = 300.0,
    text_ops: bool = False,
) -> CheckReport:
    """Ask the version in `path` for every case and compare.

    The child process uses the CPU, so it runs beside a process that holds a GPU. A SavedModel is
    code: its graph may read and write any file that this process may. Check and load only what
    comes from a source you trust.

    Args:
        tolerance: numbers may differ by `tolerance` * max(1, |number|).
        timeout: seconds the child may take.
        text_ops: the graph needs the operations of TensorFlow Text.

    Raises:
        ExportCheckError: with the first difference, or why the version does not load.
    """
    return _checked(path, cases, path, timeout, text_ops, tolerance)


def _checked(path, cases, called, timeout, text_ops, tolerance=1e-4) -> CheckReport:
    answer = run_in_child(path, cases, timeout=timeout, text_ops=text_ops, called=called)
    largest = [0.0]
    for case, result in zip(cases, answer["results"], strict=True):
        where, error = f"{called}, {case.signature} ({case.title})", result.get("error")
        if case.expected is None:
            if error is None or error["code"] != _INVALID_ARGUMENT:
                raise ExportCheckError(
                    f"{where} should be refused with INVALID_ARGUMENT. It was answered with: "
                    f"{str(error or result['outputs'])[:300]}."
                )
        elif error is not None:
            raise ExportCheckError(f"{where} failed: {error['message']}")
        else:
            largest.append(case.expected.difference(where, result["outputs"], tolerance))
    return CheckReport(
        requests=len(cases),
        answers=sum(case.expected.size for case in cases if case.expected is not None),
        largest_difference=max(largest),
        load_seconds=answer["load_seconds"],
        latency_us={
            case.signature: result["seconds"] * 1e6
            for case, result in zip(cases, answer["results"])
            if case.repeat > 1
        },
    )


def run_in_child(
    path: str | os.PathLike,
    cases: Sequence[Case],
    *,
    timeout: float,
    text_ops: bool = False,
    called: str | os.PathLike | None = None,
) -> dict:
    """The answers of `c_api.run_calls`, from a process without Python's TensorFlow.

    Args:
        text_ops: load the operations of TensorFlow Text first.
        called: the path that errors name.

    Raises:
        ExportCheckError: if the version does not load, or the child fails or takes too long.
    """
    called = path if called is None else called
    calls = [
        {"signature": case.signature, "inputs": case.inputs, "repeat": case.repeat}
        for case in cases
    ]
    package = os.fspath(Path(__file__).resolve().parents[2])
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")])),
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    command = [sys.executable, "-m", "advrec_tf.serving.c_api"]
    command += ["--text-ops"] if text_ops else []
    try:
        child = subprocess.run(
            [*command, "--model", os.fspath(path), "--calls", "-"],
            input=json.dumps(calls),
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=environment,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired as error:
        raise ExportCheckError(f"{called}: no answer within {timeout} s.") from error
    if child.returncode:
        raise ExportCheckError(
            f"{called} could not be run (exit status {child.returncode}): "
            f"{child.stderr.strip()[-1000:]}"
        )
    return json.loads(child.stdout)
