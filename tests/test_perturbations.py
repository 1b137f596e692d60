import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.perturbations import (
    Perturbation,
    ascend,
    fgsm,
    leave_zero,
    pgd,
    project,
    row_norm,
    steepest,
    worst_case,
)

SEED = tf.constant([1, 2])


def along(*gradients):
    """A loss that is linear in each value, with these gradients wherever it is asked."""
    return lambda deltas: [tf.constant(g, tf.float32) for g in gradients]


def in_turn(*gradients):
    """The first gradient at the first call, the second at the second, and so on."""
    left = [tf.constant([g], tf.float32) for g in gradients]
    return lambda deltas: [left.pop(0)]


def size(delta, norm):
    return row_norm(tf.constant(delta), norm).numpy()[..., 0]


@pytest.mark.parametrize("direction", ["gradient", "random"])
@pytest.mark.parametrize(("steps", "step_size"), [(1, None), (7, None), (3, 5.0), (1, 30.0)])
@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_no_perturbation_leaves_the_ball(norm, relative, steps, step_size, direction):
    values = tf.random.stateless_normal([50, 4], [3, 4])
    perturbation = Perturbation(
        epsilon=0.3,
        relative=relative,
        norm=norm,
        steps=steps,
        step_size=step_size,
        direction=direction,
    )

    def gradients_at(deltas):
        return [tf.sin(7 * (values + deltas[0])) + tf.reduce_sum(deltas[0], 1, keepdims=True)]

    (delta,) = worst_case(gradients_at, [values], perturbation, SEED)
    if norm == "l2":
        norms, lengths = np.linalg.norm(delta, axis=1), np.linalg.norm(values, axis=1)
    else:
        norms, lengths = np.abs(delta).max(1), np.abs(values).max(1)
    limit = 0.3 * lengths if relative else np.full(50, 0.3)
    assert (norms <= limit * (1 + 1e-6)).all() and (norms > 0).all()


def test_fgsm_is_pgd_with_one_step():
    assert fgsm(0.3, norm="linf", relative=True) == pgd(0.3, steps=1, norm="linf", relative=True)
    gradient = [[1.0, -2.0], [0.5, 0.0]]
    one, same = (
        worst_case(along(gradient), [tf.ones([2, 2])], p, SEED)[0]
        for p in (fgsm(0.3, relative=False), pgd(0.3, steps=1, relative=False))
    )
    np.testing.assert_array_equal(one, same)


def test_fgsm_steps_to_the_edge_of_the_ball():
    # (3, 4) / 5 and the signs of it
    for norm, expected in (("l2", [[0.6, 0.8]]), ("linf", [[1.0, 1.0]])):
        (delta,) = worst_case(
            along([[3, 4]]), [tf.zeros([1, 2])], fgsm(1.0, norm=norm, relative=False), SEED
        )
        np.testing.assert_allclose(delta, expected, rtol=1e-6)


@pytest.mark.parametrize("steps", [1, 10])
@pytest.mark.parametrize(("norm", "dual"), [("l2", 5.0), ("linf", 7.0)])
def test_the_harm_to_a_linear_loss_is_epsilon_times_the_dual_norm(norm, dual, steps):
    # g = (3, -4): the most that g . delta reaches is .2 * |g|_2 = 1, or .2 * |g|_1 = 1.4
    gradient = tf.constant([[3.0, -4.0]])
    (delta,) = worst_case(
        along(gradient), [tf.zeros([1, 2])], pgd(0.2, steps=steps, norm=norm, relative=False), SEED
    )
    assert float(tf.reduce_sum(gradient * delta)) == pytest.approx(0.2 * dual, rel=1e-5)


def test_pgd_takes_its_steps_one_after_another_and_projects_each():
    # (.6, 0), (.6, .6), then (.6, 1.2) of length 1.3416, pulled back to length 1
    attack = pgd(1.0, steps=3, step_size=0.6, relative=False)
    (delta,) = worst_case(in_turn([2, 0], [0, 1], [0, 9]), [tf.zeros([1, 2])], attack, SEED)
    np.testing.assert_allclose(delta, [[0.6 / 1.3416408, 1.2 / 1.3416408]], rtol=1e-5)
    # (.6, -.6), (1, 0), (.4, .6): clipped to 1 on the way
    attack = pgd(1.0, steps=3, step_size=0.6, norm="linf", relative=False)
    (delta,) = worst_case(in_turn([2, -1], [1, 1], [-1, 1]), [tf.zeros([1, 2])], attack, SEED)
    np.testing.assert_allclose(delta, [[0.4, 0.6]], atol=1e-6)


def test_pgd_asks_for_the_gradient_where_it_stands():
    asked = []

    def gradients_at(deltas):
        asked.append(deltas[0].numpy().tolist())
        return [tf.constant([[1.0]])]

    worst_case(
        gradients_at, [tf.zeros([1, 1])], pgd(1.0, steps=3, step_size=0.25, relative=False), SEED
    )
    assert asked == [[[0.0]], [[0.25]], [[0.5]]]


def test_a_relative_radius_is_that_of_each_row():
    # |(3, 4)| = 5 -> .5, |(0, 2)| = 2 -> .2, and a row of zeros cannot be moved
    values = tf.constant([[3.0, 4.0], [0.0, 2.0], [0.0, 0.0]])
    (delta,) = worst_case(
        along(np.tile([[1.0, 0.0]], (3, 1))), [values], fgsm(0.1, relative=True), SEED
    )
    np.testing.assert_allclose(delta, [[0.5, 0], [0.2, 0], [0, 0]], atol=1e-7)


def test_every_value_has_a_ball_of_its_own():
    values = [tf.zeros([1, 1]), tf.zeros([2, 2])]
    deltas = worst_case(along([[-2]], [[0, 5], [7, 0]]), values, fgsm(0.5, relative=False), SEED)
    np.testing.assert_allclose(deltas[0], [[-0.5]])
    np.testing.assert_allclose(deltas[1], [[0, 0.5], [0.5, 0]])


@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_noise_has_exactly_the_size_of_the_attack(norm, relative):
    values = tf.random.stateless_normal([20, 3], [5, 6])
    attack = fgsm(0.4, norm=norm, relative=relative)
    noise = fgsm(0.4, norm=norm, relative=relative, direction="random")
    gradient = tf.random.stateless_normal([20, 3], [7, 8])
    (worst,) = worst_case(along(gradient), [values], attack, SEED)
    (random,) = worst_case(along(gradient), [values], noise, SEED)
    np.testing.assert_allclose(size(random, norm), size(worst, norm), rtol=1e-6)
    assert not np.allclose(random, worst)


def test_noise_repeats_for_a_seed_and_differs_between_seeds_and_values():
    def noise(seed):
        values = [tf.zeros([4, 3]), tf.zeros([4, 3])]
        return worst_case(
            None, values, fgsm(1.0, direction="random", relative=False), tf.constant(seed)
        )

    first, second = noise([1, 2])
    np.testing.assert_array_equal(first, noise([1, 2])[0])
    assert not np.allclose(first, second)
    assert not np.allclose(first, noise([1, 3])[0])


@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_a_flat_loss_gives_no_perturbation(norm, steps, relative):
    attack = pgd(0.5, steps=steps, norm=norm, relative=relative)
    (delta,) = worst_case(along(np.zeros([3, 2])), [tf.ones([3, 2])], attack, SEED)
    np.testing.assert_array_equal(delta, np.zeros([3, 2]))


def test_no_budget_gives_no_perturbation():
    for direction in ("gradient", "random"):
        attack = fgsm(0.0, direction=direction, relative=False)
        (delta,) = worst_case(along([[1.0, 2.0]]), [tf.ones([1, 2])], attack, SEED)
        np.testing.assert_array_equal(delta, [[0, 0]])


@pytest.mark.parametrize("direction", ["gradient", "random"])
def test_a_perturbation_is_a_constant_to_an_outer_gradient(direction):
    value = tf.constant([[3.0, 4.0]])
    with tf.GradientTape() as tape:
        tape.watch(value)
        attack = fgsm(0.1, relative=True, direction=direction)
        (delta,) = worst_case(lambda deltas: [value * 2], [value], attack, SEED)
    assert tape.gradient(delta, value) is None


def test_rows_may_have_more_than_one_dimension():
    # [1, 2, 2]: two rows of two features
    (delta,) = worst_case(
        along([[[3, 4], [0, 1]]]), [tf.zeros([1, 2, 2])], fgsm(1.0, relative=False), SEED
    )
    np.testing.assert_allclose(delta, [[[0.6, 0.8], [0, 1]]], rtol=1e-6)


def test_a_point_inside_the_ball_is_its_own_projection():
    inside, limit = tf.constant([[0.3, -0.4]]), tf.constant([[0.5]])
    for norm in ("l2", "linf"):
        np.testing.assert_allclose(project(inside, limit, norm), inside, rtol=1e-6)


def test_the_steepest_step_has_length_one_whatever_the_gradients_size():
    gradient = tf.constant([[3e-8, 4e-8], [3e8, 4e8]])
    np.testing.assert_allclose(steepest(gradient, "l2"), [[0.6, 0.8]] * 2, rtol=1e-5)


def test_a_step_is_the_radius_for_one_step_and_two_and_a_half_shares_for_more():
    assert fgsm(1.0, relative=False).step_fraction == 1.0
    assert pgd(1.0, steps=10, relative=False).step_fraction == 0.25
    assert pgd(1.0, steps=10, step_size=0.7, relative=False).step_fraction == 0.7


@pytest.mark.parametrize(
    "settings",
    [
        {"epsilon": -0.1},
        {"epsilon": float("nan")},
        {"epsilon": "0.1"},
        {"steps": "3"},
        {"step_size": "1"},
        {"norm": "l1"},
        {"direction": "uphill"},
        {"steps": 0},
        {"steps": 1.5},
        {"steps": True},
        {"step_size": 0.0},
    ],
)
def test_a_budget_out_of_range_is_refused_by_name(settings):
    (name,) = settings
    with pytest.raises(ValueError, match=f"`{name}` should be"):
        Perturbation(**{"epsilon": 0.1, **settings})


def test_a_gradient_that_is_known_already_is_not_asked_for_again():
    asked = []

    def gradients_at(deltas):
        asked.append(deltas[0].numpy().tolist())
        return [tf.constant([[0.0, 1.0]])]

    start = [tf.constant([[2.0, 0.0]])]
    (delta,) = worst_case(
        gradients_at, [tf.zeros([1, 2])], fgsm(1.0, relative=False), SEED, at_zero=start
    )
    assert asked == []
    np.testing.assert_allclose(delta, [[1, 0]])
    # (.6, 0), then (.6, .6) by what is found there
    attack = pgd(1.0, steps=2, step_size=0.6, relative=False)
    (delta,) = worst_case(gradients_at, [tf.zeros([1, 2])], attack, SEED, at_zero=start)
    np.testing.assert_allclose(asked, [[[0.6, 0.0]]])
    np.testing.assert_allclose(delta, [[0.6, 0.6]])


@pytest.mark.parametrize("steps", [1, 3])
def test_the_known_gradient_changes_nothing_but_the_work(steps):
    value = tf.constant([[0.3, -2.0], [1.0, 0.5]])

    def gradients_at(deltas):
        return [tf.sin(3 * (value + deltas[0]))]

    attack = pgd(0.4, steps=steps, relative=False)
    (plain,) = worst_case(gradients_at, [value], attack, SEED)
    (known,) = worst_case(gradients_at, [value], attack, SEED, at_zero=gradients_at([0.0]))
    np.testing.assert_array_equal(known, plain)


PARTS = tf.constant([[1.0, 1, 0, 0], [0, 1, 1, 1], [0, 0, 0, 0]])


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize(
    "settings", [{}, {"steps": 3}, {"steps": 3, "random_start": True}, {"direction": "random"}]
)
def test_what_may_not_move_stays_and_does_not_count_in_a_relative_radius(norm, settings):
    values = tf.constant([[3.0, 4, 100, 100], [100, 1, 2, 2], [1, 1, 1, 1]])
    attack = Perturbation(epsilon=0.1, relative=True, norm=norm, **settings)
    gradient = along([[1, 2, 3, 4], [4, 3, 2, -1], [1, 1, 1, 1]])
    (delta,) = worst_case(gradient, [values], attack, SEED, masks=[PARTS])
    assert not delta.numpy()[PARTS.numpy() == 0].any()
    # |(3, 4)| = 5 and |(1, 2, 2)| = 3, or their largest numbers 4 and 2; the last has nothing
    limits = {"l2": [0.5, 0.3, 0], "linf": [0.4, 0.2, 0]}[norm]
    np.testing.assert_allclose(size(delta, norm), limits, rtol=1e-5)


def test_a_random_start_lies_inside_and_is_where_the_first_gradient_is_asked_for():
    values, seen = tf.zeros([400, 3]), []

    def gradients_at(deltas):
        seen.append(deltas[0].numpy())
        return [tf.zeros([400, 3])]

    for norm in ("l2", "linf"):
        attack = pgd(0.6, steps=2, norm=norm, random_start=True, relative=False)
        known = [tf.ones([400, 3])]  # the gradient at zero, where nobody stands
        (delta,) = worst_case(gradients_at, [values], attack, SEED, at_zero=known)
        assert len(seen) == 2
        np.testing.assert_allclose(delta, seen[0], rtol=1e-6)  # flat: it stays where it began
        seen.clear()
        # every number uniform in +- .6 / sqrt 3, or +- .6: mean square a third of the square
        edge = 0.6 / np.sqrt(3) if norm == "l2" else 0.6
        assert 0.95 * edge < np.abs(delta).max() <= edge * (1 + 1e-6)
        assert np.square(delta).mean() == pytest.approx(edge**2 / 3, rel=0.1)
        assert (size(delta, norm) <= 0.6 * (1 + 1e-6)).all()


def test_a_scale_shrinks_the_ball_of_its_row_alone():
    values = [tf.ones([2, 3]), tf.ones([4, 3])]
    ahead = [tf.ones([2, 3]), tf.ones([4, 3])]
    deltas = worst_case(
        lambda _: ahead,
        values,
        fgsm(1.0, relative=False),
        tf.constant([0, 0]),
        scales=[tf.constant([[1.0], [0.25]]), 1.0],
    )
    assert row_norm(deltas[0], "l2").numpy()[:, 0].tolist() == pytest.approx([1.0, 0.25])
    assert row_norm(deltas[1], "l2").numpy()[:, 0].tolist() == pytest.approx([1.0] * 4)


@pytest.mark.parametrize("step_size", [0.5, 1.0, 30.0])
@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_the_first_step_from_zero_needs_no_projection(norm, step_size):
    perturbation = fgsm(0.3, norm=norm, step_size=step_size, relative=False)
    gradients, limits, parts = (
        [tf.random.stateless_normal([9, 4], [5, 6])],
        [tf.ones([9, 1])],
        [None],
    )
    zeros = [tf.zeros([9, 4])]
    np.testing.assert_allclose(
        leave_zero(gradients, limits, perturbation, parts)[0],
        ascend(zeros, gradients, limits, perturbation, parts)[0],
        rtol=1e-6,
    )


@pytest.mark.parametrize("steps", [1, 2])
def test_a_row_whose_gradient_is_rounding_does_not_move(steps):
    # What a sum that is 0 leaves in float32 has a direction of its own in each order of adding.
    gradient = [[3, 4], [2e-7, -1e-7], [0, 0], [2e-5, 0]]
    found = worst_case(
        along(gradient), [tf.zeros([4, 2])], pgd(1.0, steps=steps, relative=False), SEED
    )
    np.testing.assert_allclose(found[0], [[0.6, 0.8], [0, 0], [0, 0], [1, 0]], rtol=1e-6)


def test_a_radius_is_relative_to_the_vector_unless_it_is_said_to_be_absolute():
    # a vector of length 5: a tenth of it, or .1
    for settings, length in (({}, 0.5), ({"relative": False}, 0.1)):
        for budget in (fgsm(0.1, **settings), Perturbation(epsilon=0.1, **settings)):
            (delta,) = worst_case(along([[1, 0]]), [tf.constant([[3.0, 4.0]])], budget, SEED)
            np.testing.assert_allclose(delta, [[length, 0]], rtol=1e-6)
