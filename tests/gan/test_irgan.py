import math

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.gan.adversarial_loss import AdversarialLoss
from advrec_tf.gan.hard_negatives import (
    DNSFactorization,
    HardNegatives,
    build_scorer,
    scorer_vectors,
)
from advrec_tf.gan.irgan import IRGAN, Selection, build_irgan, policy_loss
from advrec_tf.models.baselines import Popularity
from advrec_tf.training.fitting import fit_ranked

SEED = tf.constant([5, 6])
LN3 = math.log(3)


def rows(pairs, num_users, num_items):
    index = np.array(pairs, np.int32).reshape(-1, 2)
    return Interactions(
        user_index=index[:, 0],
        item_index=index[:, 1],
        users=Vocabulary(np.arange(num_users)),
        items=Vocabulary(np.arange(num_items)),
    )


def biases(values, num_users=1):
    """A scorer that gives every user these scores: factors zero, biases `values`."""
    scorer = build_scorer(num_users, len(values), dim=1)
    zeros = [np.zeros((num_users, 1)), np.zeros((1, len(values)))]
    scorer.set_weights([*zeros, np.array(values)])
    return scorer


def grouped(settings):
    """Flat settings as the arguments of `IRGAN`."""

    def taken(*names):
        return {name: settings.pop(name) for name in names if name in settings}

    settings = dict(settings)
    weight = taken("adversarial_weight")
    loss = taken("critic_steps", "generator_steps", "penalty_weight")
    return {
        "loss": AdversarialLoss(
            settings.pop("form", "pointwise"), weight=weight.get("adversarial_weight", 1.0), **loss
        ),
        "selection": Selection(**taken("samples", "temperature", "d_temperature", "mixture")),
        "hard_negatives": HardNegatives(**taken("candidates")),
        **settings,
    }


def bias_of(scorer):
    return scorer.get_weights()[2]


def irgan(generator, discriminator, own=(0,), form="pointwise", **settings):
    """One user who has the items `own`, and both networks with SGD of rate 1."""
    data = rows([(0, i) for i in own], 1, len(generator))
    model = IRGAN(
        data, biases(generator), biases(discriminator), **grouped({"form": form, **settings})
    )
    model.compile(d_optimizer=keras.optimizers.SGD(1.0), g_optimizer=keras.optimizers.SGD(1.0))
    return model


def batch(users=(0,), seed=(5, 6), weight=None):
    return {
        "user_index": tf.constant(users),
        "weight": tf.ones(len(users)) if weight is None else tf.constant(weight, tf.float32),
        "seed": tf.constant(seed),
    }


# The policy gradient.


def test_the_policy_gradient_of_two_items_equals_the_value_worked_by_hand():
    # p = (3/4, 1/4); items 0 and 1 drawn once, rewards 1 and 0, so the advantages are .5 and -.5.
    # d log p0 / ds = (1/4, -1/4) and d log p1 / ds = (-3/4, 3/4):
    # d/ds0 = -(1 * .5 * 1/4 + .5 * -.5 * -3/4) / 2 = -(.125 + .1875) / 2 = -.15625 = -d/ds1
    scores = tf.constant([[LN3, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(scores)
        rewards, importance = tf.constant([[1.0, 0.0]]), tf.constant([[1.0, 0.5]])
        loss = policy_loss(tf.nn.log_softmax(scores), rewards, importance)
    np.testing.assert_allclose(tape.gradient(loss, scores), [[-0.15625, 0.15625]], rtol=1e-5)


def test_the_policy_gradient_passes_through_the_chances_alone():
    inputs = [tf.constant([[-1.0, -2.0]]), tf.constant([[3.0, 1.0]]), tf.constant([[1.0, 0.5]])]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        loss = policy_loss(*inputs)
    through = tape.gradient(loss, inputs)
    # advantages 1 and -1: -w (r - b) / 2
    np.testing.assert_allclose(through[0], [[-0.5, 0.25]])
    assert through[1] is None and through[2] is None


def test_the_baseline_is_each_users_own():
    # rewards of 1 and of 7 for everything: nobody learns
    chances = tf.constant([[-1.0, -2.0], [-3.0, -1.0]])
    loss = policy_loss(chances, tf.constant([[1.0, 1.0], [7.0, 7.0]]), tf.ones([2, 2]))
    np.testing.assert_array_equal(loss, [0, 0])


def test_policy_loss_refuses_other_shapes():
    with pytest.raises(ValueError, match="`log_chances` and `rewards` should have the same shape"):
        policy_loss(tf.zeros([2, 3]), tf.zeros([2, 4]), tf.zeros([2, 3]))
    with pytest.raises(ValueError, match="`log_chances` and `importance`"):
        policy_loss(tf.zeros([2, 3]), tf.zeros([2, 3]), tf.zeros([2, 4]))


def test_a_generator_step_is_the_policy_gradient_worked_by_hand():
    # p = (3/4, 1/4), the user has item 0: p' = .8 p + (.2, 0) = (.8, .2), weights 15/16 and 5/4.
    # D = (ln 3, -ln 3) rewards (.5, -.5). With a share f of draws on item 0 the advantages are
    # 1 - f and -f, so the gradient in s0 is -f (1 - f) (15/16 * 1/4 + 5/4 * 3/4) = -75/64 f (1 - f)
    model = irgan([LN3, 0.0], [LN3, -LN3], samples=1000)
    items, _ = model.select(tf.constant([0]), tf.constant([[0.75, 0.25]]), SEED)
    fraction = float(np.mean(items.numpy() == 0))
    assert fraction == pytest.approx(0.8, abs=0.04)  # three standard errors
    model.generator_step(batch(), SEED)
    move = 75 / 64 * fraction * (1 - fraction)
    np.testing.assert_allclose(bias_of(model.generator), [LN3 + move, -move], rtol=1e-4)
    np.testing.assert_allclose(bias_of(model.discriminator), [LN3, -LN3], rtol=1e-6)


@pytest.mark.parametrize("form", ["pointwise", "pairwise"])
def test_the_generator_follows_the_discriminator_and_turns_with_it(form):
    for opinion, sign in (([0.0, 0.0, 2.0], 1), ([0.0, 0.0, -2.0], -1)):
        model = irgan([0.0, 0.0, 0.0], opinion, form=form)
        model.generator_step(batch(), SEED)
        assert sign * bias_of(model.generator)[2] > 0.05


@pytest.mark.parametrize("form", ["pointwise", "pairwise"])
def test_a_discriminator_without_preference_teaches_the_generator_nothing(form):
    model = irgan([1.0, 0.0, -1.0], [2.0, 2.0, 2.0], form=form)
    model.generator_step(batch(), SEED)
    np.testing.assert_allclose(bias_of(model.generator), [1, 0, -1], atol=1e-6)


def test_the_temperature_divides_the_scores_of_the_policy():
    # p = softmax(ln 9 / 2, 0) = (3/4, 1/4) as above, and the chain rule halves the move
    model = irgan([2 * LN3, 0.0], [LN3, -LN3], samples=1000, temperature=2.0)
    items, _ = model.select(tf.constant([0]), tf.constant([[0.75, 0.25]]), SEED)
    fraction = float(np.mean(items.numpy() == 0))
    model.generator_step(batch(), SEED)
    move = 75 / 128 * fraction * (1 - fraction)
    np.testing.assert_allclose(bias_of(model.generator), [2 * LN3 + move, -move], rtol=1e-4)


def test_the_logged_loss_of_the_generator_is_minus_the_expected_reward():
    # sum p r = 3/4 * .5 - 1/4 * .5 = .25; the standard error of 20,000 draws is about .004
    model = irgan([LN3, 0.0], [LN3, -LN3], samples=20_000)
    loss = model.generator_step(batch(), SEED)
    assert float(loss) == pytest.approx(-0.25, abs=0.015)
    assert float(model.g_loss.result()) == pytest.approx(float(loss))


def test_a_user_of_no_weight_does_not_move_the_generator():
    data = rows([(0, 0), (1, 1)], 2, 3)
    model = IRGAN(data, build_scorer(2, 3, dim=2, seed=1), build_scorer(2, 3, dim=2, seed=2))
    model.compile(d_optimizer=keras.optimizers.SGD(), g_optimizer=keras.optimizers.SGD(1.0))
    before = model.generator.get_weights()[0]
    model.generator_step(batch([0, 1], weight=[1, 0]), SEED)
    after = model.generator.get_weights()[0]
    np.testing.assert_array_equal(after[1], before[1])
    assert not np.allclose(after[0], before[0])


# What is drawn.


def test_importance_weights_equal_the_values_worked_by_hand():
    # p = (1/2, 1/4, 1/4), own items 0 and 1: p' = .8 p + (.1, .1, 0) = (.5, .3, .2), and p / p' is
    # 1, 5/6, 5/4
    model = irgan([0.0, 0.0, 0.0], [0.0, 0.0, 0.0], own=(0, 1), samples=4000)
    items, weights = model.select(tf.constant([0]), tf.constant([[0.5, 0.25, 0.25]]), SEED)
    expected = np.array([1, 5 / 6, 5 / 4])
    np.testing.assert_allclose(weights, expected[items.numpy()], rtol=1e-5)
    shares = np.bincount(items.numpy().ravel(), minlength=3) / 4000
    np.testing.assert_allclose(shares, [0.5, 0.3, 0.2], atol=0.024)  # three standard errors


def test_without_a_mixture_or_without_items_the_draws_are_the_generators_own():
    chances = tf.constant([[0.5, 0.25, 0.25]])
    alone = irgan([0.0] * 3, [0.0] * 3, own=(0, 1), samples=4000, mixture=0.0)
    empty = irgan([0.0] * 3, [0.0] * 3, own=(), samples=4000)
    for model in (alone, empty):
        items, weights = model.select(tf.constant([0]), chances, SEED)
        np.testing.assert_allclose(weights, np.ones([1, 4000]), rtol=1e-6)
        shares = np.bincount(items.numpy().ravel(), minlength=3) / 4000
        np.testing.assert_allclose(shares, chances[0], atol=0.024)


def test_samples_follow_the_softmax_of_the_generator():
    # p = (9, 3, 1) / 13 at temperature 1, (81, 9, 1) / 91 at 1/2
    for temperature, odds in ((1.0, [9, 3, 1]), (0.5, [81, 9, 1])):
        model = irgan([2 * LN3, LN3, 0.0], [0.0] * 3, temperature=temperature)
        drawn = model.sample(tf.constant([0, 0]), 5000, SEED)
        assert drawn.shape == (2, 5000) and drawn.dtype == tf.int32
        expected = 10_000 * np.array(odds) / sum(odds)
        found = np.bincount(drawn.numpy().ravel(), minlength=3)
        assert ((found - expected) ** 2 / expected).sum() < 13.8  # chi-square, 2 degrees, .001


def test_samples_repeat_for_a_seed_inside_a_compiled_function():
    model = irgan([0.0] * 50, [0.0] * 50)
    draw = tf.function(lambda seed: model.sample(tf.constant([0]), 20, seed), jit_compile=True)
    one, same, other = draw(SEED), draw(SEED), draw(SEED + 1)
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


# The discriminator and what it pays.


def test_the_pointwise_discriminator_pays_the_cross_entropy_worked_by_hand():
    # observed 0, selected 1, both scored ln 3: softplus(-ln 3) + softplus(ln 3) = ln(4/3) + ln 4;
    # the gradient is -1/4 in the one and 3/4 in the other
    model = irgan([0.0, 50.0], [LN3, LN3])
    loss = model.discriminator_step(batch(), SEED)
    assert float(loss) == pytest.approx(math.log(16 / 3), rel=1e-6)
    np.testing.assert_allclose(bias_of(model.discriminator), [LN3 + 0.25, LN3 - 0.75], rtol=1e-5)
    np.testing.assert_allclose(bias_of(model.generator), [0, 50])
    assert float(model.d_accuracy.result()) == 0.5  # right about the observed one alone


def test_the_pairwise_discriminator_pays_for_the_difference_worked_by_hand():
    # softplus(0 - ln 3) = ln(4/3), and the gradient is sigmoid(-ln 3) = 1/4
    model = irgan([0.0, 50.0], [LN3, 0.0], form="pairwise")
    loss = model.discriminator_step(batch(), SEED)
    assert float(loss) == pytest.approx(math.log(4 / 3), rel=1e-6)
    np.testing.assert_allclose(bias_of(model.discriminator), [LN3 + 0.25, -0.25], rtol=1e-5)
    assert float(model.d_accuracy.result()) == 1.0


def test_a_cold_temperature_shows_the_discriminator_the_generators_favorite():
    # selected is item 2 alone: softplus(-0) + softplus(ln 3) = ln 2 + ln 4
    model = irgan([0.0, 0.0, 0.1], [0.0, 0.0, LN3], d_temperature=0.001)
    assert float(model.discriminator_step(batch(), SEED)) == pytest.approx(math.log(8), rel=1e-6)


def test_rewards_equal_the_values_worked_by_hand():
    # 2 sigmoid(ln 3) - 1 = .5, 2 sigmoid(0) - 1 = 0;  softplus(ln 3) = ln 4, softplus(0) = ln 2
    users, items = tf.constant([0]), tf.constant([[1, 0]])
    pointwise = irgan([0.0, 0.0], [0.0, LN3]).rewards(users, items, SEED)
    np.testing.assert_allclose(pointwise, [[0.5, 0]], rtol=1e-5)
    pairwise = irgan([0.0, 0.0], [0.0, LN3], form="pairwise").rewards(users, items, SEED)
    np.testing.assert_allclose(pairwise, [[math.log(4), math.log(2)]], rtol=1e-5)


def test_a_user_without_items_does_not_teach_the_discriminator():
    data = rows([(0, 0)], 2, 2)
    model = IRGAN(data, biases([0.0, 50.0], 2), biases([LN3, LN3], 2))
    # user 1 has nothing, and would pay softplus(-ln 3 - 5) + softplus(ln 3 + 5) > 6
    model.discriminator.set_weights(
        [np.array([[0.0], [1.0]]), np.array([[5.0, 5.0]]), np.array([LN3, LN3])]
    )
    model.compile(d_optimizer=keras.optimizers.SGD(1.0), g_optimizer=keras.optimizers.SGD(1.0))
    loss = model.discriminator_step(batch([0, 1]), SEED)
    assert float(loss) == pytest.approx(math.log(16 / 3), rel=1e-6)


# The order of updates.


def test_a_step_is_critic_steps_and_then_generator_steps_with_draws_of_their_own():
    model = irgan([0.0, 0.0], [0.0, 0.0], critic_steps=3, generator_steps=2)
    moves = []
    for name in ("discriminator", "generator"):
        step = getattr(model, f"{name}_step")

        def noted(inputs, seed, step=step, name=name):
            moves.append((name, tuple(seed.numpy().tolist())))
            return step(inputs, seed)

        object.__setattr__(model, f"{name}_step", noted)
    model.train_step(batch())
    assert [name for name, _ in moves] == ["discriminator"] * 3 + ["generator"] * 2
    assert len({seed for _, seed in moves}) == 5
    assert int(model.d_optimizer.iterations) == 3 and int(model.g_optimizer.iterations) == 2
    assert int(model.step) == 1


def test_a_broken_discriminator_stops_the_fit_by_name(eagerly):
    model = irgan([0.0, 0.0], [np.nan, 0.0])
    made = batches.of_users(np.array([0]), batch_size=1, seed=0)
    with pytest.raises(FloatingPointError, match="irgan: `d_loss` became NaN .* step 0"):
        fit_ranked(model, made, epochs=1)


@pytest.mark.parametrize("form", ["pointwise", "pairwise"])
@pytest.mark.slow
def test_a_step_compiled_by_xla_moves_the_networks_as_another(form):
    # XLA draws by other generators, so chance is taken out: whatever item of (0, 1) is drawn, D
    # says the same of both, and what is selected for it is 2 alone. Its own move is then exact.
    moved = []
    for settings in ({"run_eagerly": True}, {"jit_compile": True}):
        model = irgan([0.0, 0.0, 0.1], [LN3, LN3, 0.0], own=(0, 1), form=form, d_temperature=0.001)
        model.compile(
            d_optimizer=keras.optimizers.SGD(1.0), g_optimizer=keras.optimizers.SGD(1.0), **settings
        )
        model.fit(tf.data.Dataset.from_tensors(batch()), verbose=0)
        logged = [float(model.d_loss.result()), float(model.d_accuracy.result())]
        moved.append([bias_of(model.discriminator)[2], *logged])
        assert bias_of(model.generator)[2] < 0.1  # the less rewarded one
    np.testing.assert_allclose(*moved, rtol=1e-5)


# Starting from a factorization, and the ablation.


def test_training_starts_from_the_pretrained_scores():
    data = rows([(0, 0), (1, 2)], 2, 3)
    start = DNSFactorization(data, dim=4, seed=5)
    model = build_irgan(data, dim=4, seed=9)
    assert not np.allclose(model.score(tf.range(2)), start.score(tf.range(2)))
    model.generator.set_weights(start.scorer.get_weights())
    np.testing.assert_array_equal(model.score(tf.range(2)), start.score(tf.range(2)))


def test_the_ablation_learns_the_ranking_and_does_not_see_the_discriminator():
    moved = []
    for opinion in ([0.0, 3.0, 0.0], [0.0, -3.0, 1.0]):
        model = irgan([0.0] * 3, opinion, adversarial_weight=0.0, reconstruction_weight=1.0)
        model.generator_step(batch(), SEED)
        moved.append(bias_of(model.generator))
    np.testing.assert_array_equal(*moved)
    # all scores 0, so every pair moves its two items by 1/2 and the negatives split theirs
    assert moved[0][0] == pytest.approx(0.5, abs=1e-3) and moved[0][1:].max() < 0
    assert moved[0].sum() == pytest.approx(0, abs=1e-6)


def test_scores_equal_the_vectors_of_the_network_that_ranks():
    data = rows([(0, 0), (1, 2)], 2, 3)
    for scorer in ("generator", "discriminator"):
        model = build_irgan(data, dim=4, seed=1, scorer=scorer)
        network = getattr(model, scorer)
        weights = network.get_weights()
        network.set_weights([*weights[:2], np.array([1.0, 2.0, 3.0])])
        scores = model.score(tf.range(2))
        np.testing.assert_array_equal(scores, network(tf.range(2)))
        np.testing.assert_allclose(model.user_vectors() @ model.item_vectors().T, scores, rtol=1e-5)
    start = DNSFactorization(data, dim=4)
    users, items = scorer_vectors(start.scorer)
    np.testing.assert_allclose(users @ items.T, start.score(tf.range(2)), atol=1e-6)


def test_networks_repeat_for_a_seed_and_differ_from_each_other():
    data = rows([(0, 0)], 500, 3)
    one, same, other = (build_irgan(data, dim=20, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(one.user_vectors(), same.user_vectors())
    assert not np.allclose(one.user_vectors(), other.user_vectors())
    assert not np.allclose(one.generator.get_weights()[0], one.discriminator.get_weights()[0])


def test_training_learns_two_groups_above_popularity_and_survives_its_weights(tmp_path):
    # each user lacks one of the four items of the group; everything is equally popular
    pairs = [(u, 4 * (u // 4) + i) for u in range(8) for i in range(4) if i != u % 4]
    train = rows(pairs, 8, 8)
    left = rows([(u, 4 * (u // 4) + u % 4) for u in range(8)], 8, 8)
    evaluator = RankingEvaluator(train, left, ks=(1,))
    assert evaluator.evaluate(Popularity().fit(train)).metrics["hit_rate@1"] <= 0.5

    model = build_irgan(train, dim=4, seed=1, selection=Selection(samples=16))
    model.compile(d_optimizer=keras.optimizers.Adam(0.03), g_optimizer=keras.optimizers.Adam(0.03))
    made = batches.of_users(np.arange(8), batch_size=8, seed=0)
    report = fit_ranked(
        model, made, epochs=60, evaluator=evaluator, monitor="hit_rate@1", patience=60
    )
    assert report.best == 1.0
    assert set(report.history) >= {"d_loss", "g_loss", "d_accuracy", "diversity"}

    model.save_weights(tmp_path / "weights")
    other = build_irgan(train, dim=4, seed=2, selection=Selection(samples=16))
    other.load_weights(tmp_path / "weights").expect_partial()
    np.testing.assert_array_equal(other.score(tf.range(8)), model.score(tf.range(8)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"form": "hinge"}, "`loss` of IRGAN should be one of"),
        ({"penalty_weight": 1.0}, "without a gradient penalty"),
        ({"scorer": "both"}, "`scorer` should be one of"),
        ({"critic_steps": 0}, "`critic_steps` should be >= 1"),
        ({"generator_steps": 0}, "`generator_steps` should be >= 1"),
        ({"candidates": 0}, "`candidates` should be >= 1"),
        ({"samples": 1}, "`samples` should be >= 2"),
        ({"temperature": 0.0}, "`temperature` and `d_temperature` should be > 0"),
        ({"d_temperature": -1.0}, "`temperature` and `d_temperature` should be > 0"),
        ({"mixture": 1.0}, "`mixture` should lie in"),
        ({"mixture": -0.1}, "`mixture` should lie in"),
        ({"dim": 0}, "`dim` should be >= 1"),
        ({"adversarial_weight": -1.0}, "`weight` of the loss should be >= 0"),
        ({"mixture": "0.2"}, r"`mixture` should lie in \[0, 1\). Received: '0.2'"),
        ({"temperature": "1"}, "`temperature` and `d_temperature` should be > 0. Received: '1'"),
        ({"candidates": "8"}, "`candidates` should be >= 1. Received: '8'"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        build_irgan(rows([(0, 0)], 1, 2), **grouped(settings))
