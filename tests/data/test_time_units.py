import numpy as np
import pytest

from advrec_tf.data import time_units

DAY = 86_400


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("seconds", 1), ("milliseconds", 1e3), ("microseconds", 1e6), ("nanoseconds", 1e9)],
)
def test_the_unit_is_found_by_the_size_of_most_times(unit, factor):
    times = factor * np.array([1.3e9, 1.4e9, 5.0])
    assert time_units.unit_of(times) == unit
    assert time_units.length_of_day(times) == pytest.approx(DAY * factor)
    assert time_units.time_of("1970-01-02", times) == pytest.approx(DAY * factor)


def test_a_date_may_have_an_hour_and_a_zone_and_a_number_stays():
    times = np.array([1.4e9])
    assert time_units.time_of("1970-01-01T06:00", times) == 6 * 3600
    assert time_units.time_of("1970-01-01T06:00+02:00", times) == 4 * 3600
    assert time_units.time_of(17, np.array([1.0])) == 17.0


def test_positions_have_no_unit_and_words_are_no_dates():
    with pytest.raises(ValueError, match="Received 3 times, 3 of which lie before that"):
        time_units.unit_of(np.arange(3))
    with pytest.raises(ValueError, match="`date` should be a date.*'soon'"):
        time_units.time_of("soon", np.array([1.4e9]))


@pytest.mark.parametrize(
    "times",
    [[20240501.0, 20240532.0], [20240501.0, 20240501.5], [20240501.0, 1.7e9], [np.nan], [1.0, 2.0]],
)
def test_numbers_that_are_not_all_days_stay_numbers(times):
    assert time_units.dates_as_seconds(np.array(times)) is None


def test_days_are_seconds_and_what_is_missing_stays_missing():
    found = time_units.dates_as_seconds(np.array([19700102.0, np.nan, 19700101.0]))
    np.testing.assert_array_equal(found, [DAY, np.nan, 0.0])


def test_times_have_no_unit_where_none_lies_after_1973():
    said = time_units.without_unit(np.array([7.0, 2.0]))
    assert "All 2 times lie before 3 March 1973 in every unit (2 to 7)" in said
    assert "`time_column`" in said
    assert time_units.without_unit(np.array([7.0, 1.4e9])) is None
    assert time_units.without_unit(np.zeros(0)) is None


def test_times_of_two_units_are_mixed_and_early_or_missing_ones_are_none():
    assert time_units.mixes_units(np.array([1.4e9, 1.4e12, np.nan]))
    assert not time_units.mixes_units(np.array([1.4e9, 5.0, np.nan, 1.5e9]))
    assert not time_units.mixes_units(np.arange(3))
