import numpy as np
import pytest
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.data.sequences import NONE
from advrec_tf.data.windows import of_windows, training_windows
from advrec_tf.models.blend import HistoryBlend
from advrec_tf.models.sequential import model as sequence_model
from advrec_tf.models.sequential import published
from advrec_tf.models.sequential.encoders import EncoderSize
from advrec_tf.models.sequential.recurrence import Recurrence
from advrec_tf.models.sequential.transitions import Transitions
from advrec_tf.models.sequential.user_rows import UserRows
from tests.worlds import interactions_of_histories

SIZE = EncoderSize(length=4, dim=8, blocks=1, heads=2, dropout=0.0, user_embedding=True)
PLAIN = EncoderSize(length=4, dim=8, blocks=1, heads=2, dropout=0.0)
DATA = interactions_of_histories([1, 2, 3], [4, 5], num_items=6)
VECTORS = np.arange(24, dtype=np.float32).reshape(3, 8) / 10  # of users 0 and 1, and unknown ones


@pytest.fixture(scope="module")
def model():
    made = published.sasrec(DATA, size=SIZE)
    made.user_rows.embeddings.assign(VECTORS)
    return made


def test_the_last_vector_is_that_of_whoever_is_unknown():
    rows = UserRows(2, 3)
    vectors = rows(tf.constant([0, 1, 2, -1, 9])).numpy()
    np.testing.assert_array_equal(vectors[:3], rows.embeddings.numpy())
    assert (vectors[2:] == vectors[2]).all()


def test_a_score_is_that_of_the_history_and_that_of_the_user(model):
    plain = published.sasrec(DATA, size=PLAIN)
    history = tf.constant([[NONE, 1, 2], [NONE, 1, 2], [NONE, 4, 5]])
    found = model.score_history(history, user=tf.constant([0, 7, 1])).numpy()
    # The weights are the same but for the vectors of users, which are added to the states.
    of_user = VECTORS[[0, 2, 1]] @ model.item_vectors().T
    np.testing.assert_allclose(found, plain.score_history(history) + of_user, atol=1e-5)
    unknown = plain.score_history(history) + VECTORS[[2]] @ model.item_vectors().T
    np.testing.assert_allclose(model.score_history(history), unknown, atol=1e-5)
    assert model.reads_users and not plain.reads_users and not hasattr(plain, "user_rows")


def test_a_user_of_the_training_is_read_with_the_own_vector(model):
    history = tf.constant([[1, 2, 3], [NONE, 4, 5]])
    found = model.score(tf.constant([0, 1]))
    right = model.score_history(history, user=tf.constant([0, 1]))
    np.testing.assert_allclose(found, right, atol=1e-5)
    assert np.abs(found - model.score_history(history)).max() > 0.01


def test_in_training_a_fifth_of_the_users_is_unknown(model):
    users = tf.zeros([20_000], tf.int32)
    read = model._some_hidden(users, tf.constant([1, 2]), True).numpy()
    assert set(read) == {0, 2} and (read == 2).mean() == pytest.approx(0.2, abs=0.01)
    assert (model._some_hidden(users, tf.constant([1, 2]), False).numpy() == 0).all()


def test_vectors_of_users_and_of_the_unknown_one_are_learned(monkeypatch):
    # Whose history it is decides what follows: the histories are the same.
    data = interactions_of_histories(*[[0, 1], [0, 2]] * 10, num_items=3)
    monkeypatch.setattr(sequence_model, "HIDDEN_USERS", 0.5)
    keras.utils.set_random_seed(0)
    model = published.sasrec(data, size=SIZE)
    start = model.user_rows.embeddings.numpy()
    model.compile(optimizer=keras.optimizers.Adam(0.1))
    batches = of_windows(training_windows(data, 4), batch_size=20, seed=0)
    model.fit(batches, epochs=15, verbose=0)
    moved = np.abs(model.user_rows.embeddings.numpy() - start).max(1)
    assert moved.shape == (21,) and moved.min() > 0.01
    scores = model.score_history(tf.constant([[0], [0]]), user=tf.constant([0, 1])).numpy()
    assert scores[0, 1] > scores[0, 2] and scores[1, 2] > scores[1, 1]


@pytest.mark.parametrize("build", [published.gru4rec, published.fmlp, published.bert4rec])
def test_each_encoder_adds_them_to_its_states(build):
    model = build(DATA, size=SIZE)
    model.user_rows.embeddings.assign(VECTORS)
    history = tf.constant([[NONE, 1, 2]])
    own, unknown = (model.score_history(history, user=tf.constant([user])) for user in (0, 2))
    difference = (VECTORS[0] - VECTORS[2]) @ model.item_vectors().T
    np.testing.assert_allclose(own - unknown, difference[None], atol=1e-5)


def test_a_state_that_is_advanced_has_them_as_well():
    model = published.gru4rec(DATA, size=SIZE)
    model.user_rows.embeddings.assign(VECTORS)
    recurrence, history, user = Recurrence(model), tf.constant([[NONE, 1, 2]]), tf.constant([1])
    state = recurrence.after(history)
    for given in (None, user):
        right = model.last_states(history, user=given)
        np.testing.assert_allclose(recurrence.queries(state, given), right, atol=1e-5)


def test_a_blend_hands_them_on(model):
    counts = Transitions().fit(DATA)
    blend = HistoryBlend([model, counts], [1.0, 1.0])
    assert blend.reads_users and not HistoryBlend([counts]).reads_users
    history = tf.constant([[NONE, 1, 2]])
    own, unknown = (blend.score_history(history, user=tf.constant([user])) for user in (0, 9))
    assert np.abs(own - unknown).max() > 1e-3
    np.testing.assert_allclose(blend.score_history(history), unknown)


def test_they_are_saved_with_the_model_and_their_ids_with_its_weights(model, tmp_path):
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.user_rows.embeddings, VECTORS)
    history = tf.constant([[NONE, 1, 2]])
    right = model.score_history(history, user=tf.constant([1]))
    np.testing.assert_allclose(
        loaded.score_history(history, user=tf.constant([1])), right, atol=1e-6
    )
    assert model.rows_of_weights == ("items", "users")
    model.save_weights(tmp_path / "model.weights.h5")
    others = interactions_of_histories([1, 2, 3], [4, 5], [1], num_items=6)
    with pytest.raises(ValueError, match="Received other users: it has 2 users and the model 3"):
        published.sasrec(others, size=SIZE).load_weights(tmp_path / "model.weights.h5")
