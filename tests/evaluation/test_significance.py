import math

import numpy as np
import pytest

from advrec_tf.evaluation.significance import benjamini_hochberg, holm, paired


def test_a_comparison_equals_the_values_worked_by_hand():
    # differences 1, 0, 2: mean 1, deviation 1, error of the mean 1 / sqrt 3, so t = sqrt 3; with
    # two degrees of freedom P(|T| > t) = 1 - t / sqrt(2 + t^2), and 4.3027 leaves .05 outside
    found = paired([1, 2, 3], [0, 2, 1])
    assert found.difference == 1.0 and found.users == 3
    assert found.half_width == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)
    assert found.p_value == pytest.approx(1 - math.sqrt(3 / 5), rel=1e-9)


def test_for_many_users_the_comparison_is_the_normal_one():
    # differences +-1 around .1, as many of each: deviation 1.00005, t = .1 sqrt(10,000) / that
    differences = np.tile([1.1, -0.9], 5_000)
    found = paired(differences, np.zeros(10_000))
    assert found.half_width == pytest.approx(1.96 / 100, rel=1e-3)
    assert found.p_value == pytest.approx(math.erfc(10 / math.sqrt(2)), rel=0.1)


def test_the_interval_leaves_zero_out_just_where_the_test_says_so():
    # one degree of freedom: P(|T| > t) = 1 - 2/pi atan t, so tan(.475 pi) leaves .05 outside
    edge = math.tan(0.475 * math.pi)
    differences = (np.array([1.0, -1.0]) + edge) / math.sqrt(2)
    found = paired(differences, np.zeros(2))
    assert found.half_width == pytest.approx(edge / math.sqrt(2))
    assert found.difference == pytest.approx(found.half_width)
    assert found.p_value == pytest.approx(0.05, rel=1e-9)


def test_turning_the_comparison_round_turns_its_sign_only():
    one, other = paired([1, 2, 3], [0, 2, 1]), paired([0, 2, 1], [1, 2, 3])
    assert other.difference == -one.difference
    assert (other.half_width, other.p_value) == (one.half_width, one.p_value)


def test_what_is_common_to_both_models_does_not_matter():
    hard = np.array([0.0, 100.0, 50.0])  # users differ far more than models do
    assert paired([1, 2, 3] + hard, [0, 2, 1] + hard).as_dict() == pytest.approx(
        paired([1, 2, 3], [0, 2, 1]).as_dict()
    )


def test_equal_models_do_not_differ_and_a_constant_gain_is_certain():
    same = paired([1, 2], [1, 2])
    assert (same.difference, same.half_width, same.p_value) == (0.0, 0.0, 1.0)
    gain = paired([2, 3], [1, 2])
    assert (gain.difference, gain.half_width, gain.p_value) == (1.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("model", "other"), [([1, 2], [1]), ([1], [1]), ([[1, 2]], [[1, 2]]), ([], [])]
)
def test_values_that_do_not_pair_are_refused(model, other):
    with pytest.raises(ValueError, match="one value per user, at least two users"):
        paired(model, other)


def test_holm_and_benjamini_hochberg_equal_the_values_worked_by_hand():
    # rising: .01 .02 .03 .5; Holm 4*.01, 3*.02, 2*.03, 1*.5; BH 4/1*.01, 4/2*.02, 4/3*.03, .5
    p_values = [0.03, 0.01, 0.5, 0.02]
    assert holm(p_values).tolist() == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert benjamini_hochberg(p_values).tolist() == pytest.approx([0.04, 0.04, 0.5, 0.04])


def test_an_adjusted_p_value_never_falls_where_the_p_value_rises_and_is_at_most_1():
    # Holm: 2*.4 = .8 is not undercut by 1*.5; BH: 2/1*.4 = .8 is lowered to 2/2*.5 = .5
    assert holm([0.4, 0.5]).tolist() == pytest.approx([0.8, 0.8])
    assert benjamini_hochberg([0.4, 0.5]).tolist() == pytest.approx([0.5, 0.5])
    assert holm([0.9, 0.9]).tolist() == [1.0, 1.0]


def test_one_test_needs_no_correction():
    assert holm([0.04]).tolist() == benjamini_hochberg([0.04]).tolist() == [0.04]


@pytest.mark.parametrize("p_values", [[], [0.1, 1.1], [-0.1], [math.nan], 0.5])
def test_what_is_no_list_of_p_values_is_refused(p_values):
    for correction in (holm, benjamini_hochberg):
        with pytest.raises(ValueError, match="`p_values` should be a list"):
            correction(p_values)
