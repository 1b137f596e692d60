import math

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.losses import info_nce, sampled_softmax
from advrec_tf.models.baselines import Popularity
from advrec_tf.models.factorization.negatives import DNS, ByPopularity, Generator, InBatch
from advrec_tf.models.graph.light_gcn import Contrast, LightGCN
from advrec_tf.models.objectives import BPR, SampledSoftmax
from advrec_tf.perturbations import fgsm
from tests.worlds import interactions_of

# User 0 has items 0 and 1, user 1 has item 1. Degrees: users 2, 1; items 1, 2.
TWO_BY_TWO = interactions_of([(0, 0), (0, 1), (1, 1)], 2, 2)
GROUPS = interactions_of(
    [(u, 4 * (u // 4) + i) for u in range(8) for i in range(4) if i != u % 4], 8, 8
)


def fixed(data, nodes, **settings):
    """A model with these node vectors, users first."""
    nodes = np.array(nodes, np.float32)
    model = LightGCN(data, dim=nodes.shape[1], **settings)
    model.node_layer.vectors.assign(nodes)
    return model


def batch(users, items, seed=(0, 0), weight=None):
    return {
        "user_index": tf.constant(users),
        "item_index": tf.constant(items),
        "weight": tf.ones(len(users)) if weight is None else tf.constant(weight, tf.float32),
        "seed": tf.constant(seed),
    }


def softmax(**settings):
    """The in-batch softmax of cosines that LightGCN has by default, with other settings."""
    return SampledSoftmax(InBatch(), **{"temperature": 0.15, "cosine": True, **settings})


WHOLE = batch(range(8), [(u + 1) % 4 + 4 * (u // 4) for u in range(8)], (3, 4))


def grouped(**settings):
    return LightGCN(GROUPS, dim=5, initial_scale=1.0, seed=1, **settings)


# The losses


def test_info_nce_equals_the_value_worked_by_hand():
    # cosines 1 and 0 at temperature 1/2, whatever the lengths: ln(e^2 + 1) - 2 = softplus(-2)
    first, second = tf.constant([[3.0, 0], [0, 2]]), tf.constant([[1.0, 0], [0, 5]])
    np.testing.assert_allclose(
        info_nce(first, second, 0.5), [math.log1p(math.exp(-2))] * 2, rtol=1e-5
    )
    # in exchange ln(1 + e^2)
    np.testing.assert_allclose(
        info_nce(first, second[::-1], 0.5), [math.log1p(math.exp(2))] * 2, rtol=1e-6
    )
    alike = info_nce(tf.ones([7, 2]), tf.ones([7, 2]), 0.1)
    np.testing.assert_allclose(alike, [math.log(7)] * 7, rtol=1e-5)


# The model


def test_scores_are_dot_products_of_propagated_vectors():
    # mean of x and S x: u0 (1 + 2 + 3r) / 2, u1 (2 + 4r) / 2, i0 (3 + r) / 2,
    # i1 (4 + 1/2 + 2r) / 2 with r = 1 / sqrt 2
    r = 1 / math.sqrt(2)
    model = fixed(TWO_BY_TWO, [[1], [2], [3], [4]], num_layers=1, objective=BPR())
    users = np.array([[3 + 3 * r], [2 + 4 * r]]) / 2
    items = np.array([[3 + r], [4.5 + 2 * r]]) / 2
    np.testing.assert_allclose(model.user_vectors(), users, rtol=1e-6)
    np.testing.assert_allclose(model.item_vectors(), items, rtol=1e-6)
    np.testing.assert_allclose(model.score(tf.constant([1, 0])), users[::-1] @ items.T, rtol=1e-6)
    np.testing.assert_allclose(model(tf.constant([1])), users[1:] @ items.T, rtol=1e-6)


def test_cosine_scores_are_cosines_and_equal_the_vectors():
    model, dots = grouped(), grouped(objective=BPR())
    users, items = dots.user_vectors(), dots.item_vectors()
    lengths = np.linalg.norm(users, axis=1)[:, None] * np.linalg.norm(items, axis=1)
    scores = model.score(tf.range(8))
    np.testing.assert_allclose(scores, users @ items.T / lengths, atol=1e-6)
    np.testing.assert_allclose(model.user_vectors() @ model.item_vectors().T, scores, atol=1e-6)


def test_the_pairwise_loss_compares_with_a_negative_of_the_whole_catalogue():
    # without layers u = 1, i = (ln 3, 0): against item 1 softplus(-ln 3) = ln(4/3), else ln 2
    model = fixed(
        interactions_of([(0, 0)], 1, 2),
        [[1], [math.log(3)], [0]],
        num_layers=0,
        objective=BPR(),
    )
    found = {round(float(model.compute_loss(batch([0], [0], (s, 0)))), 5) for s in range(20)}
    assert found == {round(math.log(4 / 3), 5), round(math.log(2), 5)}


@pytest.mark.parametrize(("objective", "items"), [(BPR(), 2), (softmax(), 1)])
def test_the_penalty_is_on_the_vectors_before_propagation_under_the_weights(objective, items):
    # users 1 and 3, items 2: 1 + 4 n and 9 + 4 n; under weights 3 and 1 (12 / 4) + 4 n
    nodes = [[1], [3], [2], [2]]
    data = interactions_of([(0, 0), (1, 0)], 2, 2)
    given = batch([0, 1], [0, 0], weight=[3, 1])
    plain, penal = (
        fixed(data, nodes, objective=objective, l2=l2).compute_loss(given, training=True)
        for l2 in (0, 0.1)
    )
    assert float(penal - plain) == pytest.approx(0.1 * (3 + 4 * items), rel=1e-5)


@pytest.mark.parametrize(("hardness", "first"), [(0.0, None), (2.0, None), (0.0, 3)])
def test_the_softmax_is_over_scores_by_the_temperature_with_shares_of_the_rows(hardness, first):
    model = grouped(objective=softmax(temperature=0.5, hardness=hardness, candidates=first))
    given = batch([0, 1, 5, 6], [1, 2, 6, 2], weight=[1, 2, 1, 4])
    scores = model.score(given["user_index"]).numpy()[:, [1, 2, 6, 2]]
    items = given["item_index"].numpy()
    expected = sampled_softmax(
        tf.constant(np.diag(scores) / 0.5),
        tf.constant(scores[:, :first] / 0.5),
        tf.fill([first or 4], math.log(8 * 3 / 24)),
        tf.constant(items[:, None] == items[None, :first]),
        num_items=8,
        hardness=hardness,
    )
    expected = np.average(expected, weights=[1, 2, 1, 4])
    assert float(model.compute_loss(given)) == pytest.approx(expected, rel=1e-5)


def test_an_item_nobody_has_gives_no_infinite_loss():
    model = LightGCN(interactions_of([(0, 0), (1, 1)], 2, 3), dim=2)
    assert np.isfinite(model.compute_loss(batch([0, 1], [2, 0])))


# Scores are never stale


def propagated(model):
    """The scores of a function that cannot remember anything."""
    return tf.function(model.score)(tf.range(8))


def test_scores_follow_every_change_of_the_weights(tmp_path):
    model = grouped()
    model.compile(optimizer=keras.optimizers.SGD(1.0))
    made = batches.of_pairs(GROUPS, batch_size=12, seed=0)
    model.save_weights(tmp_path / "weights")

    def step():
        model.fit(made.dataset(0), steps_per_epoch=1, epochs=1, verbose=0)

    def one_value():
        model.node_layer.vectors.scatter_nd_update([[3, 2]], [7.0])

    changes = [
        step,
        lambda: model.set_weights([w * 2 + 1 for w in model.get_weights()]),
        one_value,
        lambda: model.load_weights(tmp_path / "weights"),
        step,
    ]
    before = model.score(tf.range(8)).numpy()
    for change in changes:
        change()
        after = model.score(tf.range(8)).numpy()
        assert not np.allclose(after, before, atol=1e-4)
        np.testing.assert_allclose(after, propagated(model), atol=1e-6)
        np.testing.assert_allclose(model.user_vectors() @ model.item_vectors().T, after, atol=1e-6)
        before = after


def test_blocks_of_users_are_propagated_once(monkeypatch):
    model, calls = grouped(), []
    layers = model.graph.layers
    monkeypatch.setattr(model.graph, "layers", lambda x: calls.append(1) or layers(x))
    for user in range(8):
        model.score(tf.constant([user]))
    assert len(calls) == 1


# The contrast

RANDOM = fgsm(0.3, relative=True, direction="random")
GRADIENT = fgsm(0.3, relative=True)


def views_of(model, given=WHOLE):
    layers = model.graph.layers(model.node_layer(None))
    clean = model.graph.combined(layers).numpy()
    first, second = model.views(given, layers)
    return layers, first.numpy() - clean, second.numpy() - clean


@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("direction", ["random", "gradient"])
def test_both_views_are_moved_by_exactly_the_budget(direction, relative):
    # one layer, whose output is half of the mean
    budget = fgsm(0.3, relative=relative, direction=direction)
    model = grouped(num_layers=1, contrast=Contrast(weight=1.0, perturbation=budget))
    layers, *shifts = views_of(model)
    limit = 0.3 * np.linalg.norm(layers[1], axis=1) if relative else np.full(16, 0.3)
    for shift in shifts:
        np.testing.assert_allclose(np.linalg.norm(shift, axis=1), limit / 2, rtol=1e-4)
    assert not np.allclose(*shifts, atol=0.01)


def test_every_layer_is_moved_inside_its_own_ball(monkeypatch):
    seen = []
    model = grouped(num_layers=3, contrast=Contrast(weight=1.0, perturbation=GRADIENT))
    shift = model.graph.shift
    monkeypatch.setattr(model.graph, "shift", lambda deltas: seen.append(deltas) or shift(deltas))
    layers, *_ = views_of(model)
    first, _, second = seen  # the one between is where the gradient is taken
    for deltas in (first, second):
        for layer, delta in zip(layers[1:], deltas, strict=True):
            np.testing.assert_allclose(
                np.linalg.norm(delta, axis=1), 0.3 * np.linalg.norm(layer, axis=1), rtol=1e-4
            )


def test_the_gradient_makes_a_harder_view_than_noise_of_the_same_size():
    contrast = {}
    for name, budget in (("random", RANDOM), ("gradient", GRADIENT)):
        model = grouped(contrast=Contrast(weight=1.0, perturbation=budget))
        _, first, second = views_of(model)
        clean = model.graph.combined(model.graph.layers(model.node_layer(None)))
        contrast[name] = float(model._contrast_of(WHOLE, clean + first, clean + second))
        if name == "random":
            noise = first
        else:  # the first view is the same noise in both
            np.testing.assert_array_equal(first, noise)
    assert contrast["gradient"] > contrast["random"] + 0.1


def test_views_repeat_for_a_seed_and_differ_between_seeds():
    model = grouped(contrast=Contrast(weight=1.0, perturbation=RANDOM))
    one, same = views_of(model)[1:], views_of(model)[1:]
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, views_of(model, {**WHOLE, "seed": tf.constant([3, 5])})[1:])


@pytest.mark.parametrize("budget", [RANDOM, GRADIENT])
def test_the_contrast_is_added_in_training_and_off_in_evaluation(budget):
    plain = grouped().compute_loss(WHOLE, training=True)
    model = grouped(contrast=Contrast(weight=0.5, temperature=0.4, perturbation=budget))
    assert float(model.compute_loss(WHOLE)) == pytest.approx(float(plain), rel=1e-6)
    layers, first, second = views_of(model)
    views = [tf.constant(model.graph.combined(layers) + shift) for shift in (first, second)]
    # WHOLE has all users and all items once
    expected = sum(
        np.mean(info_nce(*(view[part] for view in views), 0.4))
        for part in (slice(0, 8), slice(8, 16))
    )
    found = model.compute_loss(WHOLE, training=True)
    assert float(found - plain) == pytest.approx(0.5 * expected, rel=1e-4)
    np.testing.assert_array_equal(model.score(tf.range(8)), grouped().score(tf.range(8)))


def test_a_node_that_comes_twice_in_a_batch_counts_once():
    model = grouped(contrast=Contrast(weight=1.0, perturbation=RANDOM))
    _, first, second = views_of(model)
    once = model._contrast_of(batch([0, 1], [5, 6]), first, second)
    twice = model._contrast_of(batch([0, 1, 0, 0], [5, 6, 6, 6]), first, second)
    assert float(twice) == pytest.approx(float(once), rel=1e-6)


def test_the_contrast_is_between_the_nodes_of_the_candidate_rows():
    model = grouped(contrast=Contrast(weight=1.0, candidates=3, perturbation=RANDOM))
    _, first, second = views_of(model)
    few = model._contrast_of(batch([0, 1, 4], [5, 6, 2]), first, second)
    many = model._contrast_of(batch([0, 1, 4, 2, 7], [5, 6, 2, 1, 0]), first, second)
    assert float(many) == pytest.approx(float(few), rel=1e-6)
    free = grouped(contrast=Contrast(weight=1.0, perturbation=RANDOM))
    everyone = free._contrast_of(batch([0, 1, 4, 2, 7], [5, 6, 2, 1, 0]), first, second)
    assert float(everyone) > float(few) + 0.1


@pytest.mark.parametrize("budget", [RANDOM, GRADIENT])
def test_perturbations_are_constants_to_the_training_gradient(budget):
    model = grouped(contrast=Contrast(weight=1.0, perturbation=budget))
    table = model.node_layer.vectors
    _, *shifts = views_of(model)

    def contrast(views):
        return model._contrast_of(WHOLE, *views)

    with tf.GradientTape(persistent=True) as tape:
        layers = model.graph.layers(model.node_layer(None))
        clean = model.graph.combined(layers)
        held, made = contrast([clean + s for s in shifts]), contrast(model.views(WHOLE, layers))
    expected = tape.gradient(held, table)
    assert np.abs(expected).max() > 0.01
    np.testing.assert_allclose(tape.gradient(made, table), expected, atol=1e-5)


# Learning


VARIANTS = {
    "bpr": {"objective": BPR(), "initial_scale": 0.1},
    "dns": {"objective": BPR(DNS(candidates=2)), "initial_scale": 0.1},
    "softmax": {},
    "popular": {
        "objective": SampledSoftmax(
            ByPopularity(exponent=1.0), candidates=8, temperature=0.15, cosine=True, mask_known=True
        )
    },
    "hard": {"objective": softmax(hardness=2.0)},
    "random": {"contrast": Contrast(weight=0.1, perturbation=RANDOM)},
    "gradient": {"contrast": Contrast(weight=0.1, perturbation=GRADIENT)},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_two_groups_are_learned_and_survive_the_weights(variant, tmp_path):
    model = LightGCN(GROUPS, dim=4, seed=1, **VARIANTS[variant])
    model.compile(optimizer=keras.optimizers.Adam(0.05))
    made = batches.of_pairs(GROUPS, batch_size=12, seed=0)
    history = model.fit(made.dataset(0), steps_per_epoch=2, epochs=20, verbose=0).history
    assert ("contrast_loss" in history) == (variant in ("random", "gradient"))
    # one item of the group is left: the one that was held back
    held_back = [4 * (u // 4) + u % 4 for u in range(8)]
    assert model.recommend(range(8), k=1)["item_id"].tolist() == held_back
    by_popularity = Popularity().fit(GROUPS).recommend(range(8), k=1)["item_id"].tolist()
    assert sum(a == b for a, b in zip(by_popularity, held_back, strict=True)) <= 4

    model.save_weights(tmp_path / "weights")
    other = LightGCN(GROUPS, dim=4, seed=2, **VARIANTS[variant])
    assert not np.allclose(other.score(tf.range(8)), model.score(tf.range(8)))
    other.load_weights(tmp_path / "weights").expect_partial()
    np.testing.assert_array_equal(other.score(tf.range(8)), model.score(tf.range(8)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"objective": "bpr"}, "`objective` should be a BPR or a SampledSoftmax.* Received: 'bpr'"),
        ({"objective": BPR(Generator())}, "`objective` should have no Generator"),
        ({"dim": 0}, "`dim` should be >= 1"),
        ({"num_layers": -1}, "`num_layers` should be >= 0"),
        ({"l2": -0.1}, "`dim` should be >= 1 and `l2` >= 0"),
        ({"contrast": Contrast(), "num_layers": 0}, "`contrast` should be None where"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        LightGCN(TWO_BY_TWO, **settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weight": 0.0}, "`weight` should be > 0"),
        ({"weight": float("nan")}, "`weight` should be > 0"),
        ({"temperature": -1.0}, "`temperature` should be > 0"),
        ({"candidates": 1}, "`candidates` should be >= 2 or None"),
    ],
)
def test_a_contrast_out_of_range_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Contrast(**settings)


def test_dns_compares_with_the_highest_scored_candidate_after_propagation():
    # without layers: the user's 1 times items 0, 1, 2; the user has item 0, so of enough
    # candidates the hardest is item 2: softplus(2 - 0)
    model = fixed(
        interactions_of([(0, 0)], 1, 3),
        [[1], [0], [1], [2]],
        num_layers=0,
        objective=BPR(DNS(candidates=30)),
    )
    assert float(model.compute_loss(batch([0], [0]))) == pytest.approx(
        math.log1p(math.exp(2)), rel=1e-6
    )


def test_a_batch_of_one_is_refused_for_its_want_of_negatives():
    with pytest.raises(ValueError, match="`batch_size` should be >= 2 where negatives come from"):
        grouped().compute_loss(batch([0], [1]))
