import types

import numpy as np
import pytest

import advrec_tf as ar
from experiments.compression import study


@pytest.fixture(scope="module")
def split():
    rng = np.random.default_rng(0)
    pairs = np.unique(rng.integers(0, [30, 40], (400, 2)), axis=0).astype(np.int32)
    data = ar.data.Interactions(
        user_index=pairs[:, 0],
        item_index=pairs[:, 1],
        timestamp=np.arange(len(pairs), dtype=np.float64),
        users=ar.data.Vocabulary(range(30)),
        items=ar.data.Vocabulary(range(40)),
    )
    return ar.data.splits.last_item(data)


def test_every_model_is_measured_with_every_kind_of_table(split, monkeypatch):
    def trained(split, dim, epochs, seed, *, adversarial):
        rng = np.random.default_rng(seed + adversarial)
        users, items = rng.normal(size=(30, dim)), rng.normal(size=(40, dim))
        return types.SimpleNamespace(user_vectors=lambda: users, item_vectors=lambda: items)

    def curve(model, interactions, evaluator, epsilons, *, kinds, relative):
        assert relative and epsilons == (0.5,) and tuple(kinds) == study.KINDS
        points = [types.SimpleNamespace(kind=kind, metrics={"ndcg@10": 0.1}) for kind in kinds]
        asked.append(model.item_vectors)
        return types.SimpleNamespace(clean={"ndcg@10": 0.2}, points=points)

    asked = []
    monkeypatch.setattr(study, "trained", trained)
    monkeypatch.setattr(ar.evaluation, "robustness_curve", curve)
    rows = study.run(split, dim=8, epochs=1, epsilon=0.5, seeds=2)
    assert [(row["model"], row["tables"], row["bytes"]) for row in rows] == [
        ("plain", "float32", 32),
        ("plain", "float16", 16),
        ("plain", "int8", 10),
        ("APR", "float32", 32),
        ("APR", "float16", 16),
        ("APR", "int8", 10),
        ("plain, few dimensions", "float32", 8),
    ]
    assert all(row["clean"] == [0.2] * 2 and row["fgsm"] == [0.1] * 2 for row in rows)
    differences = [np.abs(one - asked[0]).max() for one in asked[:3]]
    assert 0 == differences[0] < differences[1] < differences[2] < 0.05
