"""Downloads from a server on this machine: whole, continued, cut short, altered, unreachable."""

import dataclasses
import hashlib
import http.server
import io
import json
import threading
import zipfile

import pytest

from advrec_tf.data import fetching
from advrec_tf.data.public_sets import PUBLIC_SETS
from advrec_tf.data.readers.files import DataError

ROWS = "userId,movieId,rating,timestamp\n" + "".join(
    f"{user},{item},4,{1200000000 + item}\n" for user in range(30) for item in range(40)
)


def archive(files):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for name, text in files.items():
            file.writestr(name, text)
    return content.getvalue()


class Server(http.server.ThreadingHTTPServer):
    """Serves `files`; `cut` bytes of a body at most, where it is not None."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.cut, self.ranges = {}, None, True
        self.asked = []


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append((self.path, self.headers["Range"]))
        body = self.server.files.get(self.path)
        if body is None:
            return self.send_error(404)
        start, code = 0, 200
        if self.headers["Range"] and self.server.ranges:
            start, code = int(self.headers["Range"][6:-1]), 206
            if start >= len(body):
                return self.send_error(416)
        self.send_response(code)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        self.wfile.write(body[start:][: self.server.cut])

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as httpd:
        thread = threading.Thread(target=httpd.serve_forever, daemon=True)
        thread.start()
        yield httpd
        httpd.shutdown()
        thread.join()


@pytest.fixture
def served(server):
    """A data set on the server, an archive of one folder, with its MD5 beside it."""
    content = archive({"small/ratings.csv": ROWS, "small/deep/README.txt": "Terms."})
    server.files = {
        "/small.zip": content,
        "/small.zip.md5": f"MD5 (small.zip) = {hashlib.md5(content).hexdigest()}\n".encode(),
    }
    url = f"http://127.0.0.1:{server.server_port}/small.zip"
    return dataclasses.replace(
        PUBLIC_SETS["ml-latest-small"], url=url, checksum_url=f"{url}.md5", name="small"
    )


def fetch(wanted, folder):
    said = []
    return fetching.fetch(wanted, folder, log=said.append), said


def test_a_set_is_unpacked_without_its_outer_folder_and_its_origin_is_recorded(
    server, served, tmp_path
):
    record, said = fetch(served, tmp_path / "data" / "small")
    assert (tmp_path / "data" / "small" / "ratings.csv").read_text() == ROWS
    assert (tmp_path / "data" / "small" / "deep" / "README.txt").read_text() == "Terms."
    assert record == json.loads((tmp_path / "data" / "small" / fetching.RECORD).read_text())
    content = server.files["/small.zip"]
    assert record["sha256"] == hashlib.sha256(content).hexdigest()
    assert record["bytes"] == len(content) and record["verified"] == "MD5 of the publisher"
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["small"]
    assert said[0].startswith("Fetching http://127.0.0.1")
    with pytest.raises(FileExistsError, match="should be new"):
        fetch(served, tmp_path / "data" / "small")


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_that_stopped_is_continued_and_no_folder_appears_before(
    ranges, server, served, tmp_path
):
    server.cut, server.ranges = 900, ranges
    with pytest.raises(fetching.FetchError, match=r"stopped after 900 of [\d,]+ bytes"):
        fetch(served, tmp_path / "small")
    assert [path.name for path in tmp_path.iterdir()] == ["small.part"]
    server.cut = None
    _, said = fetch(served, tmp_path / "small")
    assert said[0].startswith("Continuing" if ranges else "Fetching")
    assert server.asked[-1] == ("/small.zip", "bytes=900-")
    assert (tmp_path / "small" / "ratings.csv").read_text() == ROWS


def test_a_download_that_is_whole_already_is_only_verified(server, served, tmp_path):
    (tmp_path / "small.part").write_bytes(server.files["/small.zip"])
    fetch(served, tmp_path / "small")
    assert (tmp_path / "small" / "ratings.csv").read_text() == ROWS


def test_other_content_than_the_publisher_states_is_refused_and_removed(server, served, tmp_path):
    server.files["/small.zip"] = archive({"small/ratings.csv": "altered"})
    with pytest.raises(DataError, match="should have the MD5 .* Received"):
        fetch(served, tmp_path / "small")
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_checksums_without_one_is_refused_before_the_download(server, served, tmp_path):
    server.files["/small.zip.md5"] = b"<html>Moved</html>"
    with pytest.raises(DataError, match="should state an MD5"):
        fetch(served, tmp_path / "small")
    assert [path for path, _ in server.asked] == ["/small.zip.md5"]


@pytest.mark.parametrize("name", ["../evil.csv", "/evil.csv", "small/../../evil.csv"])
def test_an_archive_that_reaches_out_of_its_folder_is_refused(name, server, served, tmp_path):
    server.files["/small.zip"] = archive({name: "x"})
    unverified = dataclasses.replace(served, checksum_url=None)
    with pytest.raises(DataError, match="below one folder"):
        fetch(unverified, tmp_path / "in" / "small")
    assert list(tmp_path.rglob("*.csv")) == []


def test_without_a_published_checksum_the_record_says_so_and_a_page_is_no_archive(
    server, served, tmp_path
):
    unverified = dataclasses.replace(served, checksum_url=None)
    record, _ = fetch(unverified, tmp_path / "one")
    assert record["verified"] == "no checksum is published"
    server.files["/small.zip"] = b"<html>Please log in</html>"
    with pytest.raises(DataError, match="whole zip archive"):
        fetch(unverified, tmp_path / "two")


def test_a_single_gzip_file_stays_as_it_is_and_has_to_be_whole(server, served, tmp_path):
    import gzip

    content = gzip.compress(b"0\t2010-10-19T23:55:27Z\t30.2\t-97.7\t22847\n" * 1000)
    server.files["/places.txt.gz"] = content
    url = served.url.replace("small.zip", "places.txt.gz")
    one = dataclasses.replace(served, url=url, checksum_url=None)
    fetch(one, tmp_path / "one")
    assert (tmp_path / "one" / "places.txt.gz").read_bytes() == content
    server.files["/places.txt.gz"] = content[:-20]
    with pytest.raises(DataError, match="whole gzip file"):
        fetch(one, tmp_path / "two")
    assert not (tmp_path / "two").exists()


def test_a_server_that_is_not_there_and_one_without_the_file_are_named(server, served, tmp_path):
    server.files.clear()
    with pytest.raises(fetching.FetchError, match=r"small\.zip\.md5 answered 404"):
        fetch(served, tmp_path / "small")
    closed = dataclasses.replace(served, url="http://127.0.0.1:9/x.zip", checksum_url=None)
    with pytest.raises(fetching.FetchError, match=r"could not be reached .* Is there a network"):
        fetch(closed, tmp_path / "small")
