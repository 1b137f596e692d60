import numpy as np

from advrec_tf.defence.near_duplicates import near_duplicates


def test_near_duplicates_are_measured_by_jaccard_and_by_containment(rows_of):
    rows = rows_of([(0, 0, 1), (0, 1, 1), (1, 0, 1), (1, 1, 1), (1, 2, 1), (1, 3, 1), (2, 3, 1)])
    nobody = rows.select(np.zeros(0, np.int64))
    found = near_duplicates(rows, nobody)
    # {0, 1} in {0, 1, 2, 3}: 2/4 and 2/2; the larger one: 2/4 and 2/4; {3} in it: 1/4 and 1/1.
    assert found.tolist() == [[0.5, 1.0], [0.5, 0.5], [0.25, 1.0]]
    alone = rows.select(rows.user_index == 0)
    assert near_duplicates(alone, nobody)[0].tolist() == [0.0, 0.0]
    assert near_duplicates(alone, rows)[0].tolist() == [
        0.5,
        1.0,
    ]  # itself in `known` does not count
