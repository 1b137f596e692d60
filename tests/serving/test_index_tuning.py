import numpy as np
import pytest

from advrec_tf.serving import index_tuning
from advrec_tf.serving.cell_index import CellIndex
from advrec_tf.serving.cell_table import CellTable
from advrec_tf.serving.index_tuning import shares, tune
from advrec_tf.serving.scorers import VectorScorer

ITEMS, DIM = 900, 8


@pytest.fixture(scope="module")
def world():
    """Items around 30 centers, and queries near them."""
    rng = np.random.default_rng(0)
    centers = 3 * rng.normal(size=(30, DIM))

    def near(count):
        own = centers[rng.integers(0, 30, count)]
        return (own + rng.normal(size=(count, DIM))).astype(np.float32)

    items = near(ITEMS)
    scorer = VectorScorer(near(40), items, np.eye(DIM, dtype=np.float32))
    return (
        CellIndex(CellTable(items), scorer.item_rows),
        scorer,
        scorer.arrays()[0],
        [np.arange(3)] * 40,
    )


def test_the_recall_is_reached_with_a_part_of_the_cells(world):
    index = world[0]
    report = tune(*world, recall=0.8, k=5)
    assert report.probes == index.probes <= index_tuning.MOST_READ * index.count
    assert report.recall > 0.7 and report.k == 5 and report.queries == 20
    assert set(report.milliseconds) == {"1", "64"}
    fewer = tune(*world, recall=0.3, k=5)
    assert fewer.probes < report.probes


def test_a_recall_that_cannot_be_reached_is_refused_with_the_best_that_was(world, monkeypatch):
    monkeypatch.setattr(index_tuning, "MOST_READ", 0.01)
    with pytest.raises(ValueError, match=r"at most 1% .*Received: 1; the best reached is 0\.\d+\."):
        tune(*world, recall=1.0, k=5)


@pytest.mark.parametrize("recall", [0.0, 1.1, float("nan")])
def test_a_recall_out_of_range_is_refused(world, recall):
    with pytest.raises(ValueError, match=r"`recall` should be in \(0, 1\]. Received: "):
        tune(*world, recall=recall, k=5)


def test_the_share_is_of_the_items_that_were_to_be_found():
    found = np.array([[1, 2, 3], [4, 5, -1], [7, 8, 9]])
    expected = np.array([[3, 1, 0], [4, -1, -1], [-1, -1, -1]])
    assert shares(found, expected).tolist() == [2 / 3, 1.0, 1.0]
