"""Asking an exported model for lists and scores by what users have, and by states of a recurrent
model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from advrec_tf.serving.client_base import NO_SCORE, ClientBase, Limits
from advrec_tf.serving.client_warnings import warn_of_ids, warn_of_rows
from advrec_tf.serving.values import (
    NO_ITEM,
    NoSignatureError,
    ServingError,
    column_of_answers,
    histories_of,
    ids_of,
    states_given,
)

_AS_NOBODY = "their lists are those of an unknown user with the same history"


class HistoryRequests(ClientBase):
    """Requests by histories and by states."""

    def recommend_from_history(
        self,
        histories: Sequence[Sequence],
        user_ids: Sequence | None = None,
        *,
        k: int | Sequence[int] | None = None,
        exclude: Sequence = (),
        allow: Sequence = (),
    ) -> pd.DataFrame:
        """Lists for users who are not in the model, by what each of them has.

        Args:
            histories: item ids for each user; unknown ones are ignored, and a user without any
                known one gets the popular items.
            user_ids: whose the histories are, for a next-item model that was trained with vectors
                of users; an unknown one has the vector learned for that, as all have by default. A
                known user whose history names no known item gets the popular items, too: the vector
                is added to what a history says. `recommend` reads the one of the training.
            k, exclude, allow: as in `recommend`. Of an export of an earlier version k is at most
                the length it was exported with, and the other two are refused.

        Returns:
            As `recommend`; `user_id` is that given, or else the place in `histories`, as text.

        Warns:
            UserWarning: if there are histories of which the model knows no item, or users or items
                of `exclude` or `allow` that it does not know (over REST of an export that tells
                `known_items`, `known_user`, `known_excluded` and `known_allowed`; those of earlier
                versions do not).

        Raises:
            ValueError: if `histories` is not a list of lists of ids, or there is not one user for
                each, or an argument is of another type or length.
            ServingError: if the model does not serve histories, or reads no users and some are
                given, or refuses k, or there is no sensible answer.
        """
        items = histories_of(histories, "histories")
        names, users = self._whose(user_ids, len(items))
        limits = Limits.of(k, exclude, allow, len(items))
        if not items:
            return self._empty_table()
        if users:
            self._require_users("recommend_from_user_history")
        inputs: dict = {"item_id": items, **users}
        signature = "recommend_from_user_history" if users else "recommend_from_history"
        lengths = None
        if limits.k is not None or limits.names_items:
            lengths = self._lengths_to_cut_to(limits)
            if lengths is None:
                signature = "recommend_from_history_restricted"
                inputs |= self._limit_inputs(limits, len(items)) | self._nobody(signature, inputs)
        table, outputs = self._lists(signature, inputs, names, lengths)
        self._warn_of_limits(signature, limits, outputs)
        warn_of_rows(items, self._known_items(signature, items, outputs), "histories")
        if users:
            self._warn_of_users(names, outputs, _AS_NOBODY)
        return table

    def score_from_history(
        self,
        histories: Sequence[Sequence],
        candidates: Sequence[Sequence],
        user_ids: Sequence | None = None,
    ) -> pd.DataFrame:
        """Scores of given items for users who are not in the model, by what each of them has.

        Args:
            histories, user_ids: as in `recommend_from_history`.
            candidates: item ids for each user; those that a user has are scored, too.

        Returns:
            A row for each candidate, as asked for: `user_id` as of `recommend_from_history`,
            `item_id`, `score`, NaN where the model does not know the item, and `text` where item
            texts are known.

        Warns:
            UserWarning: as `recommend_from_history`, and if there are candidates that the model
                does not know.

        Raises:
            ValueError: if the arguments are not lists of lists of ids, equally long.
            ServingError: if the model does not serve histories or is an export of an earlier
                version, or reads no users and some are given, or there is no sensible answer.
        """
        signature = "score_from_history"
        items = histories_of(histories, "histories")
        asked = histories_of(candidates, "candidates")
        if len(asked) != len(items):
            raise ValueError(
                f"`candidates` should hold {len(items)} lists of ids, one for each history. "
                f"Received: {len(asked)}."
            )
        names, users = self._whose(user_ids, len(items))
        if not items:
            return self._scored([], [], np.zeros(0))
        self._specs_or(
            signature,
            "The model scores no items by histories: a table of scores does not, and exports of "
            "earlier versions do not.",
        )
        if users:
            self._require_users("recommend_from_user_history")
        inputs = {"item_id": items, "candidate_item_id": asked, **users}
        outputs = self.predict(signature, inputs | self._nobody(signature, inputs))
        shape = (len(asked), len(asked[0]))
        scores = column_of_answers(signature, outputs, "score", shape)
        known = column_of_answers(signature, outputs, "known_candidate", shape, "b")
        warn_of_rows(items, self._known_items(signature, items, outputs), "histories")
        if users:
            self._warn_of_users(names, outputs, _AS_NOBODY)
        there = np.array(asked) != NO_ITEM
        warn_of_ids(np.array(asked)[there].tolist(), known[there].tolist(), "candidates", NO_SCORE)
        return self._scored(
            [names[row] for row in np.nonzero(there)[0]],
            np.array(asked)[there].tolist(),
            np.where(known, scores, np.nan)[there],
        )

    def start_state(self, histories: Sequence[Sequence]) -> np.ndarray:
        """What a recurrent model remembers of histories, for `recommend_from_state`.

        Args:
            histories: as in `recommend_from_history`; of a long one the last items are read.

        Returns:
            [users, width] float32, a row for each user; keep it until the user's next request.

        Warns:
            UserWarning: if there are histories of which the model knows no item, such as numbers in
                the place of the texts of its catalogue; their state is that of no history.

        Raises:
            ValueError: if `histories` is not a list of lists of ids.
            ServingError: if the model has no states, or there is no sensible answer.
        """
        signature = "start_state"
        items = histories_of(histories, "histories")
        _, width = self._state_specs()["state"][1]
        if not items:
            return np.zeros((0, int(width)), np.float32)
        outputs = self.predict(signature, {"item_id": items})
        warn_of_rows(items, self._known_items(signature, items, outputs), "histories")
        return self._state(signature, outputs, (len(items), int(width)))

    def recommend_from_state(
        self,
        states: np.ndarray,
        newest: Sequence[Sequence],
        k: int | Sequence[int] | None = None,
        exclude: Sequence = (),
        allow: Sequence = (),
    ) -> tuple[pd.DataFrame, np.ndarray]:
        """Lists for users by what a recurrent model remembers of them and what came since.

        Args:
            states: [users, width], as this method or `start_state` returned them; zeros are the
                state of who has no history.
            newest: the item ids of each user that came since, the latest last; unknown ones leave
                the state as it is.
            k, allow: as in `recommend`.
            exclude: item ids that are not recommended, or such a list for each user. A state does
                not tell which items it has read: a model that was exported without repeats leaves
                out those of `newest` by itself, the older ones only where they stand here.

        Returns:
            A table as `recommend_from_history`, and the states for the next request, [users, width]
            float32.

        Warns:
            UserWarning: if the model knows none of the newest items of a user, or does not know
                items of `exclude` or `allow`; over REST as `recommend_from_history`.

        Raises:
            ValueError: if an argument is of another type, length or shape, or `states` hold what
                is no state.
            ServingError: if the model has no states, or there is no sensible answer.
        """
        signature = "recommend_from_state"
        items = histories_of(newest, "newest")
        _, width = self._state_specs()["state"][1]
        shape = (len(items), int(width))
        given = states_given(states, shape)
        limits = Limits.of(k, exclude, allow, len(items))
        if not items:
            return self._empty_table(), np.zeros(shape, np.float32)
        inputs = {"state": given.tolist(), "item_id": items}
        inputs |= self._limit_inputs(limits, len(items))
        names = [str(place) for place in range(len(items))]
        table, outputs = self._lists(signature, inputs, names)
        self._warn_of_limits(signature, limits, outputs)
        warn_of_rows(items, self._known_items(signature, items, outputs), "newest")
        return table, self._state(signature, outputs, shape)

    # Their parts.

    def _whose(self, user_ids: Sequence | None, count: int) -> tuple[list[str], dict]:
        """What the tables call the users, and the input that says whose the histories are."""
        if user_ids is None:
            return [str(place) for place in range(count)], {}
        names = ids_of(user_ids, "user_ids")
        if len(names) != count:
            raise ValueError(
                f"`user_ids` should hold {count} ids, one for each history. Received: {len(names)}."
            )
        return names, {"user_id": names}

    def _require_users(self, signature: str) -> None:
        self._specs_or(
            signature,
            "`user_ids` should be left out: the model has no vectors of users, only a next-item "
            "model trained with `user_embedding` has.",
        )

    def _nobody(self, signature: str, inputs: Mapping) -> dict:
        """Nobody's ids, where the signature asks whose the histories are and nobody said it."""
        if "user_id" in inputs or "user_id" not in self.input_specs(signature):
            return {}
        return {"user_id": [""] * len(inputs["item_id"])}

    def _lengths_to_cut_to(self, limits: Limits) -> list[int] | None:
        """The lengths to which lists by histories are cut here, of an export of an earlier version;
        None where the graph itself takes limits.

        Raises:
            ServingError: if that is not enough.
        """
        try:
            self.input_specs("recommend_from_history_restricted")
            return None
        except NoSignatureError as error:
            if limits.names_items:
                raise ServingError(
                    "`exclude` and `allow` should be left out of requests by history to an export "
                    f"of an earlier version, or of a table of scores. {error}"
                ) from error
            longest = self.default_k()
            assert limits.k is not None  # or nothing would be limited
            if max(limits.k) > longest:
                raise ServingError(
                    f"`k` should be at most {longest}, the length that the model was exported "
                    f"with, of an export of an earlier version. Received: {max(limits.k)}."
                ) from error
            return limits.k

    def _state_specs(self) -> dict:
        return self._specs_or(
            "recommend_from_state",
            "The model keeps no state: `start_state` and `recommend_from_state` are those of the "
            "recurrent model, gru4rec. `recommend_from_history` with the whole history asks any "
            "next-item model.",
        )

    def _state(self, signature: str, outputs: Mapping, shape: tuple[int, int]) -> np.ndarray:
        return column_of_answers(signature, outputs, "state", shape).astype(np.float32)
