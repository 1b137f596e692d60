import json

import numpy as np
import pytest

from experiments.speed import served_lists

SMALL = "--items 300 --users 40 --interactions 3 --dim 4 --centers 5 --noise 0.1".split()


def test_the_page_has_size_loss_and_time_and_says_where_an_index_does_not_pay(
    monkeypatch, tmp_path
):
    monkeypatch.setattr(served_lists, "QUERIES", 8)
    monkeypatch.setattr("advrec_tf.serving.index_tuning.MOST_READ", 0.1)
    served_lists.main(
        [*SMALL, "--recall", "0.1", "1", "--vectors", "clustered", "--tables", "int8"]
        + ["--out", str(tmp_path)]
    )
    report = json.loads((tmp_path / "served-lists.json").read_text())
    found, refused = report["rows"]
    assert 0 < found["recall"] <= 1 and 0 <= found["ndcg_lost"] < 1 and found["megabytes"] > 0
    assert "`recall` should be" in refused["refused"]
    text = (tmp_path / "served-lists.md").read_text()
    assert f"| {found['probes']} of {found['cells']} | {found['recall']:.3f} |" in text
    assert "none: `recall` should be what an index can reach" in text


def test_items_and_users_are_drawn_around_the_same_centers():
    args = served_lists.parse_args(["--centers", "1", "--noise", "0", "--dim", "3"])
    items, users = (served_lists.drawn("clustered", 2, args, seed) for seed in (1, 2))
    np.testing.assert_array_equal(items, users)
    assert not np.array_equal(*(served_lists.drawn("random", 2, args, seed) for seed in (1, 2)))


def test_lists_are_exact_without_what_a_user_has_seen():
    args = served_lists.parse_args(SMALL)
    model = served_lists.model_of("random", args)
    users = np.array([5, 7])
    scores = model.user_vectors[users] @ model.item_vectors.T
    for row, user in enumerate(users):
        scores[row, model.interactions.by_user()[user]] = -np.inf
    right = np.argsort(-scores, axis=1)[:, :10]
    np.testing.assert_array_equal(served_lists.exact_lists(model, users), right)


def test_users_that_chose_the_number_of_cells_are_not_asked(monkeypatch):
    monkeypatch.setattr(served_lists, "QUERIES", 2)
    model = served_lists.model_of("random", served_lists.parse_args(SMALL))
    assert served_lists.asked(model).tolist() == [1, 2]  # 0 and 39 chose


def test_ndcg_counts_the_items_of_the_exact_list_by_their_place():
    # Of two places 1 and 1 / log2(3): the first list has one of the items, at the second place.
    second = 1 / np.log2(3)
    found, exact = np.array([[9, 1], [2, 3]]), np.array([[1, 4], [3, 2]])
    expected = (second + (1 + second)) / 2 / (1 + second)
    assert served_lists.ndcg(found, exact) == pytest.approx(expected)
