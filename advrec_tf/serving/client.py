"""Asking an exported model for lists: what the clients of a folder and of a server share.

Both return the table of `Recommender.recommend`, with ids as the text they have in requests and,
where item texts are known, their titles. Requests by histories are in `client_histories`, scores of
given items in `client_scores`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from advrec_tf.serving.client_base import Limits
from advrec_tf.serving.client_histories import HistoryRequests
from advrec_tf.serving.client_scores import ScoreRequests
from advrec_tf.serving.client_warnings import warn_of_values
from advrec_tf.serving.feature_columns import raw_columns, table_of
from advrec_tf.serving.values import ServingError, ids_of

_LIST_INPUTS = ("k", "exclude_item_id", "allow_item_id")


class Client(HistoryRequests, ScoreRequests):
    """What both clients share: lists and scores as tables."""

    def recommend(
        self,
        user_ids: Sequence,
        k: int | Sequence[int] | None = None,
        exclude: Sequence = (),
        allow: Sequence = (),
    ) -> pd.DataFrame:
        """The best items that a user has not seen.

        Args:
            user_ids: external ids, sent as the readers have them: text without blanks around it, in
                the Unicode form NFC, a whole float as its integer; so are all ids of a request. An
                unknown user gets the popular items.
            k: length of a list, one number or one for each user, from 1 to the `max_k` of the
                export; by default what the model was exported with. A list is shorter where fewer
                items are left.
            exclude: item ids never recommended, or such a list for each user; unknown ones are
                ignored.
            allow: where not empty, nothing else is recommended; as `exclude`, and an empty list
                among lists for each user allows everything.

        Returns:
            A row per recommendation: `user_id`, `rank` (1 is best), `item_id`, `score`, and
            `text` where item texts are known.

        Warns:
            UserWarning: if there are users, or items of `exclude` or `allow`, that the model does
                not know (over REST of an export that tells `known_user`, `known_excluded` and
                `known_allowed`; those of earlier versions do not).

        Raises:
            ValueError: if an argument is of another type or length, or an id is None or NaN.
            ServingError: if the model refuses k or there is no sensible answer.
        """
        user_ids = ids_of(user_ids, "user_ids")
        limits = Limits.of(k, exclude, allow, len(user_ids))
        if not user_ids:
            return self._empty_table()
        signature, inputs = "serving_default", {"user_id": user_ids}
        if limits.k is not None or limits.names_items:
            signature = "recommend"
            inputs |= self._limit_inputs(limits, len(user_ids))
        try:
            table, outputs = self._lists(signature, inputs, user_ids)
        except ServingError as error:
            if not self._ranks_alone():
                raise
            raise ServingError(
                "The model lists no items by itself, it ranks candidates: `rank(user_ids, "
                f"candidates, features)` asks it. {error}"
            ) from error
        self._warn_of_limits(signature, limits, outputs)
        self._warn_of_users(user_ids, outputs, "their lists are the popular items")
        return table

    def _ranks_alone(self) -> bool:
        """Whether the model asks for candidates where others are asked by users alone."""
        try:
            return "item_id" in self.input_specs("serving_default")
        except ServingError:  # it is not told: the first error counts
            return False

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

        Warns:
            UserWarning: if a column of categories has values that the model does not know, or
                `exclude` or `allow` such items; exports of earlier versions do not tell of values,
                nor of items over REST.

        Raises:
            ValueError: if there is a column that the model does not take, or an argument is of
                another type or length.
            ServingError: if the model takes no columns, as one of ids alone, or there is no
                sensible answer.
        """
        signature = "recommend_from_features"
        table = table_of(features)
        specs = self._specs_or(
            signature,
            "The model takes no columns of users. A two-tower model with features of users or a "
            "context does: `two_tower(..., use_features=True)` in Python, `--use-features` and "
            "`--user-table` of `advrec train`.",
        )
        columns = raw_columns(table, {n: s for n, s in specs.items() if n not in _LIST_INPUTS})
        size = len(table)
        limits = Limits.of(k, exclude, allow, size)
        if not size:
            return self._empty_table()
        inputs = {**columns, **self._limit_inputs(limits, size)}
        lists, outputs = self._lists(signature, inputs, [str(place) for place in range(size)])
        self._warn_of_limits(signature, limits, outputs)
        warn_of_values(columns, outputs.get("unknown_columns"), "features")
        return lists
