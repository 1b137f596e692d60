"""Asking an exported model for scores of given items: pairs, and candidates in order."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from advrec_tf.serving.client_base import NO_SCORE, ClientBase
from advrec_tf.serving.client_warnings import warn_of_ids, warn_of_values
from advrec_tf.serving.feature_columns import raw_columns, table_of
from advrec_tf.serving.values import (
    NO_ITEM,
    column_of_answers,
    histories_of,
    ids_of,
    is_id,
    lengths_of,
    list_columns,
)

Columns = pd.DataFrame | Mapping[str, Sequence]

_IDS = ("user_id", "item_id")
_AS_UNKNOWN = "they are scored as unknown ones"


class ScoreRequests(ClientBase):
    """Requests for scores of given items."""

    def score(
        self, user_ids: Sequence, item_ids: Sequence, features: Columns | None = None
    ) -> pd.DataFrame:
        """Scores of pairs of a user and an item, or of candidates for each user.

        Args:
            user_ids: external ids.
            item_ids: one for each user, or a list of candidates for each; what a user has seen is
                scored, too.
            features: of a ranking model with a context: input name -> a value for each of the
                `user_ids`, as the table had them that it was trained on; a column that is left out
                is missing for all.

        Returns:
            A row for each pair, as asked for: `user_id`, `item_id`, `score`, and `text` where item
            texts are known. A ranking model with a context scores an unknown item as the mean of
            all; with other models its score is NaN.

        Warns:
            UserWarning: if there are users, items or values of columns that the model does not
                know.

        Raises:
            ValueError: if an argument is of another type or length, or there is a column that the
                model does not take.
            ServingError: if the model scores no users and items, or there is no sensible answer.
        """
        return self._pair_scores(
            "score", "The model scores no users.", user_ids, item_ids, features
        )

    def rate(
        self, user_ids: Sequence, item_ids: Sequence, features: Columns | None = None
    ) -> pd.DataFrame:
        """Ratings that a multi-task model predicts.

        Args:
            user_ids, item_ids, features: as in `score`.

        Returns:
            As `score` of a ranking model with a context.

        Raises:
            ValueError: as `score`.
            ServingError: if the model is none of several tasks, or there is no sensible answer.
        """
        otherwise = (
            "The model predicts no ratings beside lists: a multi-task model does. `score` asks a "
            "ranking model for ratings."
        )
        return self._pair_scores("rate", otherwise, user_ids, item_ids, features)

    def rank(
        self,
        user_ids: Sequence,
        candidates: Sequence[Sequence],
        features: Columns | None = None,
        k: int | Sequence[int] | None = None,
    ) -> pd.DataFrame:
        """Candidates in the order of the scores of a ranking or multi-task model.

        Args:
            user_ids: external ids.
            candidates: item ids for each user; unknown ones are left out.
            features: as in `score`.
            k: length of a list; by default all candidates.

        Returns:
            As `Client.recommend`.

        Warns:
            UserWarning: if there are users, candidates or values of columns that the model does not
                know.

        Raises:
            ValueError: as `score`.
            ServingError: if the model ranks no candidates, or there is no sensible answer.
        """
        asked = _Asked.of(user_ids, candidates, name="candidates")
        lengths = lengths_of(k, len(asked.user_ids))
        otherwise = (
            "The model ranks no candidates: a ranking tower with a context and a multi-task model "
            "do. `recommend(..., allow=candidates)` orders those of a model of lists."
        )
        specs = self._specs_or("rank", otherwise)
        columns = _columns(features, specs, len(asked.user_ids))
        if not asked.user_ids:
            return self._empty_table()
        inputs = {"user_id": asked.user_ids, "item_id": asked.rows, **columns}
        table, outputs = self._lists("rank", inputs, asked.user_ids, lengths)
        served = list_columns("rank", outputs, len(asked.user_ids))[0]
        known = [
            one in set(own)
            for row, own in zip(asked.rows, served, strict=True)
            for one in row
            if one
        ]
        warn_of_ids(asked.named, known, "candidates", "they are left out")
        self._warn_of_users(asked.user_ids, outputs, _AS_UNKNOWN)
        warn_of_values(columns, outputs.get("unknown_columns"), "features")
        return table

    def _pair_scores(self, signature, otherwise: str, user_ids, item_ids, features) -> pd.DataFrame:
        asked = _Asked.of(user_ids, item_ids, name="item_ids")
        specs = self._specs_or(signature, otherwise)
        columns = _columns(features, specs, len(asked.user_ids))
        inputs = {
            "user_id": [asked.user_ids[row] for row in asked.places],
            "item_id": asked.named,
            **{name: [own[row] for row in asked.places] for name, own in columns.items()},
        }
        if not asked.named:
            return self._scored([], [], np.zeros(0))
        outputs = self.predict(signature, inputs)
        shape = (len(asked.named),)
        scores = column_of_answers(signature, outputs, "score", shape)
        known = column_of_answers(signature, outputs, "known_item", shape, "b")
        # A ranking model has a vector for what it does not know.
        served = signature == "rate" or set(specs) > set(_IDS)
        then = _AS_UNKNOWN if served else NO_SCORE
        warn_of_ids(asked.named, known.tolist(), "item_ids", then)
        self._warn_of_users(inputs["user_id"], outputs, _AS_UNKNOWN)
        warn_of_values({n: inputs[n] for n in columns}, outputs.get("unknown_columns"), "features")
        scores = scores if served else np.where(known, scores, np.nan)
        return self._scored(inputs["user_id"], asked.named, scores)


class _Asked(NamedTuple):
    """Items that are asked for, of each user.

    Attributes:
        user_ids: as text.
        rows: ids for each user, padded.
        places: of each id that is named, whose it is.
        named: these ids.
    """

    user_ids: list[str]
    rows: list[list[str]]
    places: list[int]
    named: list[str]

    @classmethod
    def of(cls, user_ids: Sequence, items: Sequence, *, name: str) -> _Asked:
        """
        Raises:
            ValueError: if `items`, an argument of this name, has not one id or list for each user.
        """
        users = ids_of(user_ids, "user_ids")
        if name == "item_ids" and not isinstance(items, (str, bytes)) and any(map(is_id, items)):
            rows = [[one] for one in ids_of(items, name)]
        else:
            rows = histories_of(items, name)
        if len(rows) != len(users):
            raise ValueError(
                f"`{name}` should hold {len(users)} ids or lists of ids, one for each user. "
                f"Received: {len(rows)}."
            )
        places = [row for row, own in enumerate(rows) for one in own if one != NO_ITEM]
        named = [one for one in itertools.chain(*rows) if one != NO_ITEM]
        return cls(users, rows, places, named)


def _columns(features: Columns | None, specs: Mapping, count: int) -> dict[str, list]:
    """The columns of the context as inputs, for so many users."""
    table = pd.DataFrame(index=range(count)) if features is None else table_of(features)
    if len(table) != count:
        raise ValueError(
            f"`features` should have {count} rows, one for each of `user_ids`. "
            f"Received: {len(table)}."
        )
    return raw_columns(table, {name: spec for name, spec in specs.items() if name not in _IDS})
