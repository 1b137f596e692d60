"""`ServedModule`: a graph that states its signatures, warm-up requests, notes and cases.

`saved_model` writes and checks any of them and knows nothing of what they compute. A new kind of
export is a subclass that implements one method a signature; a new signature is such a method, its
name in `SIGNATURES`, and a case.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from advrec_tf.data.vocabulary import id_text

SIGNATURES = {
    "serving_default": "What a request without a signature name gets.",
    "recommend": "Lists of the length asked for, with items excluded or allowed for each user.",
    "recommend_from_history": "Lists for users who are known by the items of their history alone.",
    "recommend_from_history_restricted": "Lists of the length asked for, with items excluded or "
    "allowed for each user, for users who are known by their history alone.",
    "recommend_from_user_history": "Lists for users by a history and by what was learned of them.",
    "recommend_from_features": "Lists for users who are known by columns of theirs and of the "
    "context alone.",
    "start_state": "The state after the items of a history, which the client keeps.",
    "recommend_from_state": "Lists for users who are known by a state and the newest items, and "
    "the state after these.",
    "recommend_index": "Lists for user indices, as item indices.",
    "rank": "The candidates of a request in the order of their scores.",
    "rate": "The rating that is predicted for a user and an item.",
    "score": "The score of a user and an item.",
    "score_from_history": "The scores of candidates for users who are known by their history "
    "alone.",
    "score_text": "The score of a user and an item that is known by its text alone.",
    "nearest_items": "The items whose vectors have the highest cosine to a text.",
    "generate_given": "Generated rows in which some columns have the given values.",
}
"""Every signature that an export of this package may have, and what it answers."""

REPEATS = 50
"""How often a case is asked whose latency is reported."""


class ExportCheckError(RuntimeError):
    """The export does not load, or answers differently from the model in memory."""


class Expected(Protocol):
    """What a case should be answered with.

    Attributes:
        size: how many answers (lists, scores, rows) are compared.
    """

    size: int

    def difference(self, where: str, outputs: Mapping, tolerance: float) -> float:
        """The largest relative difference of a number.

        Raises:
            ExportCheckError: with the first difference that counts, after the text `where`.
        """


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """One request of a check.

    Attributes:
        title: what the request tries, for error messages.
        signature: its name.
        inputs: input name -> value or nested lists.
        expected: the right answer; None where the request should bring INVALID_ARGUMENT.
        repeat: how often it is asked; the median time of a request is reported where it is > 1.
    """

    title: str
    signature: str
    inputs: Mapping
    expected: Expected | None
    repeat: int = 1


class Values:
    """Outputs by name that should be equal: numbers to the tolerance, the rest exactly.

    Args:
        outputs: output name -> array; outputs that are not named are not compared.
    """

    def __init__(self, outputs: Mapping[str, ArrayLike]):
        self.outputs = {name: np.asarray(value) for name, value in outputs.items()}
        self.size = max((len(value) for value in self.outputs.values()), default=0)

    def difference(self, where: str, outputs: Mapping, tolerance: float) -> float:
        largest = 0.0
        for name, expected in self.outputs.items():
            served = np.asarray(outputs[name])
            if served.shape != expected.shape and expected.size + served.size:
                raise ExportCheckError(
                    f"{where}: `{name}` should have shape {expected.shape}. Served: {served.shape}."
                )
            served = served.reshape(expected.shape)
            if expected.dtype.kind == "f":
                found = largest_difference(f"{where}, `{name}`", served, expected, tolerance)
                largest = max(largest, found)
            elif (served != expected).any():
                place = tuple(np.argwhere(served != expected)[0].tolist())
                raise ExportCheckError(
                    f"{where}: `{name}` at {place} should be {expected[place]!r}. "
                    f"Served: {served[place]!r}."
                )
        return largest


class Together:
    """Outputs of which each of `parts` says what some should be; the first gives the size."""

    def __init__(self, *parts: Expected):
        self.parts = parts
        self.size = parts[0].size

    def difference(self, where: str, outputs: Mapping, tolerance: float) -> float:
        return max(part.difference(where, outputs, tolerance) for part in self.parts)


def largest_difference(
    where: str,
    served,
    expected,
    tolerance: float,
    name_of: Callable[[tuple[int, ...]], str] = lambda place: f"at {place}",
) -> float:
    """max |served - expected| / max(1, |expected|), 0 where there is nothing to compare.

    Raises:
        ExportCheckError: if it is above `tolerance`; `name_of` puts the place into words.
    """
    served, expected = np.asarray(served, np.float64), np.asarray(expected, np.float64)
    difference = np.abs(served - expected) / np.maximum(1.0, np.abs(expected))
    wrong = np.argwhere(~(difference <= tolerance))
    if len(wrong):
        place = tuple(wrong[0].tolist())
        raise ExportCheckError(
            f"{where}, {name_of(place)}: the value should be {expected[place]:.7g}. "
            f"Served: {served[place]:.7g}."
        )
    return float(difference.max(initial=0.0))


class ServedModule(tf.Module):
    """The base of what is exported: one method a signature, tensors by name in and out.

    A subclass implements `inputs`, a method of each signature's name, and `cases`; `warmup`,
    `notes` and `assets` where it has any.

    Attributes:
        batches: every input of every signature has the batch as its first axis, so that a model
            server may join requests (`--enable_batching`).
        max_batch: longest first axis that a request may have; None for no limit. Only where
            `batches`.
        text_ops: the graph needs the operations of TensorFlow Text.
    """

    batches = True
    max_batch: int | None = None
    text_ops = False

    def inputs(self) -> dict[str, dict[str, tf.TensorSpec]]:
        """Signature name -> input name -> shape and dtype."""
        raise NotImplementedError(f"{type(self).__name__} does not define `inputs`.")

    def cases(self) -> list[Case]:
        """The requests of a check, with what the model in memory answers."""
        raise NotImplementedError(f"{type(self).__name__} does not define `cases`.")

    def largest(self, name: str) -> int | None:
        """The longest first axis of a request of the signature `name`."""
        return self.max_batch

    def method(self, name: str) -> Callable:
        """What answers the signature `name`."""
        return getattr(self, name)

    def warmup(self) -> dict[str, dict[str, tf.Tensor]]:
        """Signature name -> the inputs of a request that a server replays when it loads."""
        return {}

    def notes(self) -> dict:
        """JSON values that stand in the export's metadata."""
        return {}

    def assets(self) -> dict[str, str]:
        """File name -> text, written beside the graph in `assets.extra`."""
        return {}

    def signatures(self) -> dict[str, Callable]:
        """The methods as concrete functions that refuse inputs of another shape, by name.

        A model server does not compare the shape of a request with that of the signature, and
        operations that get a tensor of another rank may end its process. So each input passes
        `tf.ensure_shape` first, and where `batches` a request's first axes should be equally
        long.

        Raises:
            ValueError: if a name is not in `SIGNATURES`.
        """
        unknown = sorted(set(self.inputs()) - set(SIGNATURES))
        if unknown:
            raise ValueError(
                f"`inputs` should name signatures of {sorted(SIGNATURES)}. Received: {unknown}."
            )
        return {name: self._guarded(name, specs) for name, specs in self.inputs().items()}

    def _guarded(self, name: str, specs: Mapping[str, tf.TensorSpec]):
        named = {key: tf.TensorSpec(spec.shape, spec.dtype, key) for key, spec in specs.items()}
        method = self.method(name)

        def call(**inputs):
            given = {key: tf.ensure_shape(inputs[key], spec.shape) for key, spec in specs.items()}
            return method(**self._of_one_batch(given, self.largest(name)))

        return tf.function(call).get_concrete_function(**named)

    def _of_one_batch(
        self, inputs: dict[str, tf.Tensor], largest: int | None
    ) -> dict[str, tf.Tensor]:
        if not self.batches:
            return inputs
        sizes = [tf.shape(value)[0] for value in inputs.values()]
        checks = []
        if len(sizes) > 1:
            names = ", ".join(f"`{name}`" for name in inputs)
            checks.append(
                tf.debugging.Assert(
                    tf.reduce_all(tf.equal(tf.stack(sizes), sizes[0])),
                    [f"{names} should have the same length. Received:", *sizes],
                )
            )
        if largest is not None:
            checks.append(
                tf.debugging.Assert(
                    sizes[0] <= largest,
                    [f"A request should hold at most {largest}. Received:", sizes[0]],
                )
            )
        return after(checks, inputs)


def after(checks: Sequence[tf.Operation], inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """The inputs, read only once the checks have passed."""
    with tf.control_dependencies([check for check in checks if check is not None]):
        return {name: tf.identity(value) for name, value in inputs.items()}


def frozen(value, name: str) -> tf.Variable:
    """A variable that is not trained: it lies in the checkpoint, where a constant of the graph
    would count against its 2 GiB."""
    return tf.Variable(value, trainable=False, name=name)


class _Places(tf.lookup.KeyValueTensorInitializer):
    """Each key's place; the places are made when the table is, so that no copy is stored."""

    def __init__(self, keys: tf.Tensor):
        super().__init__(keys, tf.zeros([0], tf.int32))
        self.keys = keys

    def initialize(self, table):
        places = tf.range(tf.size(self.keys), dtype=tf.int32)
        return tf.raw_ops.LookupTableImportV2(
            table_handle=table.resource_handle, keys=self.keys, values=places
        )


def lookup_table(keys: Sequence[str] | tf.Tensor, *, default: int) -> tf.lookup.StaticHashTable:
    """Text -> its place among `keys`, int32. A tensor of keys is stored once, however often
    the graph reads it."""
    return tf.lookup.StaticHashTable(_Places(tf.convert_to_tensor(keys, tf.string)), default)


def text_ids(ids: Sequence, name: str) -> list[str]:
    """External ids as the strings that requests carry: `str(id)`.

    Warns:
        UserWarning: if one is not as the readers have it, which the clients never ask for.

    Raises:
        ValueError: if two ids have the same text, or one has none.
    """
    seen: dict[str, object] = {}
    for value in ids:
        text = str(value)
        if not text:
            raise ValueError(f"`{name}` should hold no empty id. Received: {value!r}.")
        if text in seen:
            raise ValueError(
                f"`{name}` should hold ids whose text differs. "
                f"Received: {seen[text]!r} and {value!r}, both {text!r}."
            )
        seen[text] = value
    odd = next((value for text, value in seen.items() if id_text(value) != text), None)
    if odd is not None:
        warnings.warn(
            f"`{name}` should hold ids as `ar.data.load` has them: text without blanks around it, "
            "in the Unicode form NFC, and integers for whole floats; clients ask for no others. "
            f"Received: {odd!r}.",
            stacklevel=2,
        )
    return list(seen)
