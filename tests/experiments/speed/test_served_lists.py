import numpy as np

from experiments.speed import served_lists


def test_the_study_says_what_an_index_reads_and_where_it_does_not_pay(monkeypatch, capsys):
    monkeypatch.setattr(served_lists, "QUERIES", 8)
    small = ["--items", "300", "--dim", "4", "--centers", "5", "--noise", "0.1"]
    served_lists.main([*small, "--recall", "0.3", "--vectors", "clustered"])
    printed = capsys.readouterr().out
    assert all(name in printed for name in served_lists.HEAD) and " of " in printed
    monkeypatch.setattr("advrec_tf.serving.index_tuning.MOST_READ", 0.001)
    served_lists.main([*small, "--recall", "1", "--vectors", "random"])
    assert "none: `recall` should be" in capsys.readouterr().out


def test_items_and_users_are_drawn_around_the_same_centers():
    args = served_lists.parse_args(["--centers", "1", "--noise", "0", "--dim", "3"])
    items, users = (served_lists.drawn("clustered", 2, args, seed) for seed in (1, 2))
    np.testing.assert_array_equal(items, users)
    assert not np.array_equal(*(served_lists.drawn("random", 2, args, seed) for seed in (1, 2)))
