import numpy as np
import pandas as pd
import pytest

from advrec_tf.tabular.facts import ColumnFacts


def counted(*chunks, most=None, asked=None):
    facts = ColumnFacts("x", asked=asked, most=most)
    for chunk in chunks:
        facts.add(pd.Series(chunk, dtype=None if not isinstance(chunk[0], str) else object))
    return facts


def test_chunks_of_numbers_are_counted_as_one_column():
    facts = counted([3.0, np.nan, 1.25], [np.nan, np.nan], [3.0, -2.5])
    assert (facts.rows, facts.missing, facts.present) == (7, 3, 4)
    assert facts.values.tolist() == [-2.5, 1.25, 3.0] and (facts.low, facts.high) == (-2.5, 3.0)
    assert facts.decimals == 2 and not facts.is_integer and not facts.all_differ
    assert facts.by_frequency() == (3.0, -2.5, 1.25)  # twice, and once each
    assert counted([1, 2], [3]).is_integer and not counted([1, 2], [3.5]).is_integer


def test_texts_of_chunks_are_ordered_by_how_often_they_come_and_then_as_they_first_came():
    facts = counted(["b", "a", "c"], ["c", None, "d"])
    assert facts.by_frequency() == ("c", "b", "a", "d")
    assert facts.missing == 1 and facts.first == "b" and facts.width is None


def test_dates_know_whether_all_are_days_or_whole_seconds():
    days = pd.to_datetime(["2024-01-01", "2024-03-01"])
    facts = counted(days, [pd.Timestamp("2024-02-01 00:00:01")])
    assert facts.is_date and facts.whole_seconds and not facts.whole_days
    assert facts.low == 1_704_067_200  # 19,723 days of 86,400 seconds
    assert not counted(days, [pd.Timestamp("2024-02-01 00:00:00.5")]).whole_seconds


def test_texts_of_digits_are_known_by_their_width_and_the_largest():
    facts = counted(["0012", "0007"], ["0130", None])
    assert (facts.width, facts.largest) == (4, 130)
    assert counted(["0012", "0007"], ["130"]).width is None
    assert counted(["0012", "00a7"]).width is None


def test_a_text_among_numbers_is_found_with_its_row():
    facts = ColumnFacts("x")
    facts.add(pd.Series([None, "a"], dtype=object))
    facts.add(pd.Series(["b", 7], dtype=object))
    assert facts.types == {"a text": (1, "a"), "a number": (3, 7)}


def test_the_first_number_that_is_not_finite_is_found_with_its_row():
    facts = counted([1.0, 2.0], [np.nan, 3.0, np.inf, -np.inf])
    assert facts.not_finite == 4


@pytest.mark.parametrize("kind", [str, float])
def test_more_distinct_values_than_are_held_are_estimated(kind):
    values = np.array([kind(n) for n in range(20_000)], dtype=object if kind is str else None)
    chunks = [values[i : i + 500] for i in range(0, 20_000, 500)]
    facts = counted(*chunks, most=2000)
    assert not facts.exact and facts.values is None and facts.all_differ
    # The estimate has a deviation of 1 / sqrt(2000), 2.2 %.
    assert facts.distinct == pytest.approx(20_000, rel=0.1)
    facts.add(pd.Series(values[:4000]))
    assert not facts.all_differ
    assert facts.distinct == pytest.approx(20_000, rel=0.1)
    with pytest.raises(ValueError, match="'x' should have at most 2,000 distinct values"):
        facts.by_frequency()


def test_what_repeats_in_a_later_chunk_alone_is_found_beyond_what_is_held():
    # Each value comes in two far chunks, never twice in one.
    values = np.arange(30_000.0)
    facts = counted(*np.split(values, 30), *np.split(values, 30), most=1000)
    assert not facts.all_differ and facts.present == 60_000
