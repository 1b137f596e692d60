import math

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.models.factorization.matrix_factorization import MatrixFactorization
from advrec_tf.models.factorization.negatives import (
    DNS,
    ByPopularity,
    Generator,
    InBatch,
    Mixed,
    Uniform,
)
from advrec_tf.models.objectives import BPR, SampledSoftmax
from tests.worlds import interactions_of


def fixed(user_vectors, item_vectors, **settings):
    """A model with these factors, and a row so that it has data."""
    users, items = np.array(user_vectors, np.float32), np.array(item_vectors, np.float32)
    data = interactions_of([(0, 0)], len(users), len(items))
    model = MatrixFactorization(data, dim=users.shape[1], **settings)
    model.user_embedding.embeddings.assign(users)
    model.item_embedding.embeddings.assign(items)
    return model


def batch(users, items, seed=(0, 0), weight=None):
    return {
        "user_index": tf.constant(users),
        "item_index": tf.constant(items),
        "weight": tf.ones(len(users)) if weight is None else tf.constant(weight, tf.float32),
        "seed": tf.constant(seed),
    }


def test_the_loss_of_a_pair_is_bpr_against_a_negative_of_the_whole_catalogue():
    # p = 1, q = (ln 3, 0): against item 1 softplus(-ln 3) = ln(4/3), against itself ln 2
    model = fixed([[1.0]], [[math.log(3)], [0.0]])
    found = {round(float(model.compute_loss(batch([0], [0], (s, 0)))), 5) for s in range(20)}
    assert found == {round(math.log(4 / 3), 5), round(math.log(2), 5)}


def test_the_negative_is_the_same_for_the_same_seed():
    model = fixed([[1.0]], [[0.0], [1.0], [2.0], [3.0], [4.0]])
    losses = [
        float(model.compute_loss(batch([0] * 8, [0] * 8, s))) for s in ((1, 2), (1, 2), (1, 3))
    ]
    assert losses[0] == losses[1] != losses[2]


def test_the_loss_is_a_mean_under_the_weights():
    # one item, so every negative is the positive: ln 2; l2 * (|p|^2 + 2 |q|^2) tells users apart
    # users: 1 + 2 * 4 = 9 and 9 + 2 * 4 = 17;  (3 * 9 + 1 * 17) / 4 = 11
    model = fixed([[1.0], [3.0]], [[2.0]], l2=0.1)
    loss = model.compute_loss(batch([0, 1], [0, 0], weight=[3, 1]))
    assert float(loss) == pytest.approx(math.log(2) + 1.1, rel=1e-6)


def test_scores_are_dot_products_and_equal_the_vectors():
    # (1, 2) . (3, 4) = 11, (1, 2) . (0, 1) = 2;  (0, -1): -4, -1
    model = fixed([[1, 2], [0, -1]], [[3, 4], [0, 1]])
    np.testing.assert_allclose(model.score(tf.constant([0, 1])), [[11, 2], [-4, -1]])
    np.testing.assert_allclose(model(tf.constant([1])), [[-4, -1]])
    np.testing.assert_allclose(model.user_vectors() @ model.item_vectors().T, [[11, 2], [-4, -1]])


def test_factors_repeat_for_a_seed_and_have_the_asked_for_spread():
    data = interactions_of([(0, 0)], 500, 3)
    one, same, other = (MatrixFactorization(data, dim=20, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(one.user_vectors(), same.user_vectors())
    assert not np.allclose(one.user_vectors(), other.user_vectors())
    # 10,000 draws: the standard error of their deviation is .1 / sqrt(20,000) = .0007
    assert one.user_vectors().std() == pytest.approx(0.1, abs=0.004)
    assert not np.allclose(one.user_vectors()[:3], one.item_vectors())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dim": 0}, "`dim` should be >= 1 and `l2` >= 0"),
        ({"l2": -0.1}, "`dim` should be >= 1 and `l2` >= 0"),
        ({"initial_scale": 0.0}, "`initial_scale` should be > 0"),
        ({"objective": DNS()}, "`objective` should be a BPR or a SampledSoftmax.* Received: DNS"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        MatrixFactorization(interactions_of([(0, 0)], 1, 1), **settings)


def test_a_factorization_learns_two_groups_and_survives_its_weights(tmp_path):
    pairs = [(u, 4 * (u // 4) + i) for u in range(8) for i in range(4) if i != u % 4]
    data = interactions_of(pairs, num_users=8, num_items=8)
    model = MatrixFactorization(data, dim=4, seed=1)
    model.compile(optimizer=keras.optimizers.Adam(0.05))
    made = batches.of_pairs(data, batch_size=24, seed=0)
    model.fit(made.dataset(0), steps_per_epoch=1, epochs=40, verbose=0)
    frame = model.recommend(range(8), k=1)
    assert frame["item_id"].tolist() == [4 * (u // 4) + u % 4 for u in range(8)]

    model.save_weights(tmp_path / "weights")
    other = MatrixFactorization(data, dim=4, seed=2)
    other.load_weights(tmp_path / "weights").expect_partial()
    np.testing.assert_array_equal(other.score(tf.range(8)), model.score(tf.range(8)))


# Samplers that look at scores.

HARDEST = DNS(3)
KNOWN = [(0, i) for i in range(4)] + [(1, 0), (1, 1), (2, 2)]  # user 0 knows the whole catalogue


def scored(negatives=HARDEST):
    """Three users who all score items 0, 1, 2, 3 with 4, 3, 2, 1."""
    model = MatrixFactorization(interactions_of(KNOWN, 3, 4), dim=1, objective=BPR(negatives))
    model.user_embedding.embeddings.assign([[1.0]] * 3)
    model.item_embedding.embeddings.assign([[4.0], [3.0], [2.0], [1.0]])
    return model


def drawn(model, inputs):
    tables = {name: layer.embeddings for name, layer in model.embedding_tables().items()}
    return {name: np.array(value) for name, value in model.draw(inputs, tables).items()}


def test_dns_picks_the_highest_scored_open_candidate():
    model = scored()
    users = [1, 2] * 40
    found = drawn(model, batch(users, [0, 2] * 40, seed=(3, 4)))
    known, picked = {1: {0, 1}, 2: {2}}, set()
    for user, candidates, is_open, other, weight in zip(
        users, found["candidates"], found["open"], found["negative"], found["weight"], strict=True
    ):
        allowed = sorted(set(candidates) - known[user])  # items are numbered by their score
        assert is_open.tolist() == [item not in known[user] for item in candidates]
        assert weight == bool(allowed)
        if allowed:
            assert other == allowed[0]
            picked.add((user, other))
    assert picked == {(1, 2), (1, 3), (2, 0), (2, 1), (2, 3)}


@pytest.mark.parametrize("negatives", [DNS(4), Generator(4, dim=1)])
def test_an_example_without_an_open_candidate_is_left_out(negatives):
    # user 0 knows every item; the others' mean is what it would be without the example
    model = scored(negatives)
    model.compile(optimizer=keras.optimizers.SGD(1.0))
    inputs = batch([0, 1, 2, 1], [0, 0, 2, 1], seed=(3, 4), weight=[5, 1, 2, 1])
    found = drawn(model, inputs)
    assert found["open"].any(1).tolist() == [False, True, True, True]
    assert found["weight"].tolist() == [0, 1, 2, 1]
    scores = np.array([4.0, 3.0, 2.0, 1.0])
    gap = (scores[found["item_index"]] - scores[found["negative"]])[1:]
    expected = np.average(np.log1p(np.exp(-gap)), weights=[1, 2, 1])
    assert float(model.compute_loss(inputs)) == pytest.approx(expected, rel=1e-5)
    model.train_step(inputs)
    assert model.user_vectors()[0] == 1.0 and (model.user_vectors()[1:] != 1.0).all()


def test_a_batch_none_of_whose_candidates_is_open_teaches_nothing():
    model = scored(DNS(2))
    model.compile(optimizer=keras.optimizers.SGD(1.0))
    assert float(model.train_step(batch([0, 0], [1, 2]))["loss"]) == 0.0
    np.testing.assert_array_equal(model.item_vectors()[:, 0], [4, 3, 2, 1])


def generating(users, items, candidates=8):
    """A model whose generator has these factors; user 1 knows nothing."""
    users, items = np.array(users, np.float32), np.array(items, np.float32)
    model = MatrixFactorization(
        interactions_of([(0, 0)], len(users), len(items)),
        dim=1,
        objective=BPR(Generator(candidates, dim=users.shape[1])),
    )
    model.objective.sampler.users.embeddings.assign(users)
    model.objective.sampler.items.embeddings.assign(items)
    return model


def test_the_generator_draws_by_the_softmax_of_its_scores():
    # candidates (0, 1) in either order have the chances 3/4 and 1/4; the model's own scores
    # say nothing. About 2,000 such rows: a standard error of .01
    model = generating([[9.0], [1.0]], [[math.log(3)], [0.0]], candidates=2)
    model.item_embedding.embeddings.assign([[-50.0], [50.0]])
    found = drawn(model, batch([1] * 4000, [0] * 4000, seed=(3, 4)))
    both = found["candidates"].sum(1) == 1
    assert (found["negative"][both] == 0).mean() == pytest.approx(0.75, abs=0.04)
    np.testing.assert_array_equal(
        found["negative"],
        np.take_along_axis(found["candidates"], found["chosen"][:, None], 1)[:, 0],
    )
    other = drawn(model, batch([1] * 4000, [0] * 4000, seed=(3, 5)))
    assert (other["negative"] != found["negative"]).any()


def test_the_generator_never_draws_a_known_pair_where_it_has_a_choice():
    # user 0 knows item 0, which the generator likes best by far
    model = generating([[9.0], [1.0]], [[9.0], [0.0]], candidates=3)
    found = drawn(model, batch([0] * 200, [0] * 200, seed=(3, 4)))
    choice = (found["candidates"] == 1).any(1)
    assert (found["negative"][choice] == 1).all() and choice.any()
    np.testing.assert_array_equal(found["weight"], choice)


def generator_gradients(pair_scores, chosen=(0, 1), is_open=((True, True), (True, True))):
    """Of the summed losses by the generator's rows, one user, the candidates' logits (ln 3, 0)."""
    model = generating([[2.0]], [[math.log(3) / 2], [0.0]], candidates=2)
    rows = {
        "user": tf.ones([2, 1]),
        "positive": tf.constant(pair_scores, tf.float32)[:, None],
        "negative": tf.zeros([2, 1]),
        "generator_user": tf.constant([[2.0]] * 2),
        "generator_item": tf.constant([[[math.log(3) / 2], [0.0]]] * 2),
    }
    inputs = {"open": tf.constant(is_open), "chosen": tf.constant(chosen)}
    with tf.GradientTape() as tape:
        tape.watch(rows)
        losses = model.row_losses(rows, inputs)
    return losses.numpy(), tape.gradient(losses, rows)


def test_the_policy_gradient_is_the_one_worked_by_hand():
    # losses ln 2 (scores equal) and ln(4/3) (positive by ln 3): mean ln(8/3) / 2, advantages
    # a and -a, a = ln(3/2) / 2. p = (3/4, 1/4). Of -A log p_chosen by the logits:
    # chosen 0: -a (1 - 3/4, -1/4) = a (-1/4, 1/4); chosen 1: a (-3/4, 3/4).
    # times the user's 2 for the items; for the user times the item factors (ln 3 / 2, 0)
    losses, found = generator_gradients([0.0, math.log(3)])
    np.testing.assert_allclose(losses, [math.log(2), math.log(4 / 3)], rtol=1e-6)
    a = math.log(3 / 2) / 2
    np.testing.assert_allclose(
        found["generator_item"][..., 0], [[-a / 2, a / 2], [-3 * a / 2, 3 * a / 2]], rtol=1e-5
    )
    by_user = math.log(3) / 2 * a * np.array([[-1 / 4], [-3 / 4]])
    np.testing.assert_allclose(found["generator_user"], by_user, rtol=1e-5)
    # so that a step against it raises p of the choice that cost the model more, and the
    # model's own rows feel the pairwise loss alone: -sigmoid(-score) by the positive
    np.testing.assert_allclose(found["positive"], [[-1 / 2], [-1 / 4]], rtol=1e-5)


def test_equal_losses_give_the_generator_no_gradient():
    _, found = generator_gradients([0.7, 0.7])
    for name in ("generator_user", "generator_item"):
        np.testing.assert_array_equal(found[name], np.zeros_like(found[name]))


def test_a_closed_candidate_is_no_part_of_the_generators_policy():
    # of two candidates one is open, so its chance is 1 whatever its logit: no gradient
    _, found = generator_gradients([0.0, math.log(3)], is_open=((True, False), (False, True)))
    np.testing.assert_allclose(found["generator_item"], np.zeros([2, 2, 1]), atol=1e-7)


# The softmax loss.


def test_the_softmax_loss_of_a_batch_is_the_one_worked_by_hand():
    # p = 1, q = (ln 2, 0) over a temperature of 1/2: scores 2 ln 2 and 0. In-batch items 0
    # and 1 have one row each of two, so n q = 1. Row 0 is left with item 1 and the other way
    # round: terms 1 and 4, divided by m = 2, times n - 1 = 1.
    # log(1 + 1/2 / 4) = ln(9/8) and log(1 + 2) = ln 3; the squared norms of user and positive
    # are 1 + (ln 2)^2 and 1
    data = interactions_of([(0, 0), (0, 1)], 1, 2)
    objective = SampledSoftmax(InBatch(), temperature=0.5)
    model = MatrixFactorization(data, dim=1, objective=objective, l2=0.1)
    model.user_embedding.embeddings.assign([[1.0]])
    model.item_embedding.embeddings.assign([[math.log(2)], [0.0]])
    norms = 0.1 * (2 + math.log(2) ** 2) / 2
    found = float(model.compute_loss(batch([0, 0], [0, 1])))
    assert found == pytest.approx((math.log(9 / 8) + math.log(3)) / 2 + norms, rel=1e-5)


def test_cosine_scores_are_those_of_the_unit_vectors():
    # (3, 4) / 5 and (0, 2) / 2 by (1, 0) and (4, 3) / 5: .6, (12 + 12) / 25; 0, .6
    model = fixed([[3, 4], [0, 2]], [[1, 0], [4, 3]], objective=SampledSoftmax(cosine=True))
    expected = [[0.6, 0.96], [0.0, 0.6]]
    np.testing.assert_allclose(model.score(tf.constant([0, 1])), expected, atol=1e-6)
    np.testing.assert_allclose(model.user_vectors() @ model.item_vectors().T, expected, atol=1e-6)


def test_the_cosine_loss_is_that_of_the_scores():
    # one item scores 1, the other 0 by angle, whatever the lengths; of two items, one candidate
    # is the positive itself and closed, or the other: softplus(0 - 1)
    objective = SampledSoftmax(InBatch(), cosine=True)
    model = fixed([[5.0, 0.0]], [[0.1, 0.0], [0.0, 70.0]], objective=objective)
    vectors = {"user": [[5.0, 0.0]], "positive": [[0.1, 0.0]], "negative": [[0.0, 70.0]]}
    inputs = {"log_ratio": tf.zeros(1), "closed": tf.constant([[False]])}
    found = model.row_losses({name: tf.constant(v) for name, v in vectors.items()}, inputs)
    assert found.numpy() == pytest.approx([math.log(1 + math.exp(-1))], rel=1e-5)


@pytest.mark.parametrize("negatives", [Uniform(), ByPopularity(), InBatch(), Mixed(), DNS(2)])
def test_a_user_who_has_everything_is_trained_on_and_has_no_list(negatives):
    pairs = [(0, item) for item in range(4)] + [(1, 0), (1, 2), (2, 1)]
    data = interactions_of(pairs)
    model = MatrixFactorization(data, dim=2, objective=BPR(negatives=negatives))
    model.compile(optimizer=keras.optimizers.SGD(0.1), run_eagerly=True)
    rows = batches.of_pairs(data, batch_size=7, seed=0)
    history = model.fit(rows.dataset(0), steps_per_epoch=1, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert len(model.recommend([0], k=5)) == 0 and len(model.recommend([2], k=5)) == 3
