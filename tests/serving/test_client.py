"""Clients: the same table from the folder and from a server."""

import http.server
import json
import runpy
import threading
from pathlib import Path

import pytest

from advrec_tf.serving.client import RestClient, SavedModelClient, ServingError
from advrec_tf.serving.export import export

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
    [(2, (), "dc"), (None, ("d",), "cba"), (7, ("a", "zebra"), "dcbe"), (1, "dcb", "a")],
)
def test_k_and_exclude_reach_the_model(client, k, exclude, items):
    assert "".join(client.recommend(["no one"], k, exclude)["item_id"]) == items


def test_nobody_and_nothing_left_give_an_empty_table(client):
    for table in (client.recommend([]), client.recommend([11], exclude="cde")):
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
    export(make_recommender(), tmp_path, version=9)
    export(recommender, tmp_path)
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
