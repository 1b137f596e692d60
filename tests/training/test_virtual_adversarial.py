import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.models.trained import RecommenderModel
from advrec_tf.perturbations import fgsm, pgd
from advrec_tf.training.virtual_adversarial import VirtualAdversarialTraining

SEED = tf.constant([3, 4])


class Stretch(keras.Model):
    """Item i -> (a x, b y) of its row (x, y, z): the third number says nothing."""

    def __init__(self, rows, scale, closed=None):
        super().__init__()
        rows = np.array(rows, np.float32)
        self.table = keras.layers.Embedding(*rows.shape)
        self.table.build(None)
        self.table.set_weights([rows])
        self.scale = tf.Variable(scale, dtype=tf.float32)
        if closed is not None:
            self.table.perturbable = lambda index: tf.ones([len(index), 3]) * closed
        self.asked = []

    def call(self, items, training=False):
        row = self.table(items)
        self.asked.append((items.numpy(), row.numpy()))
        return row[:, :2] * self.scale


class Constant(RecommenderModel):
    """A loss of 5 whatever comes."""

    def __init__(self, tower):
        super().__init__()
        self.item_tower = tower

    def compute_loss(self, inputs, training=False):
        return tf.constant(5.0)

    def score(self, user_index):
        return tf.zeros([len(user_index), 2])


def trained(rows, scale, perturbation, closed=None, **settings):
    tower = Stretch(rows, scale, closed)
    settings = {"items": [0], "batch_size": 1, "layers": [tower.table], **settings}
    return VirtualAdversarialTraining(Constant(tower), perturbation, tower=tower, **settings)


def turn(one, other):
    return 1 - np.dot(one, other) / np.linalg.norm(one) / np.linalg.norm(other)


def test_the_worst_direction_is_the_one_that_turns_the_vector_most():
    # x = (1, 0, 0), v = (x, y): only y turns it; |r| = .1, so v moves to (1, +-.1)
    model = trained([[1, 0, 0]], [1, 1], pgd(0.1, steps=2, relative=False), probe=0.01)
    found = float(model.virtual_loss(tf.constant([0]), SEED))
    assert found == pytest.approx(turn([1, 0], [1, 0.1]), rel=1e-2)
    row = model.tower.asked[-1][1][0]
    assert abs(row[1]) == pytest.approx(0.1, rel=1e-3)
    np.testing.assert_allclose(row[[0, 2]], [1, 0], atol=2e-3)


def test_the_gradient_is_asked_for_at_the_probe_and_the_size_is_the_budget():
    model = trained([[3, 4, 0]], [1, 2], fgsm(0.2, relative=True), probe=0.25)
    model.virtual_loss(tf.constant([0]), SEED)
    clean, probe, worst = (row[0] for _, row in model.tower.asked)
    np.testing.assert_array_equal(clean, [3, 4, 0])
    assert np.linalg.norm(probe - clean) == pytest.approx(0.25 * 0.2 * 5, rel=1e-4)
    assert np.linalg.norm(worst - clean) == pytest.approx(0.2 * 5, rel=1e-4)


def test_the_ablation_has_the_same_size_and_turns_less():
    rows = np.random.default_rng(0).normal(size=(50, 3))
    items, found, sizes = tf.range(50), {}, {}
    for direction in ("gradient", "random"):
        model = trained(rows, [1, 1], fgsm(0.3, relative=True, direction=direction), probe=0.05)
        found[direction] = float(model.virtual_loss(items, SEED))
        moved = model.tower.asked[-1][1]
        sizes[direction] = np.linalg.norm(moved - rows, axis=1) / np.linalg.norm(rows, axis=1)
    np.testing.assert_allclose(sizes["random"], 0.3, rtol=1e-3)
    np.testing.assert_allclose(sizes["gradient"], 0.3, rtol=1e-3)
    assert found["gradient"] > 1.5 * found["random"] > 0


@pytest.mark.parametrize("direction", ["gradient", "random"])
def test_what_may_not_move_does_not(direction):
    closed = tf.constant([1.0, 0, 1])
    model = trained([[1, 1, 1]], [1, 1], fgsm(0.5, direction=direction, relative=False), closed)
    model.virtual_loss(tf.constant([0]), SEED)
    moved = model.tower.asked[-1][1][0] - 1
    assert moved[1] == 0 and np.linalg.norm(moved) == pytest.approx(0.5, rel=1e-4)


def test_the_term_joins_the_loss_by_its_weight_and_only_in_training():
    batch = {"seed": SEED}
    model = trained([[3, 4, 0]], [1, 2], fgsm(0.2, relative=False), weight=3.0)
    term = float(model.virtual_loss(tf.constant([0]), SEED))
    assert term > 0
    assert float(model.compute_loss(batch, training=True)) == pytest.approx(5 + 3 * term)
    assert float(model.compute_loss(batch)) == 5
    for off in ({"weight": 0.0}, {"perturbation": fgsm(0.0, relative=False)}):
        settings = {"perturbation": fgsm(0.2, relative=False), **off}
        plain = trained([[3, 4, 0]], [1, 2], **settings)
        assert float(plain.compute_loss(batch, training=True)) == 5 and not plain.tower.asked
        assert logged(plain) == {"loss": 0, "clean_loss": 5}  # no step was taken
    assert logged(model) == pytest.approx({"loss": 0, "clean_loss": 5, "virtual_loss": term})


def logged(model):
    return {metric.name: float(metric.result()) for metric in model.metrics}


def test_the_clean_vector_is_held_still():
    # d/da of 1 - cos((a, 0), v(x + r)) with the first argument held: only through v(x + r)
    model = trained([[1, 0, 0]], [1, 1], fgsm(0.5, direction="random", relative=False))
    with tf.GradientTape() as tape:
        loss = model.virtual_loss(tf.constant([0]), SEED)
    gradient = tape.gradient(loss, model.tower.scale).numpy()
    x, y = model.tower.asked[-1][1][0][:2]
    # cos = x a / sqrt(x^2 a^2 + y^2 b^2): by a x y^2 / (x^2 + y^2)^1.5, by b -x y^2 / ...
    slope = x * y**2 / (x**2 + y**2) ** 1.5
    np.testing.assert_allclose(gradient, [-slope, slope], rtol=1e-4)


def test_items_are_drawn_from_those_given_by_the_seed():
    rows = np.eye(3)[[0, 1, 2, 0, 1, 2]]
    model = trained(rows, [1, 1], fgsm(0.1, relative=False), items=[1, 4, 5], batch_size=40)
    drawn = model.draw(SEED).numpy()
    assert set(drawn.tolist()) == {1, 4, 5}
    np.testing.assert_array_equal(model.draw(SEED), drawn)
    assert (model.draw(SEED + 1).numpy() != drawn).any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"items": []}, "`items` should not be empty. Received: 0 items"),
        ({"layers": []}, "`layers` should name a layer to perturb"),
        ({"layers": "table"}, "`layers` should name layers that occur once.*'table', which 0"),
        ({"weight": "1"}, "`weight` >= 0.*Received: 1, '1'"),
        ({"batch_size": 0}, "`batch_size` should be >= 1"),
        ({"weight": -1.0}, "`weight` >= 0"),
        ({"probe": 0.0}, r"`probe` in \(0, 1\]"),
        ({"perturbation": 0.1}, "`perturbation` should be a `Perturbation`"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        trained([[1, 0, 0]], [1, 1], **{"perturbation": fgsm(0.1, relative=False), **settings})
