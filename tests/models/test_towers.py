import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.data.schema import features_of
from advrec_tf.models.towers import build_index_tower, entity_towers, in_blocks, parts_read
from tests.worlds import interactions_of

TABLE = pd.DataFrame(
    {
        "genre": ["a", "b", "a"],
        "year": [1990.0, 1994.0, 1998.0],
        "text": [[1.0, 0.0], [0.0, 1.0], [2.0, 2.0]],
    }
)
FEATURES = features_of(TABLE)


def named(model, ending):
    return next(layer for layer in model.submodules if getattr(layer, "name", "").endswith(ending))


def test_a_tower_looks_up_for_an_index_what_its_feature_tower_is_given():
    tower = build_index_tower(3, embedding_dim=4, features=FEATURES, normalize=False, name="item")
    ids, inner = named(tower, "id_embedding"), named(tower, "feature_tower")
    given = {"genre": tf.constant([0, 1]), "year": tf.constant([1998.0, 1994.0])}
    given["text"] = tf.constant([[2.0, 2.0], [0.0, 1.0]])
    expected = inner(given) + ids(tf.constant([2, 1]))
    np.testing.assert_allclose(tower(tf.constant([2, 1])), expected, rtol=1e-6)


def test_tables_of_features_are_kept_and_not_trained():
    tower = build_index_tower(
        3, embedding_dim=4, features=features_of(TABLE[["genre", "text"]]), name="item"
    )
    tables = [v for v in tower.weights if v.name.split("/")[-1].startswith("rows")]
    assert len(tables) == 2 and not {v.ref() for v in tables} & {
        v.ref() for v in tower.trainable_variables
    }
    np.testing.assert_array_equal(tables[1], [[1, 0], [0, 1], [2, 2]])


def test_a_tower_with_features_survives_its_weights(tmp_path):
    def build(seed, text):
        features = features_of(TABLE.assign(text=text))
        return build_index_tower(3, embedding_dim=4, features=features, seed=seed, name="item")

    tower, other = build(1, TABLE["text"]), build(2, [[0.0, 0.0]] * 3)
    tower.save_weights(tmp_path / "tower")
    other.load_weights(tmp_path / "tower").expect_partial()
    np.testing.assert_array_equal(other(tf.range(3)), tower(tf.range(3)))


def test_a_tower_with_features_of_every_kind_is_saved_and_loaded_whole(tmp_path):
    table = TABLE.assign(
        tags=["x|y", "", "y"],
        title=["one two three", "two three four", "five six seven eight"],
        added=pd.to_datetime(["2024-01-01", "2024-05-01", None]),
    )
    tower = build_index_tower(3, embedding_dim=4, features=features_of(table), name="item")
    tower.save(tmp_path / "tower.keras")
    loaded = keras.models.load_model(tmp_path / "tower.keras")
    np.testing.assert_array_equal(loaded(tf.range(3)), tower(tf.range(3)))


def test_features_that_are_asked_for_should_be_there():
    bare = interactions_of([(0, 0), (1, 1)])
    with pytest.raises(ValueError, match="`use_features` should be False .* --user-table"):
        entity_towers(bare, use_features=True, embedding_dim=2, seed=0)
    items = interactions_of([(0, 0), (1, 1)], item_features=pd.DataFrame({"x": ["a", "b"]}))
    user, item = entity_towers(items, use_features=True, embedding_dim=2, seed=0)
    assert len(user.weights) == 1 and len(item.weights) == 5


@pytest.mark.parametrize("hidden", [(), (20,), (30, 20)])
def test_embeddings_have_length_one_where_that_is_asked_for(hidden):
    keras.utils.set_random_seed(0)  # hidden layers follow the seed a script sets once
    tower = build_index_tower(6, embedding_dim=3, hidden=hidden, name="user")
    outputs = tower(tf.range(6)).numpy()
    assert outputs.shape == (6, 3)
    np.testing.assert_allclose(np.linalg.norm(outputs, axis=1), 1.0, rtol=1e-5)
    free = build_index_tower(6, embedding_dim=3, hidden=hidden, normalize=False, name="user")
    assert not np.allclose(np.linalg.norm(free(tf.range(6)), axis=1), 1.0)


def test_a_tower_repeats_for_a_seed():
    one, same, other = (
        build_index_tower(4, embedding_dim=3, seed=seed, name="user")(tf.range(4)).numpy()
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other)


@pytest.mark.parametrize("block", [1, 3, 4, 7, 100])
def test_blocks_cover_every_index_once_and_in_order(block):
    outputs = in_blocks(lambda index: tf.stack([index, 2 * index], 1), 7, block=block)
    np.testing.assert_array_equal(outputs, np.stack([np.arange(7), 2 * np.arange(7)], 1))


def test_towers_read_what_there_is_where_nothing_is_said():
    bare = interactions_of([(0, 0), (1, 1)])
    told = interactions_of([(0, 0), (1, 1)], item_features=TABLE[:2])
    assert parts_read(bare, None, None) == (False, False)
    assert parts_read(told, None, None) == (True, False)
    assert parts_read(told, False, True) == (False, True)
