import numpy as np
import pytest

from advrec_tf.defence.detectors.degree_sad import DegreeSAD

pytest.importorskip("sklearn")


def test_degree_sad_tells_profiles_of_rare_items_from_those_of_popular_ones(rows_of):
    # Forty users on the two popular items 0 and 1, four fakes on items of one or two raters.
    honest = [(u, i, 3.0) for u in range(40) for i in (0, 1)]
    fakes = [(40 + f, 2 + f // 2 * 2 + i, 3.0) for f in range(4) for i in (0, 1)]
    rows, truth = rows_of(honest + fakes, items=8), np.arange(44) >= 40
    detector = DegreeSAD(seed=0).fit(rows, truth)
    new = rows_of([(0, 0, 3.0), (0, 1, 3.0), (1, 6, 3.0), (1, 7, 3.0)], items=8)
    assert detector.score(new).tolist() == [0.0, 1.0]
