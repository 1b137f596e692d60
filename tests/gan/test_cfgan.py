import math

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.gan import losses
from advrec_tf.gan.adversarial_loss import AdversarialLoss
from advrec_tf.gan.cfgan import CFGAN, Minibatches, Scheme, build_cfgan, minibatches, transposed
from advrec_tf.gan.profiles import build_discriminator
from advrec_tf.training.fitting import fit_ranked

# Users {0, 1}, {2}, {0, 3, 4} of five items.
ROWS = [(0, 0), (0, 1), (1, 2), (2, 0), (2, 3), (2, 4)]
USERS = np.array([[1, 1, 0, 0, 0], [0, 0, 1, 0, 0], [1, 0, 0, 1, 1]], np.float32)
ITEMS = USERS.T
SEED = tf.constant([5, 6])


def rows(pairs=ROWS, num_users=3, num_items=5):
    index = np.array(pairs, np.int32).reshape(-1, 2)
    return Interactions(
        user_index=index[:, 0],
        item_index=index[:, 1],
        users=Vocabulary(np.arange(num_users)),
        items=Vocabulary(np.arange(num_items)),
    )


def constant_generator(width, value):
    """Gives `value` everywhere, whatever the profile."""
    return keras.Sequential(
        [
            keras.Input(shape=(width,)),
            keras.layers.Dense(
                width,
                kernel_initializer="zeros",
                bias_initializer=keras.initializers.Constant(value),
            ),
        ]
    )


def linear_discriminator(slopes):
    """Logit = slopes . generated profile; the condition counts for nothing."""
    kernel = np.concatenate([np.zeros(len(slopes)), slopes])[:, None]
    pair = keras.Input(shape=(2 * len(slopes),))
    layer = keras.layers.Dense(1, kernel_initializer=lambda shape, dtype=None: kernel)
    return keras.Model(pair, layer(pair))


def grouped(settings):
    """Flat settings as the arguments of `CFGAN`."""

    def taken(**names):
        return {new: settings.pop(old) for old, new in names.items() if old in settings}

    settings = {"l2": 0.0, **settings}
    steps = {"critic_steps": "critic_steps", "generator_steps": "generator_steps"}
    return {
        "scheme": Scheme(
            **taken(masked="masked", zeroed="zeroed", positive_weight="positive_weight")
        ),
        "minibatches": Minibatches(**taken(critic_batch="critic", generator_batch="generator")),
        "loss": AdversarialLoss(**taken(loss="name", adversarial_weight="weight", **steps)),
        **settings,
    }


def gan(value=0.5, data=None, mode="item", discriminator=None, **settings):
    data = data or rows()
    width = data.num_users if mode == "item" else data.num_items
    model = CFGAN(
        data,
        constant_generator(width, value),
        discriminator or build_discriminator(width, hidden=(3,)),
        mode=mode,
        **grouped(settings),
    )
    model.compile(d_optimizer=keras.optimizers.SGD(0.1), g_optimizer=keras.optimizers.SGD(0.1))
    return model


def small(mode, data=None, seed=1, **settings):
    return build_cfgan(
        data or rows(),
        mode=mode,
        generator_hidden=(4,),
        discriminator_hidden=(3,),
        seed=seed,
        **grouped(settings),
    )


def batch(index):
    return {"user_index": tf.constant(index), "seed": SEED}


def wide():
    """One item with the first 50 of 400 users."""
    return rows([(u, 0) for u in range(50)], num_users=400, num_items=1)


def shown(model, index):
    """(condition, generated profile) as the discriminator sees them."""
    return np.split(model.fake_samples(batch(index), SEED, training=True).numpy(), 2, axis=1)


def bias(model):
    return model.generator.get_weights()[-1]


@pytest.mark.parametrize(("mode", "profiles"), [("item", ITEMS), ("user", USERS)])
def test_a_real_sample_is_the_column_of_an_item_or_the_row_of_a_user(mode, profiles):
    model = gan(mode=mode)
    assert model.num_profiles == len(profiles)
    real = model.real_samples(batch(np.arange(len(profiles)))).numpy()
    np.testing.assert_array_equal(real, np.concatenate([profiles, profiles], axis=1))


def test_without_partial_masking_only_own_entries_of_the_output_are_shown():
    condition, generated = shown(gan(masked=0.0), [0, 1, 4])
    np.testing.assert_array_equal(condition, ITEMS[[0, 1, 4]])
    np.testing.assert_allclose(generated, 0.5 * ITEMS[[0, 1, 4]])


def test_partial_masking_shows_the_asked_for_fraction_of_the_rest():
    # 350 negatives at .3: 105 expected, standard deviation sqrt(350 * .3 * .7) = 8.6
    _, generated = shown(gan(data=wide(), masked=0.3), [0])
    assert (generated[0, :50] == 0.5).all()
    assert abs((generated[0, 50:] == 0.5).sum() - 105) < 4 * 8.6
    assert set(generated[0].tolist()) == {0.0, 0.5}


def test_zero_reconstruction_equals_the_value_worked_by_hand():
    # Items 0 and 1 lack 1 and 2 of three users; output 3 costs 9 each: a mean of 27/2.
    model = gan(3.0, zeroed=1.0)
    assert float(model.reconstruction_loss(batch([0, 1]), SEED, True)) == pytest.approx(13.5)
    # sigmoid(0)^2 = 1/4 each: a mean of 3/8
    model = gan(0.0, zeroed=1.0, output="sigmoid")
    assert float(model.reconstruction_loss(batch([0, 1]), SEED, True)) == pytest.approx(0.375)
    assert float(gan(3.0, zeroed=0.0).reconstruction_loss(batch([0]), SEED, True)) == 0


def test_zero_reconstruction_asks_for_the_given_fraction_of_zeros_only():
    # 350 negatives at .4 pay 1/4 each: 140 / 4 = 35, deviation sqrt(350 * .24) / 4 = 2.3
    model = gan(data=wide(), zeroed=0.4)
    assert abs(float(model.reconstruction_loss(batch([0]), SEED, True)) - 35) < 4 * 2.3


def test_the_ablation_pays_the_squared_error_at_own_entries():
    # Items 0 and 1 have 2 users and 1: output 3 costs 2 * (1 - 3)^2 = 8 each, a mean of 12.
    model = gan(3.0, zeroed=0.0, positive_weight=2.0)
    assert float(model.reconstruction_loss(batch([0, 1]), SEED, True)) == pytest.approx(12.0)


def test_own_entries_follow_the_discriminator_and_masked_ones_stay():
    # Item 0 of users 0 and 2: logit = 2 y_0 - 4 y_1 - y_2 over what is shown, 0 at y = 0, so
    # d softplus(-logit) / dy = -slope / 2: SGD of .1 moves y by .05 * slope where shown.
    model = gan(0.0, discriminator=linear_discriminator([2.0, -4.0, -1.0]), masked=0.0)
    loss = model.generator_step(batch([0]), SEED)
    assert float(loss) == pytest.approx(math.log(2))
    np.testing.assert_allclose(bias(model), [0.1, 0.0, -0.05], rtol=1e-6)
    # With everything shown the third user's output moves too.
    model = gan(0.0, discriminator=linear_discriminator([2.0, -4.0, -1.0]), masked=1.0)
    model.generator_step(batch([0]), SEED)
    np.testing.assert_allclose(bias(model), [0.1, -0.2, -0.05], rtol=1e-6)


def test_without_adversarial_weight_the_generator_stays_or_follows_the_squared_error():
    discriminator = linear_discriminator([2.0, -4.0, -1.0])
    model = gan(0.5, discriminator=discriminator, adversarial_weight=0.0, zeroed=0.0)
    model.generator_step(batch([0]), SEED)
    np.testing.assert_array_equal(bias(model), [0.5, 0.5, 0.5])
    # 2 * .03 * .5 down at the zero, twice that times 10 up at own entries, by SGD of .1
    model = gan(
        0.5,
        discriminator=discriminator,
        adversarial_weight=0.0,
        zeroed=1.0,
        reconstruction_weight=0.03,
        positive_weight=10.0,
    )
    model.generator_step(batch([0]), SEED)
    np.testing.assert_allclose(bias(model), [0.53, 0.497, 0.53], rtol=1e-6)


def test_the_weight_penalty_shrinks_the_generator():
    # gradient of l2 / 2 * w^2 is l2 * w: 4 - .1 * 2 * 4 = 3.2
    model = gan(4.0, adversarial_weight=0.0, reconstruction_weight=0.0, l2=2.0)
    loss = model.generator_step(batch([0]), SEED)
    assert float(loss) == pytest.approx(3 * 16.0)
    np.testing.assert_allclose(bias(model), [3.2, 3.2, 3.2], rtol=1e-6)


def test_generator_step_minimizes_the_terms_the_base_class_names():
    # the same noise: game(fake_samples) + coefficient * reconstruction_loss
    model = small("item", reconstruction_weight=0.3, positive_weight=0.2, masked=0.5)
    model.compile(d_optimizer=keras.optimizers.SGD(0.1), g_optimizer=keras.optimizers.SGD(0.0))
    inputs = batch([0, 2, 3])
    logits = model.discriminator(model.fake_samples(inputs, SEED, training=True))
    expected = losses.NON_SATURATING.generator(logits)
    expected += 0.3 * model.reconstruction_loss(inputs, SEED, training=True)
    assert float(model.generator_step(inputs, SEED)) == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize("mode", ["item", "user"])
def test_scores_are_what_is_generated_for_whole_profiles_by_the_present_weights(mode):
    model = small(mode)
    for weights in (model.get_weights(), [value + 0.3 for value in model.get_weights()]):
        model.set_weights(weights)
        generated = model(tf.constant(ITEMS.copy() if mode == "item" else USERS)).numpy()
        expected = generated.T if mode == "item" else generated
        np.testing.assert_allclose(model.score(tf.constant([2, 0])), expected[[2, 0]], rtol=1e-5)
        np.testing.assert_allclose(model.scores(), expected, rtol=1e-5)


def test_scores_of_more_items_than_a_block_keep_their_order():
    pairs = [(i % 3, i) for i in range(2100)]
    model = small("item", rows(pairs, num_users=3, num_items=2100))
    generated = model(tf.one_hot(np.arange(2100) % 3, 3)).numpy()
    np.testing.assert_allclose(model.score(tf.constant([1])), generated.T[[1]], rtol=1e-5)


def test_every_pass_takes_every_profile_once_and_is_filled_from_its_start():
    made = minibatches(tf.range(10, 17), 3, 2, SEED).numpy()
    assert made.shape == (6, 3)
    for one in (made[:3].ravel(), made[3:].ravel()):
        assert sorted(one[:7]) == list(range(10, 17))
        np.testing.assert_array_equal(one[7:], one[:2])
    assert (made[:3] != made[3:]).any()
    np.testing.assert_array_equal(made, minibatches(tf.range(10, 17), 3, 2, SEED))
    whole = minibatches(tf.range(4), None, 2, SEED).numpy()
    np.testing.assert_array_equal(whole, [[0, 1, 2, 3]] * 2)


def test_a_round_makes_the_asked_for_number_of_steps_of_each_network():
    # 5 items: 2 passes of 3 minibatches of 2, and 4 passes of 2 minibatches of 3
    model = small("item", critic_steps=2, critic_batch=2, generator_steps=4, generator_batch=3)
    model.compile(d_optimizer=keras.optimizers.Adam(0.01), g_optimizer=keras.optimizers.Adam(0.01))
    made = batches.of_users(np.arange(5), batch_size=5, seed=0)
    model.fit(made.dataset(0), steps_per_epoch=1, epochs=2, verbose=0)
    assert int(model.d_optimizer.iterations) == 2 * 6
    assert int(model.g_optimizer.iterations) == 2 * 8
    assert int(model.step) == 2


@pytest.mark.parametrize("loss", losses.GAN_LOSSES)
def test_every_loss_trains_two_rounds_without_a_nan(loss):
    model = small("item", loss=loss, output="sigmoid", generator_batch=2)
    model.compile(d_optimizer=keras.optimizers.Adam(0.01), g_optimizer=keras.optimizers.Adam(0.01))
    before = model.generator.get_weights()
    made = batches.of_users(np.arange(5), batch_size=5, seed=0)
    model.fit(made.dataset(0), steps_per_epoch=2, epochs=1, verbose=0)
    assert all(np.isfinite(value).all() for value in model.get_weights())
    assert {int(step) for step in model.non_finite_step.values()} == {-1}
    assert any((a != b).any() for a, b in zip(before, model.generator.get_weights()))


def groups():
    """Ten users and ten items in two groups; each user lacks one item of the own group."""
    pairs = [(u, 5 * (u // 5) + i) for u in range(10) for i in range(5) if i != u % 5]
    return rows(pairs, num_users=10, num_items=10)


@pytest.mark.parametrize("mode", ["item", "user"])
@pytest.mark.slow
def test_a_generator_led_by_the_discriminator_alone_makes_two_groups(mode):
    # positive_weight is 0: only the discriminator says that own entries should be generated.
    def found(adversarial_weight):
        model = build_cfgan(
            groups(),
            mode=mode,
            generator_hidden=(2,),
            discriminator_hidden=(8,),
            reconstruction_weight=0.1,
            scheme=Scheme.zp(0.5, 0.5),
            l2=0.0,
            loss=AdversarialLoss(weight=adversarial_weight),
            seed=1,
        )
        model.compile(
            d_optimizer=keras.optimizers.Adam(0.02), g_optimizer=keras.optimizers.Adam(0.05)
        )
        made = batches.of_users(np.arange(10), batch_size=10, seed=0)
        model.fit(made.dataset(0), steps_per_epoch=200, epochs=1, verbose=0)
        frame = model.recommend(range(10), k=1)
        return sum(frame["item_id"] == [5 * (u // 5) + u % 5 for u in range(10)])

    assert found(1.0) == 10
    assert found(0.0) < 5


def test_a_fit_that_was_stopped_goes_on_bit_for_bit(tmp_path):
    data = groups()
    found = rows([(u, 5 * (u // 5) + u % 5) for u in range(10)], num_users=10, num_items=10)

    def fit(epochs, checkpoint=None):
        model = small("item", data, critic_batch=4, generator_batch=3, generator_steps=2)
        model.compile(
            d_optimizer=keras.optimizers.Adam(0.01), g_optimizer=keras.optimizers.Adam(0.05)
        )
        report = fit_ranked(
            model,
            batches.of_users(np.arange(10), batch_size=10, seed=2),
            epochs=epochs,
            evaluator=RankingEvaluator(data, found),
            patience=9,
            checkpoint=checkpoint,
        )
        return model, report

    whole, report = fit(4)
    fit(2, tmp_path / "run.npz")
    resumed, resumed_report = fit(4, tmp_path / "run.npz")
    assert resumed_report.history == report.history
    for a, b in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_transposed_rows_swap_users_and_items():
    np.testing.assert_array_equal(transposed(rows()).by_user().dense(), ITEMS)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mode": "rows"}, "`mode` should be one of"),
        ({"output": "tanh"}, "`output` should be one of"),
        ({"masked": 1.1}, "`masked` should be a fraction"),
        ({"zeroed": -0.1}, "`zeroed` should be a fraction"),
        ({"reconstruction_weight": -1.0}, "`reconstruction_weight` should be >= 0"),
        ({"positive_weight": -1.0}, "`positive_weight` should be >= 0"),
        ({"l2": -1.0}, "`l2` should be >= 0"),
        ({"generator_steps": 0}, "`generator_steps` should be >= 1"),
        ({"critic_batch": 0}, "`critic` of the minibatches should be >= 1"),
        ({"generator_batch": 0}, "`generator` of the minibatches should be >= 1"),
        ({"masked": "0.5"}, "`masked` should be a fraction of 1. Received: '0.5'"),
        ({"l2": "0"}, "`l2` should be >= 0. Received: '0'"),
        ({"critic_batch": "8"}, "`critic` of the minibatches should be >= 1. Received: '8'"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        small(**{"mode": "item", **settings})


def test_a_generator_that_ends_otherwise_is_refused():
    profile = keras.Input(shape=(3,))
    for units, activation in ((3, "tanh"), (2, None)):
        generator = keras.Model(profile, keras.layers.Dense(units, activation=activation)(profile))
        with pytest.raises(ValueError, match="`generator` should end in a linear Dense"):
            CFGAN(rows(), generator, build_discriminator(3))


def test_the_schemes_of_the_paper_are_what_is_masked_and_zeroed():
    found = [(s.masked, s.zeroed) for s in (Scheme.zr(), Scheme.pm(), Scheme.zp())]
    assert found == [(0.0, 1.0), (0.7, 0.0), (0.7, 0.7)]


@pytest.mark.parametrize("mode", ["item", "user"])
def test_a_batch_of_unknown_profiles_is_refused(mode):
    model = small(mode)
    with pytest.raises(tf.errors.InvalidArgumentError, match="`user_index` should hold indices"):
        model.alternate(batch([0, model.num_profiles]), SEED)
