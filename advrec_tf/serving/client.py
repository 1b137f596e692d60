"""Asking an exported model for lists: from its folder, or from a TensorFlow Serving.

Both clients return the table of `Recommender.recommend`, with ids as the text they have in
requests and, where item texts are known, their titles. The REST client does not load TensorFlow.
"""

from __future__ import annotations

import base64
import numbers
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from advrec_tf.serving import folder, rest
from advrec_tf.serving.feature_columns import raw_columns

_NO_ITEM = ""  # what pads lists, in requests and in answers
_LIST_INPUTS = ("k", "exclude_item_id", "allow_item_id")
_DTYPES = {
    "DT_STRING": "string",
    "DT_INT32": "int32",
    "DT_FLOAT": "float32",
    "DT_DOUBLE": "float64",
}


class ServingError(RuntimeError):
    """The model or its server refused, failed, could not be reached, or made no sense."""


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
        self,
        user_ids: Sequence,
        k: int | Sequence[int] | None = None,
        exclude: Sequence = (),
        allow: Sequence = (),
    ) -> pd.DataFrame:
        """The best items that a user has not seen.

        Args:
            user_ids: external ids, sent as `str(id)`; an unknown user gets the popular items.
            k: length of a list, one number or one for each user; by default what the model was
                exported with. A list is shorter where fewer items are left.
            exclude: item ids never recommended, or such a list for each user; unknown ones are
                ignored.
            allow: where not empty, nothing else is recommended; as `exclude`, and an empty list
                among lists for each user allows everything.

        Returns:
            A row per recommendation: `user_id`, `rank` (1 is best), `item_id`, `score`, and
            `text` where item texts are known.

        Raises:
            ValueError: if an argument is of another type or length.
            ServingError: if the model refuses k or there is no sensible answer.
        """
        user_ids = _ids(user_ids, "user_ids")
        lengths = _lengths(k, len(user_ids))
        excluded = _lists(exclude, "exclude", len(user_ids))
        allowed = _lists(allow, "allow", len(user_ids))
        if not user_ids:
            return self._table(user_ids, np.empty((0, 0), object), np.empty((0, 0)))
        if lengths is None and not any(map(any, excluded + allowed)):
            return self._lists("serving_default", {"user_id": user_ids}, user_ids)
        inputs = {
            "user_id": user_ids,
            "k": [self.default_k()] * len(user_ids) if lengths is None else lengths,
            "exclude_item_id": excluded,
            "allow_item_id": allowed,
        }
        return self._lists("recommend", inputs, user_ids)

    def recommend_from_history(self, histories: Sequence[Sequence]) -> pd.DataFrame:
        """Lists for users who are not in the model, by what each of them has.

        Args:
            histories: item ids for each user; unknown ones are ignored, and a user without any
                known one gets the popular items.

        Returns:
            As `recommend`; `user_id` is the place in `histories`, as text, and the lists have the
            length the model was exported with.

        Raises:
            ValueError: if `histories` is not a list of lists of ids.
            ServingError: if the model does not serve histories, or there is no sensible answer.
        """
        items = _histories(histories, "histories")
        user_ids = [str(place) for place in range(len(items))]
        if not items:
            return self._table(user_ids, np.empty((0, 0), object), np.empty((0, 0)))
        return self._lists("recommend_from_history", {"item_id": items}, user_ids)

    def start_state(self, histories: Sequence[Sequence]) -> np.ndarray:
        """What a recurrent model remembers of histories, for `recommend_from_state`.

        Args:
            histories: as in `recommend_from_history`; of a long one the last items are read.

        Returns:
            [users, width] float32, a row for each user; keep it until the user's next request.

        Raises:
            ValueError: if `histories` is not a list of lists of ids.
            ServingError: if the model has no states, or there is no sensible answer.
        """
        items = _histories(histories, "histories")
        width = self._state_width()
        if not items:
            return np.zeros((0, width), np.float32)
        outputs = self.predict("start_state", {"item_id": items})
        # A server leaves out the name of a single output.
        return _states(
            "start_state", outputs.get("state", outputs.get("outputs")), (len(items), width)
        )

    def recommend_from_state(
        self, states: np.ndarray, newest: Sequence[Sequence], exclude: Sequence = ()
    ) -> tuple[pd.DataFrame, np.ndarray]:
        """Lists for users by what a recurrent model remembers of them and what came since.

        Args:
            states: [users, width], as this method or `start_state` returned them; zeros are the
                state of who has no history.
            newest: the item ids of each user that came since, the latest last; unknown ones leave
                the state as it is.
            exclude: item ids that are not recommended, or such a list for each user. A state does
                not tell which items it has read: a model that was exported without repeats leaves
                out those of `newest` by itself, the older ones only where they stand here.

        Returns:
            A table as `recommend_from_history`, and the states for the next request, [users, width]
            float32.

        Raises:
            ValueError: if an argument is of another type, length or shape.
            ServingError: if the model has no states, or there is no sensible answer.
        """
        items = _histories(newest, "newest")
        shape = (len(items), self._state_width())
        given = np.asarray(states)
        if given.shape != shape or given.dtype.kind not in "fiu" or not np.isfinite(given).all():
            raise ValueError(
                f"`states` should hold finite numbers in the shape {shape}, a row for each user of "
                f"`newest`. Received: shape {given.shape}, {given.dtype}."
            )
        excluded = _lists(exclude, "exclude", len(items))
        user_ids = [str(place) for place in range(len(items))]
        if not items:
            table = self._table(user_ids, np.empty((0, 0), object), np.empty((0, 0)))
            return table, np.zeros(shape, np.float32)
        signature = "recommend_from_state"
        inputs = {"state": given.tolist(), "item_id": items, "exclude_item_id": excluded}
        outputs = self.predict(signature, inputs)
        table = self._table(user_ids, *_list_columns(signature, outputs, len(items)))
        return table, _states(signature, outputs.get("state"), shape)

    def _state_width(self) -> int:
        """Numbers of a state, which the signature tells."""
        _, (_, width) = self.input_specs("recommend_from_state")["state"]
        return int(width)

    def recommend_from_features(
        self,
        features: pd.DataFrame | Mapping[str, Sequence],
        k: int | Sequence[int] | None = None,
        exclude: Sequence = (),
        allow: Sequence = (),
    ) -> pd.DataFrame:
        """Lists for users who are not in the model, by columns of theirs and of the context.

        Args:
            features: input name -> a value for each user, as the tables had them that the model was
                trained on; a column that is left out is missing for all.
            k, exclude, allow: as in `recommend`.

        Returns:
            As `recommend`; `user_id` is the place in `features`, as text. A user of whom nothing is
            known gets the popular items.

        Raises:
            ValueError: if there is a column that the model does not take, or an argument is of
                another type or length.
            ServingError: if the model takes no columns, or there is no sensible answer.
        """
        signature = "recommend_from_features"
        table = pd.DataFrame(features)
        specs = self.input_specs(signature)
        columns = {name: spec for name, spec in specs.items() if name not in _LIST_INPUTS}
        inputs = raw_columns(table, columns)
        size = len(table)
        user_ids = [str(place) for place in range(size)]
        lengths = _lengths(k, size)
        inputs |= {
            "k": [self.default_k()] * size if lengths is None else lengths,
            "exclude_item_id": _lists(exclude, "exclude", size),
            "allow_item_id": _lists(allow, "allow", size),
        }
        if not size:
            return self._table(user_ids, np.empty((0, 0), object), np.empty((0, 0)))
        return self._lists(signature, inputs, user_ids)

    def input_specs(self, signature_name: str) -> dict[str, tuple[str, tuple[int | None, ...]]]:
        """Input name of a signature -> dtype and shape, None for a size that is free.

        Raises:
            ServingError: if the model has no such signature, or does not tell.
        """
        raise NotImplementedError

    def _lists(self, signature: str, inputs: Mapping, user_ids: Sequence[str]) -> pd.DataFrame:
        outputs = self.predict(signature, inputs)
        return self._table(user_ids, *_list_columns(signature, outputs, len(user_ids)))

    def _table(self, user_ids, items: np.ndarray, scores: np.ndarray) -> pd.DataFrame:
        rows, ranks = np.nonzero(items != _NO_ITEM)
        table = pd.DataFrame(
            {
                "user_id": pd.Series([user_ids[row] for row in rows], dtype=str),
                "rank": ranks + 1,
                "item_id": pd.Series(items[rows, ranks], dtype=str),
                "score": scores[rows, ranks].astype(np.float32),
            }
        )
        if self.item_text is not None:
            texts = [self.item_text.get(item, "") for item in table["item_id"]]
            table["text"] = pd.Series(texts, dtype=str)
        return table


class SavedModelClient(Client):
    """The highest version in a model's folder, loaded into this process.

    A SavedModel is code: its graph may read and write any file that this process may. Load only
    what comes from a source you trust.

    Attributes:
        path: the folder of the version.
        metadata: what its export noted.
        loaded: the graph, as `tf.saved_model.load` gives it.

    Raises:
        FileNotFoundError: if `directory` is neither a version nor holds one.
        ValueError: if a file beside the graph is damaged; it names the file.
        ServingError: if the graph or its variables do not load.
    """

    def __init__(self, directory: str | os.PathLike):
        self.path = folder.latest(directory)
        self.metadata = folder.read_metadata(self.path)
        text = self.path / folder.ITEM_TEXT
        self.item_text = folder.read_item_text(text) if text.is_file() else None
        for part in ("saved_model.pb", "variables/variables.index"):
            if not (self.path / part).is_file():
                raise ServingError(f"{self.path / part} should be there and is not.")
        import tensorflow as tf  # four seconds that the REST client does not need

        if self.metadata.get("needs_tensorflow_text"):
            import tensorflow_text  # noqa: F401  (registers the operations of the graph)
        self._tf = tf
        try:
            self.loaded = tf.saved_model.load(os.fspath(self.path))
            self._signatures = dict(self.loaded.signatures)
        except Exception as error:  # what a damaged file raises depends on the byte
            raise ServingError(
                f"{self.path} does not load, {_damaged_part(self.path)} is damaged: "
                f"{_one_line(str(error))}"
            ) from error

    def default_k(self) -> int:
        k = self.metadata.get("k")
        if not _is_count(k):
            raise ServingError(
                f"{self.path / folder.METADATA} should name `k`, the length of a list. "
                f"Received: {_shown(k)}."
            )
        return k

    def input_specs(self, signature_name):
        specs = self._signature(signature_name).structured_input_signature[1]
        return {
            name: (spec.dtype.name, tuple(spec.shape.as_list())) for name, spec in specs.items()
        }

    def _signature(self, name: str):
        if name not in self._signatures:
            raise ServingError(f"{self.path} has no signature {name!r}.")
        return self._signatures[name]

    def predict(self, signature_name: str, inputs: Mapping) -> dict[str, np.ndarray]:
        tf = self._tf
        signature = self._signature(signature_name)
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
        timeout: seconds for a whole request.
        max_bytes: longest answer that is read.
        item_text: item id -> title, for the tables.
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
    ):
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"`url` should start with http:// or https://. Received: {url!r}.")
        numbered = "" if version is None else f"/versions/{version}"
        self.address = f"{url.rstrip('/')}/v1/models/{model_name}{numbered}"
        self.timeout, self.max_bytes = timeout, max_bytes
        self.item_text = item_text

    def default_k(self) -> int:
        answer = self._ask(f"{self.address}/metadata")
        try:
            signatures = answer["metadata"]["signature_def"]["signature_def"]
            shape = signatures["serving_default"]["outputs"]["score"]["tensor_shape"]
            return int(shape["dim"][1]["size"])
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ServingError(
                f"{self.address} does not tell its list length: {_shown(answer)}"
            ) from error

    def input_specs(self, signature_name):
        answer = self._ask(f"{self.address}/metadata")
        try:
            inputs = answer["metadata"]["signature_def"]["signature_def"][signature_name]["inputs"]
            found = {}
            for name, spec in inputs.items():
                sizes = [int(dim["size"]) for dim in spec["tensor_shape"].get("dim", [])]
                shape = tuple(None if size < 0 else size for size in sizes)
                found[name] = (_DTYPES[spec["dtype"]], shape)
            return found
        except (KeyError, AttributeError, TypeError, ValueError) as error:
            raise ServingError(
                f"{self.address} does not tell the inputs of {signature_name}: {_shown(answer)}"
            ) from error

    def predict(self, signature_name: str, inputs: Mapping) -> dict[str, np.ndarray]:
        """As `Client.predict`; the single output of a signature that has one has the name
        "outputs", since a server leaves its name out."""
        request = {"signature_name": signature_name, "inputs": dict(inputs)}
        answer = self._ask(f"{self.address}:predict", request)
        columns = _columns(answer)
        if columns is None:
            raise ServingError(
                f"{self.address} should answer with `outputs` or `predictions`. "
                f"Received: {_shown(answer)}"
            )
        try:
            return {name: _as_array(value) for name, value in columns.items()}
        except RecursionError as error:
            raise ServingError(f"{self.address} answered with lists nested too deep.") from error

    def _ask(self, address: str, request: Mapping | None = None):
        try:
            return rest.ask(address, request, timeout=self.timeout, max_bytes=self.max_bytes)
        except rest.RequestError as error:
            raise ServingError(_one_line(str(error))) from error


def printable(text: str) -> str:
    """The text with control characters as escapes, so that a terminal shows and does not obey."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


# What callers hand over.


def _is_id(value) -> bool:
    return isinstance(value, (str, bytes, numbers.Number, np.generic))


def _is_count(value) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _ids(values: Iterable, name: str) -> list[str]:
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise ValueError(f"`{name}` should be a list of ids. Received: {_shown(values)}.")
    values = [values] if isinstance(values, Mapping) else list(values)
    for value in values:
        if not _is_id(value):
            raise ValueError(f"`{name}` should hold ids. Received: {_shown(value)}.")
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


def _lists(values: Sequence, name: str, count: int) -> list[list[str]]:
    """A list of ids for each of `count` users, equally long, with "" first and as padding.

    The first place is never an id: a server that joins requests may pad a list with what stands
    there.
    """
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise ValueError(f"`{name}` should be a list of ids. Received: {_shown(values)}.")
    values = list(values)
    if values and not any(map(_is_id, values)):
        if len(values) != count:
            raise ValueError(
                f"`{name}` should hold {count} lists of ids, one for each user. "
                f"Received: {len(values)}."
            )
        lists = [_ids(row, name) for row in values]
    else:
        lists = [_ids(values, name)] * count
    longest = max(map(len, lists), default=0)
    return [[_NO_ITEM, *row, *[_NO_ITEM] * (longest - len(row))] for row in lists]


def _histories(values: Sequence[Sequence], name: str) -> list[list[str]]:
    """As `_lists`, where one list for all is no choice."""
    if isinstance(values, (str, bytes)) or any(map(_is_id, values)):
        raise ValueError(
            f"`{name}` should hold a list of item ids for each user. Received: {_shown(values)}."
        )
    return _lists(values, name, len(values)) if len(values) else []


def _lengths(k, count: int) -> list[int] | None:
    """`k` for each user; None where none was given."""
    if k is None:
        return None
    lengths = [k] * count if np.ndim(k) == 0 else list(k)
    if len(lengths) != count:
        raise ValueError(f"`k` should be one number or {count}. Received: {len(lengths)}.")
    for length in [k] if np.ndim(k) == 0 else lengths:
        if not _is_count(length) or not 1 <= length < 2**31:
            raise ValueError(f"`k` should be a whole number >= 1. Received: {_shown(length)}.")
    return [int(length) for length in lengths]


# What models and servers answer.


def _columns(answer) -> dict | None:
    """The answer of a server, columnar or in rows, as output name -> values; None if neither."""
    if not isinstance(answer, dict):
        return None
    if "outputs" in answer:
        outputs = answer["outputs"]
        return outputs if isinstance(outputs, dict) else {"outputs": outputs}
    rows = answer.get("predictions")
    if not isinstance(rows, list):
        return None
    if not any(isinstance(row, dict) and set(row) != {"b64"} for row in rows):
        return {"outputs": rows}
    names = set().union(*(row for row in rows if isinstance(row, dict)))
    if any(not isinstance(row, dict) or set(row) != names for row in rows):
        return None
    return {name: [row[name] for row in rows] for name in names}


def _as_array(value) -> np.ndarray:
    """Nested lists of JSON as an array; what is ragged, empty or odd comes as objects."""
    value = _text_of(value)
    try:
        array = np.array(value)
    except ValueError:  # ragged
        array = np.empty(len(value), object)
        array[:] = value
        return array
    return array if array.size and array.dtype.kind in "biuf" else array.astype(object)


def _text_of(value):
    """Strings that are not UTF-8 come from a server as {"b64": text}."""
    if isinstance(value, list):
        return [_text_of(entry) for entry in value]
    if isinstance(value, dict) and set(value) == {"b64"} and isinstance(value["b64"], str):
        try:
            return base64.b64decode(value["b64"]).decode("utf-8", "replace")
        except ValueError:
            return value
    return value


def _list_columns(signature: str, outputs: Mapping, count: int) -> tuple[np.ndarray, np.ndarray]:
    """item_id and score, both [count, n].

    Raises:
        ServingError: if that is not what the outputs are.
    """
    missing = [name for name in ("item_id", "score") if name not in outputs]
    if missing:
        raise ServingError(
            f"{signature} should answer with `item_id` and `score`. "
            f"Received: {sorted(map(str, outputs))}."
        )
    items, scores = outputs["item_id"], outputs["score"]
    if items.ndim != 2 or len(items) != count or scores.shape != items.shape:
        raise ServingError(
            f"{signature} should answer with a list for each of {count} users and a score for "
            f"each item. Received shapes {items.shape} and {scores.shape}."
        )
    strange = [item for item in items.flat if not isinstance(item, str)]
    if strange:
        raise ServingError(
            f"{signature} should answer with item ids of text. Received: {_shown(strange[0])}."
        )
    numeric = scores.size == 0 or scores.dtype.kind in "iuf"
    if not numeric or not np.isfinite(scores.astype(np.float64)).all():
        raise ServingError(f"{signature} should answer with finite scores. Received others.")
    return items, scores


def _states(signature: str, value, shape: tuple[int, int]) -> np.ndarray:
    """[users, width] float32.

    Raises:
        ServingError: if that is not what was answered.
    """
    found = np.asarray(value)
    numeric = found.dtype.kind in "iuf"
    if found.shape != shape or not numeric or not np.isfinite(found).all():
        raise ServingError(
            f"{signature} should answer with `state`, finite numbers in the shape {shape}. "
            f"Received: {found.dtype} in the shape {found.shape}."
        )
    return found.astype(np.float32)


def _damaged_part(path: Path) -> str:
    """Which file of a version that does not load is to blame, as far as can be told."""
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    try:
        graph = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
    except (DecodeError, OSError):
        return "saved_model.pb"
    return "saved_model.pb or variables" if graph.meta_graphs else "saved_model.pb"


def _refusal(text: str) -> str:
    """What an assertion in the graph says, without where it stands; another text as one line."""
    _, found, said = text.partition("assertion failed: ")
    if found:
        return " ".join(re.findall(r"\[([^\[\]]*)\]", said.splitlines()[0]))
    return _one_line(text)


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()))[:500]


def _shown(value) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:120]}..."


def _decoded(value: np.ndarray) -> np.ndarray:
    if value.dtype != object:
        return value
    decoded = np.empty(value.shape, object)
    decoded.flat = [text.decode("utf-8", "replace") for text in value.flat]
    return decoded
