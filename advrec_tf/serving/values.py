"""What callers of a client hand over, and what models answer, checked, as plain values."""

from __future__ import annotations

import base64
import numbers
import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from advrec_tf.data.vocabulary import id_text

NO_ITEM = ""
"""What pads lists, in requests and in answers."""


class ServingError(RuntimeError):
    """The model or its server refused, failed, could not be reached, or made no sense."""


class NoSignatureError(ServingError):
    """The model is there and has no signature of the name."""


def printable(text: str) -> str:
    """The text with control characters as escapes, so that a terminal shows and does not obey."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


# What callers hand over.


def is_id(value) -> bool:
    return isinstance(value, (str, bytes, numbers.Number, np.generic))


def is_count(value) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def ids_of(values: Iterable, name: str) -> list[str]:
    """Ids as texts, as `vocabulary.id_text` has them.

    Raises:
        ValueError: if `values` is no list, or holds what is no id, such as None or NaN.
    """
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise ValueError(f"`{name}` should be a list of ids. Received: {shown(values)}.")
    values = [values] if isinstance(values, Mapping) else list(values)
    for value in values:
        if not is_id(value) or value != value:  # NaN and NaT differ from themselves
            raise ValueError(f"`{name}` should hold ids. Received: {shown(value)}.")
    return [id_text(value) for value in values]


def lists_of(values: Sequence, name: str, count: int) -> list[list[str]]:
    """A list of ids for each of `count` users, equally long, with "" first and as padding.

    The first place is never an id: a server that joins requests may pad a list with what stands
    there.
    """
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise ValueError(f"`{name}` should be a list of ids. Received: {shown(values)}.")
    values = list(values)
    if values and not any(map(is_id, values)):
        if len(values) != count:
            raise ValueError(
                f"`{name}` should hold {count} lists of ids, one for each user. "
                f"Received: {len(values)}."
            )
        lists = [ids_of(row, name) for row in values]
    else:
        lists = [ids_of(values, name)] * count
    longest = max(map(len, lists), default=0)
    return [[NO_ITEM, *row, *[NO_ITEM] * (longest - len(row))] for row in lists]


def histories_of(values: Sequence[Sequence], name: str) -> list[list[str]]:
    """As `lists_of`, where one list for all is no choice."""
    if isinstance(values, (str, bytes)) or any(map(is_id, values)):
        raise ValueError(
            f"`{name}` should hold a list of item ids for each user. Received: {shown(values)}."
        )
    return lists_of(values, name, len(values)) if len(values) else []


def lengths_of(k, count: int) -> list[int] | None:
    """`k` for each user; None where none was given."""
    if k is None:
        return None
    lengths = [k] * count if np.ndim(k) == 0 else list(k)
    if len(lengths) != count:
        raise ValueError(f"`k` should be one number or {count}. Received: {len(lengths)}.")
    for length in [k] if np.ndim(k) == 0 else lengths:
        if not is_count(length) or not 1 <= length < 2**31:
            raise ValueError(f"`k` should be a whole number >= 1. Received: {shown(length)}.")
    return [int(length) for length in lengths]


STATE_LIMIT = 1.001
"""What no number of a state is beyond: gated recurrent units mix their state, zeros at first, with
a hyperbolic tangent, so that it stays in [-1, 1] but for rounding."""


def states_given(states, shape: tuple[int, int]) -> np.ndarray:
    """States of a recurrent model as a client hands them in, numbers [users, width].

    Raises:
        ValueError: if that is not what they are; a number that no history leads to is named with
            its row.
    """
    given = np.asarray(states)
    if given.shape != shape or given.dtype.kind not in "fiu":
        raise ValueError(
            f"`states` should hold numbers in the shape {shape}, a row for each user. "
            f"Received: shape {given.shape}, {given.dtype}."
        )
    wrong = np.argwhere(~(np.abs(given) <= STATE_LIMIT))  # NaN is not, either
    if len(wrong):
        row, place = wrong[0]
        raise ValueError(
            "`states` should hold numbers from -1 to 1, as `start_state` and "
            f"`recommend_from_state` return them. Received: {given[row, place]} in row {row}, "
            f"and {len(wrong)} such numbers in all."
        )
    return given


# What models and servers answer.


def columns_of(answer) -> dict | None:
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


def as_array(value) -> np.ndarray:
    """Nested lists of JSON as an array; what is ragged, empty or odd comes as objects."""
    value = text_of(value)
    try:
        array = np.array(value)
    except ValueError:  # ragged
        array = np.empty(len(value), object)
        array[:] = value
        return array
    return array if array.size and array.dtype.kind in "biuf" else array.astype(object)


def text_of(value):
    """Strings that are not UTF-8 come from a server as {"b64": text}."""
    if isinstance(value, list):
        return [text_of(entry) for entry in value]
    if isinstance(value, dict) and set(value) == {"b64"} and isinstance(value["b64"], str):
        try:
            return base64.b64decode(value["b64"]).decode("utf-8", "replace")
        except ValueError:
            return value
    return value


def column_of_answers(
    signature: str, outputs: Mapping, name: str, shape: tuple[int, ...], kinds: str = "iuf"
) -> np.ndarray:
    """The output `name`, in this shape.

    Args:
        kinds: of NumPy's dtypes, "b" for truth.

    Raises:
        ServingError: if that is not what was answered; a number should be finite.
    """
    found = np.asarray(outputs.get(name))
    fits = found.shape == shape and (found.size == 0 or found.dtype.kind in kinds)
    if not fits or (found.dtype.kind == "f" and not np.isfinite(found).all()):
        what = "truth values" if kinds == "b" else "finite numbers"
        raise ServingError(
            f"{signature} should answer with `{name}`, {what} in the shape {shape}. "
            f"Received: {found.dtype} in the shape {found.shape}."
        )
    return found


def list_columns(signature: str, outputs: Mapping, count: int) -> tuple[np.ndarray, np.ndarray]:
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
            f"{signature} should answer with item ids of text. Received: {shown(strange[0])}."
        )
    numeric = scores.size == 0 or scores.dtype.kind in "iuf"
    if not numeric or not np.isfinite(scores.astype(np.float64)).all():
        raise ServingError(f"{signature} should answer with finite scores. Received others.")
    return items, scores


def refusal(text: str) -> str:
    """What an assertion in the graph says, without where it stands; another text as one line."""
    _, found, said = text.partition("assertion failed: ")
    if found:
        return " ".join(re.findall(r"\[([^\[\]]*)\]", said.splitlines()[0]))
    return one_line(text)


def one_line(text: str) -> str:
    return printable(" ".join(text.split()))[:500]


def shown(value) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:120]}..."


def decoded(value: np.ndarray) -> np.ndarray:
    """Bytes as text; other arrays as they are."""
    if value.dtype != object:
        return value
    texts = [text.decode("utf-8", "replace") for text in value.flat]
    return np.array(texts, object).reshape(value.shape)
