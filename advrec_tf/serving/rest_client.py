"""Asking a model behind a TensorFlow Serving for lists; TensorFlow is not loaded."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from advrec_tf.serving import rest
from advrec_tf.serving.client import Client
from advrec_tf.serving.values import (
    NoSignatureError,
    ServingError,
    as_array,
    columns_of,
    one_line,
    shown,
)

_DTYPES = {
    "DT_STRING": "string",
    "DT_INT32": "int32",
    "DT_FLOAT": "float32",
    "DT_DOUBLE": "float64",
    "DT_INT64": "int64",
    "DT_BOOL": "bool",
}


class RestClient(Client):
    """A model behind TensorFlow Serving's REST interface (`POST .../v1/models/NAME:predict`).

    What the signatures take is asked once, and again after a request that failed: another version
    may be served by then.

    Args:
        url: scheme, host and port, as in "http://localhost:8501".
        version: a fixed version; by default the one the server serves.
        timeout: seconds for a whole request.
        max_bytes: longest answer that is read.
        item_text: item id -> title, for the tables.
        headers: further headers of every request, such as {"Authorization": "Bearer ..."} for a
            gateway before the server. They are in no message of the client.

    Raises:
        ValueError: if `url` has no scheme, or a header is no text or holds a line break.
    """

    def __init__(
        self,
        url: str,
        model_name: str,
        *,
        version: int | None = None,
        timeout: float = 10.0,
        max_bytes: int = rest.MAX_BYTES,
        item_text: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ):
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"`url` should start with http:// or https://. Received: {url!r}.")
        numbered = "" if version is None else f"/versions/{version}"
        self.address = f"{url.rstrip('/')}/v1/models/{model_name}{numbered}"
        self.timeout, self.max_bytes = timeout, max_bytes
        self.item_text = item_text
        self._headers = dict(headers or {})
        for name, value in self._headers.items():
            if not (isinstance(name, str) and isinstance(value, str)) or "\n" in name + value:
                raise ValueError(
                    "`headers` should hold texts of one line by name. Received for "
                    f"{shown(name)}: a {type(value).__name__}, or more than one line."
                )
        self._metadata = None

    def default_k(self) -> int:
        answer = self._asked_metadata()
        try:
            signatures = answer["metadata"]["signature_def"]["signature_def"]
            shape = signatures["serving_default"]["outputs"]["score"]["tensor_shape"]
            return int(shape["dim"][1]["size"])
        except (KeyError, IndexError, TypeError, ValueError) as error:
            self._metadata = None
            raise ServingError(
                f"{self.address} does not tell its list length: {shown(answer)}"
            ) from error

    def input_specs(self, signature_name):
        answer = self._asked_metadata()
        try:
            signatures = answer["metadata"]["signature_def"]["signature_def"]
            if signature_name not in signatures:
                raise NoSignatureError(f"{self.address} has no signature {signature_name!r}.")
            inputs = signatures[signature_name]["inputs"]
            found = {}
            for name, spec in inputs.items():
                sizes = [int(dim["size"]) for dim in spec["tensor_shape"].get("dim", [])]
                shape = tuple(None if size < 0 else size for size in sizes)
                found[name] = (_DTYPES[spec["dtype"]], shape)
            return found
        except (KeyError, AttributeError, TypeError, ValueError) as error:
            self._metadata = None
            raise ServingError(
                f"{self.address} does not tell the inputs of {signature_name}: {shown(answer)}"
            ) from error

    def predict(self, signature_name: str, inputs: Mapping) -> dict[str, np.ndarray]:
        """As `Client.predict`; the single output of a signature that has one has the name
        "outputs", since a server leaves its name out."""
        request = {"signature_name": signature_name, "inputs": dict(inputs)}
        answer = self._ask(f"{self.address}:predict", request)
        columns = columns_of(answer)
        if columns is None:
            raise ServingError(
                f"{self.address} should answer with `outputs` or `predictions`. "
                f"Received: {shown(answer)}"
            )
        try:
            return {name: as_array(value) for name, value in columns.items()}
        except RecursionError as error:
            raise ServingError(f"{self.address} answered with lists nested too deep.") from error

    def _asked_metadata(self):
        if self._metadata is None:
            self._metadata = self._ask(f"{self.address}/metadata")
        return self._metadata

    def _ask(self, address: str, request: Mapping | None = None):
        try:
            return rest.ask(
                address,
                request,
                timeout=self.timeout,
                max_bytes=self.max_bytes,
                headers=self._headers,
            )
        except rest.RequestError as error:
            self._metadata = None
            raise ServingError(one_line(str(error))) from error
