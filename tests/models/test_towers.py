import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.models.towers import (
    Categorical,
    Numeric,
    Vectors,
    build_feature_tower,
    build_index_tower,
    features_of,
    in_blocks,
)

GENRE = Categorical("genre", np.array([0, 1, 0], np.int32), 2)
YEAR = Numeric("year", np.array([1990.0, 1994.0, np.nan], np.float32))
TEXT = Vectors("text", np.array([[1, 0], [0, 1], [2, 2]], np.float32))


def named(model, ending):
    return next(layer for layer in model.submodules if getattr(layer, "name", "").endswith(ending))


def test_columns_become_the_features_their_values_call_for():
    table = pd.DataFrame(
        {
            "age": [20.0, 30.0, np.nan, 40.0],
            "flag": [0, 1, 1, 0],
            "job": ["x", None, "y", "x"],
        }
    )
    age, flag, job = features_of(table)
    assert isinstance(age, Numeric) and np.isnan(age.values[2])
    assert isinstance(flag, Categorical) and flag.num_categories == 2
    # a missing job is a job of its own
    assert job.codes.tolist() == [0, 1, 2, 0] and job.num_categories == 3


def test_a_number_is_standardized_and_flagged_where_it_is_missing():
    # mean of 1990 and 1994 is 1992, deviation 2: 1994 -> 1, 1990 -> -1, missing -> 0 and a flag
    tower = build_feature_tower([YEAR], embedding_dim=2)
    tower.get_layer("projection").set_weights([np.eye(2, dtype=np.float32), np.zeros(2)])
    outputs = tower({"year": tf.constant([1994.0, 1990.0, np.nan, 1992.0])})
    np.testing.assert_allclose(outputs, [[1, 0], [-1, 0], [0, 1], [0, 0]], atol=1e-6)


def test_a_number_that_never_changes_or_is_never_known_gives_no_nan():
    for values in ([5.0, 5.0], [np.nan, np.nan]):
        tower = build_feature_tower([Numeric("n", np.array(values, np.float32))], embedding_dim=2)
        assert np.isfinite(tower({"n": tf.constant(values)})).all()


def test_a_tower_looks_up_for_an_index_what_its_feature_tower_is_given():
    features = [GENRE, YEAR, TEXT]
    tower = build_index_tower(3, embedding_dim=4, features=features, normalize=False, name="item")
    ids, inner = named(tower, "id_embedding"), named(tower, "feature_tower")
    given = {"genre": tf.constant([0, 1]), "year": tf.constant([np.nan, 1994.0])}
    given["text"] = tf.constant([[2.0, 2.0], [0.0, 1.0]])
    expected = inner(given) + ids(tf.constant([2, 1]))
    np.testing.assert_allclose(tower(tf.constant([2, 1])), expected, rtol=1e-6)


def test_tables_of_features_are_kept_and_not_trained():
    tower = build_index_tower(3, embedding_dim=4, features=[GENRE, TEXT], name="item")
    tables = [v for v in tower.weights if v.name.split("/")[-1].startswith("rows")]
    assert len(tables) == 2 and not {v.ref() for v in tables} & {
        v.ref() for v in tower.trainable_variables
    }
    np.testing.assert_array_equal(tables[1], TEXT.matrix)


def test_a_tower_with_features_survives_its_weights(tmp_path):
    def build(seed, matrix):
        features = [GENRE, YEAR, Vectors("text", matrix)]
        return build_index_tower(3, embedding_dim=4, features=features, seed=seed, name="item")

    tower, other = build(1, TEXT.matrix), build(2, np.zeros((3, 2), np.float32))
    tower.save_weights(tmp_path / "tower")
    other.load_weights(tmp_path / "tower").expect_partial()
    np.testing.assert_array_equal(other(tf.range(3)), tower(tf.range(3)))


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


@pytest.mark.parametrize("name", ["price (USD)", "release date", "genre|x", "_hidden", "größe"])
def test_a_column_may_have_any_name(name):
    table = pd.DataFrame({name: ["a", "b", "a"], f"{name}?": [1.0, 2.0, 3.0]})
    tower = build_index_tower(3, embedding_dim=4, features=features_of(table), name="item")
    inner = named(tower, "feature_tower")
    assert tower(tf.range(3)).shape == (3, 4)
    given = {name: tf.constant([0]), f"{name}?": tf.constant([2.0])}
    assert inner(given).shape == (1, 4)


def test_columns_whose_names_differ_only_in_signs_are_still_two():
    table = pd.DataFrame({"a b": ["x", "y"], "a_b": ["x", "y"], "a-b": ["x", "x"]})
    assert build_feature_tower(features_of(table), embedding_dim=2)(
        {"a b": tf.constant([0]), "a_b": tf.constant([1]), "a-b": tf.constant([0])}
    ).shape == (1, 2)


def test_a_feature_tower_without_a_feature_is_refused():
    with pytest.raises(ValueError, match="`features` should hold at least one"):
        build_feature_tower([], embedding_dim=2)


@pytest.mark.parametrize("block", [1, 3, 4, 7, 100])
def test_blocks_cover_every_index_once_and_in_order(block):
    outputs = in_blocks(lambda index: tf.stack([index, 2 * index], 1), 7, block=block)
    np.testing.assert_array_equal(outputs, np.stack([np.arange(7), 2 * np.arange(7)], 1))
