"""A recurrent model served by states that the client keeps."""

import json
import warnings

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.models.sequential import published
from advrec_tf.models.sequential.encoders import EncoderSize
from advrec_tf.serving.forms import export
from advrec_tf.serving.rest_client import RestClient
from advrec_tf.serving.saved_model_client import SavedModelClient
from advrec_tf.serving.sequences import ServedSequences
from advrec_tf.serving.values import ServingError
from tests.worlds import interactions_of

SIZE = EncoderSize(length=4, dim=8, blocks=2, heads=2)
DATA = interactions_of(
    [(0, 0), (0, 1), (1, 3), (0, 2), (1, 4), (3, 4), (4, 4), (4, 1)],
    5,
    6,
    users=list("abcde"),
    items=["i0", "i1", "i2", "i3", "i4", "i5"],
    timestamp=[1, 2, 1, 9, 2, 1, 1, 5],
)


def strings(rows):
    return tf.constant(rows, tf.string)


def listed_from(served, state, newest, exclude, allow=None, k=6):
    allow = [[""]] * len(newest) if allow is None else allow
    asked = strings(newest), tf.fill([len(newest)], k), strings(exclude), strings(allow)
    return served.recommend_from_state(state, *asked)


@pytest.fixture(scope="module")
def model():
    made = published.gru4rec(DATA, size=SIZE)
    made.item_rows.start_from(np.random.default_rng(0).normal(size=(6, 8)))
    return made


@pytest.fixture(scope="module")
def served(model):
    return ServedSequences(model, k=6)


@pytest.fixture(scope="module")
def client(served, tmp_path_factory):
    # Checked through the C API, the signatures of states among the others.
    return SavedModelClient(export(served, tmp_path_factory.mktemp("gru") / "model"))


def assert_same(found, right):
    np.testing.assert_array_equal(found["item_id"], right["item_id"])
    np.testing.assert_allclose(found["score"], right["score"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("repeats", [False, True])
def test_a_state_and_the_newest_item_answer_as_the_whole_history(model, repeats):
    served = ServedSequences(model, k=6, repeats=repeats)
    state = served.start_state(strings([["i3", "i0"], ["i4", ""]]))["state"]
    older = [["i3", "i0"], ["i4", ""]]
    nothing = [[""], [""]]
    found = listed_from(served, state, [["i5"], ["i1"]], nothing if repeats else older)
    whole = served.recommend_from_history(strings([["i3", "i0", "i5"], ["i4", "i1", ""]]))
    assert_same(found, whole)
    assert found["state"].shape == (2, 2 * 8)


def test_without_repeats_the_new_items_are_left_out_and_older_ones_where_named(served):
    state = served.start_state(strings([["i3", "i0"]]))["state"]
    found = listed_from(served, state, [["i5"]], [[""]])
    listed = set(found["item_id"].numpy()[0].tolist())
    assert b"i5" not in listed and {b"i3", b"i0"} <= listed
    found = listed_from(served, state, [["i5"]], [["i3", "strange"]])
    assert not {b"i5", b"i3"} & set(found["item_id"].numpy()[0].tolist())


def test_allowed_items_alone_are_listed_and_the_state_is_the_same(served):
    state = served.start_state(strings([["i3"], ["i3"], [""]]))["state"]
    newest, none = [["i0"]] * 2 + [[""]], [[""]] * 3
    everything = listed_from(served, state, newest, none)
    found = listed_from(served, state, newest, none, [["i0", "i5", "i2"], ["", "", ""], ["i2"] * 3])
    listed = [[item.decode() for item in row if item] for row in found["item_id"].numpy()]
    assert set(listed[0]) == {"i5", "i2"} and listed[2] == ["i2"]  # i0 is new, and not listed
    assert found["item_id"].numpy()[1].tolist() == everything["item_id"].numpy()[1].tolist()
    np.testing.assert_array_equal(found["state"], everything["state"])


def test_unknown_ids_leave_the_state_as_it_is(served):
    state = served.start_state(strings([["i3", "strange", "i0"]]))["state"]
    np.testing.assert_array_equal(state, served.start_state(strings([["i3", "i0"]]))["state"])
    for newest in (["strange"], [""], ["", "strange"]):
        found = listed_from(served, state, [newest], [[""]])
        np.testing.assert_array_equal(found["state"], state)


def test_zeros_are_the_state_of_who_gets_the_popular_items(served):
    state = served.start_state(strings([["strange"], [""]]))["state"]
    np.testing.assert_array_equal(state, np.zeros((2, 16)))
    found = listed_from(served, state, [[""], ["i0"]], [[""], [""]])
    assert found["item_id"].numpy()[0, 0] == b"i4"  # three of the eight interactions
    assert_same(
        {name: found[name][1] for name in ("item_id", "score")},
        {
            name: value[0]
            for name, value in served.recommend_from_history(strings([["i0"]])).items()
        },
    )


def test_other_models_have_no_states():
    attention = ServedSequences(published.sasrec(DATA, size=SIZE))
    assert not {"start_state", "recommend_from_state"} & set(attention.inputs())


def test_the_client_keeps_states_between_requests(client):
    states = client.start_state([["i3"], []])
    assert states.shape == (2, 16) and states.dtype == np.float32
    with pytest.warns(UserWarning, match="Of `newest` the model knows no item in 1 of 2 rows"):
        _, states = client.recommend_from_state(states, [["i0"], ["strange"]])
    table, states = client.recommend_from_state(
        states, [["i5"], ["i1"]], exclude=[["i3", "i0"], []]
    )
    right = client.recommend_from_history([["i3", "i0", "i5"], ["i1"]])
    assert table["item_id"].tolist() == right["item_id"].tolist()
    np.testing.assert_allclose(table["score"], right["score"], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(states, client.start_state([["i3", "i0", "i5"], ["i1"]]), atol=1e-6)


def test_nobody_gets_an_empty_table_and_no_states(client):
    assert client.start_state([]).shape == (0, 16)
    table, states = client.recommend_from_state(np.zeros((0, 16)), [])
    assert len(table) == 0 and states.shape == (0, 16)


@pytest.mark.parametrize(
    ("states", "newest", "message"),
    [
        (
            np.zeros((1, 15)),
            [["i0"]],
            r"`states` should hold numbers in the shape \(1, 16\), a row for each user",
        ),
        (np.zeros((2, 16)), [["i0"]], r"Received: shape \(2, 16\), float64"),
        (np.full((1, 16), np.nan), [["i0"]], "Received: nan in row 0, and 16 such"),
        (np.eye(2, 16) * 1e30, [[], []], r"from -1 to 1, .*Received: 1e\+30 in row 0, and 2 such"),
        (np.zeros((1, 16)), ["i0"], "`newest` should hold a list of item ids for each user"),
    ],
)
def test_states_and_items_of_another_shape_are_refused(client, states, newest, message):
    with pytest.raises(ValueError, match=message):
        client.recommend_from_state(states, newest)


@pytest.mark.parametrize("number", [np.nan, -np.inf, 1e30, -1.01])
def test_a_state_that_no_history_leads_to_is_refused_by_the_graph(client, number):
    state = [[0.0] * 15 + [number]]
    inputs = {"state": state, "item_id": [["i0"]], "k": [3]}
    inputs |= {name: [[""]] for name in ("exclude_item_id", "allow_item_id")}
    with pytest.raises(ServingError, match="`state` should hold numbers from -1 to 1, as"):
        client.predict("recommend_from_state", inputs)


def test_an_answer_that_is_no_state_is_refused(client, monkeypatch):
    monkeypatch.setattr(client, "predict", lambda *_: {"state": np.zeros((1, 3))})
    with pytest.raises(ServingError, match=r"`state`, finite numbers in the shape \(1, 16\)"):
        client.start_state([["i0"]])


def test_a_list_is_as_long_as_is_asked(client):
    states = client.start_state([["i3"], ["i0"]])
    table, _ = client.recommend_from_state(states, [["i0"], []], k=[1, 3])
    assert table["user_id"].tolist() == ["0", "1", "1", "1"]
    table, _ = client.recommend_from_state(states, [["i0"], []], 2)
    assert len(table) == 4
    table, _ = client.recommend_from_state(states, [["i0"], []], allow=["i0", "i5"])
    assert table[["user_id", "item_id"]].values.tolist()[0] == ["0", "i5"]
    assert set(table["item_id"][table["user_id"] == "1"]) == {"i0", "i5"}
    with pytest.raises(ServingError, match="`k` should be in 1..100. Received: .*101"):
        client.recommend_from_state(states, [["i0"], []], 101)
    with pytest.raises(ValueError, match="`k` should be one number or 2. Received: 3"):
        client.recommend_from_state(states, [["i0"], []], [1, 2, 3])


def test_numbers_that_a_catalogue_of_texts_does_not_know_are_said(client):
    message = "Of `histories` the model knows no item in 2 of 3 rows.* row 0, with '3'"
    with pytest.warns(UserWarning, match=message):
        states = client.start_state([[3, 0], ["i3", 0], [4]])
    assert not states[[0, 2]].any() and states[1].any()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # who names nothing is not warned
        client.start_state([[], ["i3", "strange"]])


def test_a_model_without_states_says_which_signature_to_ask():
    attention = SavedModelClient.__new__(SavedModelClient)  # an export without signatures
    attention.path, attention._signatures = "attention", {}
    rest = RestClient("http://localhost:1", "attention")
    rest._ask = lambda *_: {"metadata": {"signature_def": {"signature_def": {"score": {}}}}}
    message = "keeps no state.*`recommend_from_history` with the whole.*no signature"
    for client in (attention, rest):
        with pytest.raises(ServingError, match=message):
            client.start_state([["i0"]])
        with pytest.raises(ServingError, match=message):
            client.recommend_from_state(np.zeros((1, 16)), [["i0"]])


def test_the_same_client_works_over_http(client, monkeypatch):
    rest = RestClient("http://localhost:1", "gru")
    sent = []

    def ask(address, request=None):
        if request is None:
            size = {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "-1"}, {"size": "16"}]}}
            signatures = {"recommend_from_state": {"inputs": {"state": size}}}
            score = {"tensor_shape": {"dim": [{"size": "-1"}, {"size": "6"}]}}
            signatures["serving_default"] = {"outputs": {"score": score}}
            return {"metadata": {"signature_def": {"signature_def": signatures}}}
        sent.append(json.dumps(request))  # as a request over HTTP has to be
        outputs = client.predict(request["signature_name"], request["inputs"])
        return {"outputs": {name: value.tolist() for name, value in outputs.items()}}

    monkeypatch.setattr(rest, "_ask", ask)
    states = rest.start_state([["i3"]])
    table, _ = rest.recommend_from_state(states, [["i0"]], exclude=["i3"])
    right = client.recommend_from_history([["i3", "i0"]])
    assert table["item_id"].tolist() == right["item_id"].tolist() and len(sent) == 2
