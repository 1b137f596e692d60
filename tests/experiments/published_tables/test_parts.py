import dataclasses

import numpy as np
import pytest

from experiments.published_tables import trainers
from experiments.published_tables.choices import Choice
from experiments.published_tables.models import MODELS
from experiments.published_tables.parts import Parts
from tests.experiments.published_tables.toy import make_task


def start_and_what_builds_on_it(tmp_path, monkeypatch, phase):
    """How often the start of APR was trained for APR, a control and a second seed."""
    trained = []

    def factorization(task):
        trained.append(task.seed)
        return original(task)

    original = trainers.factorization
    monkeypatch.setattr(trainers, "factorization", factorization)
    start = Choice({"learning_rate": 0.05, "batch_size": 64, "dim": 4}, 2)
    found = []
    for seed, direction in ((0, "gradient"), (0, "random"), (1, "gradient")):
        settings = {"epsilon": 0.1, "weight": 1.0, "learning_rate": 0.01, "direction": direction}
        task = make_task(
            dataclasses.replace(MODELS["APR"], epochs=1),
            settings,
            chosen={"MF-BPR": start},
            parts=Parts(tmp_path / phase),
            seed=seed,
        )
        found.append(trainers.apr(task))
    return trained, found


@pytest.mark.slow
def test_a_start_is_trained_once_for_all_that_build_on_it(tmp_path, monkeypatch):
    # Each task has `Parts` of its own, as each process has: they share the folder alone.
    trained, first = start_and_what_builds_on_it(tmp_path, monkeypatch, "final")
    assert trained == [0, 1]
    again, second = start_and_what_builds_on_it(tmp_path, monkeypatch, "other folder")
    assert again[-2:] == [0, 1]
    np.testing.assert_array_equal(first[1].model.item_vectors(), second[1].model.item_vectors())
    assert not np.allclose(first[0].model.item_vectors(), first[2].model.item_vectors())


def test_a_part_comes_back_from_its_folder_with_its_seconds(tmp_path):
    weights = [np.arange(6.0).reshape(2, 3), np.float32([1])]
    Parts(tmp_path).get("MF-BPR, seed 0", lambda: (weights, 2.5))
    found, seconds = Parts(tmp_path).get("MF-BPR, seed 0", lambda: 1 / 0)
    assert seconds == 2.5 and found[1].dtype == np.float32
    for one, other in zip(found, weights, strict=True):
        np.testing.assert_array_equal(one, other)
    assert Parts(tmp_path).get("MF-BPR, seed 1", lambda: (weights, 7.0))[1] == 7.0
    with pytest.raises(ZeroDivisionError):
        Parts().get("MF-BPR, seed 0", lambda: 1 / 0)
