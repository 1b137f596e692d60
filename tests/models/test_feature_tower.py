import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from advrec_tf.data.features import Category, Id, Number, Sequence, Text, Time, Vector
from advrec_tf.data.schema import columns_of, features_of
from advrec_tf.models.feature_tower import MeanOfPresent, Standardize, build_feature_tower
from advrec_tf.models.towers import build_index_tower

YEAR = Number(name="year", mean=1992.0, deviation=2.0)


def named(model, ending):
    return next(layer for layer in model.submodules if getattr(layer, "name", "").endswith(ending))


def test_a_number_is_standardized_and_flagged_where_it_is_missing():
    # 1994 -> (1994 - 1992) / 2 = 1, 1990 -> -1, missing -> 0 and a flag
    tower = build_feature_tower([YEAR], embedding_dim=2)
    tower.get_layer("projection").set_weights([np.eye(2, dtype=np.float32), np.zeros(2)])
    outputs = tower({"year": tf.constant([1994.0, 1990.0, np.nan, 1992.0])})
    np.testing.assert_allclose(outputs, [[1, 0], [-1, 0], [0, 1], [0, 0]], atol=1e-6)


def test_entries_that_are_there_are_averaged():
    vectors = tf.constant([[[1.0, 2], [3, 6], [9, 9]], [[5, 5], [5, 5], [5, 5]]])
    means = MeanOfPresent()(vectors, tf.constant([[1, 2, 0], [0, 0, 0]]))
    np.testing.assert_allclose(means, [[2, 4], [0, 0]])


def test_every_kind_of_column_has_a_place_in_the_tower():
    columns = [
        Category(name="job", categories=("x", "y")),
        Id(name="brand", categories=("b",)),
        YEAR,
        Time(name="when"),
        Text(name="title", length=3),
        Sequence(name="genres", categories=("g", "h"), length=2),
        Vector(name="picture", width=2),
    ]
    tower = build_feature_tower(columns, embedding_dim=4)
    # widths: ceil(sqrt(3)) + 1 = 3, the full 4, number and flag 2, 6, the full 4,
    # ceil(sqrt(4)) + 1 = 3, and 2
    assert tower.get_layer("features").output_shape == (None, 3 + 4 + 2 + 6 + 4 + 3 + 2)
    outputs = tower(
        {
            "job": tf.constant([2]),
            "brand": tf.constant([0]),
            "year": tf.constant([np.nan]),
            "when": tf.zeros([1, 6]),
            "title": tf.constant([[7, 0, 0]]),
            "genres": tf.constant([[0, 0]]),
            "picture": tf.constant([[1.0, 2.0]]),
        }
    )
    assert outputs.shape == (1, 4) and np.isfinite(outputs).all()


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
    assert build_feature_tower(columns_of(table), embedding_dim=2)(
        {"a b": tf.constant([0]), "a_b": tf.constant([1]), "a-b": tf.constant([0])}
    ).shape == (1, 2)


def test_a_feature_tower_without_a_column_is_refused():
    with pytest.raises(ValueError, match="`columns` should hold at least one"):
        build_feature_tower([], embedding_dim=2)


def test_layers_repeat_from_their_configuration():
    layer = Standardize(3.0, 2.0)
    again = Standardize.from_config(layer.get_config())
    np.testing.assert_allclose(again(tf.constant([5.0, np.nan])), [[1, 0], [0, 1]])
