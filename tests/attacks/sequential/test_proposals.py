import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.attacks.sequential.pollution import Goal
from advrec_tf.attacks.sequential.proposals import first_order_edits, random_edits
from advrec_tf.data.sequences import NONE

HISTORIES = np.array([[-1, 1, 2], [3, 1, 0]], np.int32)
OPEN = HISTORIES != NONE
POOL = np.arange(4)
BANNED = np.array([3, 2])


def triples(edits):
    return sorted(zip(edits.row.tolist(), edits.place.tolist(), edits.item.tolist(), strict=True))


def drawn(kind, count, seed=0):
    rng = np.random.default_rng(seed)
    return random_edits(HISTORIES, OPEN, BANNED, POOL, kind, count, rng)


def test_all_edits_are_proposed_where_they_are_few():
    first = [(0, place, item) for place in (1, 2) for item in (0, 1, 2)]
    second = [(1, place, item) for place in (0, 1, 2) for item in (0, 1, 3)]
    assert triples(drawn("insert", 100)) == first + second
    own = {(0, 1, 1), (0, 2, 2), (1, 0, 3), (1, 1, 1), (1, 2, 0)}  # exchanged for themselves
    assert triples(drawn("substitute", 100)) == [e for e in first + second if e not in own]
    assert triples(drawn("delete", 100)) == [(r, p, NONE) for r, p in np.argwhere(OPEN).tolist()]


def test_otherwise_so_many_different_ones():
    for seed in range(5):
        found = triples(drawn("substitute", 3, seed))
        assert len(set(found)) == 6 and [row for row, *_ in found] == [0] * 3 + [1] * 3
        assert not any(HISTORIES[row, place] == item for row, place, item in found)


class Linear:
    """Scores of four items: x_last W, x the items' vectors."""

    mode = "next"

    def __init__(self):
        rng = np.random.default_rng(0)
        self.item_rows = tf.keras.layers.Embedding(4, 3)
        self.item_rows.build(None)
        self.vectors = rng.normal(size=[4, 3]).astype(np.float32)
        self.item_rows.set_weights([self.vectors])
        self.objective = self

    def scored(self, vectors):
        return vectors

    def candidate_rows(self, index):
        return tf.constant(self.vectors)

    def last_states(self, history):
        return self.item_rows(tf.maximum(history, 0))[:, -1]


@pytest.mark.parametrize("kind", ["substitute", "insert", "delete"])
def test_the_first_order_is_the_gradient_at_the_place_by_the_change(kind):
    model, goal = Linear(), Goal(item=BANNED, promote=True)
    x = model.vectors
    gains = {}
    for row, history in enumerate(HISTORIES):
        logits = x @ x[history[-1]]
        probability = np.exp(logits) / np.exp(logits).sum()
        slope = x[BANNED[row]] - probability @ x  # of log p(item) by the last vector
        for edit in triples(drawn(kind, 100)):
            if edit[0] == row:
                new = x[edit[2]] if kind != "delete" else 0.0
                old = x[history[edit[1]]] if kind != "insert" else 0.0
                gains[edit] = float(np.sum(slope * (new - old))) if edit[1] == 2 else 0.0
    found = triples(first_order_edits(model, HISTORIES, OPEN, goal, POOL, kind, 1))
    for row, edit in enumerate(found):
        best = max(gain for (own, *_), gain in gains.items() if own == row)
        assert gains[edit] == pytest.approx(best, abs=1e-5)
    everything = first_order_edits(model, HISTORIES, OPEN, goal, POOL, kind, 100)
    assert triples(everything) == sorted(gains)
