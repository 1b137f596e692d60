"""Requests by histories, from the folder and from a server, and of exports of earlier versions."""

import numpy as np
import pytest

from advrec_tf.serving.client_warnings import UnknownIdWarning
from advrec_tf.serving.values import NoSignatureError, ServingError

pytestmark = pytest.mark.usefixtures("no_proxy")


def listed(table):
    return {user: "".join(rows["item_id"]) for user, rows in table.groupby("user_id")}


@pytest.mark.filterwarnings("ignore:Of `")
def test_each_history_has_a_length_and_items_of_its_own(client):
    histories = [["a", "b"], ["a"], ["zebra"]]
    plain = listed(client.recommend_from_history(histories, k=7))
    assert plain["2"] == "dcbae" and set(plain["0"]) == set("cde")
    found = client.recommend_from_history(
        histories, k=[1, 2, 3], exclude=[[plain["0"][0]], [], ["d"]], allow=[[], ["b", "a"], []]
    )
    assert listed(found) == {"0": plain["0"][1], "1": "b", "2": "cba"}
    assert listed(client.recommend_from_history(histories, exclude=["d"]))["2"] == "cba"
    with pytest.raises(ServingError, match=r"`k` should be in 1\.\.7. Received: 8"):
        client.recommend_from_history([["a"]], k=8)
    with pytest.raises(ValueError, match="`allow` should hold 1 lists of ids"):
        client.recommend_from_history([["a"]], allow=[["c"], ["d"]])


def test_ids_of_histories_and_candidates_are_those_that_the_readers_have(client):
    plain = client.recommend_from_history([["a", "b"]], k=2, exclude=["c"])
    spelled = client.recommend_from_history([[" a", b"b "]], k=2, exclude=[" c\u00a0"])
    assert spelled.equals(plain)
    scores = client.score_from_history([["a"], ["a "]], [["d"], [" d"]])
    assert scores["item_id"].tolist() == ["d", "d"] and scores["score"].nunique() == 1


def test_candidates_are_scored_by_histories_among_them_what_a_user_has(client):
    lists = client.recommend_from_history([["a"]], k=7)
    right = dict(zip(lists["item_id"], lists["score"]))
    with pytest.warns(UnknownIdWarning, match="Of `candidates` .* 1 of 4 ids: they have no score"):
        table = client.score_from_history([["a"], []], [["e", "a", "?"], ["d"]])
    assert table["user_id"].tolist() == ["0", "0", "0", "1"]
    assert table["item_id"].tolist() == ["e", "a", "?", "d"]
    assert table["score"][0] == pytest.approx(right["e"], rel=1e-6)
    assert np.isfinite(table["score"][1]) and np.isnan(table["score"][2])
    assert table["score"][3] == pytest.approx(np.log(5.5))
    assert client.score_from_history([], []).empty
    with pytest.raises(ValueError, match="`candidates` should hold 1 lists of ids, one for each"):
        client.score_from_history([["a"]], [["b"], ["c"]])


def test_of_an_earlier_export_lists_are_cut_and_what_it_cannot_do_is_refused(client, monkeypatch):
    def specs(signature):
        raise NoSignatureError(f"there is no signature {signature!r}.")

    monkeypatch.setattr(client, "input_specs", specs)
    longest = client.recommend_from_history([["a"], ["a", "b"]])
    cut = client.recommend_from_history([["a"], ["a", "b"]], k=[1, 2])
    assert (
        cut["item_id"].tolist()
        == longest["item_id"].tolist()[:1] + (longest["item_id"].tolist()[3:5])
    )
    with pytest.raises(ServingError, match="`k` should be at most 3, the length that the model"):
        client.recommend_from_history([["a"]], k=4)
    with pytest.raises(
        ServingError, match="`exclude` and `allow` should be left out.*earlier vers"
    ):
        client.recommend_from_history([["a"]], allow=["c"])
    with pytest.raises(ServingError, match="scores no items by histories.*earlier versions do not"):
        client.score_from_history([["a"]], [["b"]])
