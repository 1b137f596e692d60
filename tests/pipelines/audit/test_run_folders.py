import dataclasses
import json

import numpy as np
import pytest

from advrec_tf.models.vectors import save_vectors
from advrec_tf.pipelines.audit.opening import open_model
from advrec_tf.pipelines.stages import StageResult, StageStore
from tests.worlds import interactions_of, split_of


def test_a_run_folder_scores_lists_and_takes_histories(split, vectors, tmp_path):
    save_vectors(vectors, tmp_path / "shipped.npz")
    found = open_model(str(tmp_path), split)
    users = np.array([5, 0])
    expected = vectors.user_vectors[users] @ vectors.item_vectors.T
    assert np.allclose(found.scorer.score(users), expected, atol=1e-6)
    has = split.everything().by_user()
    lists = found.lists(users)
    assert not np.isin(lists[0], has[5]).any() and lists.shape == (2, 10)
    history = found.history_lists([has[5], has[0][:2]])
    assert history.shape == (2, 10) and not np.isin(history[0], has[5]).any()
    assert found.knows_test is None


def test_a_run_folder_of_other_items_is_refused(vectors, tmp_path):
    save_vectors(vectors, tmp_path / "shipped.npz")
    train = interactions_of([(0, 0), (0, 1)], 2, items=[f"other {i}" for i in range(9)])
    with pytest.raises(ValueError, match="lacks 9 of its 9 items, the first other 0"):
        open_model(str(tmp_path), split_of(train))


def test_a_run_that_was_refitted_is_measured_before_that(split, vectors, tmp_path):
    """The shipped vectors are twice those of the stage before the refit."""
    shipped = dataclasses.replace(vectors, user_vectors=2 * vectors.user_vectors)
    save_vectors(shipped, tmp_path / "shipped.npz")
    identity = {"settings": {"refit": True}, "data_sha256": split.fingerprint()}
    arrays = {"user_vectors": vectors.user_vectors, "item_vectors": vectors.item_vectors}
    store = StageStore(tmp_path, identity, options={"data": "events.csv"})
    store.run("tower", lambda checkpoint: StageResult({}, arrays))
    choices = {"shipped_model": "tower", "shipped": {"prior_scale": None, "prior_max_history": 9}}
    (tmp_path / "report.json").write_text(json.dumps({"choices": choices}))
    found = open_model(str(tmp_path), split)
    users = np.array([5, 0])
    expected = vectors.user_vectors[users] @ vectors.item_vectors.T
    assert np.allclose(found.scorer.score(users), expected, atol=1e-6)
    assert found.knows_test is False and "before that" in found.notes[0]
    (tmp_path / "stages" / "tower.npz").unlink()
    found = open_model(str(tmp_path), split)
    assert np.allclose(found.scorer.score(users), 2 * expected, atol=1e-6)
    assert found.knows_test is True
