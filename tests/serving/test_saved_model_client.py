"""The client of a folder: which version it loads, and which ids it says are unknown."""

import warnings

import pytest

from advrec_tf.serving.forms import export
from advrec_tf.serving.saved_model_client import SavedModelClient


def test_the_highest_version_is_loaded(make_recommender, recommender, tmp_path):
    export(make_recommender(), tmp_path, version=9, check=False)
    export(recommender, tmp_path, check=False)
    client = SavedModelClient(tmp_path)
    assert client.path == tmp_path / "10"
    assert client.default_k() == 10


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (
            lambda client: client.recommend(["11"], allow=["zzz"]),
            "Of `allow` the model does not know 1 of 1 ids: they allow nothing. The first is 'zzz'",
        ),
        (
            lambda client: client.recommend(["11", "12"], exclude=[["a", "y"], ["z", "y"]]),
            "Of `exclude` the model does not know 2 of 3 ids: they exclude nothing. The first is",
        ),
        (
            lambda client: client.recommend(["11", "zz", "011", "zz"]),
            "Of `user_ids` the model does not know 2 of 3 ids: their lists are the popular items. "
            "The first is 'zz'",
        ),
        (
            lambda client: client.recommend_from_history([["a"], ["x", "y"]]),
            "Of `histories` the model knows no item in 1 of 2 rows, and read nothing there. "
            "The first is row 1, with 'x'",
        ),
    ],
)
def test_unknown_ids_of_a_request_are_said(local, ask, message):
    with pytest.warns(UserWarning, match=message) as caught:
        ask(local)
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_a_request_of_known_ids_is_not_warned(local):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        local.recommend(["12", 11, 13.0], exclude=["a"], allow=["b"])
        local.recommend_from_history([["a", "zebra"], []])
