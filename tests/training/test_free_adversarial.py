import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.losses import weighted_mean
from advrec_tf.models.trained import RecommenderModel
from advrec_tf.perturbations import pgd
from advrec_tf.training.free_adversarial import FreeLB
from advrec_tf.training.optimizers import LazyAdam

C = np.array([3.0, 4.0], np.float32)
ROWS = np.array([[1.0, 0.5], [0.2, -2.0], [0.3, 0.3]], np.float32)


class Quadratic(RecommenderModel):
    """The loss of a row e is C . e + k |e|^2; keeps every row it was asked about."""

    def __init__(self, values, k):
        super().__init__()
        values = np.array(values, np.float32)
        self.table = keras.layers.Embedding(*values.shape)
        self.table.build(None)
        self.table.set_weights([values])
        self.k, self.seen = k, []

    def compute_loss(self, inputs, training=False):
        rows = self.table(inputs["user_index"])
        self.seen.append(np.array(rows))
        found = tf.linalg.matvec(rows, C) + self.k * tf.reduce_sum(rows**2, -1)
        return weighted_mean(found, inputs["weight"])

    def score(self, user_index):
        return self.table(user_index)


def batch(rows=3, seed=(0, 0)):
    return {"user_index": tf.range(rows), "weight": tf.ones(rows), "seed": tf.constant(seed)}


def loss_and_gradient(model, inputs):
    with tf.GradientTape() as tape:
        loss = model.compute_loss(inputs, training=True)
    (gradient,) = tape.gradient(loss, model.trainable_variables)
    return float(loss), tf.convert_to_tensor(gradient).numpy()


def test_loss_and_gradient_are_the_means_over_the_points_of_the_ascent():
    # budget .4 around (6, 8), steps of half of it along C + 2 k e, which is parallel to e:
    # the points have length 10, 10.2, 10.4; at k = .25 loss 5 r + r^2 / 4, gradient 5 + r / 2
    model = FreeLB(Quadratic([[6, 8]], 0.25), pgd(0.4, steps=3, step_size=0.5, relative=False))
    loss, gradient = loss_and_gradient(model, batch(1))
    lengths = np.array([10, 10.2, 10.4])
    np.testing.assert_allclose(
        np.linalg.norm(model.model.seen[1:], axis=-1)[:, 0], lengths, rtol=1e-5
    )
    assert loss == pytest.approx((5 * lengths + lengths**2 / 4).mean(), rel=1e-5)
    np.testing.assert_allclose(gradient, [np.array([0.6, 0.8]) * (5 + 5.1)], rtol=1e-5)


def test_in_a_ball_of_radius_0_the_first_and_the_last_loss_are_the_loss():
    model = FreeLB(Quadratic([[6, 8]], 0.25), pgd(0.0, steps=3, relative=False))
    assert loss_and_gradient(model, batch(1))[0] == 75  # 3 * 6 + 4 * 8 + 100 / 4
    found = {metric.name: float(metric.result()) for metric in model.own_metrics}
    assert found == {"loss": 0, "first_loss": 75, "last_loss": 75}  # no step was taken


@pytest.mark.parametrize("random_start", [False, True])
@pytest.mark.parametrize("direction", ["gradient", "random"])
def test_the_gradient_is_the_mean_of_those_worked_out_at_each_point_apart(direction, random_start):
    settings = {"direction": direction, "random_start": random_start, "step_size": 0.6}
    model = FreeLB(Quadratic(ROWS, 0.7), pgd(0.3, steps=4, relative=True, **settings))
    loss, gradient = loss_and_gradient(model, batch())
    # The first pass only asks what the layers put out.
    peek, *points = model.model.seen
    np.testing.assert_array_equal(peek, ROWS)
    assert len(points) == 4
    np.testing.assert_allclose(gradient, np.mean([C + 1.4 * p for p in points], 0) / 3, rtol=1e-5)
    expected = np.mean([p @ C + 0.7 * (p**2).sum(-1) for p in points])
    assert loss == pytest.approx(expected, rel=1e-5)
    shares = [np.linalg.norm(p - ROWS, axis=1) / np.linalg.norm(ROWS, axis=1) for p in points]
    assert np.max(shares) <= 0.3 * (1 + 1e-5)
    if direction == "random":  # the control stands at the edge every time, each time elsewhere
        np.testing.assert_allclose(shares, 0.3, rtol=1e-5)
        assert np.abs(points[0] - points[1]).max() > 1e-3
    else:
        assert (np.array(shares[0]) > 0).all() == random_start
        steps = np.linalg.norm(points[1] - points[0], axis=1) / np.linalg.norm(ROWS, axis=1)
        assert (steps <= 0.18 * (1 + 1e-5)).all()


def test_a_graph_gives_what_eager_steps_give_and_trains():
    made = [
        FreeLB(Quadratic(ROWS, 0.7), pgd(0.3, steps=3, random_start=True, relative=False))
        for _ in range(2)
    ]
    tables = []
    for model, eager in zip(made, (True, False)):
        model.model.compute_loss = Silent(model.model)
        model.compile(optimizer=LazyAdam(0.1), run_eagerly=eager)
        data = tf.data.Dataset.from_tensors(batch(seed=(3, 4))).repeat(2)
        logs = model.fit(data, verbose=0).history
        assert set(logs) == {"loss", "first_loss", "last_loss"}
        assert logs["last_loss"][0] > logs["first_loss"][0]
        tables.append(model.get_weights()[0])
    np.testing.assert_allclose(*tables, rtol=1e-5)
    assert np.abs(tables[0] - ROWS).min() > 0.05


class Silent:
    """The loss of `Quadratic` without its notes, for graphs."""

    def __init__(self, model):
        self.model = model

    def __call__(self, inputs, training=False):
        rows = self.model.table(inputs["user_index"])
        found = tf.linalg.matvec(rows, C) + self.model.k * tf.reduce_sum(rows**2, -1)
        return weighted_mean(found, inputs["weight"])


@pytest.mark.parametrize(("epsilon", "training"), [(0.0, True), (0.3, False)])
def test_nothing_is_perturbed_without_a_budget_or_in_evaluation(epsilon, training):
    model = FreeLB(Quadratic(ROWS, 0.7), pgd(epsilon, steps=2, relative=False))
    expected = float(Quadratic(ROWS, 0.7).compute_loss(batch()))
    assert float(model.compute_loss(batch(), training=training)) == expected
    assert len(model.model.seen) == 1


def test_a_budget_that_is_a_number_and_no_layer_are_refused():
    with pytest.raises(ValueError, match="`perturbation` should be a `Perturbation`"):
        FreeLB(Quadratic(ROWS, 0.7), 0.3)
    with pytest.raises(ValueError, match="`layers` should name a layer to perturb"):
        FreeLB(Quadratic(ROWS, 0.7), pgd(0.3, relative=False), layers=[])


def test_the_gradient_of_a_table_has_the_rows_of_the_batch_alone():
    model = FreeLB(Quadratic(ROWS, 0.7), pgd(0.3, steps=3, relative=False))
    with tf.GradientTape() as tape:
        loss = model.compute_loss(batch(2), training=True)
    (gradient,) = tape.gradient(loss, model.trainable_variables)
    assert isinstance(gradient, tf.IndexedSlices)
    assert set(gradient.indices.numpy().tolist()) == {0, 1}


def test_lazy_adam_leaves_the_rows_outside_of_the_batch_as_they_were():
    model = FreeLB(Quadratic(ROWS, 0.7), pgd(0.3, steps=2, relative=False))
    model.compile(optimizer=LazyAdam(0.1), run_eagerly=True)
    for rows in (3, 2):  # a dense gradient would move row 2 by what it remembers of the first step
        before = model.model.table.get_weights()[0]
        model.fit(tf.data.Dataset.from_tensors(batch(rows)), verbose=0)
    np.testing.assert_array_equal(model.model.table.get_weights()[0][2], before[2])


def test_the_random_points_follow_the_seed_where_batches_carry_none():
    def points(seed):
        model = FreeLB(
            Quadratic(ROWS, 0.7), pgd(0.3, steps=1, random_start=True, relative=False), seed=seed
        )
        model.compute_loss({k: v for k, v in batch().items() if k != "seed"}, training=True)
        return model.model.seen[-1]

    np.testing.assert_array_equal(points(1), points(1))
    assert np.abs(points(1) - points(2)).min() > 1e-4
    with pytest.raises(ValueError, match="`seed` should be a whole number of 32 bits"):
        FreeLB(Quadratic(ROWS, 0.7), pgd(0.3), seed=0.5)
