import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.gan.adversarial_loss import AdversarialLoss
from advrec_tf.gan.attribute_profiles import Encoding, build_attribute_profile_gan
from advrec_tf.models.content.tower import Modality

NOISE = 2


@pytest.fixture(scope="module")
def two_kinds():
    """40 users of two kinds and 20 items: a user has six of the ten items of its kind; the last
    four users have none."""
    rng = np.random.default_rng(0)
    pairs = [
        (user, item)
        for user in range(36)
        for item in 10 * (user % 2) + rng.choice(10, 6, replace=False)
    ]
    users, items = np.array(pairs, np.int32).T
    return Interactions(
        user_index=users,
        item_index=items,
        users=Vocabulary(np.arange(40)),
        items=Vocabulary(np.arange(20)),
    )


@pytest.fixture(scope="module")
def attributes():
    return Modality(name="attributes", vectors=np.eye(2, dtype=np.float32)[np.arange(40) % 2])


def build(data, attributes, **settings):
    return build_attribute_profile_gan(
        data,
        attributes,
        noise_dim=NOISE,
        generator_hidden=(8,),
        encoder_hidden=(8,),
        discriminator_hidden=(8,),
        **settings,
    )


def batch(users):
    return {"user_index": tf.constant(users), "seed": tf.constant([3, 4])}


@pytest.fixture(scope="module", params=[0.0, 0.3], ids=["ablation", "GAN"])
def trained(request, two_kinds, attributes):
    keras.utils.set_random_seed(0)
    model = build(two_kinds, attributes, loss=AdversarialLoss(weight=request.param))
    model.compile(d_optimizer=keras.optimizers.Adam(1e-3), g_optimizer=keras.optimizers.Adam(2e-2))
    data = batches.of_users(np.arange(36), batch_size=36, seed=0)
    model.fit(data.dataset(0), steps_per_epoch=1, epochs=80, verbose=0)
    return model


def test_untrained_it_ranks_by_popularity(two_kinds, attributes):
    scores = build(two_kinds, attributes).scores()
    counts = two_kinds.item_counts()
    # log of the softmax of log(counts + .5), but for the small random kernel
    expected = np.log((counts + 0.5) / (counts + 0.5).sum())
    np.testing.assert_allclose(scores[7], expected, atol=0.05)


def test_the_discriminator_sees_attributes_beside_sets_as_long_as_real_ones(two_kinds, attributes):
    model = build(two_kinds, attributes)
    real = model.real_samples(batch([0, 1])).numpy()
    np.testing.assert_array_equal(real[:, :2], np.eye(2))
    np.testing.assert_array_equal(real[:, 2:], two_kinds.by_user().dense()[:2])
    fake = model.fake_samples(batch([0, 1, 39]), tf.constant([5, 6]), training=True).numpy()
    np.testing.assert_array_equal(fake[:2, :2], np.eye(2))
    np.testing.assert_allclose(fake[:, 2:].sum(1), [6, 6, 0], atol=1e-5)
    assert set(np.round(fake[:, 2:], 5).ravel()) == {0.0, 1.0}


def test_users_without_rows_are_ranked_and_generated_to_by_their_attributes(trained):
    listed = trained.recommend([36, 37], k=6)
    for user, kind in ((36, 0), (37, 1)):
        own = listed["item_id"][listed["user_id"] == user].to_numpy()
        assert (own // 10 == kind).all()
    generated = trained.generate(np.eye(2), np.array([6, 4]), seed=1)
    assert generated.sum(1).tolist() == [6, 4]
    assert generated[0, :10].sum() >= 5 and generated[1, 10:].sum() >= 3


def test_profiles_repeat_for_a_seed_and_differ_for_another(trained):
    rows, counts = np.tile([[1.0, 0.0]], (3, 1)), np.full(3, 5)
    one, same, other = (trained.generate(rows, counts, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_the_divergence_is_that_of_the_code_from_the_standard_normal(two_kinds, attributes):
    # every code (mean 1, log variance 0) in two dimensions: .5 * (1 + 1 - 1) * 2 = 1 nat a user;
    # a generator that ignores the noise reconstructs alike with and without the weight
    losses = []
    for weight in (0.0, 1.0):
        model = build(two_kinds, attributes, encoding=Encoding(kl_weight=weight))
        model.encoder.set_weights([0 * w for w in model.encoder.get_weights()])
        model.encoder.layers[-1].bias.assign([1.0, 1.0, 0.0, 0.0])
        model.generator.set_weights([0 * w for w in model.generator.get_weights()])
        losses.append(float(model.reconstruction_loss(batch([0, 1]), tf.constant([1, 1]), True)))
    assert losses[0] == pytest.approx(np.log(20), rel=1e-5)  # one of 20 items, all alike
    assert losses[1] - losses[0] == pytest.approx(1.0, rel=1e-5)


def test_the_adversarial_loss_moves_the_generator_by_itself(two_kinds, attributes):
    model = build(two_kinds, attributes, reconstruction_weight=0.0)
    model.compile(d_optimizer=keras.optimizers.Adam(1e-3), g_optimizer=keras.optimizers.SGD(0.1))
    before = [w.copy() for w in model.generator.get_weights()]
    model.generator_step(batch([0, 1, 2, 3]), tf.constant([1, 1]))
    after = model.generator.get_weights()
    assert any(np.abs(a - b).max() > 0 for a, b in zip(after, before, strict=True))


def test_settings_out_of_range_are_refused(two_kinds, attributes):
    with pytest.raises(ValueError, match="`temperature` should be > 0"):
        build(two_kinds, attributes, temperature=0.0)
    with pytest.raises(ValueError, match="`kl_weight` should be >= 0"):
        Encoding(kl_weight=-1.0)
    with pytest.raises(ValueError, match=r"`drop` should lie in \[0, 1\)"):
        Encoding(drop=1.0)
    with pytest.raises(ValueError, match=r"`drop` should lie in \[0, 1\). Received: '0.5'"):
        Encoding(drop="0.5")


def test_inputs_that_do_not_fit_are_refused(two_kinds, attributes):
    few = Modality(name="attributes", vectors=np.eye(2, dtype=np.float32))
    with pytest.raises(ValueError, match="`attributes` should have 40 vectors.*Received: 2"):
        build(two_kinds, few)
    model = build(two_kinds, attributes)
    with pytest.raises(ValueError, match=r"`counts` should have 2 numbers.*\(1,\)"):
        model.generate(np.eye(2), np.array([3]), seed=0)
    with pytest.raises(ValueError, match="`counts` should lie in 0..20. Received: 3..21"):
        model.generate(np.eye(2), np.array([3, 21]), seed=0)
