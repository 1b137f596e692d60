import numpy as np
from tensorflow import keras

from advrec_tf.gan.adversarial_loss import AdversarialLoss
from advrec_tf.tabular.batches import of_rows
from advrec_tf.tabular.gan import build_table_gan
from advrec_tf.tabular.vae import build_table_vae


def test_without_an_adversary_the_gan_is_its_variational_ablation(frame, transform):
    gan = build_table_gan(transform, loss=AdversarialLoss("wasserstein", weight=0.0), noise_dim=8)
    vae = build_table_vae(transform, noise_dim=8)
    vae.set_weights(gan.evidence.get_weights())
    gan.compile(d_optimizer=keras.optimizers.SGD(0.1), g_optimizer=keras.optimizers.SGD(0.1))
    vae.compile(optimizer=keras.optimizers.SGD(0.1))
    batch = next(iter(of_rows(transform.encode(frame), batch_size=40, seed=0).dataset(0)))
    gan.generator_step(batch, batch["seed"])
    vae.train_step(batch)
    for one, other in zip(gan.evidence.trainable_weights, vae.trainable_weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
