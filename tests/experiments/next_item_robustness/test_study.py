import numpy as np
import pytest

from advrec_tf.data import splits
from advrec_tf.models.sequential.encoders import EncoderSize
from advrec_tf.models.sequential.transitions import Transitions
from advrec_tf.pipelines.stages import StageStore
from experiments.next_item_robustness import rows, study
from tests.worlds import interactions_of_times

SPLIT = splits.last_item(
    interactions_of_times(
        [3600.0 * np.arange(6) + u for u in range(40)],
        [[(u + i) % 12 for i in range(6)] for u in range(40)],
        12,
    )
)
SIZE = EncoderSize(length=6, dim=8, blocks=1, heads=1, dropout=0.0)
TRAINED = (rows.PLAIN, rows.SUBSTITUTED, rows.MIXED, rows.ATTACKED, rows.NOISE)


def test_rows_that_train_nothing_are_measured_once_and_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(study, "BUDGETS", (1,))
    said = []
    one = study.Robustness(SPLIT, StageStore(tmp_path, {"job": "x"}), 0, said.append, SIZE)
    for _ in range(2):
        found = one.pollution([*TRAINED, rows.SMOOTHED, rows.PURIFIED])
        assert list(found) == [rows.TRANSITIONS, rows.POPULARITY]
    assert len(said) == 2
    clean, attacked = (point["ndcg"] for point in found[rows.TRANSITIONS]["curves"][1]["points"])
    assert clean == 1.0 and attacked < 0.7  # the ring gives every next item away
    assert [c["search"] for c in found[rows.POPULARITY]["curves"]] == ["random", "greedy"]


def test_fake_users_promote_by_counted_transitions_and_removal_takes_them_out(tmp_path):
    one = study.Robustness(SPLIT, StageStore(tmp_path, {"job": "x"}), 0, lambda _: None, SIZE)
    found = one.promotion([rows.TRANSITIONS])
    assert [(r["attack"], r["defence"]) for r in found] == list(study.CELLS)
    assert found[2]["target_hit_rate"] == found[0]["target_hit_rate"]
    assert found[1]["fakes_flagged"] == 1.0
    few = one.promotion([rows.TRANSITIONS], [study.CO_VISITATION])
    assert few == found[:3]
    assert isinstance(one._fitted(rows.TRANSITIONS, SPLIT.train), Transitions)


@pytest.mark.slow
def test_every_row_is_trained_polluted_and_poisoned(tmp_path, monkeypatch):
    monkeypatch.setattr(study, "BUDGETS", (1, 2))
    store = StageStore(tmp_path, {"job": "x"})
    one = study.Robustness(SPLIT, store, 0, lambda _: None, SIZE, epochs=5)
    found = one.pollution()
    assert list(found) == list(rows.LABELS)
    assert all(found[label]["epochs"] == 5 for label in TRAINED)
    assert [c["search"] for c in found[rows.SMOOTHED]["curves"]] == list(study.SEARCHES)
    promoted = one.promotion([rows.PLAIN, rows.MIXED])
    assert len(promoted) == 2 * len(study.CELLS)
    assert (
        "target_hit_rate, smoothed" in promoted[0] and len(list(store.folder.rglob("*.npz"))) > 20
    )
