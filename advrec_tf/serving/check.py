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
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.serving import folder
from advrec_tf.serving.served import LOWEST, NO_ITEM

SAMPLE = 256
"""Users checked where the caller names none, spread evenly over the vocabulary."""

_INVALID_ARGUMENT = 3
_REPEATS = 200  # requests behind a latency


class ExportCheckError(RuntimeError):
    """The export does not load, or answers differently from the model in memory."""


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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """One request of a check: `k` is the length of the lists it should bring, and `refused`
    says that it should bring InvalidArgument instead."""

    title: str
    signature: str
    inputs: dict
    k: int = 0
    repeat: int = 1
    refused: bool = False

    @property
    def size(self) -> int:
        """Users asked for."""
        return len(self.inputs.get("user_id", self.inputs.get("user_index")))


class Reference:
    """What the model in memory says: the rules of `models.recommender` in NumPy.

    Attributes:
        names: the users asked for, as text, an unknown one last.
        item_ids: the catalogue as text; `item_index` leads back.
        unknown_item: a text that is no item's id.
    """

    def __init__(self, recommender: VectorRecommender, user_ids: Sequence | None):
        data = recommender.interactions
        self.num_users, self.num_items = data.num_users, data.num_items
        self.vectors = np.concatenate([recommender.user_vectors, recommender.unknown_user[None]])
        self.item_vectors = recommender.item_vectors
        self.seen = data.by_user()
        self.item_ids = [str(item) for item in data.items.ids]
        self.item_index = {item: index for index, item in enumerate(self.item_ids)}
        self._user_index = {str(user): index for index, user in enumerate(data.users.ids)}
        if user_ids is None:
            places = np.linspace(0, self.num_users - 1, min(SAMPLE, self.num_users))
            user_ids = data.users.ids[places.astype(int)]
        self.names = [*map(str, user_ids), _new_name(self._user_index)]
        self.unknown_item = _new_name(self.item_index)

    def rows(self, inputs: Mapping) -> np.ndarray:
        """A request's users -> [users] row of `vectors`, the last where unknown."""
        if "user_index" in inputs:
            index = np.array(inputs["user_index"])
            return np.where((index >= 0) & (index < self.num_users), index, self.num_users)
        return np.array([self._user_index.get(name, self.num_users) for name in inputs["user_id"]])

    def items(self, ids: Sequence[str]) -> np.ndarray:
        """[n] text -> [n] index, -1 where unknown."""
        return np.array([self.item_index.get(item, -1) for item in ids], int)

    def scores(self, rows: np.ndarray) -> np.ndarray:
        """[users] -> [users, num_items] float32, seen items too."""
        return self.vectors[rows] @ self.item_vectors.T

    def unseen_scores(self, rows: np.ndarray, excluded: Sequence[int] = ()) -> np.ndarray:
        """[users] -> [users, num_items] float32, -inf where seen or excluded."""
        scores = self.scores(rows)
        for place, row in enumerate(rows):
            if row < self.num_users:
                scores[place, self.seen[row]] = -np.inf
        scores[:, np.asarray(excluded, int)] = -np.inf
        return scores


def _new_name(taken: Mapping[str, int]) -> str:
    name = "unknown"
    while name in taken:
        name += "?"
    return name


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


def compare(reference: Reference, case: Case, answer: Mapping, *, tolerance: float) -> float:
    """The largest difference of a score in one answer.

    Raises:
        ExportCheckError: with the first difference that counts.
    """
    where = f"{case.signature} ({case.title})"
    error = answer.get("error")
    if case.refused:
        if error is None or error["code"] != _INVALID_ARGUMENT:
            raise ExportCheckError(f"{where} should refuse k = {case.k}. It answered: {answer}.")
        return 0.0
    if error is not None:
        raise ExportCheckError(f"{where} failed: {error['message']}")
    compare_outputs = _compare_scores if case.signature == "score" else _compare_lists
    return compare_outputs(where, reference, case, answer["outputs"], tolerance)


def _compare_scores(where, reference, case, outputs, tolerance) -> float:
    items = reference.items(case.inputs["item_id"])
    known = items >= 0
    expected = reference.scores(reference.rows(case.inputs))[np.arange(len(items)), items]
    expected = np.where(known, expected, 0.0)
    if outputs["known_item"] != known.tolist():
        raise ExportCheckError(
            f"{where}: `known_item` should be {known.tolist()}. Served: {outputs['known_item']}."
        )
    return _largest_difference(where, case, outputs["score"], expected, tolerance)


def _compare_lists(where, reference, case, outputs, tolerance) -> float:
    """Served items must be candidates, without repeats, with their own scores, and at each
    rank the score must be the best left: so lists may differ only where scores are tied."""
    candidates = reference.unseen_scores(
        reference.rows(case.inputs),
        [i for i in reference.items(case.inputs.get("exclude_item_id", ())) if i >= 0],
    )
    candidates = np.where(np.isfinite(candidates), candidates, LOWEST)
    candidates = np.pad(candidates, [(0, 0), (0, case.k)], constant_values=LOWEST)
    none = candidates.shape[1] - 1  # one of the padded places
    if "item_index" in outputs:
        items = np.array(outputs["item_index"])
    else:
        named = {**reference.item_index, NO_ITEM: -1}
        strangers = [item for row in outputs["item_id"] for item in row if item not in named]
        if strangers:
            raise ExportCheckError(f"{where}: {strangers[0]!r} is no item of the catalogue.")
        items = np.array([[named[item] for item in row] for row in outputs["item_id"]])
    if items.shape != (case.size, case.k):
        raise ExportCheckError(
            f"{where}: lists should have shape {(case.size, case.k)}. Served: {items.shape}."
        )
    own = np.take_along_axis(candidates, np.where(items >= 0, items, none), axis=1)
    for message, wrong in (
        ("was seen or excluded", (items >= 0) & (own == LOWEST)),
        ("is there twice", _repeats(items)),
    ):
        if wrong.any():
            row, rank = np.argwhere(wrong)[0]
            item = reference.item_ids[items[row, rank]]
            raise ExportCheckError(
                f"{where}, {_user(case, row)}, rank {rank + 1}: item {item!r} {message}."
            )
    best = -np.sort(-candidates, axis=1)[:, : case.k]
    _largest_difference(f"{where}, order", case, own, best, tolerance)
    return _largest_difference(where, case, outputs["score"], own, tolerance)


def _repeats(items: np.ndarray) -> np.ndarray:
    """[lists, k] item or -1 -> same shape, bool: the item stands earlier in the list too."""
    order = np.argsort(items, axis=1, kind="stable")
    ordered = np.take_along_axis(items, order, axis=1)
    repeated = np.zeros(items.shape, bool)
    same = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)
    np.put_along_axis(repeated, order[:, 1:], same, axis=1)
    return repeated


def _largest_difference(where, case, served, expected, tolerance) -> float:
    served, expected = np.asarray(served, np.float64), np.asarray(expected, np.float64)
    difference = np.abs(served - expected) / np.maximum(1.0, np.abs(expected))
    wrong = np.argwhere(~(difference <= tolerance))
    if len(wrong):
        place = tuple(wrong[0])
        rank = f", rank {place[1] + 1}" if len(place) > 1 else ""
        raise ExportCheckError(
            f"{where}, {_user(case, place[0])}{rank}: the score should be "
            f"{expected[place]:.7g}. Served: {served[place]:.7g}."
        )
    return float(difference.max(initial=0.0))


def _user(case: Case, place: int) -> str:
    if "user_index" in case.inputs:
        return f"user_index {case.inputs['user_index'][place]}"
    return f"user_id {case.inputs['user_id'][place]!r}"
