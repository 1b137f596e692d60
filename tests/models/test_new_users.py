"""Users by their columns alone; expected vectors by the layers' own weights."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import advrec_tf as ar
from advrec_tf.models.new_users import NewUsers
from tests.worlds import interactions_of

USERS = pd.DataFrame({"age": [20.0, 30.0, 40.0]})
CONTEXT = pd.DataFrame({"device": ["tv", "phone", "tv", "tv"]})
DATA = interactions_of([(0, 0), (1, 1), (2, 2), (2, 3)], 3, 4, user_features=USERS, context=CONTEXT)


@pytest.fixture(scope="module")
def model():
    return ar.models.two_tower(DATA, embedding_dim=2, use_features=True, temperature=0.5)


def unit(values):
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


def test_a_new_user_is_the_mean_id_vector_and_the_projected_columns(model):
    ids = model.user_tower.get_layer("user_tower_id_embedding").embeddings.numpy()
    tower = model.user_tower.get_layer("user_tower_feature_tower")
    kernel, bias = tower.get_layer("projection").get_weights()
    # age 50 is (50 - 30) / sqrt(200 / 3) deviations from the mean, and not missing; a missing age
    # is 0 with its flag
    aged = ids.mean(0) + np.array([20 / (200 / 3) ** 0.5, 0.0]) @ kernel + bias
    ageless = ids.mean(0) + np.array([0.0, 1.0]) @ kernel + bias
    found = model.new_user_vectors(pd.DataFrame({"age": [50.0, None]}))
    np.testing.assert_allclose(found, unit(np.stack([aged, ageless])) / 0.5, rtol=1e-5)


def test_a_user_with_the_mean_id_vector_is_scored_as_a_new_one_with_the_same_columns():
    model = ar.models.two_tower(DATA, embedding_dim=4, use_features=True, hidden=(5,))
    table = model.user_tower.get_layer("user_tower_id_embedding").embeddings
    table.assign(tf.tile(tf.reduce_mean(table, 0, keepdims=True), [3, 1]))
    np.testing.assert_allclose(model.new_user_vectors(USERS), model.user_vectors(), rtol=1e-5)


def test_a_context_moves_the_query_and_its_mean_stands_for_an_unknown_one():
    model = ar.models.two_tower(DATA, embedding_dim=3, use_context=True)
    with_tv, with_phone = model.new_user_vectors(context=CONTEXT[:2])
    assert np.abs(with_tv - with_phone).max() > 1e-3
    both = ar.models.two_tower(DATA, embedding_dim=3, use_features=True, use_context=True)
    ids = both.user_tower.get_layer("user_tower_id_embedding").embeddings.numpy()
    columns = both.user_tower.get_layer("user_tower_feature_tower")
    alone = unit(ids.mean(0) + columns({"age": tf.constant(USERS["age"], tf.float32)}).numpy())
    expected = unit(alone + both.contexts.mean()) / np.float32(both.temperature)
    np.testing.assert_allclose(both.new_user_vectors(USERS), expected, rtol=1e-5)


def test_a_model_that_was_saved_and_loaded_still_knows_its_columns(model, tmp_path):
    model.save(tmp_path / "model.keras")
    loaded = tf.keras.models.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_allclose(loaded.new_user_vectors(USERS), model.new_user_vectors(USERS))


@pytest.mark.parametrize(
    "settings",
    [
        {"use_features": True, "use_context": True, "hidden": (5,)},
        {"use_features": True, "id_table": ar.models.QuotientRemainder()},
        {"use_context": True},
    ],
)
def test_what_was_kept_as_arrays_gives_the_same_vectors_to_the_digit(settings, tmp_path):
    model = ar.models.two_tower(DATA, embedding_dim=3, **settings)
    before = NewUsers.of(model)
    np.savez(tmp_path / "kept.npz", other=np.zeros(2), **before.to_arrays())
    with np.load(tmp_path / "kept.npz", allow_pickle=False) as stored:
        after = NewUsers.from_arrays({name: stored[name] for name in stored.files})
    assert (after.user, after.context) == (before.user, before.context)
    asked = {"users": USERS} if before.user else {}
    asked |= {"context": CONTEXT[:3]} if before.context else {}
    np.testing.assert_array_equal(after.vectors(**asked), model.new_user_vectors(**asked))
    if before.user:
        np.testing.assert_array_equal(after.vectors(USERS), model.new_user_vectors(USERS))
    assert NewUsers.from_arrays({"other": np.zeros(2)}) is None


def test_what_was_taken_from_a_model_stays_when_it_is_trained_further():
    model = ar.models.two_tower(DATA, embedding_dim=2, use_features=True, temperature=1.0)
    taken = NewUsers.of(model)
    ids = model.user_tower.get_layer("user_tower_id_embedding").embeddings
    before = taken.vectors(USERS)
    ids.assign(ids + [[7.0, 0.0]])
    np.testing.assert_array_equal(taken.vectors(USERS), before)
    assert np.abs(model.new_user_vectors(USERS) - before).max() > 0.1


def test_what_cannot_tell_a_new_user_is_refused(model):
    plain = ar.models.two_tower(DATA, embedding_dim=2)
    assert not NewUsers.possible(plain) and NewUsers.possible(model)
    with pytest.raises(ValueError, match="Received one with ids alone"):
        plain.new_user_vectors(USERS)
    with pytest.raises(ValueError, match="`users` should have the columns age. Missing: age"):
        model.new_user_vectors(pd.DataFrame({"year": [1]}))
    with pytest.raises(ValueError, match="Missing: age"):
        model.new_user_vectors()
    both = ar.models.two_tower(DATA, embedding_dim=2, use_features=True, use_context=True)
    with pytest.raises(ValueError, match="Received rows: {'users': 3, 'context': 2}"):
        both.new_user_vectors(USERS, CONTEXT[:2])
    other = dataclasses.replace(DATA, user_features=None)
    tower = tf.keras.Sequential(
        [tf.keras.Input([], dtype="int32"), tf.keras.layers.Embedding(3, 2)]
    )
    own = ar.models.TwoTower(tower, model.item_tower, other)
    assert not NewUsers.possible(own)
    with pytest.raises(ValueError, match="should be built by `build_index_tower`"):
        own.new_user_vectors(USERS)
