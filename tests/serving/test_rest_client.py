"""The client of a server: what goes wrong between the two is named."""

import json

import pytest

from advrec_tf.serving import rest
from advrec_tf.serving.rest_client import RestClient
from advrec_tf.serving.values import ServingError

pytestmark = pytest.mark.usefixtures("no_proxy")


def test_without_titles_there_is_no_text_column(server):
    assert "text" not in RestClient(server, "hand").recommend([11])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("other", "answered 404: Servable not found"),
        ("slow", "did not answer within 0.2 s"),
        ("page", "did not answer with JSON"),
    ],
)
def test_what_went_wrong_with_a_server_is_named(server, name, message):
    with pytest.raises(ServingError, match=message):
        RestClient(server, name, timeout=0.2).recommend([11])


def test_an_answer_in_rows_is_understood(server):
    table = RestClient(server, "rows").recommend([11, "13"])
    assert table["item_id"].tolist() == ["c", "d", "e", "e"]


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        {"outputs": {}},
        {"outputs": [["a"]]},
        {"outputs": {"item_id": [["a"]]}},
        {"outputs": {"item_id": [["a", "b"], ["c"]], "score": [[1, 2], [3]]}},
        {"outputs": {"item_id": [], "score": []}},
        {"outputs": {"item_id": [["a"], ["b"]], "score": [[1], [2]]}},
        {"outputs": {"item_id": [["a", "b"]], "score": [[1]]}},
        {"outputs": {"item_id": [[None]], "score": [[1]]}},
        {"outputs": {"item_id": [[1]], "score": [[1]]}},
        {"outputs": {"item_id": [["a"]], "score": [["1"]]}},
        {"outputs": {"item_id": [["a"]], "score": [[float("nan")]]}},
        {"outputs": {"item_id": "a", "score": 1}},
        {"outputs": {"item_id": [[["a"]]], "score": [[[1]]]}},
        {"predictions": []},
        {"predictions": [{"item_id": ["a"], "score": [1]}, {"item_id": ["a"]}]},
        {"predictions": [1, {"item_id": ["a"]}]},
        "[" * 100_000,
        '{"outputs": ' + "[" * 400 + "]" * 400 + "}",
    ],
)
def test_an_answer_that_is_no_table_of_the_asked_users_is_an_error(local, server, answer):
    local.odd.append(answer if isinstance(answer, str) else json.dumps(answer))
    with pytest.raises(ServingError):
        RestClient(server, "odd").recommend(["11"])


def test_a_server_that_is_not_there_is_named():
    with pytest.raises(ServingError, match=r"http://127\.0\.0\.1:9/.*could not be reached"):
        RestClient("http://127.0.0.1:9", "hand").recommend([11])


def test_a_url_without_a_scheme_is_refused():
    with pytest.raises(ValueError, match="`url` should start with"):
        RestClient("localhost:8501", "hand")


def test_a_server_is_not_asked_of_ids_alone(server):
    assert RestClient(server, "hand").knows("items", ["a"]) is None


def test_what_signatures_take_is_asked_once_and_again_after_an_error(server, monkeypatch):
    client, asked = RestClient(server, "hand"), []
    ask = client._ask

    def counted(address, request=None):
        asked.append(address.rpartition("/")[2])
        return ask(address, request)

    monkeypatch.setattr(client, "_ask", counted)
    client.recommend_from_history([["a"]], k=2)
    client.score([11], ["a"])
    assert asked == ["metadata", "hand:predict", "hand:predict"]
    with pytest.raises(ServingError):
        client.recommend([11], k=99)
    client.score([11], ["a"])
    assert asked.count("metadata") == 2


def test_headers_go_with_every_request_and_are_refused_where_they_are_no_lines(server, monkeypatch):
    sent = []
    ask = rest.ask

    def noted(*args, headers, **settings):
        sent.append(headers)
        return ask(*args, headers=headers, **settings)

    monkeypatch.setattr(rest, "ask", noted)
    key = {"Authorization": "Bearer x"}
    client = RestClient(server, "hand", headers=key)
    client.recommend_from_history([["a"]], k=2)  # what it takes, and the request
    assert sent == [key, key]
    for wrong in ({"Authorization": None}, {"Authorization": "a\nb"}):
        with pytest.raises(ValueError, match="texts of one line by name"):
            RestClient(server, "hand", headers=wrong)


def test_inputs_of_every_type_of_a_column_are_known(monkeypatch):
    types = {"DT_STRING": "string", "DT_INT64": "int64", "DT_BOOL": "bool", "DT_DOUBLE": "float64"}
    shape = {"dim": [{"size": "-1"}]}
    inputs = {name: {"dtype": name, "tensor_shape": shape} for name in types}
    answer = {"metadata": {"signature_def": {"signature_def": {"some": {"inputs": inputs}}}}}
    client = RestClient("http://127.0.0.1:9", "some")
    monkeypatch.setattr(client, "_ask", lambda address: answer)
    assert client.input_specs("some") == {name: (types[name], (None,)) for name in types}
