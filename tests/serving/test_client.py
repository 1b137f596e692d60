"""Clients: the same table from the folder and from a server."""

import warnings

import pytest

from advrec_tf.serving.saved_model_client import SavedModelClient
from advrec_tf.serving.values import ServingError

pytestmark = pytest.mark.usefixtures("no_proxy")


def test_lists_come_as_a_table_with_titles(client):
    table = client.recommend([11, "13"])
    assert table.to_dict("list") == {
        "user_id": ["11", "11", "11", "13"],
        "rank": [1, 2, 3, 1],
        "item_id": ["c", "d", "e", "e"],
        "score": [3.0, 2.0, 1.0, -3.0],
        "text": ["", "Dünkel", "Egg", "Egg"],
    }


@pytest.mark.filterwarnings("ignore:Of `")
@pytest.mark.parametrize(
    ("k", "exclude", "items"),
    [(2, (), "dc"), (None, ("d",), "cba"), (7, ("a", "zebra"), "dcbe"), (1, list("dcb"), "a")],
)
def test_k_and_exclude_reach_the_model(client, k, exclude, items):
    assert "".join(client.recommend(["no one"], k, exclude)["item_id"]) == items


@pytest.mark.filterwarnings("ignore:Of `")
def test_each_user_may_have_a_length_and_lists_of_its_own(client):
    table = client.recommend(
        [11, 12, "no one"], k=[1, 3, 2], exclude=[["c"], [], []], allow=[[], ["a", "b"], ["e"]]
    )
    found = {user: "".join(rows["item_id"]) for user, rows in table.groupby("user_id")}
    assert found == {"11": "d", "12": "ba", "no one": "e"}


@pytest.mark.filterwarnings("ignore:Of `histories` the model knows no item")
def test_a_history_stands_in_for_a_user(client):
    table = client.recommend_from_history([["a", "b"], ["zebra"], []])
    found = {user: "".join(rows["item_id"]) for user, rows in table.groupby("user_id")}
    assert set(found["0"]) == set("cde")
    assert found["1"] == found["2"] == "dcb"  # the popular items
    assert len(client.recommend_from_history([])) == 0


@pytest.mark.parametrize("told", [True, False])
def test_both_warn_of_a_history_of_unknown_items_and_the_server_where_it_is_told(
    client, monkeypatch, told
):
    if not told:  # as an export of an earlier version
        answer = client.predict
        monkeypatch.setattr(
            client,
            "predict",
            lambda *asked: {k: v for k, v in answer(*asked).items() if k != "known_items"},
        )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        client.recommend_from_history([["a", "zebra"], ["zebra", "x"], []])
    said = [str(warning.message) for warning in caught]
    if told or isinstance(client, SavedModelClient):
        (only,) = said
        assert "`histories` the model knows no item in 1 of 3 rows" in only and "row 1" in only
        assert caught[0].filename == __file__
    else:
        assert said == []


@pytest.mark.parametrize("told", [True, False])
def test_both_warn_of_unknown_items_of_a_limit_and_the_server_where_it_is_told(
    client, monkeypatch, told
):
    if not told:  # as an export of an earlier version
        answer = client.predict
        limits = ("known_excluded", "known_allowed")
        monkeypatch.setattr(
            client,
            "predict",
            lambda *asked: {k: v for k, v in answer(*asked).items() if k not in limits},
        )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        client.recommend(["11", "12"], exclude=[["a", "y"], ["z", "y"]], allow=["b", "x"])
        client.recommend_from_history([["a"], ["b"]], exclude=[["c"], ["zebra"]], allow=["d"])
    said = [str(warning.message) for warning in caught]
    if told or isinstance(client, SavedModelClient):
        assert said == [
            "Of `exclude` the model does not know 2 of 3 ids: they exclude nothing. The first is "
            "'y'.",
            "Of `allow` the model does not know 1 of 2 ids: they allow nothing. The first is 'x'.",
            "Of `exclude` the model does not know 1 of 2 ids: they exclude nothing. The first is "
            "'zebra'.",
        ]
        assert {warning.filename for warning in caught} == {__file__}
    else:
        assert said == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"user_ids": "11"}, "`user_ids` should be a list of ids. Received: '11'"),
        ({"user_ids": [["11"]]}, "`user_ids` should hold ids"),
        ({"user_ids": [11], "k": 0}, "`k` should be a whole number >= 1. Received: 0"),
        ({"user_ids": [11], "k": 2.5}, "`k` should be a whole number >= 1. Received: 2.5"),
        ({"user_ids": [11], "k": True}, "`k` should be a whole number >= 1. Received: True"),
        ({"user_ids": [11], "k": [1, 2]}, "`k` should be one number or 1. Received: 2"),
        ({"user_ids": [11], "exclude": "c"}, "`exclude` should be a list of ids"),
        ({"user_ids": [11], "allow": [["c"], ["d"]]}, "`allow` should hold 1 lists"),
        ({"user_ids": [11], "exclude": [{"c": 1}]}, "`exclude` should hold ids"),
    ],
)
def test_arguments_of_another_type_or_length_are_refused(client, arguments, message):
    with pytest.raises(ValueError) as error:
        client.recommend(**arguments)
    assert message in str(error.value)


def test_a_history_that_is_not_a_list_of_lists_is_refused(client):
    for histories in ("ab", ["a", "b"]):
        with pytest.raises(ValueError, match="a list of item ids for each user"):
            client.recommend_from_history(histories)


def test_nobody_and_nothing_left_give_an_empty_table(client):
    for table in (client.recommend([]), client.recommend([11], exclude=list("cde"))):
        assert len(table) == 0
        assert list(table.columns) == ["user_id", "rank", "item_id", "score", "text"]


def test_the_refusal_of_the_model_reaches_the_caller(client):
    with pytest.raises(ServingError, match=r"`k` should be in 1\.\.7") as caught:
        client.recommend([11], k=8)
    assert "Assert" not in str(caught.value) and "\n" not in str(caught.value)


def test_inputs_that_a_signature_does_not_have_are_refused(client):
    with pytest.raises(ServingError, match=r"refused"):
        client.predict("score", {"user_id": ["11"]})
    with pytest.raises(ServingError, match="no signature 'nothing'"):
        client.predict("nothing", {})
