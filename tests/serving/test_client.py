"""Clients: the same table from the folder and from a server."""

import http.server
import json
import runpy
import shutil
import threading
from pathlib import Path

import pytest

from advrec_tf.serving.client import RestClient, SavedModelClient, ServingError, printable
from advrec_tf.serving.forms import export

SCRIPT = Path(__file__).parents[2] / "scripts" / "recommend.py"


@pytest.fixture(scope="module")
def local(version):
    return SavedModelClient(version.parent)


@pytest.fixture(scope="module")
def server(local):
    """Speaks the REST interface of TensorFlow Serving (columnar predict, metadata), with the
    exported model behind it."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path != "/v1/models/hand/metadata":
                return self.answer(404, {"error": "Servable not found for request: Latest(x)"})
            dim = [{"size": "-1", "name": ""}, {"size": "3", "name": ""}]
            score = {"dtype": "DT_FLOAT", "tensor_shape": {"dim": dim, "unknown_rank": False}}
            signature = {"serving_default": {"inputs": {}, "outputs": {"score": score}}}
            self.answer(200, {"metadata": {"signature_def": {"signature_def": signature}}})

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/v1/models/slow:predict":
                release.wait(5)
                return  # the client has gone
            if self.path == "/v1/models/page:predict":
                return self.answer(200, "<html>", raw=True)
            if self.path == "/v1/models/odd:predict":
                return self.answer(200, odd[-1], raw=True)
            if self.path == "/v1/models/rows:predict":
                outputs = local.predict(body["signature_name"], body["inputs"])
                columns = {key: v.tolist() for key, v in outputs.items()}
                rows = [dict(zip(columns, row)) for row in zip(*columns.values())]
                return self.answer(200, {"predictions": rows})
            if self.path != "/v1/models/hand:predict":
                return self.answer(404, {"error": "Servable not found for request: Latest(x)"})
            try:
                outputs = local.predict(body["signature_name"], body["inputs"])
            except ServingError as error:
                return self.answer(400, {"error": str(error)})
            self.answer(200, {"outputs": {key: v.tolist() for key, v in outputs.items()}})

        def answer(self, code, value, raw=False):
            content = value.encode() if raw else json.dumps(value).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    release = threading.Event()
    local.odd = odd = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        release.set()
        httpd.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture(params=["folder", "server"])
def client(request, local, server):
    if request.param == "folder":
        return local
    return RestClient(server, "hand", item_text=local.item_text)


def test_lists_come_as_a_table_with_titles(client):
    table = client.recommend([11, "13"])
    assert table.to_dict("list") == {
        "user_id": ["11", "11", "11", "13"],
        "rank": [1, 2, 3, 1],
        "item_id": ["c", "d", "e", "e"],
        "score": [3.0, 2.0, 1.0, -3.0],
        "text": ["", "Dünkel", "Egg", "Egg"],
    }


@pytest.mark.parametrize(
    ("k", "exclude", "items"),
    [(2, (), "dc"), (None, ("d",), "cba"), (7, ("a", "zebra"), "dcbe"), (1, list("dcb"), "a")],
)
def test_k_and_exclude_reach_the_model(client, k, exclude, items):
    assert "".join(client.recommend(["no one"], k, exclude)["item_id"]) == items


def test_each_user_may_have_a_length_and_lists_of_its_own(client):
    table = client.recommend(
        [11, 12, "no one"], k=[1, 3, 2], exclude=[["c"], [], []], allow=[[], ["a", "b"], ["e"]]
    )
    found = {user: "".join(rows["item_id"]) for user, rows in table.groupby("user_id")}
    assert found == {"11": "d", "12": "ba", "no one": "e"}


def test_a_history_stands_in_for_a_user(client):
    table = client.recommend_from_history([["a", "b"], ["zebra"], []])
    found = {user: "".join(rows["item_id"]) for user, rows in table.groupby("user_id")}
    assert set(found["0"]) == set("cde")
    assert found["1"] == found["2"] == "dcb"  # the popular items
    assert len(client.recommend_from_history([])) == 0


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


def test_the_highest_version_is_loaded(make_recommender, recommender, tmp_path):
    export(make_recommender(), tmp_path, version=9, check=False)
    export(recommender, tmp_path, check=False)
    client = SavedModelClient(tmp_path)
    assert client.path == tmp_path / "10"
    assert client.default_k() == 10


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


def test_the_script_prints_a_list_from_the_folder_and_from_a_server(version, server, capsys):
    main = runpy.run_path(str(SCRIPT))["main"]
    titles = str(version / "assets.extra" / "item_text.tsv")
    printed = []
    for source in (
        ["--model", str(version)],
        ["--url", server, "--name", "hand", "--titles", titles],
    ):
        main([*source, "--user", "12", "--k", "2", "--exclude", "e"])
        printed.append([line.split() for line in capsys.readouterr().out.splitlines()])
    assert printed[0] == printed[1]
    assert printed[0][1:] == [
        ["12", "1", "d", "3.0", "Dünkel"],
        ["12", "2", "b", "1.0"] + "Bread and butter".split(),
    ]


def test_the_script_ends_with_the_message_of_the_model(server):
    main = runpy.run_path(str(SCRIPT))["main"]
    with pytest.raises(SystemExit, match=r"(?s)recommend: .*`k` should be in"):
        main(["--url", server, "--name", "hand", "--user", "11", "--k", "99"])


def half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("saved_model.pb", lambda v: half(v / "saved_model.pb")),
        ("saved_model.pb", lambda v: (v / "saved_model.pb").write_bytes(b"")),
        ("variables", lambda v: shutil.rmtree(v / "variables")),
        ("variables", lambda v: half(v / "variables/variables.index")),
        ("item_text.tsv", lambda v: (v / "assets.extra/item_text.tsv").write_text("no tab\n")),
        ("advrec_tf.json", lambda v: (v / "assets.extra/advrec_tf.json").write_text("{")),
        ("advrec_tf.json", lambda v: (v / "assets.extra/advrec_tf.json").unlink()),
    ],
)
def test_the_script_says_in_one_line_which_file_is_damaged(version, tmp_path, name, damage):
    path = shutil.copytree(version, tmp_path / "model" / "1")
    damage(path)
    main = runpy.run_path(str(SCRIPT))["main"]
    with pytest.raises(SystemExit) as error:
        main(["--model", str(tmp_path / "model"), "--user", "11"])
    assert name in str(error.value) and "\n" not in str(error.value)
    assert len(str(error.value)) < 1000


def test_control_characters_of_a_title_are_shown_and_not_obeyed(version, tmp_path, capsys):
    path = shutil.copytree(version, tmp_path / "1")
    titles = "".join(f"{item}\t\x1b[31mred\n" for item in "abcde")
    (path / "assets.extra/item_text.tsv").write_text(titles)
    runpy.run_path(str(SCRIPT))["main"](["--model", str(path), "--user", "11"])
    out = capsys.readouterr().out
    assert "\x1b" not in out and r"\x1b[31mred" in out
    assert printable("Dünkel 日本\u202e\x07") == r"Dünkel 日本\u202e\x07"


def test_the_script_takes_a_history(version, capsys):
    main = runpy.run_path(str(SCRIPT))["main"]
    main(["--model", str(version), "--history", "zebra"])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[2] for line in lines[1:]] == ["d", "c", "b"]
    with pytest.raises(SystemExit):
        main(["--model", str(version), "--history", "a", "--k", "3"])
