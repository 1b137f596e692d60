import numpy as np

from advrec_tf.data.findings import findings
from tests.worlds import interactions_of


def timed(times, **columns):
    """One interaction a user at each time."""
    return interactions_of([(i, i % 2) for i in range(len(times))], timestamp=times, **columns)


def test_two_units_of_time_in_one_column_are_found_with_the_first_line():
    times = [1.65e9 + i for i in range(8)] + [1.65e12, 1.65e12 + 5]
    (found,) = findings(timed(times), np.arange(2, 12), "line")
    assert "2 of 10 times look like milliseconds where most look like seconds" in found
    assert "(the first in line 10)" in found


def test_times_of_one_unit_are_no_finding():
    for times in ([1.65e9, 1.6e9], [1.65e12, 1.6e12]):
        assert findings(timed(times)) == []


def test_times_of_no_unit_are_a_finding():
    (found,) = findings(timed([1, 2, 3, 1000]))
    assert found.startswith("All 4 times lie before 3 March 1973 in every unit (1 to 1000): they")


def test_times_in_the_future_and_times_of_zero_are_found():
    (found,) = findings(timed([1.6e9, 1.6e9, 9e9]))
    assert "1 of 3 times, read as seconds since 1970, lie in the future" in found
    (found,) = findings(timed([1.6e9, 1.6e9, 0]))
    assert "1 of 3 times lie before 1973" in found


def test_zeros_among_ratings_are_found_where_they_are_most_or_far_from_the_rest():
    def found(ratings):
        pairs = [(i, i) for i in range(len(ratings))]
        return findings(interactions_of(pairs, rating=ratings))

    assert "40% of the ratings are 0 and the others lie in 5..10" in found([0, 0, 5, 6, 10])[0]
    assert "50% of the ratings are 0 and the others lie in 1..3" in found([0, 0, 0, 1, 2, 3])[0]
    for ratings in ([0, 1, 2, 3, 2], [0, 1, 0, 1], [0.5, 1, 0, 2], [1, 2, np.nan]):
        assert found(ratings) == []
    assert "All 3 ratings are 1" in found([1, 1, 1])[0]


def test_one_user_with_most_interactions_is_found():
    pairs = [(0, i) for i in range(30)] + [(u, 0) for u in range(1, 20)]
    (found,) = findings(interactions_of(pairs))
    assert found.startswith("One user, 0, has 61% of all interactions (30 of 49)")
