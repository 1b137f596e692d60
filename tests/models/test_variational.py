import math

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.models.variational import EvidenceBound, VariationalAutoencoder, gaussian_kl
from advrec_tf.perturbations import fgsm
from advrec_tf.training.adversarial import AdversarialTraining
from tests.worlds import interactions_of

ALL_HIDDEN = 1 - 1e-7  # so that the loss needs no guess at the mask


# Users {0, 1, 2} and {0, 1}: .5 more than the rows per item is 2.5 2.5 1.5 .5, together 7.
DATA = interactions_of([(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)], num_users=2, num_items=4)
SMALL = {"dim": 2, "hidden": (3,)}


def batch(users, seed=(0, 0), weight=None):
    return {
        "user_index": tf.constant(users),
        "weight": tf.ones(len(users)) if weight is None else tf.constant(weight, tf.float32),
        "seed": tf.constant(seed),
    }


def set_code(model, mean, log_variance):
    """Every profile gets this code: the layers that make it are set to their biases."""
    gaussian = model.encoder.get_layer("gaussian")
    for layer, value in ((gaussian.mean, mean), (gaussian.log_variance, log_variance)):
        layer.set_weights([np.zeros(layer.kernel.shape), np.array(value, np.float32)])


def test_the_divergence_of_gaussians_equals_the_value_worked_by_hand():
    # place by place: N(1, 1): 1/2; N(0, e^2): (e^2 - 1 - 2) / 2; N(3, e^-1): (9 + 1/e - 1 + 1) / 2
    mean, log_variance = tf.constant([[1.0, 0, 3]]), tf.constant([[0.0, 2, -1]])
    expected = 0.5 + (math.e**2 - 3) / 2 + (9 + 1 / math.e) / 2
    np.testing.assert_allclose(gaussian_kl(mean, log_variance), [expected], rtol=1e-6)
    assert float(gaussian_kl(tf.zeros([1, 5]), tf.zeros([1, 5]))[0]) == 0.0


def test_a_mean_without_its_variance_is_refused():
    with pytest.raises(ValueError, match="`mean` and `log_variance` should have the same shape"):
        gaussian_kl(tf.zeros([1, 2]), tf.zeros([1, 3]))


def test_the_bound_of_one_user_equals_the_value_worked_by_hand():
    # The mean (1, 0) times item vectors (ln 2, 0), (0, 5), 0, 0: with the bias taken away the
    # logits are ln 2, 0, 0, 0, the chances 2/5 1/5 1/5 1/5. Beta .3 times KL 1/2 comes on top.
    model = VariationalAutoencoder(
        DATA, **SMALL, decoder_hidden=(), objective=EvidenceBound(kl_weight=0.3)
    )
    model.item_bias.assign(tf.zeros(4))
    model.item_layer.vectors.assign([[math.log(2), 0], [0, 5], [0, 0], [0, 0]])
    set_code(model, [1, 0], [0, 0])
    whole = -math.log(2 / 5) - 2 * math.log(1 / 5)
    assert float(model.compute_loss(batch([0]))) == pytest.approx(whole + 0.3 / 2, rel=1e-5)

    # two items hidden and one visible: the softmax is over the other three
    model.objective = EvidenceBound(kl_weight=0.3, candidates_only=True)
    expected = {
        0: -2 * math.log(1 / 3),  # item 0 visible
        1: -math.log(2 / 4) - math.log(1 / 4),  # item 1 or 2
        2: -math.log(2 / 4) - math.log(1 / 4),
    }
    seen = set()
    for seed in range(30):
        _, visible = model.masked_profiles(batch([0], (seed, 0)))
        if visible.numpy().sum() == 1:
            item = int(visible.numpy().argmax())
            loss = float(model.compute_loss(batch([0], (seed, 0))))
            assert loss == pytest.approx(expected[item] + 0.3 / 2, rel=1e-5)
            seen.add(item)
    assert {0} < seen


def test_an_empty_input_leaves_the_bias_alone():
    # biases log(counts / mean): chances 2.5/7, 2.5/7, 1.5/7; the code of nothing is N(0, 1)
    model = VariationalAutoencoder(
        DATA, **SMALL, drop=ALL_HIDDEN, objective=EvidenceBound(candidates_only=True)
    )
    expected = -2 * math.log(2.5 / 7) - math.log(1.5 / 7)
    assert float(model.compute_loss(batch([0]))) == pytest.approx(expected, rel=1e-5)


def test_the_sample_has_the_mean_and_the_deviation_of_the_code():
    # item vectors that read out the code: at z the loss of item 0 against item 1 is monotone in z
    data = interactions_of(
        [(u, i) for u in range(2000) for i in (0, 1, 2)], num_users=2000, num_items=3
    )
    model = VariationalAutoencoder(
        data, dim=1, hidden=(2,), decoder_hidden=(), objective=EvidenceBound(kl_weight=0.0)
    )
    model.item_bias.assign(tf.zeros(3))
    set_code(model, [0.5], [2 * math.log(2)])
    codes = []

    def keep(code, training=None):
        codes.append(code)
        return code

    model.decoder = keep
    users = batch(np.arange(2000, dtype=np.int32))
    for training in (True, True, False):
        model.compute_loss(users, training=training)
    sample, same, mean = codes
    np.testing.assert_array_equal(sample, same)
    np.testing.assert_array_equal(mean, np.full((2000, 1), 0.5, np.float32))
    # 2000 draws: the standard error of the mean is .045, that of the deviation .032
    assert np.mean(sample) == pytest.approx(0.5, abs=0.18)
    assert np.std(sample) == pytest.approx(2.0, abs=0.13)
    model.compute_loss({**users, "seed": tf.constant((0, 1))}, training=True)
    assert (codes[-1].numpy() != sample.numpy()).all()


def test_users_weigh_by_their_targets_and_short_ones_nothing():
    longer = interactions_of([(0, i) for i in range(3)] + [(1, i) for i in range(4)], 2, 6)
    for power in (0.0, 0.5, 1.0):
        settings = {**SMALL, "drop": ALL_HIDDEN, "weight_power": power}
        settings["objective"] = EvidenceBound(kl_weight=0.0)
        model = VariationalAutoencoder(longer, **settings)
        one, other = (float(model.compute_loss(batch([u]))) for u in (0, 1))
        weights = [2 * 3**-power, 4**-power]
        found = float(model.compute_loss(batch([0, 1], weight=[2, 1])))
        assert found == pytest.approx(np.average([one, other], weights=weights), rel=1e-5)
    model = VariationalAutoencoder(DATA, **SMALL)
    assert float(model.compute_loss(batch([1]))) == 0.0
    both, alone = model.compute_loss(batch([0, 1])), model.compute_loss(batch([0]))
    # the mask of a user depends on the place in the batch alone
    assert float(both) == pytest.approx(float(alone), rel=1e-5)


def test_beta_grows_to_its_cap_and_counts_updates_not_losses():
    model = VariationalAutoencoder(
        DATA, **SMALL, objective=EvidenceBound(kl_weight=0.2, kl_steps=4)
    )
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    betas = []
    for inputs in batches.of_users(np.arange(2), batch_size=2, seed=0).dataset(0).take(6):
        betas.append(float(model.beta))
        model.compute_loss(inputs, training=True)
        model.train_step(inputs)
    np.testing.assert_allclose(betas, [0, 0.05, 0.1, 0.15, 0.2, 0.2], rtol=1e-6)
    assert float(VariationalAutoencoder(DATA, **SMALL).beta) == pytest.approx(0.2)


def test_beta_is_the_weight_of_the_divergence():
    model = VariationalAutoencoder(
        DATA, **SMALL, objective=EvidenceBound(kl_weight=0.2, kl_steps=4)
    )
    set_code(model, [2, 0], [0, 0])  # KL 2
    start = float(model.compute_loss(batch([0])))
    model.update_count.assign(3)
    assert float(model.compute_loss(batch([0]))) == pytest.approx(start + 0.15 * 2, rel=1e-5)


@pytest.mark.parametrize("decoder_hidden", [None, ()])
def test_item_vectors_train_against_their_worst_case_and_updates_are_counted(decoder_hidden):
    model = VariationalAutoencoder(
        DATA,
        **SMALL,
        decoder_hidden=decoder_hidden,
        weight_power=0.5,
        objective=EvidenceBound(kl_steps=8),
    )
    inputs = batch([0, 1], (3, 4))
    clean = float(model.compute_loss(inputs, training=True))
    losses = {}
    for direction in ("gradient", "random"):
        perturbation = fgsm(0.3, relative=True, direction=direction)
        trained = AdversarialTraining(model, perturbation, layers=[model.item_layer], fraction=1.0)
        losses[direction] = float(trained.compute_loss(inputs, training=True)) - clean
    assert losses["gradient"] > clean + 1e-3 and losses["gradient"] > losses["random"] + 1e-3
    trained.compile(optimizer=keras.optimizers.Adam(0.01), steps_per_execution=2)
    data = batches.of_users(np.arange(2), batch_size=1, seed=0)
    trained.fit(data.dataset(0), steps_per_epoch=2, epochs=2, verbose=0)
    assert int(model.update_count) == 4


def test_scores_are_those_of_the_mean_and_equal_the_vectors():
    model = VariationalAutoencoder(DATA, **SMALL)
    users, items = model.user_vectors(), model.item_vectors()
    assert users.shape == (2, 4) and items.shape == (4, 4)
    scores = model.score(tf.range(2)).numpy()
    np.testing.assert_allclose(users @ items.T, scores, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(scores, model.score(tf.range(2)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dim": 0}, "should hold widths >= 1"),
        ({"hidden": ()}, "should hold widths >= 1"),
        ({"hidden": (3, 0)}, "should hold widths >= 1"),
        ({"decoder_hidden": (0,)}, "should hold widths >= 1"),
        ({"drop": 1.0}, r"`drop` should lie in \(0, 1\)"),
        ({"weight_power": 1.5}, r"`weight_power` should lie in \[0, 1\]"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        VariationalAutoencoder(DATA, **{**SMALL, **settings})


@pytest.mark.parametrize(
    "settings", [{"kl_weight": -0.1}, {"kl_weight": math.nan}, {"kl_steps": -1}]
)
def test_a_bound_out_of_range_is_refused(settings):
    with pytest.raises(ValueError, match="`kl_weight` and `kl_steps` should be >= 0"):
        EvidenceBound(**settings)


def test_it_learns_two_groups_and_survives_its_weights(tmp_path):
    pairs = [(u, 5 * (u // 5) + i) for u in range(10) for i in range(5) if i != u % 5]
    data = interactions_of(pairs, num_users=10, num_items=10)
    settings = {"dim": 4, "hidden": (8, 6), "drop": 0.3}
    settings["objective"] = EvidenceBound(kl_weight=0.05, kl_steps=20)
    model = VariationalAutoencoder(data, **settings, seed=1)
    model.compile(optimizer=keras.optimizers.Adam(0.02))
    made = batches.of_users(np.arange(10), batch_size=10, seed=0)
    model.fit(made.dataset(0), steps_per_epoch=1, epochs=60, verbose=0)
    frame = model.recommend(range(10), k=1)
    assert frame["item_id"].tolist() == [5 * (u // 5) + u % 5 for u in range(10)]

    model.save_weights(tmp_path / "weights")
    other = VariationalAutoencoder(data, **settings, seed=2)
    other.load_weights(tmp_path / "weights").expect_partial()
    np.testing.assert_array_equal(other.score(tf.range(10)), model.score(tf.range(10)))
    assert int(other.update_count) == 60
