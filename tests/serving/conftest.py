"""A recommender of three users and five items whose lists can be read off the page.

| user | scores of a b c d e | seen       | list       |
|------|---------------------|------------|------------|
| 11   | 5 4 3 2 1           | a b        | c d e      |
| 12   | 0 1 2 3 4           | c          | e d b a    |
| 13   | 5 3 1 -1 -3         | a b c d    | e          |

Interactions per item: a 2, b 3, c 4, d 5, e 0; so the popular list is d c b a e.
"""

import http.server
import json
import threading

import numpy as np
import pytest

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.models.vectors import with_popularity_prior
from advrec_tf.serving.forms import export
from advrec_tf.serving.rest_client import RestClient
from advrec_tf.serving.saved_model_client import SavedModelClient
from advrec_tf.serving.values import ServingError

ROWS = [
    *[(0, 0), (0, 1), (0, 1)],
    *[(1, 2), (1, 2), (1, 2)],
    *[(2, 0), (2, 1), (2, 2), (2, 3), (2, 3), (2, 3), (2, 3), (2, 3)],
]


def build(users=(11, 12, 13), items=("a", "b", "c", "d", "e"), rows=ROWS, text=None):
    index = np.array(rows, np.int32)
    interactions = Interactions(
        user_index=index[:, 0],
        item_index=index[:, 1],
        users=Vocabulary(users),
        items=Vocabulary(items),
        item_text=text,
    )
    return with_popularity_prior(
        np.array([[1, 0], [0, 1], [1, -1]], np.float32),
        np.array([[5, 0], [4, 1], [3, 2], [2, 3], [1, 4]], np.float32),
        interactions,
        scale=1.0,
        prior_max_history=0,
    )


@pytest.fixture(scope="session")
def make_recommender():
    """The recommender with other ids or other rows, (user index, item index)."""
    return build


@pytest.fixture(scope="session")
def recommender():
    text = np.array(["An Apple", "Bread\tand\nbutter", None, "Dünkel", "Egg"], object)
    return build(text=text)


@pytest.fixture(scope="session")
def version(recommender, tmp_path_factory):
    """The folder of an exported version: lists of 3, at most 7."""
    directory = tmp_path_factory.mktemp("saved_models") / "hand"
    return export(
        recommender, directory, k=3, max_k=7, metadata={"metrics": {"ndcg@10": 0.25}, "seed": 5}
    )


@pytest.fixture(scope="module")
def local(version):
    return SavedModelClient(version.parent)


def metadata_of(client):
    """What TensorFlow Serving answers to a GET of `.../metadata`, of the export of a client."""

    def tensors(specs):
        return {
            name: {
                "dtype": {
                    "string": "DT_STRING",
                    "int32": "DT_INT32",
                    "int64": "DT_INT64",
                    "float32": "DT_FLOAT",
                    "float64": "DT_DOUBLE",
                    "bool": "DT_BOOL",
                }[spec["dtype"]],
                "tensor_shape": {
                    "dim": [
                        {"size": "-1" if n is None else str(n), "name": ""} for n in spec["shape"]
                    ],
                    "unknown_rank": False,
                },
            }
            for name, spec in specs.items()
        }

    signatures = {
        name: {side: tensors(specs[side]) for side in ("inputs", "outputs")}
        for name, specs in client.metadata["signatures"].items()
    }
    return {"metadata": {"signature_def": {"signature_def": signatures}}}


@pytest.fixture(scope="module")
def server(local):
    """Speaks the REST interface of TensorFlow Serving (columnar predict, metadata), with the
    exported model behind it."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path != "/v1/models/hand/metadata":
                return self.answer(404, {"error": "Servable not found for request: Latest(x)"})
            self.answer(200, metadata_of(local))

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


@pytest.fixture
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture(params=["folder", "server"])
def client(request, local, server):
    """Both clients of the same export."""
    if request.param == "folder":
        return local
    return RestClient(server, "hand", item_text=local.item_text)
