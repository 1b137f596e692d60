import pytest

from advrec_tf.data.tied_times import ties
from tests.worlds import interactions_of


def test_ties_are_counted_by_neighbor_by_last_and_by_the_order_of_ids():
    # user 0: items 2, 0, 3 at 5, 5, 7 (a tie, descending); user 1: 1, 3 at 4 (a tie at the end)
    data = interactions_of(
        [(0, 2), (0, 0), (1, 1), (0, 3), (1, 3), (2, 0)], timestamp=[5, 5, 4, 7, 4, 1]
    )
    found = ties(data)
    assert found.neighbors == pytest.approx(2 / 3)  # of the pairs (2, 0), (0, 3) and (1, 3)
    assert found.last == 0.5 and found.ascending == 0.5
    assert ties(interactions_of([(0, 0), (1, 0)], timestamp=[1, 1])) is None
    assert ties(interactions_of([(0, 0), (0, 1)])) is None
