import math

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.gan import losses
from advrec_tf.gan.adversarial_loss import AdversarialLoss
from advrec_tf.gan.base import GAN
from advrec_tf.training.callbacks import NonFiniteGuard


def line(weight, name):
    """x [batch, 1] -> weight * x."""
    x = keras.Input(shape=(1,))
    out = keras.layers.Dense(1, use_bias=False)(x)
    model = keras.Model(x, out, name=name)
    model.set_weights([np.array([[weight]], np.float32)])
    return model


class LinearGAN(GAN):
    """fake = w z, logit = v x, and what the generator pays apart is (fake - target)^2."""

    def real_samples(self, inputs):
        return inputs["real"]

    def fake_samples(self, inputs, seed, training):
        return self.generator(inputs["z"], training=training)

    def reconstruction_loss(self, inputs, seed, training):
        return tf.reduce_mean(tf.square(self.generator(inputs["z"]) - inputs["target"]))


def linear_gan(w, v, *, d_rate=0.1, g_rate=0.1, reconstruction_weight=0.0, **loss):
    gan = LinearGAN(
        line(w, "generator"),
        line(v, "discriminator"),
        loss=AdversarialLoss(**loss),
        reconstruction_weight=reconstruction_weight,
        name="linear",
    )
    gan.compile(d_optimizer=keras.optimizers.SGD(d_rate), g_optimizer=keras.optimizers.SGD(g_rate))
    return gan


def batch(real=3.0, z=1.0, target=0.0, rows=4):
    return {
        "real": tf.fill([rows, 1], real),
        "z": tf.fill([rows, 1], z),
        "target": tf.fill([rows, 1], target),
        "seed": tf.constant([0, 0]),
    }


SEED = tf.constant([0, 0])


def w(gan):
    return gan.generator.get_weights()[0].item()


def v(gan):
    return gan.discriminator.get_weights()[0].item()


def test_generator_step_follows_the_discriminator():
    # fake = w z, logit = 2 fake, loss = softplus(-2 w z): at w = 0, z = 1, dloss/dw = -1
    gan = linear_gan(w=0.0, v=2.0)
    loss = gan.generator_step(batch(z=1.0), SEED)
    assert float(loss) == pytest.approx(math.log(2))
    assert w(gan) == pytest.approx(0.1) and v(gan) == 2.0


def test_generator_step_turns_with_the_discriminator():
    gan = linear_gan(w=0.0, v=-2.0)
    gan.generator_step(batch(z=1.0), SEED)
    assert w(gan) == pytest.approx(-0.1)


def test_discriminator_step_tells_real_from_generated():
    # loss = softplus(-3 v) + softplus(v) at fake = 1: at v = 0, dloss/dv = -3/2 + 1/2 = -1
    gan = linear_gan(w=1.0, v=0.0)
    loss = gan.discriminator_step(batch(real=3.0, z=1.0), SEED)
    assert float(loss) == pytest.approx(2 * math.log(2))
    assert v(gan) == pytest.approx(0.1) and w(gan) == 1.0


def test_each_step_moves_only_its_own_network():
    # at w = 1 and v = 2 both losses have a gradient in both weights
    gan = linear_gan(w=1.0, v=2.0)
    gan.generator_step(batch(), SEED)
    assert v(gan) == 2.0 and w(gan) > 1.0
    moved = w(gan)
    gan.discriminator_step(batch(), SEED)
    assert w(gan) == moved and v(gan) != 2.0


def test_a_critic_pays_the_gradient_penalty_beside_the_distance():
    # fake - real = 2 - 6 at v = 2, and 10 (|2| - 1)^2;  d/dv: 1 - 3 + 20 = 18
    gan = linear_gan(w=1.0, v=2.0, name="wasserstein")
    assert gan.penalty_weight == 10.0
    assert float(gan.discriminator_step(batch(real=3.0), SEED)) == pytest.approx(6.0, rel=1e-5)
    assert v(gan) == pytest.approx(2.0 - 1.8, rel=1e-4)


@pytest.mark.parametrize("name", ["minimax", "non_saturating", "least_squares", "hinge"])
def test_a_loss_that_is_no_critics_has_no_penalty_unless_asked_for(name):
    assert linear_gan(1.0, 1.0, name=name).penalty_weight == 0.0
    assert linear_gan(1.0, 1.0, name=name, penalty_weight=2.0).penalty_weight == 2.0


def test_a_step_is_the_critics_updates_and_then_those_of_the_generator():
    gan = linear_gan(w=1.0, v=0.0, critic_steps=3, generator_steps=2)
    gan.train_step(batch())
    assert int(gan.d_optimizer.iterations) == 3 and int(gan.g_optimizer.iterations) == 2
    assert int(gan.step) == 1


def test_the_generator_moves_against_the_discriminator_as_it_now_is():
    # the discriminator goes from v = 0 to .1; then dloss/dw = -v sigmoid(-v w) = -.1 sigmoid(-.1)
    gan = linear_gan(w=1.0, v=0.0)
    gan.train_step(batch())
    step = 0.1 * 0.1 / (1 + math.exp(0.1))
    assert w(gan) == pytest.approx(1.0 + step, rel=1e-6)


def test_each_update_of_a_step_has_noise_of_its_own():
    seeds = []

    class Noted(LinearGAN):
        def fake_samples(self, inputs, seed, training):
            if training:  # `diversity` looks at the generator without moving it
                seeds.append(tuple(seed.numpy().tolist()))
            return super().fake_samples(inputs, seed, training)

    gan = Noted(
        line(1.0, "generator"), line(1.0, "discriminator"), loss=AdversarialLoss(critic_steps=3)
    )
    gan.compile(d_optimizer=keras.optimizers.SGD(), g_optimizer=keras.optimizers.SGD())
    gan.train_step(batch())
    assert len(set(seeds)) == len(seeds) == 4


def test_the_generator_pays_both_parts_by_their_weights():
    # fake = 2: softplus(-2 v) = ln 2 at v = 0;  (2 - 5)^2 = 9;  .5 ln 2 + 3 * 9
    gan = linear_gan(w=2.0, v=0.0, weight=0.5, reconstruction_weight=3.0)
    loss = gan.generator_step(batch(z=1.0, target=5.0), SEED)
    assert float(loss) == pytest.approx(0.5 * math.log(2) + 27)
    assert float(gan.g_loss.result()) == pytest.approx(math.log(2))
    assert float(gan.reconstruction.result()) == pytest.approx(9.0)


def test_without_adversarial_weight_the_generator_does_not_see_the_discriminator():
    moved = []
    for slope in (5.0, -7.0):
        gan = linear_gan(w=2.0, v=slope, weight=0.0, reconstruction_weight=1.0)
        gan.generator_step(batch(z=1.0, target=5.0), SEED)
        moved.append(w(gan))
    # d/dw (w - 5)^2 = -6 at w = 2
    assert moved[0] == moved[1] == pytest.approx(2.6)


def test_the_ablation_without_an_adversary_still_trains_its_watcher():
    gan = linear_gan(w=1.0, v=0.0, weight=0.0, reconstruction_weight=1.0)
    gan.train_step(batch())
    assert v(gan) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("name", "real", "fake"),
    [
        ("minimax", 2.0, -2.0),
        ("non_saturating", 2.0, -2.0),
        ("hinge", 2.0, -2.0),
        ("least_squares", 0.9, 0.1),  # its labels are 1 and 0
        ("wasserstein", 9.0, 8.0),  # no zero point: what counts is the middle
    ],
)
def test_a_discriminator_that_is_right_has_accuracy_one(name, real, fake):
    gan = linear_gan(w=1.0, v=1.0, name=name)
    gan.discriminator_step(batch(real=real, z=fake), SEED)
    assert float(gan.d_accuracy.result()) == 1.0
    gan.d_accuracy.reset_state()
    gan.discriminator.set_weights([np.array([[1.0]], np.float32)])
    gan.discriminator_step(batch(real=fake, z=real), SEED)
    assert float(gan.d_accuracy.result()) == 0.0


def stream(plant=None, steps=6, bad_step=4):
    """Batches, one of them with a NaN under the name `plant`."""
    columns = {name: np.ones((steps, 4, 1), np.float32) for name in ("real", "z", "target")}
    if plant:
        columns[plant][bad_step] = np.nan
    columns["seed"] = np.zeros((steps, 2), np.int32)
    return tf.data.Dataset.from_tensor_slices(columns).repeat()


@pytest.mark.parametrize(
    ("plant", "term"),
    [("real", "d_loss"), ("z", "d_loss"), ("target", "reconstruction_loss")],
)
def test_the_guard_names_the_first_term_that_broke_and_its_step(plant, term):
    gan = linear_gan(w=1.0, v=0.0, reconstruction_weight=1.0)
    with pytest.raises(FloatingPointError, match=f"linear: `{term}` .* step 4 .epoch 3."):
        gan.fit(stream(plant), steps_per_epoch=2, epochs=5, callbacks=[NonFiniteGuard()], verbose=0)


def test_the_step_noted_is_the_first_of_many_that_broke():
    # several steps in one execution: by the time the guard looks, all later ones are NaN too
    gan = linear_gan(w=1.0, v=0.0)
    gan.compile(
        d_optimizer=keras.optimizers.SGD(),
        g_optimizer=keras.optimizers.SGD(),
        steps_per_execution=6,
    )
    with pytest.raises(FloatingPointError, match="linear: `d_loss` .* step 4 .epoch 1."):
        gan.fit(
            stream("real"),
            steps_per_epoch=12,
            epochs=1,
            callbacks=[NonFiniteGuard()],
            verbose=0,
        )


def test_fit_logs_the_mean_of_every_metric_over_the_epoch():
    gan = linear_gan(w=3.0, v=0.0, d_rate=0.0, g_rate=0.0)
    history = gan.fit(
        stream(), steps_per_epoch=3, epochs=1, callbacks=[NonFiniteGuard()], verbose=0
    ).history
    expected = {
        "d_loss": 2 * math.log(2),
        "g_loss": math.log(2),
        "reconstruction_loss": 4.0,  # (3 - 1)^2, of weight 0
        "d_accuracy": 0.5,  # logits of 0: nothing real is accepted, everything fake refused
        "diversity": 0.0,
        "d_gradient": 1.0,  # -x / 2 + w z / 2 with x = z = 1
        "g_gradient": 0.0,  # a discriminator of weight 0 moves nothing
    }
    assert {name: values[0] for name, values in history.items()} == pytest.approx(
        expected, abs=1e-6
    )


def test_both_networks_may_not_share_an_optimizer():
    gan = LinearGAN(line(1.0, "generator"), line(1.0, "discriminator"))
    shared = keras.optimizers.Adam()
    with pytest.raises(ValueError, match="`d_optimizer` and `g_optimizer` should be two objects"):
        gan.compile(d_optimizer=shared, g_optimizer=shared)


def test_each_optimizer_is_named_with_the_variables_it_trains():
    gan = linear_gan(w=1.0, v=2.0)
    (d_optimizer, d_variables), (g_optimizer, g_variables) = gan.optimized()
    assert d_optimizer is gan.d_optimizer and g_optimizer is gan.g_optimizer
    assert d_variables[0].numpy().item() == 2.0 and g_variables[0].numpy().item() == 1.0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "vanilla"}, "should be one of"),
        ({"reconstruction_weight": -1.0}, "`reconstruction_weight` should be >= 0"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        linear_gan(1.0, 1.0, **settings)


# Any two networks, any dataset.


def ring(count=256, seed=0):
    """Points on a circle of radius 3 around (5, 5), [count, 2]."""
    angle = np.random.default_rng(seed).uniform(0, 2 * np.pi, count)
    return (5 + 3 * np.stack([np.cos(angle), np.sin(angle)], 1)).astype(np.float32)


def plain_gan(condition=0, **settings):
    """Two networks as a user would build them, with conditions of a width or without."""

    def network(width, outputs, name):
        read = [keras.Input([width])] + ([keras.Input([condition])] if condition else [])
        x = keras.layers.Concatenate()(read) if condition else read[0]
        for i in range(2):
            start = keras.initializers.GlorotUniform(seed=i)
            x = keras.layers.Dense(16, "tanh", kernel_initializer=start)(x)
        start = keras.initializers.GlorotUniform(seed=9)
        y = keras.layers.Dense(outputs, kernel_initializer=start)(x)
        return keras.Model(read if condition else read[0], y, name=name)

    gan = GAN(network(3, 2, "generator"), network(2, 1, "discriminator"), **settings)
    gan.compile(
        d_optimizer=keras.optimizers.Adam(0.01, 0.5), g_optimizer=keras.optimizers.Adam(0.01, 0.5)
    )
    return gan


def test_two_networks_learn_the_mean_of_samples_of_any_dataset():
    gan = plain_gan()
    gan.fit(tf.data.Dataset.from_tensor_slices(ring()).batch(64), epochs=40, verbose=0)
    made = gan(gan.noise(500, SEED)).numpy()
    assert np.abs(made.mean(0) - 5).max() < 1.5  # it starts around 0
    assert gan.health.healthy, str(gan.health)


def test_arrays_are_a_dataset_too_and_equal_seeds_give_equal_weights(eagerly):
    first, same, other = (plain_gan(seed=seed) for seed in (1, 1, 2))
    for gan in (first, same, other):
        gan.fit(ring(64), batch_size=16, shuffle=False, verbose=0)
    one, two, three = (g.generator.get_weights()[0] for g in (first, same, other))
    np.testing.assert_array_equal(one, two)
    assert (one != three).any()


def test_noise_differs_from_step_to_step_and_a_batch_may_bring_its_seed():
    gan = plain_gan()
    before = gan.step_seed(tf.zeros([4, 2])).numpy()
    gan.step.assign_add(1)
    assert (gan.step_seed(tf.zeros([4, 2])).numpy() != before).all()
    np.testing.assert_array_equal(gan.step_seed({"seed": tf.constant([7, 8])}), [7, 8])


def test_conditions_reach_both_networks():
    # samples are 4 times the one-hot condition, so only a generator that reads it can follow
    kinds = np.arange(256) % 2
    flags = np.eye(2, dtype=np.float32)[kinds]
    gan = plain_gan(condition=2)
    data = tf.data.Dataset.from_tensor_slices((4 * flags, flags)).batch(64)
    gan.fit(data, epochs=60, verbose=0)
    made = gan([gan.noise(256, SEED), tf.constant(flags)]).numpy()
    assert np.mean(made.argmax(1) == kinds) > 0.95


def test_samples_of_any_rank_train_with_a_gradient_penalty():
    noise, image = keras.Input([4]), keras.Input([3, 3, 1])
    made = keras.layers.Reshape([3, 3, 1])(keras.layers.Dense(9)(noise))
    logit = keras.layers.Dense(1)(keras.layers.Flatten()(image))
    gan = GAN(keras.Model(noise, made), keras.Model(image, logit), loss="wasserstein")
    gan.compile(d_optimizer=keras.optimizers.SGD(0.01), g_optimizer=keras.optimizers.SGD(0.01))
    images = np.random.default_rng(0).normal(size=[32, 3, 3, 1]).astype(np.float32)
    history = gan.fit(images, batch_size=8, verbose=0).history
    assert np.isfinite(history["d_loss"]).all() and np.isfinite(history["g_loss"]).all()


def test_batches_and_networks_that_do_not_fit_each_other_are_refused():
    with pytest.raises(ValueError, match=r"A batch should be samples, or a pair"):
        plain_gan().real_samples({"x": tf.zeros([4, 2])})
    with pytest.raises(ValueError, match="`generator` has 2 inputs, so a batch should be"):
        plain_gan(condition=2).fake_samples(tf.zeros([4, 2]), SEED, training=True)
    wide = GAN(line(1.0, "generator"), keras.Sequential([keras.Input([1]), keras.layers.Dense(2)]))
    with pytest.raises(ValueError, match=r"one logit a sample, \[batch, 1\]. Received: \(4, 2\)"):
        wide.logits(tf.zeros([4, 1]), tf.zeros([4, 1]))


def test_the_example_of_the_module_runs():
    from advrec_tf.gan import base

    code = base.__doc__.split("any dataset of samples:")[1].split("`GAN` owns")[0]
    names = {"keras": keras, "tf": tf, "GAN": GAN, "print": lambda *_: None}
    exec("\n".join(line.strip() for line in code.splitlines()), names)
    assert names["gan"].health is not None


def test_every_pair_of_the_losses_can_be_asked_for():
    for name in losses.GAN_LOSSES:
        assert linear_gan(1.0, 1.0, name=name).gan_loss is losses.GAN_LOSSES[name]
