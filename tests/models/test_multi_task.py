"""Retrieval and ratings by shared towers."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

import advrec_tf as ar
from advrec_tf.data import batches
from tests.worlds import block_world

PLAIN = block_world(30, 12, 4, seed=1)
# a user of group g rates the items of their own parity 5 or 4, by the item
RATED = dataclasses.replace(PLAIN, rating=(5.0 - PLAIN.item_index % 4 // 2).astype(np.float32))
PAIRS = batches.of_pairs(RATED, batch_size=40, seed=0)


def make(**settings):
    return ar.models.multi_task_tower(RATED, embedding_dim=4, hidden=(6,), seed=1, **settings)


def first_batch(data=RATED):
    return next(iter(batches.of_pairs(data, batch_size=40, seed=0).dataset(0)))


def test_the_loss_is_the_weighted_sum_of_both_tasks():
    model, batch = make(retrieval_weight=0.5, ranking_weight=3.0), first_batch()
    one, other = model.retrieval.compute_loss(batch), model.ranking.compute_loss(batch)
    assert float(model.compute_loss(batch)) == pytest.approx(0.5 * float(one) + 3 * float(other))
    logged = {metric.name: float(metric.result()) for metric in model.metrics}
    assert logged["retrieval_loss"] == pytest.approx(float(one))
    assert logged["ranking_loss"] == pytest.approx(float(other))


def test_both_tasks_train_the_same_towers():
    model = make()
    assert model.retrieval.user_tower is model.ranking.user_tower is model.user_tower
    model.compile(optimizer=keras.optimizers.SGD(0.1), run_eagerly=True)
    names = {v.name for v in model.trainable_variables}
    assert len(names) == len(model.trainable_variables)
    assert {"user_tower_id_embedding/embeddings:0", "output/kernel:0"} <= names


def test_an_interaction_without_a_rating_trains_retrieval_alone():
    rating = RATED.rating.copy()
    rating[::2] = np.nan
    data = dataclasses.replace(RATED, rating=rating)
    model, batch = make(), first_batch(data)
    rated = ~np.isnan(batch["label"].numpy())
    assert 0 < rated.sum() < 40
    alone = {name: value[rated] for name, value in batch.items() if name != "seed"}
    alone["seed"] = batch["seed"]
    found = model.ranking.compute_loss(batch)
    assert float(found) == pytest.approx(float(model.ranking.compute_loss(alone)), rel=1e-5)
    assert np.isfinite(float(model.compute_loss(batch)))
    built = ar.models.multi_task_tower(data, embedding_dim=4)
    assert built.ranking.offset == pytest.approx(np.nanmean(rating))


def test_it_learns_both_and_keeps_both_when_it_is_hardened():
    hardened = ar.AdversarialTraining(make(), ar.fgsm(0.1, relative=True), fraction=1.0)
    hardened.compile(optimizer=keras.optimizers.Adam(0.02))
    history = hardened.fit(PAIRS, epochs=15, verbose=0).history
    for name in ("retrieval_loss", "ranking_loss", "adversarial_loss"):
        assert history[name][-1] < 0.7 * history[name][0]
    model = hardened.model
    of_parity = np.asarray(model.score(tf.range(2)))
    assert of_parity[0, 0::2].mean() > of_parity[0, 1::2].mean()
    predicted = model.predict_pairs(RATED.user_index, RATED.item_index)
    error = ar.evaluation.rating_metrics(RATED.rating, predicted)["rmse"]
    assert error < 0.8 * RATED.rating.std()
    losses = hardened.evaluate(PAIRS.dataset(0), steps=2, verbose=0, return_dict=True)
    assert {"retrieval_loss", "ranking_loss"} <= set(losses)


def test_a_saved_model_is_loaded_with_shared_towers(tmp_path):
    model = make(retrieval_weight=0.5)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", compile=False)
    assert loaded.retrieval.item_tower is loaded.ranking.item_tower
    batch = first_batch()
    expected = float(model.compute_loss(batch))
    assert float(loaded.compute_loss(batch)) == pytest.approx(expected, rel=1e-5)


def test_settings_out_of_range_and_data_without_ratings_are_refused():
    for weights in ((-1.0, 1.0), (0.0, 0.0)):
        with pytest.raises(ValueError, match="`retrieval_weight` and `ranking_weight` should be"):
            make(retrieval_weight=weights[0], ranking_weight=weights[1])
    for rating in (None, np.full(len(RATED), np.nan, np.float32)):
        with pytest.raises(ValueError, match="needs ratings"):
            ar.models.multi_task_tower(dataclasses.replace(RATED, rating=rating), embedding_dim=4)
