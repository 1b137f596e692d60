"""Does an exported version answer like the model in memory? Asked through the C API.

`check_export` runs every signature in a child process that loads the version as a model
server does (`c_api`) and compares lists and scores with NumPy's from the same vectors.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.serving import folder
from advrec_tf.serving.answers import Case, ExportCheckError, Reference, compare

_REPEATS = 200  # requests behind a latency


@dataclasses.dataclass(frozen=True, kw_only=True)
class CheckReport:
    """What was compared, and how fast the answers came.

    Attributes:
        path: the version's folder.
        users: users asked for, the unknown one among them.
        lists, scores: lists, and single scores of the signature `score`, that were compared.
        largest_difference: of a served score, divided by max(1, |score|).
        load_seconds: opening the version.
        latency_us: signature -> median microseconds of a request for one user, through
            `ctypes` on the CPU.
    """

    path: str
    users: int
    lists: int
    scores: int
    largest_difference: float
    load_seconds: float
    latency_us: dict[str, float]

    def as_dict(self) -> dict:
        """The report as JSON values."""
        return dataclasses.asdict(self)


def check_export(
    path: str | os.PathLike,
    recommender: VectorRecommender,
    *,
    user_ids: Sequence | None = None,
    tolerance: float = 1e-4,
    timeout: float = 300.0,
) -> CheckReport:
    """Compare every signature of the version in `path` with `recommender`.

    Scores may differ by `tolerance` * max(1, |score|); items whose scores are that close may
    change places. The child uses the CPU, so it runs beside a process that holds a GPU.

    Args:
        user_ids: external ids, known or not; by default `SAMPLE` of the known. An unknown one
            is always asked for besides.
        timeout: seconds the child may take.

    Raises:
        FileNotFoundError: if `path` is not a version that `export` wrote.
        ExportCheckError: with the first difference, or why the version does not load.
    """
    notes = folder.read_metadata(path)
    reference = Reference(recommender, user_ids)
    cases = plan(reference, k=notes["k"], max_k=notes["max_k"])
    answer = run_in_child(path, cases, timeout=timeout)
    answered = list(zip(cases, answer["results"], strict=True))
    differences = [
        compare(reference, case, result, tolerance=tolerance) for case, result in answered
    ]
    return CheckReport(
        path=os.fspath(path),
        users=len(reference.names),
        lists=sum(case.size for case in cases if case.signature != "score" and not case.refused),
        scores=sum(case.size for case in cases if case.signature == "score"),
        largest_difference=max(differences),
        load_seconds=answer["load_seconds"],
        latency_us={
            case.signature: result["seconds"] * 1e6 for case, result in answered if case.repeat > 1
        },
    )


def plan(reference: Reference, *, k: int, max_k: int) -> list[Case]:
    """The requests of a check: every signature, its limits, and one user for its latency."""
    names, item_ids = reference.names, reference.item_ids
    one = {"user_id": names[:1]}
    users = reference.rows({"user_id": names})
    top = item_ids[int(np.argmax(reference.unseen_scores(users[:1])[0]))]
    index = [*users.tolist(), reference.num_users + 5, -1]
    step = max(1, len(item_ids) // len(names))
    pairs = [item_ids[place * step % len(item_ids)] for place in range(len(names))]

    def recommend(title, k, *excluded, users=names, **settings):
        inputs = {"user_id": users, "k": k, "exclude_item_id": list(excluded)}
        return Case(title=title, signature="recommend", inputs=inputs, k=k, **settings)

    return [
        Case(title="default", signature="serving_default", inputs={"user_id": names}, k=k),
        recommend("k = 1", 1),
        recommend("longest, with exclusions", max_k, top, reference.unknown_item),
        recommend("k = 0", 0, refused=True),
        recommend("k over the longest", max_k + 1, refused=True),
        Case(
            title="scores",
            signature="score",
            inputs={
                "user_id": [*names, names[0]],
                "item_id": [*pairs, reference.unknown_item],
            },
        ),
        Case(title="by index", signature="recommend_index", inputs={"user_index": index}, k=k),
        Case(title="one", signature="serving_default", inputs=one, k=k, repeat=_REPEATS),
        recommend("one", k, top, users=names[:1], repeat=_REPEATS),
        Case(title="one", signature="score", inputs={**one, "item_id": [top]}, repeat=_REPEATS),
        Case(
            title="one",
            signature="recommend_index",
            inputs={"user_index": index[:1]},
            k=k,
            repeat=_REPEATS,
        ),
    ]


def run_in_child(
    path: str | os.PathLike, cases: Sequence[Case], *, timeout: float, text_ops: bool = False
) -> dict:
    """The answers of `c_api.run_calls`, from a process without Python's TensorFlow; `text_ops`
    for a graph that tokenizes.

    Raises:
        ExportCheckError: if the version does not load, or the child fails or takes too long.
    """
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
        raise ExportCheckError(f"{path}: no answer within {timeout} s.") from error
    if child.returncode:
        raise ExportCheckError(
            f"{path} could not be run (exit status {child.returncode}): "
            f"{child.stderr.strip()[-1000:]}"
        )
    return json.loads(child.stdout)
