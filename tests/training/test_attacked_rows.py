import math

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.models.factorization.sparse_model import SparseEmbeddingModel
from advrec_tf.perturbations import fgsm, pgd
from advrec_tf.training.adversarial_term import AdversarialTerm
from advrec_tf.training.attacked_rows import (
    LOGGED,
    attacked_steps,
    first_radius_and_norm,
    vulnerable_fraction,
)

TABLE = [[1, 0], [0, 1], [2, 2], [0, 0]]  # c . e = 3, 4, 14, 0 with c = (3, 4)


class Linear(SparseEmbeddingModel):
    """The loss of an example is c . e(row), c = (3, 4); it keeps the rows it is asked about."""

    attackable = ("row",)

    def __init__(self, optimizer=None, table=TABLE):
        super().__init__()
        values = np.array(table, np.float32)
        self.table = keras.layers.Embedding(*values.shape)
        self.table.build(None)
        self.table.set_weights([values])
        self.asked = []
        self.compile(optimizer=optimizer or keras.optimizers.SGD(0.0))

    def embedding_tables(self):
        return {"table": self.table}

    def lookups(self, inputs):
        return {"row": ("table", inputs["user_index"])}

    def note(self, rows):
        if tf.executing_eagerly():
            self.asked.append(rows["row"].numpy())

    def row_losses(self, rows, inputs):
        self.note(rows)
        return tf.linalg.matvec(rows["row"], tf.constant([3.0, 4.0]))


class Square(Linear):
    """The loss of an example is |e(row)|^2."""

    def row_losses(self, rows, inputs):
        self.note(rows)
        return tf.reduce_sum(tf.square(rows["row"]), -1)


def rows_block(rows, weight=None):
    rows = np.array(rows, np.int32)
    weight = np.ones(rows.shape) if weight is None else np.array(weight)
    return {
        "user_index": tf.constant(rows),
        "weight": tf.constant(weight, tf.float32),
        "seed": tf.constant([[s, 1] for s in range(len(rows))]),
    }


def attacked(model, perturbation, block, *, weight=1.0, fraction=1.0):
    term = AdversarialTerm(perturbation=perturbation, weight=weight, fraction=fraction)
    logs = model.train_block(block, model.optimizer, attacked_steps(model, term), LOGGED)
    return [float(logs[name]) for name in ("clean_loss", "adversarial_loss", "loss")]


@pytest.mark.parametrize(("fraction", "chosen"), [(0.2, 1), (0.5, 2), (0.6, 3), (1.0, 4)])
def test_the_terms_of_an_attacked_block_are_those_worked_by_hand(fraction, chosen):
    # moving a row by .1 along (.6, .8) adds .1 * |(3, 4)| = .5 to its loss
    clean, adversarial, loss = attacked(
        Linear(),
        fgsm(0.1, relative=False),
        rows_block([[0, 1, 2, 3]] * 2),
        weight=2.0,
        fraction=fraction,
    )
    expected = np.mean([3, 4, 14, 0][:chosen]) + 0.5
    assert (clean, adversarial) == pytest.approx((21 / 4, expected), rel=1e-5)
    assert loss == pytest.approx(21 / 4 + 2 * fraction * expected, rel=1e-5)


def test_the_weights_of_the_examples_count_in_both_terms():
    # (3 + 3 * 4) / 4 = 3.75
    found = attacked(Linear(), fgsm(0.1, relative=False), rows_block([[0, 1]], weight=[[1, 3]]))
    assert found == pytest.approx([3.75, 4.25, 8.0], rel=1e-5)


def test_the_step_follows_both_terms_with_the_perturbation_held_still():
    # |e|^2 at e = (1, 0) and at 1.1 e: 2 + 2.2 = 4.2, times the rate .1
    model = Square(keras.optimizers.SGD(0.1), table=[[1, 0], [5, 5]])
    attacked(model, fgsm(0.1, relative=True), rows_block([[0]]))
    np.testing.assert_allclose(model.table.embeddings, [[0.58, 0], [5, 5]], rtol=1e-5)


@pytest.mark.parametrize("direction", ["gradient", "random"])
@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("fraction", [1.0, 0.5])
def test_no_row_in_a_block_is_moved_beyond_the_budget(norm, relative, direction, fraction):
    order = 2 if norm == "l2" else np.inf
    tf.config.run_functions_eagerly(True)
    try:
        model = Square(table=[[1, 2], [-3, 1], [2, 2], [0.1, 0]])
        perturbation = pgd(0.3, steps=4, norm=norm, relative=relative, direction=direction)
        attacked(model, perturbation, rows_block([[0, 1, 2, 3], [3, 3, 1, 0]]), fraction=fraction)
    finally:
        tf.config.run_functions_eagerly(False)
    table, largest = model.table.embeddings.numpy(), 0.0
    per_step = len(model.asked) // 2
    assert (
        per_step
        == {
            ("gradient", 1.0): 5,
            ("gradient", 0.5): 6,
            ("random", 1.0): 2,
            ("random", 0.5): 3,
        }[direction, fraction]
    )
    for i, seen in enumerate(model.asked):
        rows = table[[0, 1, 2, 3] if i < per_step else [3, 3, 1, 0]]
        limit = 0.3 * (np.linalg.norm(rows, order, axis=1) if relative else np.ones(4))
        sizes = np.linalg.norm(seen - rows, order, axis=1)
        assert (sizes <= limit * (1 + 1e-5) + 1e-7).all()
        largest = max(largest, (sizes / limit).max())
    assert largest == pytest.approx(1, rel=1e-3)  # the budget was spent


def test_an_attack_climbs_as_high_as_it_may_and_no_higher():
    # a linear loss rises by epsilon |c|, or epsilon |c|_1 in the sup norm, for any steps
    block = rows_block([[0, 1, 2, 3]])
    for perturbation, gain in (
        (pgd(0.2, steps=5, relative=False), 1.0),
        (pgd(0.2, steps=5, norm="linf", relative=False), 1.4),
    ):
        clean, adversarial, _ = attacked(Linear(), perturbation, block)
        assert adversarial - clean == pytest.approx(gain, rel=1e-4)


def test_the_noise_in_a_compiled_block_has_the_size_of_the_budget_and_follows_its_seed():
    # around 0 the loss is the squared size of the perturbation
    control = fgsm(0.3, direction="random", relative=False)
    model = Square(table=[[0, 0, 0, 0]] * 3)
    _, adversarial, _ = attacked(model, control, rows_block([[0, 1, 2]] * 2))
    assert adversarial == pytest.approx(0.09, rel=1e-5)
    found = []
    for seed in ((0, 1), (0, 1), (7, 1)):
        block = {**rows_block([[0, 1, 2]]), "seed": tf.constant([seed])}
        found.append(attacked(Linear(), control, block)[1])
    assert found[0] == found[1] != found[2]
    assert all(abs(loss - 21 / 3) < 1.5 for loss in found)  # 1.5 = .3 * |c|, in one direction


def test_users_of_small_loss_get_the_larger_share_of_the_radius():
    # User 7 has losses 1 + 1, user 8 has 4: the mean over the two users is 3.
    fraction = vulnerable_fraction(tf.constant([1.0, 4.0, 1.0]), tf.constant([7, 8, 7]))
    expected = [1 / (1 + math.exp(-(3 / 2 - 1))), 1 / (1 + math.exp(-(3 / 4 - 1)))]
    assert fraction.numpy().tolist() == pytest.approx([expected[0], expected[1], expected[0]])


def test_radius_and_norm_are_those_of_the_first_step():
    # rows (1, 0) and (2, 2) of norms 1 and sqrt 8; the second step is not looked at
    term = AdversarialTerm(perturbation=fgsm(0.1, relative=True))
    radius, norm = first_radius_and_norm(Linear(), term, rows_block([[0, 2], [3, 3]]))
    mean = (1 + math.sqrt(8)) / 2
    assert (float(radius), float(norm)) == pytest.approx((0.1 * mean, mean))


def test_the_radius_that_is_told_is_that_of_vulnerable_users():
    # one user alone is of average loss: 1 / 2 of epsilon, times lambda
    term = AdversarialTerm(perturbation=fgsm(0.1, relative=False))
    found = first_radius_and_norm(Linear(), term, rows_block([[1, 1]]), vulnerability=3.0)
    assert [float(one) for one in found] == pytest.approx([0.1 * 3 / 2, 1.0])
