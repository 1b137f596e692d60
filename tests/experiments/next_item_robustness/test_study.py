import numpy as np
import pytest

from advrec_tf.data import splits
from advrec_tf.models.sequential.encoders import EncoderSize
from advrec_tf.pipelines.stages import StageStore
from experiments.next_item_robustness import fake_users, rows, study
from tests.worlds import interactions_of_times

SPLIT = splits.last_item(
    interactions_of_times(
        [3600.0 * np.arange(6) + u for u in range(40)],
        [[(u + i) % 12 for i in range(6)] for u in range(40)],
        12,
    )
)
SIZE = EncoderSize(length=6, dim=8, blocks=1, heads=1, dropout=0.0)
COUNTED = (rows.TRANSITIONS, rows.COVISITS, rows.POPULARITY)
WITHOUT = [label for label in rows.LABELS if label not in COUNTED]


def test_rows_that_train_nothing_are_measured_once_and_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(study, "BUDGETS", (1,))
    said = []
    one = study.Robustness(SPLIT, StageStore(tmp_path, {"job": "x"}), 0, said.append, SIZE)
    for _ in range(2):
        found = one.pollution(WITHOUT)
        assert list(found) == list(COUNTED)
    assert len(said) == 3
    clean, attacked = (point["ndcg"] for point in found[rows.TRANSITIONS]["curves"][1]["points"])
    assert clean == 1.0 and attacked < 0.7  # the ring gives every next item away
    assert [c["search"] for c in found[rows.POPULARITY]["curves"]] == ["random", "greedy"]


def test_a_seed_that_repeats_takes_the_settings_and_searches_less_far(tmp_path, monkeypatch):
    monkeypatch.setattr(study, "BUDGETS", (1, 2))
    monkeypatch.setattr(study, "EDITS_AGAIN", 1)
    settings = {rows.ATTACKED: 0.1}
    store = StageStore(tmp_path, {"job": "x"})
    one = study.Robustness(SPLIT, store, 1, lambda _: None, SIZE, settings=settings)
    assert one.setting(rows.ATTACKED) == {"strength": 0.1} and one.setting(rows.PLAIN) == {}
    found = one.pollution(WITHOUT)[rows.TRANSITIONS]["curves"]
    budgets = {curve["search"]: [point["budget"] for point in curve["points"]] for curve in found}
    assert budgets == {"random": [0, 1, 2], "greedy": [0, 1]}
    of_users = one.of_users(rows.TRANSITIONS)
    assert set(of_users) == {*(("random", n) for n in range(3)), ("greedy", 0), ("greedy", 1)}
    assert of_users["random", 2].shape == (40,)
    assert of_users["random", 2].mean() == pytest.approx(found[0]["points"][2]["ndcg"])


def trained_as(values):
    """In the place of `trained`: label and strength -> NDCG@10 on validation."""

    def trained(label, strength=None):
        return None, {"validation": values[label, strength], "epochs": 2, "seconds": 1.0}

    return trained


def test_the_setting_is_the_strongest_that_keeps_the_price(tmp_path, monkeypatch):
    one = study.Robustness(SPLIT, StageStore(tmp_path, {"job": "x"}), 0, lambda _: None, SIZE)
    values = {
        (rows.PLAIN, None): 0.100,
        (rows.ATTACKED, 0.05): 0.101,
        (rows.ATTACKED, 0.1): 0.098,  # exactly 2 % less
        (rows.ATTACKED, 0.2): 0.097,
        (rows.NOISE, 0.1): 0.103,
    }
    monkeypatch.setattr(study.Robustness, "trained", staticmethod(trained_as(values)))
    tuned = one.tuned(rows.ATTACKED)
    assert tuned.strength == 0.1 and tuned.within and list(tuned.tried) == [0.05, 0.1, 0.2]
    followed = one.tuned(rows.NOISE)
    assert followed.strength == 0.1 and followed.tried == {0.1: 0.103}
    assert one.tuned(rows.PLAIN) is None and one.tuned(rows.TRANSITIONS) is None


def test_the_harder_network_has_the_substitutions_of_its_row_and_the_counts_of_another(
    tmp_path, monkeypatch
):
    chosen = {rows.SUBSTITUTED: 0.1, rows.BLENDED_SUBSTITUTED: 0.25}
    store = StageStore(tmp_path, {"job": "x"})
    one = study.Robustness(SPLIT, store, 0, lambda _: None, SIZE, settings=chosen)
    trained = staticmethod(lambda label, strength=None: ((label, strength), {}))
    monkeypatch.setattr(study.Robustness, "trained", trained)
    monkeypatch.setattr(study.answers, "behind", lambda label, network, at, _: (network, at))
    monkeypatch.setattr(study.Robustness, "detector", None)
    found = one.answering(rows.BLENDED_HARDER, 0.4)[0]
    assert found.scorer == ((rows.SUBSTITUTED, 0.4), 0.25)
    found = one.answering(rows.BLENDED_SUBSTITUTED, 0.5)[0]
    assert found.scorer == ((rows.SUBSTITUTED, 0.1), 0.5)


def test_a_row_that_is_priced_alone_is_not_attacked(tmp_path, monkeypatch):
    one = study.Robustness(SPLIT, StageStore(tmp_path, {"job": "x"}), 0, lambda _: None, SIZE)
    values = {(rows.PLAIN, None): 0.1, (rows.ATTACKED, 0.05): 0.05}
    monkeypatch.setattr(study.Robustness, "trained", staticmethod(trained_as(values)))
    without = [label for label in rows.LABELS if label != rows.ATTACKED]
    found = one.pollution(without, priced=[rows.ATTACKED])
    assert found[rows.ATTACKED] == {
        "validation": 0.05,
        "epochs": 2,
        "seconds": 1.0,
        "strength": 0.05,
        "tried": [[0.05, 0.05]],
        "within": False,
    }


def test_epochs_of_a_hardened_network_are_chosen_on_disturbed_histories(tmp_path):
    one = study.Robustness(SPLIT, StageStore(tmp_path, {"job": "x"}), 0, lambda _: None, SIZE)
    clean, disturbed = (evaluator.queries.items for evaluator in (one.validation, one.disturbed))
    # a tenth of 40 x 4 items, of which a twelfth are drawn again as they were
    assert 4 < (clean != disturbed).sum() < 30
    assert one.validation.queries.target_item.tolist() == one.disturbed.queries.target_item.tolist()


@pytest.mark.slow
def test_every_row_is_trained_polluted_and_poisoned(tmp_path, monkeypatch):
    monkeypatch.setattr(study, "BUDGETS", (1, 2))
    strengths = {label: tried[:1] for label, tried in rows.STRENGTHS.items()}
    monkeypatch.setattr(rows, "STRENGTHS", strengths)
    store = StageStore(tmp_path, {"job": "x"})
    one = study.Robustness(SPLIT, store, 0, lambda _: None, SIZE, epochs=5)
    found = one.pollution()
    assert list(found) == list(rows.LABELS)
    assert found[rows.PLAIN]["epochs"] == found[rows.MIXED]["epochs"] == 5
    assert found[rows.NOISE]["strength"] == found[rows.ATTACKED]["strength"] == 0.05
    assert found[rows.SEARCHED]["epochs"] in (2, 4)
    assert [c["search"] for c in found[rows.SMOOTHED]["curves"]] == list(study.SEARCHES)
    assert [c["search"] for c in found[rows.COVISITS]["curves"]] == ["random", "greedy"]
    promoted = fake_users.Promotion(one).cells([rows.PLAIN, rows.MIXED])
    assert len(promoted) == 2 * len(fake_users.CELLS)
    assert (
        "target_hit_rate, smoothed" in promoted[0] and len(list(store.folder.rglob("*.npz"))) > 20
    )
