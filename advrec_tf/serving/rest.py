"""One HTTP request that ends: JSON in and out, with a bound on the whole time and on the size.

`urllib` bounds the time of each read, so a server that drips a byte now and then would hold the
caller for as long as it likes. Here a timer shuts the connection when the time is over.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping

MAX_BYTES = 2**28
"""Longest answer that is read."""


class RequestError(RuntimeError):
    """There was no answer, or none that is JSON; the message names the address."""


def ask(
    address: str,
    request=None,
    *,
    timeout: float,
    max_bytes: int = MAX_BYTES,
    headers: Mapping[str, str] | None = None,
):
    """The JSON value that `address` answers to a GET, or to a POST of `request`.

    Args:
        timeout: seconds for the whole exchange.
        max_bytes: longest answer.
        headers: of the request, beside the type of its content.

    Raises:
        RequestError: if there is no answer in time, it is an error or too long, or it is no JSON.
    """
    body = None if request is None else json.dumps(request).encode()
    headers = {"Content-Type": "application/json", **(headers or {})}
    late = f"{address} did not answer within {timeout:g} s."
    watched = _Watched(timeout)
    opener = urllib.request.build_opener(_Handler(watched), _SecureHandler(watched))
    try:
        with opener.open(
            urllib.request.Request(address, data=body, headers=headers), timeout=timeout
        ) as response:
            content = response.read(max_bytes + 1)
    except urllib.error.HTTPError as error:
        text = error.read(4096).decode("utf-8", "replace")
        raise RequestError(f"{address} answered {error.code}: {_reason(text)}") from error
    except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        if watched.over or isinstance(reason, TimeoutError):
            raise RequestError(late) from error
        raise RequestError(f"{address} could not be reached: {reason}") from error
    finally:
        watched.stop()
    if watched.over:
        raise RequestError(late)
    if len(content) > max_bytes:
        raise RequestError(f"{address} answered with more than {max_bytes} bytes.")
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"{address} did not answer with JSON: {error}") from error


class _Watched:
    """Shuts the sockets it is shown when the time is over."""

    def __init__(self, timeout: float):
        self.over = False
        self._sockets: list[socket.socket] = []
        self._end = time.monotonic() + timeout
        self._timer = threading.Timer(timeout, self._shut)
        self._timer.daemon = True
        self._timer.start()

    def show(self, connected: socket.socket) -> None:
        self._sockets.append(connected)
        if self.over:
            self._shut()

    def stop(self) -> None:
        self._timer.cancel()

    def _shut(self) -> None:
        self.over = True
        for connected in self._sockets:
            try:
                connected.shutdown(socket.SHUT_RDWR)
            except OSError:  # it is closed already
                pass


def _watched_class(base: type, watched: _Watched) -> type:
    class Connection(base):
        def connect(self):
            super().connect()
            watched.show(self.sock)

    return Connection


class _Handler(urllib.request.HTTPHandler):
    def __init__(self, watched: _Watched):
        super().__init__()
        self._watched = watched

    def http_open(self, request):
        return self.do_open(_watched_class(http.client.HTTPConnection, self._watched), request)


class _SecureHandler(urllib.request.HTTPSHandler):
    def __init__(self, watched: _Watched):
        super().__init__()
        self._watched = watched

    def https_open(self, request):
        connection = _watched_class(http.client.HTTPSConnection, self._watched)
        return self.do_open(connection, request, context=self._context)


def _reason(body: str) -> str:
    """The message in the server's {"error": message}, else the body as it came."""
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return body.strip()[:500]
