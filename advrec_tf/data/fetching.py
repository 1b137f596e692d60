"""Downloads of public data sets: resumed, verified, and unpacked whole or not at all.

Which sets there are is in `public_sets`; reading what was fetched is left to `readers`.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import http.client
import json
import re
import shutil
import ssl
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from advrec_tf.data.public_sets import PublicSet
from advrec_tf.data.readers.files import DataError, open_bytes
from advrec_tf.ops.files import atomic_folder

RECORD = "SOURCE.json"
"""The file beside the data that says where they came from, on which terms, and their checksums."""

_BLOCK = 2**20
_TIMEOUT = 30.0
_OF_THE_NETWORK = (
    urllib.error.URLError,
    http.client.HTTPException,
    ConnectionError,
    TimeoutError,
    ssl.SSLError,
)
_MD5 = re.compile(r"\b[0-9a-f]{32}\b", re.IGNORECASE)


class FetchError(OSError):
    """The data could not be had; the message says why and what can be done."""


def fetch(wanted: PublicSet, folder: Path, *, log: Callable[[str], None] = print) -> dict:
    """Download a data set, verify it and unpack it into a new folder.

    The download is kept beside the folder as `NAME.part` until it is complete, and a later call
    continues it. The folder appears when all is verified: against the MD5 that the publisher
    serves; where none is served, against the check sums inside the archive alone, and the record
    says so.

    Args:
        wanted: the data set.
        folder: where its files will lie; the folder that an archive consists of is left away.
        log: takes a line on what is done.

    Returns:
        What `RECORD` in the folder says: name, url, licence, bytes, md5, sha256, how it was
        verified, and the time.

    Raises:
        FileExistsError: if the folder exists.
        FetchError: if the publisher cannot be reached, or stops in the middle.
        DataError: if what came is not what the publisher says it is; it is then removed.
    """
    if folder.exists():
        raise FileExistsError(f"The folder should be new. Received: {folder}, which exists.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = folder.with_name(f"{folder.name}.part")
    expected = None if wanted.checksum_url is None else _published(wanted.checksum_url)
    _download(wanted.url, part, log)
    found = _digests(part)
    if expected is not None and found["md5"] != expected:
        part.unlink()
        raise DataError(
            f"{wanted.url} should have the MD5 {expected}, which its publisher states. Received "
            f"{found['md5']}. The download was removed; a new try starts from the beginning."
        )
    verified = "MD5 of the publisher" if expected else "no checksum is published"
    record = {
        "name": wanted.name,
        "url": wanted.url,
        "licence": wanted.licence,
        "bytes": part.stat().st_size,
        **found,
        "verified": verified,
        "fetched": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }
    try:
        with atomic_folder(folder) as unfinished:
            _unpack(part, PurePosixPath(wanted.url).name, unfinished)
            text = json.dumps(record, indent=2) + "\n"
            (unfinished / RECORD).write_text(text, encoding="utf-8")
    except DataError:
        part.unlink()
        raise
    part.unlink()
    log(f"{verified}: md5 {found['md5']}, sha256 {found['sha256']}")
    return record


def _published(url: str) -> str:
    with _opened(urllib.request.Request(url)) as answer:
        text = answer.read(_BLOCK).decode("utf-8", "replace")
    stated = _MD5.search(text)
    if stated is None:
        raise DataError(f"{url} should state an MD5. Received: {text[:80]!r}.")
    return stated.group().lower()


def _download(url: str, part: Path, log: Callable[[str], None]) -> None:
    """All of a file into `part`; what is there already is continued where the server can."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with _opened(request) as answer:
            continued = have > 0 and answer.status == 206
            length = answer.headers.get("Content-Length")
            have = have if continued else 0
            whole = None if length is None else have + int(length)
            if continued:
                log(f"Continuing {url} after {have / 1e6:,.1f} MB.")
            else:
                log(f"Fetching {url}" + ("" if whole is None else f", {whole / 1e6:,.1f} MB."))
            with part.open("ab" if continued else "wb") as file:
                _copy(answer, file, have, whole, log)
    except _Complete:
        return
    have = part.stat().st_size
    if whole is not None and have < whole:
        raise FetchError(
            f"{url} stopped after {have:,} of {whole:,} bytes. What came is kept; the same command "
            "continues."
        )


def _copy(answer, file, have: int, whole: int | None, log: Callable[[str], None]) -> None:
    """All that the answer holds, with a line for every tenth of the whole."""
    told = have
    while block := answer.read(_BLOCK):
        file.write(block)
        have += len(block)
        if whole is not None and have < whole and have - told > max(whole / 10, 10 * _BLOCK):
            log(f"  {have / 1e6:,.0f} of {whole / 1e6:,.0f} MB")
            told = have


class _Complete(Exception):
    """The server has nothing after what is there already."""


@contextlib.contextmanager
def _opened(request: urllib.request.Request) -> Iterator:
    url = request.full_url
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
            yield answer
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise _Complete from None
        raise FetchError(f"{url} answered {error.code} {error.reason}.") from error
    except _OF_THE_NETWORK as error:
        reason = getattr(error, "reason", error)
        raise FetchError(
            f"{url} could not be reached ({reason}). Is there a network, and a proxy to be named "
            "in https_proxy? The file may also be fetched elsewhere and unpacked by hand: the "
            "commands read the unpacked files."
        ) from error


def _digests(path: Path) -> dict[str, str]:
    digests = {"md5": hashlib.md5(usedforsecurity=False), "sha256": hashlib.sha256()}
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            for digest in digests.values():
                digest.update(block)
    return {name: digest.hexdigest() for name, digest in digests.items()}


def _unpack(part: Path, name: str, folder: Path) -> None:
    """The files of an archive, or one gzip file as it is, once it is seen to be whole."""
    if not name.endswith(".zip"):
        shutil.copy(part, folder / name)
        with open_bytes(folder / name) as file:
            while file.read(_BLOCK):
                pass
        return
    try:
        with zipfile.ZipFile(part) as archive:
            files = [info for info in archive.infolist() if not info.is_dir()]
            tops = {PurePosixPath(info.filename).parts[0] for info in files}
            nested = len(tops) == 1 and all("/" in info.filename for info in files)
            for info in files:
                path = PurePosixPath(info.filename)
                if path.is_absolute() or ".." in path.parts or "\\" in info.filename:
                    raise DataError(
                        f"{name} should hold files below one folder. Received: {info.filename!r}."
                    )
                target = folder.joinpath(*path.parts[nested:])
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(info) as source, target.open("xb") as file:
                    shutil.copyfileobj(source, file, _BLOCK)
    except (zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise DataError(f"{name} should be a whole zip archive. Received: {error}.") from error
