"""What the requests of a client share: how a model is asked, limits of lists, tables of answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from advrec_tf.serving.client_warnings import warn_of_ids
from advrec_tf.serving.values import (
    NO_ITEM,
    NoSignatureError,
    ServingError,
    column_of_answers,
    lengths_of,
    list_columns,
    lists_of,
)

NO_SCORE = "they have no score"
"""What follows where a model knows an item not and scores it not, either."""

Spec = tuple[str, tuple[int | None, ...]]
"""Dtype and shape of an input, None for a size that is free."""


class Limits(NamedTuple):
    """How long the lists of a request are, and what may stand in them.

    Attributes:
        k: of each list; None where the model's own length is asked for.
        exclude, allow: ids for each user, padded.
    """

    k: list[int] | None
    exclude: list[list[str]]
    allow: list[list[str]]

    @classmethod
    def of(cls, k, exclude: Sequence, allow: Sequence, count: int) -> Limits:
        """Those of `count` users.

        Raises:
            ValueError: if an argument is of another type or length.
        """
        return cls(
            lengths_of(k, count),
            lists_of(exclude, "exclude", count),
            lists_of(allow, "allow", count),
        )

    @property
    def names_items(self) -> bool:
        return any(map(any, self.exclude + self.allow))


class ClientBase:
    """How a model is asked, and tables of what it answers.

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

    def input_specs(self, signature_name: str) -> dict[str, Spec]:
        """Input name of a signature -> dtype and shape.

        Raises:
            NoSignatureError: if the model has no such signature.
            ServingError: if it does not tell.
        """
        raise NotImplementedError

    def knows(self, kind: str, ids: Sequence[str]) -> list[bool] | None:
        """Which of the ids of "users" or of "items" the model knows.

        None where it is not told: a server does not say it without a further request;
        `predict("score", ...)` tells it, in `known_user` and `known_item`.
        """
        return None

    def _specs_or(self, signature: str, otherwise: str) -> dict[str, Spec]:
        """`input_specs`; the sentence `otherwise` where there is no such signature."""
        try:
            return self.input_specs(signature)
        except NoSignatureError as error:
            raise ServingError(f"{otherwise} {error}") from error

    def _limit_inputs(self, limits: Limits, count: int) -> dict[str, list]:
        """The inputs of lists for `count` users."""
        return {
            "k": [self.default_k()] * count if limits.k is None else limits.k,
            "exclude_item_id": limits.exclude,
            "allow_item_id": limits.allow,
        }

    # What is unknown.

    def _warn_of_users(self, user_ids: Sequence[str], outputs: Mapping, then: str) -> None:
        """Warn of users that the model does not know, by its answer or, of an export that does not
        tell, by `knows`; `then` is what follows."""
        if "known_user" in outputs:
            shape = (len(user_ids),)
            known = column_of_answers("The model", outputs, "known_user", shape, "b").tolist()
        else:
            known = self.knows("users", user_ids) if user_ids else None
        warn_of_ids(user_ids, known, "user_ids", then)

    def _warn_of_limits(self, signature: str, limits: Limits, outputs: Mapping) -> None:
        """Warn of items of `exclude` and `allow` that the model does not know, by its answer or, of
        an export that does not tell, by `knows`."""
        for lists, name, output, then in (
            (limits.exclude, "exclude", "known_excluded", "they exclude nothing"),
            (limits.allow, "allow", "known_allowed", "they allow nothing"),
        ):
            named = np.array(lists) != NO_ITEM
            if not named.any():
                continue
            ids = np.array(lists)[named].tolist()
            if output in outputs:
                known = column_of_answers(signature, outputs, output, named.shape, "b")[named]
                told = known.tolist()
            else:
                told = self.knows("items", ids)
            warn_of_ids(ids, told, name, then)

    def _known_items(
        self, signature: str, lists: Sequence[Sequence[str]], outputs: Mapping
    ) -> list[int] | None:
        """How many items of each list the model knows, by its answer or, of an export that does not
        tell, by `knows`; None where neither tells."""
        if "known_items" in outputs:
            shape = (len(lists),)
            return column_of_answers(signature, outputs, "known_items", shape, "iu").tolist()
        ids = list(dict.fromkeys(name for row in lists for name in row if name))
        known = self.knows("items", ids) if ids else None
        if known is None:
            return None
        counted = {name for name, is_known in zip(ids, known, strict=True) if is_known}
        return [sum(name in counted for name in row) for row in lists]

    # Tables.

    def _lists(
        self,
        signature: str,
        inputs: Mapping,
        user_ids: Sequence[str],
        lengths: Sequence[int] | None = None,
    ) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
        """The table of lists, cut to the `lengths` if any, and all that was answered."""
        outputs = self.predict(signature, inputs)
        items, scores = list_columns(signature, outputs, len(user_ids))
        if lengths is not None:
            within = np.arange(items.shape[1])[None, :] < np.array(lengths)[:, None]
            items = np.where(within, items, NO_ITEM)
        return self._table(user_ids, items, scores), outputs

    def _empty_table(self) -> pd.DataFrame:
        return self._table([], np.empty((0, 0), object), np.empty((0, 0)))

    def _table(self, user_ids, items: np.ndarray, scores: np.ndarray) -> pd.DataFrame:
        rows, ranks = np.nonzero(items != NO_ITEM)
        found = self._scored(
            [user_ids[row] for row in rows], items[rows, ranks], scores[rows, ranks]
        )
        found.insert(1, "rank", ranks + 1)
        return found

    def _scored(self, user_ids: Sequence[str], item_ids, scores: np.ndarray) -> pd.DataFrame:
        """A row for each pair."""
        table = pd.DataFrame(
            {
                "user_id": pd.Series(user_ids, dtype=str),
                "item_id": pd.Series(item_ids, dtype=str),
                "score": np.asarray(scores, np.float32),
            }
        )
        if self.item_text is not None:
            texts = [self.item_text.get(item, "") for item in table["item_id"]]
            table["text"] = pd.Series(texts, dtype=str)
        return table
