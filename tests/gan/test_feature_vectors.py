import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.gan.adversarial_loss import AdversarialLoss
from advrec_tf.gan.feature_vectors import FeatureVectorGAN, build_feature_vector_gan
from advrec_tf.models.content.modalities import Modality

KINDS = np.arange(80) % 4


@pytest.fixture(scope="module")
def modalities():
    """Four kinds of items, each with a direction of its own in eight dimensions."""
    rng = np.random.default_rng(0)
    vectors = np.eye(8, dtype=np.float32)[2 * KINDS] + 0.1 * rng.normal(size=[80, 8])
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    conditions = Modality(name="kind", vectors=np.eye(4, dtype=np.float32)[KINDS])
    return Modality(name="text", vectors=vectors), conditions


def fit(gan, epochs=60):
    gan.compile(
        d_optimizer=keras.optimizers.Adam(1e-3, beta_1=0.5),
        g_optimizer=keras.optimizers.Adam(2e-3, beta_1=0.5),
    )
    data = batches.of_index(np.arange(80), batch_size=40, seed=0, name="item_index")
    gan.fit(data.dataset(0), steps_per_epoch=data.steps_per_epoch, epochs=epochs, verbose=0)
    return gan


@pytest.mark.parametrize("weight", [1.0, 0.0])
def test_the_gan_and_its_ablation_generate_vectors_of_the_kind_asked_for(modalities, weight):
    keras.utils.set_random_seed(0)
    gan = build_feature_vector_gan(
        *modalities, hidden=(32,), noise_dim=4, loss=AdversarialLoss("hinge", weight=weight)
    )
    fit(gan)
    generated = gan.generate(tf.range(80), tf.constant([1, 2])).numpy()
    np.testing.assert_allclose(np.linalg.norm(generated, axis=1), 1.0, rtol=1e-5)
    assert (generated[np.arange(80), 2 * KINDS] > 0.8).mean() > 0.95


def test_the_generator_follows_the_discriminator(modalities):
    gan = build_feature_vector_gan(
        *modalities, hidden=(), noise_dim=2, loss="wasserstein", reconstruction_weight=0.0
    )
    gan.compile(d_optimizer=keras.optimizers.SGD(0.0), g_optimizer=keras.optimizers.SGD(0.5))
    kernel = np.zeros([12, 1], np.float32)
    kernel[3] = 1.0  # the critic likes the fourth number
    gan.discriminator.get_layer("logit").kernel.assign(kernel)
    batch = {"item_index": tf.range(40), "seed": tf.constant([0, 1])}
    before = gan.generate(batch["item_index"], batch["seed"]).numpy()[:, 3].mean()
    for _ in range(5):
        gan.generator_step(batch, batch["seed"])
    assert gan.generate(batch["item_index"], batch["seed"]).numpy()[:, 3].mean() > before + 0.1


def test_filling_generates_where_nothing_was_and_nowhere_else(modalities):
    vectors, conditions = modalities
    gan = build_feature_vector_gan(vectors, conditions, hidden=(8,), noise_dim=2)
    missing = vectors.without(np.array([5, 6]))
    filled = gan.fill(missing, samples=3, seed=4)
    assert filled.present.all()
    kept = np.setdiff1d(np.arange(80), [5, 6])
    np.testing.assert_array_equal(filled.vectors[kept], vectors.vectors[kept])
    draws = [gan.generate(tf.range(80), tf.constant([4, s])).numpy()[5:7] for s in range(3)]
    np.testing.assert_allclose(filled.vectors[5:7], np.mean(draws, 0), atol=1e-6)


def test_bad_arguments_are_named(modalities):
    vectors, conditions = modalities
    short = Modality(name="kind", vectors=conditions.vectors[:3])
    with pytest.raises(ValueError, match="`vectors` and `conditions` should be of the same items"):
        build_feature_vector_gan(vectors, short)
    with pytest.raises(ValueError, match="`noise_dim` should be >= 1"):
        build_feature_vector_gan(vectors, conditions, noise_dim=0)
    gan = build_feature_vector_gan(vectors, conditions, hidden=(4,))
    with pytest.raises(ValueError, match="`samples` should be >= 1"):
        gan.fill(vectors, samples=0)
    with pytest.raises(ValueError, match="`modality` should hold"):
        gan.fill(Modality(name="text", vectors=vectors.vectors[:3]))


def test_rows_that_batches_bring_train_like_those_that_are_held(modalities):
    vectors, conditions = modalities
    held = build_feature_vector_gan(*modalities, hidden=(4,), noise_dim=2)
    brought = build_feature_vector_gan(8, 4, hidden=(4,), noise_dim=2)
    index = tf.range(3, 13)
    rows = {"vector": 7.0 * vectors.vectors[3:13], "condition": conditions.vectors[3:13]}
    for gan, batch in ((held, {"item_index": index}), (brought, rows)):
        gan.compile(d_optimizer=keras.optimizers.SGD(0.1), g_optimizer=keras.optimizers.SGD(0.1))
        seed = tf.constant([0, 1])
        gan.alternate({name: tf.constant(value) for name, value in batch.items()}, seed)
    for one, other in zip(held.get_weights(), brought.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)
    drawn = brought.generate_for(tf.constant(conditions.vectors[3:13]), seed)
    np.testing.assert_allclose(drawn, held.generate(index, seed), rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="`conditions` should be given"):
        brought.generate(index, seed)
    with pytest.raises(ValueError, match="`conditions` should be given"):
        brought.fill(vectors)


def test_rows_of_another_width_than_the_networks_have_are_named(modalities):
    vectors, conditions = modalities
    gan = build_feature_vector_gan(8, 4, hidden=(4,), noise_dim=2)
    wide = r"`vector` should be \[rows, 8\].*vectors of width 8. Received the shape \(2, 5\)"
    with pytest.raises(ValueError, match=wide):
        gan.real_samples({"vector": tf.ones([2, 5]), "condition": tf.ones([2, 4])})
    narrow = r"`condition` should be \[rows, 4\].*Received the shape \(2, 3\)"
    with pytest.raises(ValueError, match=narrow):
        gan.real_samples({"vector": tf.ones([2, 8]), "condition": tf.ones([2, 3])})
    with pytest.raises(ValueError, match=r"`conditions` should be \[rows, 4\]"):
        gan.generate_for(tf.ones([2, 8]), tf.constant([0, 1]))
    with pytest.raises(ValueError, match="should bring `vector` and `condition`.*item_index"):
        gan.real_samples({"item_index": tf.constant([0])})
    networks = gan.generator, gan.discriminator
    with pytest.raises(ValueError, match=r"`vectors` should be \[rows, 8\].*\(80, 4\)"):
        FeatureVectorGAN(*networks, conditions, vectors)
    other = build_feature_vector_gan(8, 5, hidden=(4,), noise_dim=2)
    with pytest.raises(ValueError, match=r"8 \+ 4 numbers .* one that reads 13"):
        FeatureVectorGAN(gan.generator, other.discriminator)
    with pytest.raises(ValueError, match="both be modalities of items, or both the widths"):
        build_feature_vector_gan(8, conditions)
