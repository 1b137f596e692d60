import dataclasses

import numpy as np

from experiments.augmentation import sparse


def test_filled_users_have_as_many_interactions_as_the_settings_say(
    make_task, settings, trained_on
):
    settings = dataclasses.replace(settings, min_history=7)
    task = make_task("sparse", {"weight": 0.3}, settings)
    sparse.popular_interactions(task)
    generated = trained_on[-1][0]
    before = task.interactions.user_counts()
    after = before + np.bincount(generated.user_index, minlength=len(before))
    assert (after == np.maximum(before, 7)).all() and generated.weight == 0.3


def test_a_source_is_trained_once_for_all_weights(make_task, trained_on, monkeypatch):
    task = make_task("sparse", {"weight": 0.3})
    calls = []
    generated = np.array([0], np.int32), np.array([1], np.int32)
    monkeypatch.setattr(sparse, "top_unseen", lambda *a, **k: calls.append(1) or generated)
    sparse.random_interactions(task)
    sparse.random_interactions(dataclasses.replace(task, settings={"weight": 1.0}))
    assert len(calls) == 1
    assert [given[0].weight for given in trained_on] == [0.3, 1.0]
