"""Asking an exported model for lists: from its folder, or from a TensorFlow Serving.

Both clients return the table of `Recommender.recommend`, with ids as the text they have in
requests and, where item texts are known, their titles. The REST client does not load
TensorFlow.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from advrec_tf.serving import folder

_NO_ITEM = ""  # what `served` writes where a list is shorter than k


class ServingError(RuntimeError):
    """The model or its server refused, failed, or could not be reached."""


class Client:
    """What both clients share: lists as a table.

    Attributes:
        item_text: item id -> title, or None.
    """

    item_text: Mapping[str, str] | None = None

    def predict(self, signature_name: str, inputs: Mapping) -> dict[str, np.ndarray]:
        """Input name -> value or nested lists; output name -> array, strings as `str`.

        Raises:
            ServingError: if there is no answer, or it is an error.
        """
        raise NotImplementedError

    def default_k(self) -> int:
        """Length of the list where a request names none."""
        raise NotImplementedError

    def recommend(
        self, user_ids: Sequence, k: int | None = None, exclude: Sequence = ()
    ) -> pd.DataFrame:
        """The best items that a user has not seen.

        Args:
            user_ids: external ids, sent as `str(id)`; an unknown user gets the popular items.
            k: length of a list; by default what the model was exported with. A list is
                shorter where fewer items are left.
            exclude: item ids never recommended; unknown ones are ignored.

        Returns:
            A row per recommendation: `user_id`, `rank` (1 is best), `item_id`, `score`, and
            `text` where item texts are known.

        Raises:
            ServingError: if the model refuses k or there is no answer.
        """
        user_ids = [str(user) for user in user_ids]
        exclude = [str(item) for item in exclude]
        if not user_ids:
            items, scores = np.empty((0, 0), object), np.empty((0, 0), np.float32)
        else:
            if k is None and not exclude:
                outputs = self.predict("serving_default", {"user_id": user_ids})
            else:
                k = self.default_k() if k is None else int(k)
                inputs = {"user_id": user_ids, "k": k, "exclude_item_id": exclude}
                outputs = self.predict("recommend", inputs)
            items, scores = outputs["item_id"], outputs["score"].astype(np.float32)
        rows, ranks = np.nonzero(items != _NO_ITEM)
        table = pd.DataFrame(
            {
                "user_id": pd.Series([user_ids[row] for row in rows], dtype=str),
                "rank": ranks + 1,
                "item_id": pd.Series(items[rows, ranks], dtype=str),
                "score": scores[rows, ranks],
            }
        )
        if self.item_text is not None:
            texts = [self.item_text.get(item, "") for item in table["item_id"]]
            table["text"] = pd.Series(texts, dtype=str)
        return table


class SavedModelClient(Client):
    """The highest version in a model's folder, loaded into this process.

    Raises:
        FileNotFoundError: if `directory` is neither a version nor holds one.
    """

    def __init__(self, directory: str | os.PathLike):
        import tensorflow as tf  # four seconds that the REST client does not need

        self.path = folder.latest(directory)
        self.metadata = folder.read_metadata(self.path)
        text = self.path / folder.ITEM_TEXT
        self.item_text = folder.read_item_text(text) if text.is_file() else None
        self._tf = tf
        self._model = tf.saved_model.load(os.fspath(self.path))

    def default_k(self) -> int:
        return self.metadata["k"]

    def predict(self, signature_name: str, inputs: Mapping) -> dict[str, np.ndarray]:
        tf, signatures = self._tf, self._model.signatures
        if signature_name not in signatures:
            raise ServingError(f"{self.path} has no signature {signature_name!r}.")
        signature = signatures[signature_name]
        try:
            fed = {
                name: tf.constant(inputs[name], spec.dtype)
                for name, spec in signature.structured_input_signature[1].items()
            }
            outputs = signature(**fed)
        except (KeyError, TypeError, ValueError, tf.errors.OpError) as error:
            raise ServingError(
                f"{signature_name} of {self.path} refused: {_refusal(str(error))}"
            ) from error
        return {name: _decoded(value.numpy()) for name, value in outputs.items()}


class RestClient(Client):
    """A model behind TensorFlow Serving's REST interface (`POST .../v1/models/NAME:predict`).

    Args:
        url: scheme, host and port, as in "http://localhost:8501".
        version: a fixed version; by default the one the server serves.
        timeout: seconds to wait for an answer.
        item_text: item id -> title, for the tables.
    """

    def __init__(
        self,
        url: str,
        model_name: str,
        *,
        version: int | None = None,
        timeout: float = 10.0,
        item_text: Mapping[str, str] | None = None,
    ):
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"`url` should start with http:// or https://. Received: {url!r}.")
        numbered = "" if version is None else f"/versions/{version}"
        self.address = f"{url.rstrip('/')}/v1/models/{model_name}{numbered}"
        self.timeout = timeout
        self.item_text = item_text

    def default_k(self) -> int:
        answer = self._ask(f"{self.address}/metadata")
        try:
            signatures = answer["metadata"]["signature_def"]["signature_def"]
            shape = signatures["serving_default"]["outputs"]["score"]["tensor_shape"]
            return int(shape["dim"][1]["size"])
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ServingError(f"{self.address} does not tell its list length: {answer}") from error

    def predict(self, signature_name: str, inputs: Mapping) -> dict[str, np.ndarray]:
        request = {"signature_name": signature_name, "inputs": dict(inputs)}
        answer = self._ask(f"{self.address}:predict", request)
        outputs = answer.get("outputs") if isinstance(answer, dict) else None
        if not isinstance(outputs, dict):
            raise ServingError(f"{self.address} should answer with named outputs: {answer}")
        return {
            name: np.array(value, object) if _holds_text(value) else np.array(value)
            for name, value in outputs.items()
        }

    def _ask(self, address: str, request: Mapping | None = None):
        """The JSON that `address` answers to a GET, or to a POST of `request`."""
        body = None if request is None else json.dumps(request).encode()
        headers = {"Content-Type": "application/json"}
        try:
            with urllib.request.urlopen(
                urllib.request.Request(address, data=body, headers=headers), timeout=self.timeout
            ) as response:
                return json.loads(response.read())
        except urllib.error.HTTPError as error:
            text = error.read().decode("utf-8", "replace")
            raise ServingError(f"{address} answered {error.code}: {_reason(text)}") from error
        except TimeoutError as error:
            raise ServingError(f"{address} did not answer within {self.timeout} s.") from error
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            reason = getattr(error, "reason", error)
            raise ServingError(f"{address} could not be reached: {reason}") from error
        except ValueError as error:
            raise ServingError(f"{address} did not answer with JSON: {error}") from error


def _reason(body: str) -> str:
    """The message in the server's {"error": message}, else the body as it came."""
    try:
        return json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        return body.strip()[:500]


def _refusal(text: str) -> str:
    """What an assertion in the graph says, without where it stands; another text as it came."""
    _, found, said = text.partition("assertion failed: ")
    return " ".join(re.findall(r"\[([^\[\]]*)\]", said.splitlines()[0])) if found else text


def _decoded(value: np.ndarray) -> np.ndarray:
    if value.dtype != object:
        return value
    decoded = np.empty(value.shape, object)
    decoded.flat = [text.decode("utf-8") for text in value.flat]
    return decoded


def _holds_text(value) -> bool:
    while isinstance(value, list) and value:
        value = value[0]
    return isinstance(value, str)
