import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.models.trained import RecommenderModel
from advrec_tf.text.disturbed_texts import DisturbedTextTraining

SEED = tf.constant([3, 4])
DIRECTIONS = {"a": [1.0, 0.0], "b": [0.0, 1.0], "c": [-1.0, 0.0], "d": [1.0, 1.0]}


class Letters(keras.Model):
    """A text is its letters' sum, on a table that trains; `LanguageModelTower` by its interface."""

    def __init__(self):
        super().__init__()
        self.dim = 2
        self.table = tf.Variable([[0.0, 0.0], *DIRECTIONS.values()])
        self.asked = []

    def tokenizer(self, texts):
        letters = [[1 + list(DIRECTIONS).index(c) for c in t.decode()] for t in texts.numpy()]
        width = 3
        ids = np.array([row + [0] * (width - len(row)) for row in letters], np.int32)
        return {"token_ids": ids, "padding_mask": (ids > 0).astype(np.int32)}

    def call(self, tokens, training=False):
        self.asked.append(tokens["token_ids"].shape[0])
        return tf.reduce_sum(tf.gather(self.table, tokens["token_ids"]), axis=1)


class Constant(RecommenderModel):
    def __init__(self, tower):
        super().__init__()
        self.item_tower = tower

    def compute_loss(self, inputs, training=False):
        return tf.constant(5.0)

    def score(self, user_index):
        return tf.zeros([len(user_index), 2])


def trained(copies, **settings):
    from advrec_tf.text.language_model import LanguageItemTower

    tower = LanguageItemTower(Letters(), ["a", "aa"])
    settings = {"items": [0, 1], "batch_size": 4, **settings}
    return DisturbedTextTraining(Constant(tower), tower=tower, copies=copies, **settings)


def test_the_loss_is_how_far_the_worst_of_the_drawn_copies_turns():
    # Item 0 is "a"; its copies are "a" (0), "d" (1 - 1 / sqrt 2), "b" (1) and "c" (2).
    model = trained([["a", "aa"], ["d", "aa"], ["b", "aa"], ["c", "aa"]], choices=3)
    items = tf.constant([0])
    for drawn, expected in (([0, 1, 2], 1.0), ([1, 0, 3], 2.0), ([0, 1, 0], 1 - 0.5**0.5)):
        found = float(model.disturbed_loss(items, tf.constant([drawn])))
        assert found == pytest.approx(expected, abs=1e-6)


def test_one_choice_is_any_copy_and_costs_no_look_at_others():
    model = trained([["b", "aa"], ["c", "aa"]])
    assert float(model.disturbed_loss(tf.constant([0]), tf.constant([[0]]))) == pytest.approx(1.0)
    assert len(model.tower.tower.asked) == 2  # the text and its copy


def test_copies_of_an_item_are_its_own_and_drawn_without_repeats():
    model = trained([["b", "aa"], ["c", "aa"], ["d", "aa"], ["a", "aa"]], choices=4)
    items, copies = model.draw(SEED)
    assert set(items.numpy()) <= {0, 1} and copies.shape == (4, 4)
    assert (np.sort(copies.numpy(), axis=1) == np.arange(4)).all()
    assert float(model.disturbed_loss(tf.constant([1]), copies[:1])) == pytest.approx(0.0, abs=1e-6)


def test_the_gradient_moves_the_copy_towards_the_text_and_not_the_text():
    model = trained([["b", "b"]], weight=2.0)
    table = model.tower.tower.table
    with tf.GradientTape() as tape:
        loss = model.compute_loss({"seed": SEED}, training=True)
    assert float(loss) == pytest.approx(5.0 + 2.0, abs=1e-6)
    gradient = tf.convert_to_tensor(tape.gradient(loss, table)).numpy()
    assert np.abs(gradient[1]).max() == 0.0  # "a": the text is held still
    assert gradient[2][0] < 0  # "b" goes towards (1, 0)


def test_with_a_weight_of_0_the_clean_loss_is_the_loss_and_no_other_is_told():
    for weight, expected in (
        (0.0, {"clean_loss": 5}),
        (2.0, {"clean_loss": 5, "disturbed_loss": 1}),
    ):
        model = trained([["b", "b"]], weight=weight)
        model.compute_loss({"seed": SEED}, training=True)
        found = {metric.name: float(metric.result()) for metric in model.own_metrics}
        assert found == pytest.approx({"loss": 0, **expected}, abs=1e-6)  # no step was taken


def test_evaluation_is_the_model_s_own():
    model = trained([["b", "b"]])
    assert float(model.compute_loss({"seed": SEED}, training=False)) == 5.0


@pytest.mark.parametrize(
    ("copies", "settings", "message"),
    [
        ([["b"]], {}, "`copies` should each hold 2 texts.*Received: 1 texts and 2 items"),
        ([["b", "b"]], {"items": []}, "Received: 2 texts and 0 items"),
        ([["b", "b"]], {"choices": 2}, r"`choices` should be in 1..1"),
        ([["b", "b"]], {"weight": -1.0}, "`weight` >= 0"),
    ],
)
def test_what_cannot_be_is_said(copies, settings, message):
    with pytest.raises(ValueError, match=message):
        trained(copies, **settings)
