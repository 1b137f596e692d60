import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.models.base import Recommender
from advrec_tf.models.factorization.distilled import DistilledFactorization, teacher_lists
from advrec_tf.models.factorization.matrix_factorization import MatrixFactorization
from tests.worlds import interactions_of

DATA = interactions_of([(u, u % 9) for u in range(6)] + [(u, (u + 1) % 9) for u in range(6)], 6, 9)


class Circle(Recommender):
    """The teacher: item i is as far from user u as i is after u on a circle of nine."""

    def score(self, user_index):
        distance = (tf.range(9)[None, :] - user_index[:, None]) % 9
        return -tf.cast(distance, tf.float32)


LISTS = teacher_lists(Circle(), DATA, length=4)


def student(weight, seed=1):
    model = DistilledFactorization(DATA, LISTS, dim=4, drawn=3, weight=weight, seed=seed)
    model.compile(optimizer=keras.optimizers.SGD(0.5))
    return model


def block(steps):
    rng = np.random.default_rng(0)
    rows = rng.integers(len(DATA), size=[steps, 6])
    return {
        "user_index": tf.constant(DATA.user_index[rows]),
        "item_index": tf.constant(DATA.item_index[rows]),
        "weight": tf.ones([steps, 6]),
        "seed": tf.constant(rng.integers(1000, size=[steps, 2]), tf.int32),
    }


def test_a_list_holds_the_best_items_that_the_user_does_not_have():
    # User 0 has the items 0 and 1, the nearest; 2 to 5 are next.
    assert LISTS[0].tolist() == [2, 3, 4, 5]
    assert LISTS[5].tolist() == [7, 8, 0, 1]


def test_taught_items_are_of_the_list_in_its_order_and_then_any():
    batch = {name: column[0] for name, column in block(1).items()}
    taught = student(1.0).draw(batch, {})["taught"].numpy()
    assert taught.shape == (6, 6)
    for user, own in zip(batch["user_index"].numpy(), taught):
        places = [LISTS[user].tolist().index(item) for item in own[:3]]
        assert places == sorted(places)
        assert ((own[3:] >= 0) & (own[3:] < 9)).all()


def test_a_student_takes_the_order_of_its_teacher_where_the_plain_model_does_not():
    def agreement(weight):
        model = student(weight)
        model.train_step(block(400))
        own = teacher_lists(model, DATA, length=4)
        return np.mean([len(set(a) & set(b)) for a, b in zip(own, LISTS)])

    assert agreement(4.0) > 3.5 > agreement(0.0)


def test_without_weight_it_is_the_plain_model():
    model, plain = student(0.0), MatrixFactorization(DATA, dim=4, seed=1)
    plain.compile(optimizer=keras.optimizers.SGD(0.5))
    for one in (model, plain):
        one.train_step(block(3))
    np.testing.assert_allclose(model.user_vectors(), plain.user_vectors(), atol=1e-6)


@pytest.mark.parametrize(
    "lists, settings, said",
    [
        (LISTS[:3], {}, r"`lists` should be \[6, length\]"),
        (LISTS + 9, {}, "`lists` should hold items from 0 to 8"),
        (LISTS, {"drawn": 5}, "`drawn` should be between 1 and 4"),
    ],
)
def test_what_does_not_fit_is_refused(lists, settings, said):
    with pytest.raises(ValueError, match=said):
        DistilledFactorization(DATA, lists, **{"dim": 2, "drawn": 2, **settings})


def test_a_list_longer_than_what_is_left_is_refused():
    with pytest.raises(ValueError, match="`length` should be between 1 and 7"):
        teacher_lists(Circle(), DATA, length=8)
