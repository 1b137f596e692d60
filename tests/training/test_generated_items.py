import numpy as np
import pytest
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.models.content.modalities import Modality
from advrec_tf.models.content.two_tower import content_two_tower
from advrec_tf.training.generated_items import GeneratedItems, random_vectors


@pytest.fixture(scope="module")
def data():
    pairs = [(u, i) for u in range(12) for i in range(8) if (u + i) % 3 == 0]
    users, items = np.array(pairs, np.int32).T
    return Interactions(
        user_index=users,
        item_index=items,
        users=Vocabulary(np.arange(12)),
        items=Vocabulary(np.arange(8)),
    )


@pytest.fixture(scope="module")
def text():
    return Modality(name="text", vectors=np.eye(8, 6, dtype=np.float32))


def build(data, text, **settings):
    model = content_two_tower(data, [text], dim=4, seed=1)
    return GeneratedItems(model, random_vectors(6), modality="text", **settings)


def batch_of(data, size=8):
    return next(iter(batches.of_pairs(data, batch_size=size, seed=0).dataset(0)))


def test_the_loss_is_the_real_one_less_the_weighted_fake_one(data, text):
    batch = batch_of(data)
    wrapped = build(data, text, weight=0.5, fraction=0.25)
    real = wrapped.model.compute_loss(batch, training=True)
    fake = wrapped.fake_loss(batch)
    expected = float(real) - 0.5 * 0.25 * float(fake)
    assert float(wrapped.compute_loss(batch, training=True)) == pytest.approx(expected, rel=1e-5)
    assert float(wrapped.compute_loss(batch, training=False)) == pytest.approx(float(real))


def test_with_a_weight_of_0_the_real_loss_is_the_loss_and_no_other_is_told(data, text):
    wrapped = build(data, text, weight=0.0)
    loss = float(wrapped.compute_loss(batch_of(data), training=True))
    found = {metric.name: float(metric.result()) for metric in wrapped.own_metrics}
    assert found == pytest.approx({"loss": 0, "real_loss": loss}) and loss > 0  # no step was taken


def test_the_fake_loss_is_the_cross_entropy_of_the_first_share_worked_out_again(data, text):
    batch = batch_of(data)
    wrapped = build(data, text, fraction=0.25)  # two rows of eight
    model = wrapped.model
    users = model.user_tower(batch["user_index"]).numpy()
    items = model.item_tower(batch["item_index"]).numpy()
    fake = model.item_tower.embed(
        {"text": wrapped.source(batch["item_index"], batch["seed"])}
    ).numpy()
    fraction = data.item_counts() / len(data)
    known = data.by_user().dense()
    losses = []
    for row in range(2):
        user = int(batch["user_index"][row])
        own = users[row] @ fake[row] / 0.12 - np.log(fraction[fraction > 0]).mean()
        others = [
            users[row] @ items[column] / 0.12 - np.log(fraction[item])
            for column, item in enumerate(batch["item_index"].numpy())
            if not known[user, item]
        ]
        losses.append(np.log(np.exp([own, *others]).sum()) - own)
    assert float(wrapped.fake_loss(batch)) == pytest.approx(np.mean(losses), rel=1e-4)


def test_a_weight_pushes_generated_items_away_and_a_negative_one_draws_them_near(data, text):
    found = {}
    for weight in (1.0, 0.0, -1.0):
        wrapped = build(data, text, weight=weight, fraction=1.0)
        wrapped.compile(optimizer=keras.optimizers.Adam(0.01))
        batch = batch_of(data)
        for _ in range(20):
            wrapped.train_step(batch)
        found[weight] = float(wrapped.fake_loss(batch))
    assert found[1.0] > found[0.0] + 0.1 > found[0.0] - 0.1 > found[-1.0]


def test_bad_arguments_are_named(data, text):
    with pytest.raises(ValueError, match=r"`fraction` should lie in \(0, 1\]"):
        build(data, text, fraction=0.0)
    model = content_two_tower(data, [text], dim=4)
    with pytest.raises(ValueError, match="`modality` should be one of"):
        GeneratedItems(model, random_vectors(6), modality="sound")
