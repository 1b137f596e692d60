import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.models.content.modalities import Modality
from advrec_tf.models.content.two_tower import content_two_tower


def interactions(num_users=60, num_items=24, seed=0):
    """Two tastes: users of even index take items of even index; items 20 to 23 are cold."""
    rng = np.random.default_rng(seed)
    pairs = [
        (user, item)
        for user in range(num_users)
        for item in rng.choice(np.arange(user % 2, 20, 2), 6, replace=False)
    ]
    users, items = np.array(pairs, np.int32).T
    return Interactions(
        user_index=users,
        item_index=items,
        users=Vocabulary([f"u{i}" for i in range(num_users)]),
        items=Vocabulary([f"i{i}" for i in range(num_items)]),
    )


@pytest.fixture(scope="module")
def data():
    return interactions()


@pytest.fixture(scope="module")
def taste():
    """The text of an item says which taste it is for, and a little of its own."""
    rng = np.random.default_rng(1)
    vectors = 0.3 * rng.normal(size=[24, 5])
    vectors[:, 0] += np.where(np.arange(24) % 2, 1.0, -1.0)
    return Modality(name="text", vectors=vectors.astype(np.float32))


@pytest.fixture(scope="module")
def trained(data, taste):
    keras.utils.set_random_seed(0)
    model = content_two_tower(
        data, [taste], history=taste, item_ids=True, id_dropout=0.5, dim=8, temperature=0.2
    )
    model.compile(optimizer=keras.optimizers.Adam(0.02))
    rows = batches.of_pairs(data, batch_size=64, seed=0)
    model.fit(rows.dataset(0), steps_per_epoch=rows.steps_per_epoch, epochs=15, verbose=0)
    return model


def test_items_that_nobody_has_touched_go_to_the_users_whose_taste_they_are(data, trained):
    scores = trained.score(tf.range(60)).numpy()[:, 20:]
    right = scores[:, 0::2] > scores[:, 1::2]  # items 20 and 22 against 21 and 23
    right = np.where(np.arange(60)[:, None] % 2 == 0, right, ~right)
    assert right.mean() > 0.95


def test_a_new_item_is_scored_by_its_text_alone(trained, taste):
    cold = trained.score(tf.range(4)).numpy()[:, 20:]
    new = trained.score_new_items(tf.range(4), {"text": taste.vectors[20:]})
    np.testing.assert_allclose(new, cold, rtol=1e-5)


def test_a_list_of_items_is_a_user_with_that_history(trained, data):
    listed = trained.recommend_for(items=[["i0", "i2"], ["i1", "i3"]], k=5)
    assert listed["user_id"].tolist() == [0] * 5 + [1] * 5
    for user, rows in listed.groupby("user_id"):
        taken = [int(item[1:]) for item in rows["item_id"]]
        assert not {2 * i + user for i in (0, 1)} & set(taken)  # what was given is left out
        assert sum(item % 2 == user for item in taken) >= 4


def test_a_sentence_is_a_history_of_one(trained, taste):
    sentence = taste.vectors[[4]]
    listed = trained.recommend_for(given={"history": sentence}, k=4)
    assert all(int(item[1:]) % 2 == 0 for item in listed["item_id"])


def test_the_positive_is_left_out_of_its_users_history_in_training_only(data, taste):
    model = content_two_tower(data, [taste], history=taste, user_ids=False, dim=4)
    row = {
        "user_index": data.user_index[:1],
        "item_index": data.item_index[:1],
        "generated": tf.constant([False]),
        "seed": tf.constant([0, 0]),
    }
    own = data.by_user()[data.user_index[0]]
    rest = own[own != data.item_index[0]]
    for training, items in ((True, rest), (False, own)):
        expected = model.user_tower.embed({"history": taste.vectors[items].mean(0)[None]})
        np.testing.assert_allclose(model.embed_users(row, training), expected, rtol=1e-4)
    # a generated row is no part of the history, so nothing is left out
    generated = {**row, "generated": tf.constant([True])}
    np.testing.assert_allclose(
        model.embed_users(generated, True), model.embed_users(row, False), rtol=1e-5
    )


def test_what_ranks_is_the_model_as_it_stands(trained, data):
    frozen = trained.frozen()
    users = tf.range(7)
    np.testing.assert_allclose(frozen.score(users), trained.score(users), rtol=1e-4, atol=1e-5)
    evaluator = RankingEvaluator(
        data.select(data.item_index < 10), data.select(data.item_index >= 10)
    )
    assert evaluator.evaluate(trained).metrics == evaluator.evaluate(frozen).metrics


def test_equal_seeds_give_equal_losses_whatever_is_hidden(data, taste):
    batch = next(iter(batches.of_pairs(data, batch_size=32, seed=0).dataset(0)))
    losses = {
        float(
            content_two_tower(
                data, [taste], history=taste, item_ids=True, id_dropout=0.5, dim=4, seed=3
            ).compute_loss(batch, training=True)
        )
        for _ in range(2)
    }
    assert len(losses) == 1


def test_bad_arguments_are_named(data, taste, trained):
    with pytest.raises(ValueError, match="Each tower should have an input"):
        content_two_tower(data)
    with pytest.raises(ValueError, match="Each tower should have an input"):
        content_two_tower(data, [taste], user_ids=False)
    with pytest.raises(ValueError, match="`items` should hold lists of known item ids"):
        trained.recommend_for(items=[["nothing"]])
    with pytest.raises(ValueError, match="`items` should hold lists of known item ids"):
        trained.recommend_for(items=[[]])
    plain = content_two_tower(data, [taste], dim=4)
    with pytest.raises(ValueError, match="`items` needs a user tower with histories"):
        plain.recommend_for(items=[["i1"]])


def test_ids_belong_to_whoever_is_said_to_have_rows_and_to_nobody_else(data):
    without_ten = data.select(data.user_index != 10)
    by_rows = content_two_tower(without_ten, item_ids=True, dim=4)
    assert not by_rows.user_vectors()[10].any() and by_rows.user_vectors()[11].any()
    assert not by_rows.item_vectors()[20].any()
    known, items = np.ones(60, bool), np.ones(24, bool)
    known[11] = items[0] = False
    told = content_two_tower(without_ten, user_ids=known, item_ids=items, dim=4)
    np.testing.assert_array_equal(told.user_vectors().any(axis=1), known)
    np.testing.assert_array_equal(told.item_vectors().any(axis=1), items)
    with pytest.raises(ValueError, match=r"`user_ids` should be True, False or \[60\] bool"):
        content_two_tower(data, user_ids=known[:5], item_ids=True)
