import numpy as np
import pandas as pd
import pytest

from advrec_tf.tabular.codecs import ChoiceCodec, ModeCodec, codec_for
from advrec_tf.tabular.columns import Number
from advrec_tf.tabular.gaussian_modes import Modes


def test_a_number_is_its_distance_from_the_mode_in_four_deviations():
    # mean 10, deviation 2: 14 lies at (14 - 10) / 8 = .5, and 100 is cut at the range's end 18
    codec = ModeCodec(
        column=Number(name="x", dtype="float64"),
        modes=Modes(np.array([1.0]), np.array([10.0]), np.array([2.0])),
        masses=(3.0,),
        low=2.0,
        high=18.0,
        unit=0.0,
        logarithmic=False,
    )
    choices, numbers = codec.encode(pd.Series([14.0, 100.0, 3.0]), np.random.default_rng(0))
    assert choices.tolist() == [0, 0, 1]
    assert numbers.tolist() == [0.5, 1.0, 0.0]
    assert codec.decode(choices, numbers).tolist() == [14.0, 18.0, 3.0]


@pytest.mark.parametrize("logarithmic", [False, True])
def test_what_lies_beyond_the_range_is_folded_back_and_does_not_pile_up(logarithmic):
    # whole numbers 0..10: the range with its half units is -.5 to 10.5 on a plain scale, .5 to
    # 11.5 under the logarithm of value + 1
    low, high = (np.log(0.5), np.log(11.5)) if logarithmic else (-0.5, 10.5)
    codec = ModeCodec(
        column=Number(name="n", decimals=0, dtype="int64"),
        modes=Modes(np.ones(2) / 2, np.array([low, high]), np.full(2, 0.25)),
        masses=(),
        low=0.0,
        high=10.0,
        unit=1.0,
        logarithmic=logarithmic,
    )
    numbers = np.linspace(-0.9, 0.9, 181)
    for choice in (0, 1):
        beyond = codec.decode(np.full(181, choice), numbers)
        mirrored = codec.decode(np.full(181, choice), -numbers)
        np.testing.assert_array_equal(beyond, mirrored)
        assert ((beyond >= 0) & (beyond <= 10)).all()
    far = codec.decode(np.array([0, 1]), np.array([-40.0, 40.0]))  # folded out again, then cut
    assert ((far >= 0) & (far <= 10)).all()


def test_a_skewed_column_is_taken_on_a_logarithmic_scale_and_a_symmetric_one_is_not():
    rng = np.random.default_rng(0)
    column = Number(name="x", dtype="float64")
    for values, logarithmic in ((rng.lognormal(0, 1.5, 900), True), (rng.normal(size=900), False)):
        codec = codec_for(pd.Series(values), column, max_modes=3, rng=rng)
        assert codec.logarithmic is logarithmic


def test_a_value_that_many_rows_share_is_a_choice_of_its_own():
    rng = np.random.default_rng(0)
    values = np.where(np.arange(1000) < 300, 0.0, rng.normal(5, 1, 1000))
    column = Number(name="x", dtype="float64")
    codec = codec_for(pd.Series(values), column, max_modes=3, rng=rng)
    assert codec.masses == (0.0,)
    choices, numbers = codec.encode(pd.Series([0.0]), rng)
    assert choices[0] == codec.num_modes and numbers[0] == 0.0


def test_few_values_are_choices_and_a_missing_one_is_the_last():
    column = Number(name="x", dtype="Int64", missing=True, decimals=0)
    rng = np.random.default_rng(0)
    codec = codec_for(pd.Series([1, 2, 5, None] * 20), column, max_modes=3, rng=rng)
    assert isinstance(codec, ChoiceCodec) and codec.width == 4
    choices, _ = codec.encode(pd.Series([5.0, np.nan, 1.0]), rng)
    assert choices.tolist() == [2, 3, 0]
