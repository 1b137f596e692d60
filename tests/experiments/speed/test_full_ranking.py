import numpy as np

from advrec_tf.evaluation import vector_lists
from experiments.speed import full_ranking


def test_the_study_measures_the_product_and_both_ways_of_ranking(monkeypatch, capsys):
    monkeypatch.setattr(vector_lists, "LEAST_CELLS", 0)
    full_ranking.main(
        ["--items", "1200", "--users", "1", "--interactions", "3", "--dim", "4", "--rounds", "1"]
    )
    printed = capsys.readouterr().out
    assert all(name in printed for name in full_ranking.PAGE.head) and "| 1,200 |" in printed


def test_the_share_is_that_of_processor_time():
    # the product takes a second of the processor for 10 users, ranking two: a half
    passed = {"product": [(4.0, 1.0)], "ranked": [(5.0, 2.0)]}
    line = full_ranking.line(1000, 10, passed)
    assert line == ["1,000", "2", "2", "", "50 %"]


def test_vectors_are_drawn_for_all(monkeypatch):
    split = full_ranking.generated_split(30, 20, 40, seed=0)
    model = full_ranking.random_vectors(split.train, 5)
    assert model.user_vectors.shape == (20, 5) and model.item_vectors.shape == (30, 5)
    found = full_ranking.product_of(model, np.arange(3))()
    expected = (model.user_vectors[:3] @ model.item_vectors.T).max(axis=1)
    np.testing.assert_allclose(found[0], expected, rtol=1e-5)
