import dataclasses

import numpy as np
import pytest

from advrec_tf.data.sequences import NONE, Sequences
from advrec_tf.evaluation import sequence_fidelity as fidelity

pytest.importorskip("sklearn", reason="needs the extra `analysis`")

ITEMS = 12
VECTORS = np.random.default_rng(0).normal(size=(ITEMS, 6))


def ring(n, seed, step=1):
    """Sequences of four items that go round by `step`."""
    start = np.random.default_rng(seed).integers(ITEMS, size=(n, 1))
    return sequences((start + step * np.arange(4)) % ITEMS)


def sequences(items):
    items = np.asarray(items, np.int32)
    return Sequences(items=items, user_index=np.zeros(len(items), np.int32), num_items=ITEMS)


@pytest.fixture(scope="module")
def train():
    return ring(200, 0)


@pytest.fixture(scope="module")
def qualities(train):
    held_out = ring(100, 1)
    return {
        "real": fidelity.measure(ring(100, 2), held_out, train, VECTORS),
        "backwards": fidelity.measure(ring(100, 2, -1), held_out, train, VECTORS),
    }


@pytest.fixture
def without_classifier(monkeypatch):
    monkeypatch.setattr(fidelity, "two_sample_auc", lambda *_, **__: 0.5)


def test_total_variation_by_hand():
    assert fidelity.total_variation(np.array([0.5, 0.5, 0]), np.array([0.5, 0.2, 0.3])) == (
        pytest.approx(0.3)
    )


def test_real_sequences_cannot_be_told_and_a_wrong_order_is_told_by_pairs_alone(qualities):
    real, backwards = qualities["real"], qualities["backwards"]
    assert real.bigrams < 0.25 and abs(real.auc - 0.5) < 0.15
    assert backwards.bigrams == pytest.approx(1.0)  # no pair in common
    assert backwards.popularity < 0.2 and backwards.copies == 0.0
    assert real.copies == 1.0  # every ring of twelve is in 200
    assert backwards.auc > 0.9


def test_collapse_is_said_and_nothing_of_who_has_not(qualities, train, without_classifier):
    one = fidelity.measure(sequences([[0, 1, 2, 3]] * 100), ring(100, 1), train, VECTORS)
    assert fidelity.collapse(qualities["real"], qualities["real"]) is None
    assert one.effective_items == pytest.approx(4.0)
    assert one.distinct == 1 / 100
    said = fidelity.collapse(one, qualities["real"])
    assert said.startswith("collapsed: 1% of its sequences are distinct, 12%")
    few = dataclasses.replace(qualities["real"], effective_items=2.0)
    assert "over 2 items, real sequences over 12" in fidelity.collapse(few, qualities["real"])


def test_repeats_are_counted_over_places_that_hold_an_item(train, without_classifier):
    # [0, 0, 1, 0]: two of four again; [1, 2]: none of two; of such rows 2 of 6 places
    items = [[0, 0, 1, 0], [1, 2, NONE, NONE]] * 50
    quality = fidelity.measure(sequences(items), ring(100, 1), train, VECTORS)
    assert quality.repeats == pytest.approx(2 / 6)


def test_lengths_that_differ_are_refused(train):
    with pytest.raises(ValueError, match="equally long. Received: 3 and 4"):
        fidelity.measure(sequences([[0, 1, 2]]), train, train, VECTORS)
