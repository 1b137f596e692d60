"""Scores of given items, from the folder and from a server."""

import math

import numpy as np
import pandas as pd
import pytest

import advrec_tf as ar
from advrec_tf.serving.client_warnings import UnknownIdWarning
from advrec_tf.serving.values import ServingError
from tests.worlds import interactions_of

pytestmark = pytest.mark.usefixtures("no_proxy")


def test_pairs_are_scored_in_the_order_asked_for(client):
    table = client.score([12, "13 ", 12], ["a", "e", "c"])
    assert table.to_dict("list") == {
        "user_id": ["12", "13", "12"],
        "item_id": ["a", "e", "c"],
        "score": [0.0, -3.0, 2.0],  # 12 has c
        "text": ["An Apple", "Egg", ""],
    }


def test_candidates_of_a_user_are_scored_each(client):
    table = client.score([11, 12], [["b", "a"], ["e"]])
    assert table[["user_id", "item_id", "score"]].values.tolist() == [
        ["11", "b", 4.0],
        ["11", "a", 5.0],
        ["12", "e", 4.0],
    ]
    assert client.score([11], [[]]).empty and client.score([], []).empty


def test_an_unknown_item_has_no_score_and_an_unknown_user_that_of_the_popular_items(client):
    with pytest.warns(UnknownIdWarning) as caught:
        table = client.score([11, "nobody"], [["zebra", "e"], ["d"]])
    assert table["score"].tolist() == pytest.approx([np.nan, 1, math.log(5.5)], nan_ok=True)
    said = [str(warning.message) for warning in caught]
    assert said == [
        "Of `item_ids` the model does not know 1 of 3 ids: they have no score. The first is "
        "'zebra'.",
        "Of `user_ids` the model does not know 1 of 2 ids: they are scored as unknown ones. The "
        "first is 'nobody'.",
    ]
    assert {warning.filename for warning in caught} == {__file__}


@pytest.mark.parametrize(
    ("users", "items", "features", "message"),
    [
        ([11, 12], ["a"], None, "`item_ids` should hold 2 ids or lists of ids, one for each user"),
        ([11], "a", None, "`item_ids` should hold a list of item ids for each user"),
        ([11], ["a"], {"age": [3]}, "`features` should have columns among none. Received: age"),
        ([11], ["a"], {"age": [3, 4]}, "`features` should have 1 rows, one for each of `user_ids`"),
        ([11], [None], None, "`item_ids` should be a list of ids. Received: None"),
    ],
)
def test_items_that_do_not_fit_the_users_are_refused(client, users, items, features, message):
    with pytest.raises(ValueError, match=message):
        client.score(users, items, features)


def test_what_a_model_of_lists_does_not_do_is_said_with_what_does(client):
    with pytest.raises(ServingError, match="ranks no candidates.*`recommend.*no signature 'rank'"):
        client.rank([11], [["a"]])
    with pytest.raises(ServingError, match="predicts no ratings beside lists.*no signature 'rate'"):
        client.rate([11], ["a"])


CONTEXT = pd.DataFrame({"device": ["tv", "phone", "tv", "tv"]})
DATA = interactions_of([(0, 0), (0, 1), (1, 2), (2, 3)], 3, 4, rating=[1, 2, 4, 5], context=CONTEXT)


@pytest.fixture(scope="module")
def ranking(tmp_path_factory):
    model = ar.models.ranking_tower(DATA, objective="ratings", embedding_dim=3, hidden=(4,))
    path = ar.serving.export(model, tmp_path_factory.mktemp("ranking") / "mine", check=False)
    return model, ar.serving.SavedModelClient(path)


def test_a_ranking_model_scores_and_ranks_in_a_context(ranking):
    model, client = ranking
    devices = pd.DataFrame({"device": ["phone"] * 4})
    expected = model.predict_pairs(np.ones(4, np.int32), np.arange(4, dtype=np.int32), devices)
    scored = client.score([1], [[0, 1, 2, 3]], {"device": ["phone"]})
    np.testing.assert_allclose(scored["score"], expected, rtol=1e-5)
    order = np.argsort(-expected)
    ranked = client.rank([1], [[0, 1, 2, 3]], {"device": ["phone"]}, k=3)
    assert ranked["item_id"].tolist() == [str(item) for item in order[:3]]
    assert ranked["rank"].tolist() == [1, 2, 3]


def test_a_ranking_model_that_is_asked_for_lists_says_what_to_ask(ranking):
    _, client = ranking
    message = (
        r"lists no items by itself, it ranks candidates: `rank\(.*its inputs should be device, "
        "item_id, user_id. Received: user_id"
    )
    with pytest.raises(ServingError, match=message):
        client.recommend([1])


def test_what_a_ranking_model_does_not_know_is_said_and_scored(ranking):
    _, client = ranking
    with pytest.warns(UnknownIdWarning) as caught:
        scored = client.score([1, "new"], [["?"], [0]], {"device": ["toaster", None]})
    assert np.isfinite(scored["score"]).all()
    said = " ".join(str(warning.message) for warning in caught)
    assert "Of `item_ids` the model does not know 1 of 2 ids: they are scored as unknown" in said
    assert "Of `user_ids` the model does not know 1 of 2 ids" in said
    assert "stands in device in 1 of 2 rows, and reads it as unknown. The first is row 0" in said
    with pytest.warns(UnknownIdWarning, match="Of `candidates` .* 1 of 2 ids: they are left out"):
        ranked = client.rank([1], [["?", 0]])
    assert ranked["item_id"].tolist() == ["0"]
