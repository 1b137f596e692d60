"""The folder of a run of `advrec train` or `advrec compare` as a subject.

What such a run ships may have been trained on all interactions in the end. Then its folder still
has the model before that, whose number of epochs and prior were chosen: scores and vectors are
taken from there, so that the test part measures something, and lists from what is shipped.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from advrec_tf.data.splits import Split
from advrec_tf.models.vectors import VectorRecommender, load_vectors
from advrec_tf.pipelines.audit.alignment import (
    aligned_vectors,
    listed,
    place_of,
    scorer_of,
    trained_on_test,
    without_idle_dimensions,
)
from advrec_tf.pipelines.audit.subject import K, Subject
from advrec_tf.pipelines.recommend.shipping import Prior
from advrec_tf.pipelines.stages import OPTIONS, StageStore
from advrec_tf.serving.forms import served_form


def open_run(path: Path, split: Split, fit: Callable | None = None) -> Subject:
    """The model that a run left in its folder.

    Raises:
        ValueError: if it lacks items of the file.
    """
    model, data = load_vectors(path / "shipped.npz"), split.train
    item_place = model.interactions.items.index_of(data.items.ids)
    place = place_of(model.interactions.items, data.items)
    vectors, notes = aligned_vectors(model, data, str(path))
    knows_test = trained_on_test(path / "run.json", split)
    before = before_refit(path, split) if knows_test else None
    if before is not None:
        vectors, knows_test = before, False
        notes += (
            "Lists are those of the shipped model, which was trained on all interactions in the "
            "end. Scores and vectors are of the same model before that, which has not seen the "
            "test part.",
        )

    def lists(users):
        ids = data.users.ids[users].tolist()
        return listed(model.recommend(ids, K), ids, data.items)

    scorer = served_form(model).scorer

    def history_lists(histories):
        profile = np.zeros((len(histories), model.interactions.num_items), np.float32)
        for row, items in enumerate(histories):
            known = item_place[items]
            profile[row, known[known >= 0]] = 1.0
        scores = np.where(profile > 0, -np.inf, scorer.expected_history_scores(profile))
        return place[np.argsort(-scores, axis=1, kind="stable")[:, :K]]

    return Subject(
        name=str(path),
        kind="run folder of advrec: user and item vectors",
        scorer=scorer_of(vectors, item_place, str(path)),
        lists=lists,
        vectors=vectors,
        history_lists=history_lists,
        fit=fit,
        knows_test=knows_test,
        notes=notes,
    )


def before_refit(path: Path, split: Split) -> VectorRecommender | None:
    """The model of a run before it was trained on all interactions; None where the run was of
    another split, or its stages are gone."""
    record, report = path / "run.json", path / "report.json"
    if not record.is_file() or not report.is_file():
        return None
    identity = json.loads(record.read_text(encoding="utf-8"))
    identity.pop(OPTIONS, None)  # beside the identity, as the store keeps it
    if identity.get("data_sha256") != split.fingerprint():
        return None
    choices = json.loads(report.read_text(encoding="utf-8"))["choices"]
    store = StageStore(path, identity, resume=True)
    if not store.has(choices["shipped_model"]):
        return None
    prior = Prior(choices["shipped"]["prior_scale"], choices["shipped"]["prior_max_history"])
    found = prior.on(store.result(choices["shipped_model"]), split.train)
    return without_idle_dimensions(found)
