"""One request: bounded in time and size, and every failure one sentence."""

import http.server
import json
import threading
import time

import pytest

from advrec_tf.serving.rest import RequestError, ask


@pytest.fixture(scope="module")
def server():
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            name = self.path.strip("/")
            if name == "header":
                return self.answer(json.dumps(self.headers["Authorization"]).encode())
            if name == "long":
                return self.answer(b"1" * 5000)
            if name == "deep":
                return self.answer(b"[" * 100_000)
            if name == "text":
                return self.answer(b"<html>")
            if name == "refused":
                return self.answer(b'{"error": "no such model"}', 404)
            if name.startswith("drip"):
                return self.drip(name)
            self.answer(b'{"a": [1, "\xc3\xbc"]}')

        def do_POST(self):
            self.answer(self.rfile.read(int(self.headers["Content-Length"])))

        def answer(self, content, code=200):
            self.send_response(code)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def drip(self, name):
            """A blank now and then, in the headers or in the body, without an end."""
            try:
                if name == "drip":
                    self.send_response(200)
                    self.end_headers()
                while not release.wait(0.1):
                    self.wfile.write(b" ")
                    self.wfile.flush()
            except OSError:
                pass  # the client has gone

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


def test_json_comes_back_and_is_sent(server):
    assert ask(f"{server}/", timeout=10) == {"a": [1, "ü"]}
    assert ask(f"{server}/", {"b": ["é"]}, timeout=10) == {"b": ["é"]}


def test_further_headers_are_sent(server):
    assert ask(f"{server}/header", timeout=10) is None
    sent = ask(f"{server}/header", timeout=10, headers={"Authorization": "Bearer x"})
    assert sent == "Bearer x"


@pytest.mark.parametrize("name", ["drip", "drip-headers"])
def test_a_server_that_drips_does_not_hold_the_caller(server, name):
    start = time.monotonic()
    with pytest.raises(RequestError, match=f"{name} did not answer within 0.5 s"):
        ask(f"{server}/{name}", timeout=0.5)
    assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("long", "answered with more than 1000 bytes"),
        ("deep", "more than 1000 bytes"),
        ("text", "did not answer with JSON"),
        ("refused", "answered 404: no such model"),
    ],
)
def test_an_answer_that_is_no_use_is_named(server, name, message):
    with pytest.raises(RequestError, match=message):
        ask(f"{server}/{name}", timeout=10, max_bytes=1000)


def test_json_that_is_nested_too_deep_is_named(server):
    with pytest.raises(RequestError, match="deep did not answer with JSON"):
        ask(f"{server}/deep", timeout=10)
