import dataclasses

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from tensorflow import keras

import advrec_tf as ar
from advrec_tf.data import batches
from advrec_tf.data.schema import columns_of, features_of
from advrec_tf.models.compositional import (
    MultiHash,
    MultiHashEmbedding,
    QuotientRemainder,
    QuotientRemainderEmbedding,
    embedding_of_ids,
)
from advrec_tf.models.towers import build_index_tower
from tests.worlds import interactions_of

KINDS = (QuotientRemainder(), MultiHash(share=0.5))


def test_the_row_of_an_id_is_that_of_its_quotient_times_that_of_its_remainder():
    layer = QuotientRemainderEmbedding(8, 2, remainders=3)
    layer.build(None)
    quotients, remainders = [[1, 2], [3, 4], [5, 6]], [[10, 1], [20, 2], [30, 3]]
    layer.set_weights([np.array(quotients, "f4"), np.array(remainders, "f4")])
    # 7 = 2 * 3 + 1 has [5, 6] * [20, 2], 0 has [1, 2] * [10, 1], 5 = 1 * 3 + 2 has [3, 4] * [30, 3]
    found = layer(tf.constant([[7, 0], [5, 7]]))
    np.testing.assert_array_equal(found, [[[100, 12], [10, 2]], [[90, 12], [100, 12]]])
    # 8 ids by 3: quotients 0, 1, 2 and three remainders, where a full table has 16 parameters
    assert layer.count_params() == (3 + 3) * 2
    assert layer.embeddings.shape == (8, 2)
    np.testing.assert_array_equal(layer.embeddings[7], [100, 12])


def test_without_a_number_the_remainders_are_the_root_of_the_ids():
    # 10 ids: the next whole root is 4, and ceil(10 / 4) = 3 quotients
    layer = QuotientRemainderEmbedding(10, 2)
    layer.build(None)
    assert [len(weight) for weight in layer.get_weights()] == [3, 4]
    pairs = {(i // 4, i % 4) for i in range(10)}
    assert len(pairs) == 10  # no two ids have both rows in common
    assert QuotientRemainderEmbedding(1, 2).remainders == 1


def test_the_rows_of_an_id_are_those_of_its_hashes_weighted_by_its_own_weights():
    layer = MultiHashEmbedding(6, 2, buckets=3, hashes=2)
    layer.factors, layer.offsets = [1, 2], [0, 2**31 - 3]
    layer.build(None)
    rows = np.array([[1, 10], [2, 20], [4, 40]], "f4")
    weights = np.zeros((6, 2), "f4")
    weights[4], weights[5] = [3, 0.5], [1, 1]
    layer.set_weights([rows, weights])
    # 4: 4 mod 3 = 1, and 8 + 2^31 - 3 = 6 modulo 2^31 - 1, 6 mod 3 = 0: 3 [2, 20] + .5 [1, 10]
    # 5: 5 mod 3 = 2, and 8 mod 3 = 2: [4, 40] + [4, 40]
    np.testing.assert_array_equal(layer.rows_of([4, 5]), [[1, 0], [2, 2]])
    np.testing.assert_array_equal(layer(tf.constant([4, 5])), [[6.5, 65], [8, 80]])
    assert layer.count_params() == 3 * 2 + 6 * 2


def test_ids_with_all_rows_in_common_are_counted():
    layer = MultiHashEmbedding(5, 2, buckets=2, hashes=2)
    layer.factors, layer.offsets = [1, 1], [0, 1]
    # 0: rows 0, 1; 1: rows 1, 0, the same two in another order; so have 2, 3 and 4
    assert layer.collisions() == 5
    layer.buckets = 10
    assert layer.collisions() == 0


def test_many_rows_for_their_key_are_counted_as_few_are():
    layer = MultiHashEmbedding(500, 2, buckets=9, hashes=2, seed=3)
    sets = [tuple(sorted(row)) for row in layer.rows_of(np.arange(500)).numpy().tolist()]
    right = sum(sets.count(own) > 1 for own in sets)
    assert layer.collisions() == right > 0
    wide = MultiHashEmbedding(500, 2, buckets=9, hashes=20, seed=3)  # 9^20 is above 2^63
    assert wide.collisions() == 0


def test_tables_that_are_larger_than_the_full_one_or_collide_are_warned_of(recwarn):
    QuotientRemainder().layer(1000, 2)
    QuotientRemainder(share=0.5).layer(1000, 2)  # 500 and 2 rows
    MultiHash().layer(100_000, 2)
    assert not recwarn.list
    with pytest.warns(UserWarning, match="have 1,001 rows, more than there are ids, 1,000"):
        QuotientRemainder(share=1e-9).layer(1000, 2)
    with pytest.warns(UserWarning, match=r"3\d of 40 ids have all rows in common .* of 4 rows"):
        MultiHash().layer(40, 2)


@pytest.mark.parametrize("table", KINDS)
def test_vectors_begin_with_the_deviation_that_was_asked_for(table):
    # 4,000 vectors of 64 entries, from 2 * 64 * 64 drawn numbers at least
    layer = embedding_of_ids(table, 4000, 64, initial_scale=0.1, seed=1, name="x")
    vectors = layer.embeddings.numpy()
    assert vectors.std() == pytest.approx(0.1, rel=0.1)
    again = embedding_of_ids(table, 4000, 64, initial_scale=0.1, seed=1, name="y").embeddings
    np.testing.assert_array_equal(again, vectors)


@pytest.mark.parametrize("table", KINDS)
def test_a_tower_of_composed_ids_is_saved_and_loaded_whole(table, tmp_path):
    columns = pd.DataFrame({"brand": list("abcab"), "kind": list("xyxyx")})
    features = features_of(columns, columns_of(columns, {"brand": "id"}))
    settings = {"embedding_dim": 3, "features": features, "name": "item"}
    tower = build_index_tower(5, id_table=table, **settings)
    tower.save(tmp_path / "tower.keras")
    loaded = keras.models.load_model(tmp_path / "tower.keras")
    np.testing.assert_array_equal(loaded(tf.range(5)), tower(tf.range(5)))
    # the ids of items and brands are composed, a category of two values is not
    full = build_index_tower(5, **settings)
    names = [type(layer).__name__ for layer in tower.submodules]
    assert names.count(type(table).__name__ + "Embedding") == 2
    assert names.count("Embedding") == 1
    assert [type(layer).__name__ for layer in full.submodules].count("Embedding") == 3


DATA = interactions_of(
    [(0, 0), (0, 1), (1, 2), (2, 3), (3, 4), (3, 0)],
    4,
    5,
    context=pd.DataFrame({"device": ["tv", "phone", "tv", "tv", None, "tv"]}),
)


@pytest.mark.parametrize("table", KINDS)
def test_the_adversary_moves_composed_vectors_as_it_moves_rows(table):
    model = ar.models.two_tower(DATA, embedding_dim=4, id_table=table)
    wrapped = ar.AdversarialTraining(model, ar.fgsm(0.5, relative=True), fraction=1.0)
    made = batches.of_pairs(DATA, batch_size=4, seed=0).dataset(0)
    losses = wrapped.losses_under_attack(next(iter(made)))
    assert losses["adversarial_loss"] > losses["clean_loss"]
    wrapped.compile(keras.optimizers.SGD(0.1))
    before = [variable.numpy() for variable in model.trainable_variables]
    towers = (model.user_tower, model.item_tower)
    vectors = [tower.layers[1].embeddings for tower in towers]
    wrapped.fit(made, steps_per_epoch=1, verbose=0)
    after = [variable.numpy() for variable in model.trainable_variables]
    assert all((a != b).any() for a, b in zip(before, after, strict=True))
    # what is perturbed has the length of a composed vector, and the radius is half of it
    norms = np.concatenate([np.linalg.norm(each, axis=1) for each in vectors])
    radius, norm = wrapped.radius_and_norm()
    assert norms.min() < norm < norms.max() and radius == pytest.approx(norm / 2)


@pytest.mark.parametrize(("table", "share"), [(KINDS[0], 0.9), (KINDS[1], 0.7)])
def test_a_model_of_composed_ids_learns_and_is_loaded_whole(table, share, tmp_path):
    # users like items of their own parity; a list by chance has half of them
    pairs = [(user, 2 * item + user % 2) for user in range(12) for item in range(6)]
    data = interactions_of([pair for pair in pairs if pair[1] // 2 != pair[0] // 2], 12, 12)
    model = ar.models.two_tower(data, embedding_dim=8, id_table=table)
    ar.fit(model, data, epochs=60, log=lambda line: None)
    lists = np.argsort(-model.score(tf.range(12)).numpy(), axis=1)[:, :6]
    assert (lists % 2 == np.arange(12)[:, None] % 2).mean() > share
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.item_vectors(), model.item_vectors())


@pytest.mark.parametrize("policy", ["mixed_bfloat16"])
def test_under_mixed_precision_what_leaves_the_layer_has_half_of_the_bits(policy):
    layer = QuotientRemainderEmbedding(8, 2, remainders=3, dtype=policy)
    assert layer(tf.constant([7])).dtype == tf.bfloat16
    assert layer.quotient_rows.dtype == tf.float32


def test_every_model_of_towers_takes_composed_ids():
    rated = dataclasses.replace(DATA, rating=np.arange(6, dtype=np.float32))
    composed = QuotientRemainder(share=0.5)
    models = [
        ar.models.ranking_tower(DATA, embedding_dim=3, id_table=composed),
        ar.models.multi_task_tower(rated, embedding_dim=3, id_table=composed),
    ]
    for model in models:
        layers = [layer for layer in model.submodules if hasattr(layer, "remainders")]
        # users: 4 * .5 = 2 remainders; items: 5 * .5 rounded up
        assert sorted(layer.remainders for layer in layers) == [2, 3]


def test_settings_out_of_range_are_refused():
    for wrong in (lambda: QuotientRemainder(share=0.0), lambda: MultiHash(share=1.5)):
        with pytest.raises(ValueError, match=r"`share` should be in \(0, 1\]"):
            wrong()
    with pytest.raises(ValueError, match="`hashes` should be >= 1. Received: 0"):
        MultiHash(hashes=0)
    with pytest.raises(ValueError, match="`remainders` should be in 1..num_ids = 8. Received: 9"):
        QuotientRemainderEmbedding(8, 2, remainders=9)
    with pytest.raises(ValueError, match="`buckets` and `hashes` should be >= 1. Received: 0"):
        MultiHashEmbedding(8, 2, buckets=0)
    with pytest.raises(ValueError, match="`num_ids` should be in"):
        QuotientRemainderEmbedding(0, 2)
    with pytest.raises(ValueError, match="`id_table` should be None, a `QuotientRemainder`"):
        ar.models.two_tower(DATA, id_table="hash")
