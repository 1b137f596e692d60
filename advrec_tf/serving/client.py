"""Asking an exported model for lists: what the clients of a folder and of a server share.

Both return the table of `Recommender.recommend`, with ids as the text they have in requests and,
where item texts are known, their titles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from advrec_tf.serving.feature_columns import raw_columns, table_of
from advrec_tf.serving.values import (
    NO_ITEM,
    NoSignatureError,
    ServingError,
    histories_of,
    ids_of,
    lengths_of,
    list_columns,
    lists_of,
    states_given,
    states_of,
    warn_of_strange,
    warn_of_unknown,
)

_LIST_INPUTS = ("k", "exclude_item_id", "allow_item_id")


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

    def knows(self, kind: str, ids: Sequence[str]) -> list[bool] | None:
        """Which of the ids of "users" or of "items" the model knows.

        None where it is not told: the lists of a server do not say it, and asking would double
        the requests. `predict("score", ...)` tells it there, in `known_user` and `known_item`.
        """
        return None

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
            k: length of a list, one number or one for each user; by default what the model was
                exported with. A list is shorter where fewer items are left.
            exclude: item ids never recommended, or such a list for each user; unknown ones are
                ignored.
            allow: where not empty, nothing else is recommended; as `exclude`, and an empty list
                among lists for each user allows everything.

        Returns:
            A row per recommendation: `user_id`, `rank` (1 is best), `item_id`, `score`, and
            `text` where item texts are known.

        Warns:
            UserWarning: if there are users, or items of `exclude` or `allow`, that the model does
                not know; not over REST (see `knows`).

        Raises:
            ValueError: if an argument is of another type or length, or an id is None or NaN.
            ServingError: if the model refuses k or there is no sensible answer.
        """
        user_ids = ids_of(user_ids, "user_ids")
        lengths = lengths_of(k, len(user_ids))
        excluded = lists_of(exclude, "exclude", len(user_ids))
        allowed = lists_of(allow, "allow", len(user_ids))
        self._warn_of_items(excluded, allowed)
        self._warn_of_users(user_ids, "their lists are the popular items")
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

    def recommend_from_history(
        self, histories: Sequence[Sequence], user_ids: Sequence | None = None
    ) -> pd.DataFrame:
        """Lists for users who are not in the model, by what each of them has.

        Args:
            histories: item ids for each user; unknown ones are ignored, and a user without any
                known one gets the popular items.
            user_ids: whose the histories are, for a next-item model that was trained with vectors
                of users; an unknown one has the vector learned for that, as all have by default. A
                known user whose history names no known item gets the popular items, too: the vector
                is added to what a history says. `recommend` reads the one of the training.

        Returns:
            As `recommend`; `user_id` is that given, or else the place in `histories`, as text, and
            the lists have the length the model was exported with.

        Warns:
            UserWarning: if there are histories of which the model knows no item (over REST of an
                export that tells `known_items`; those of earlier versions do not), or users it does
                not know, not over REST (see `knows`).

        Raises:
            ValueError: if `histories` is not a list of lists of ids, or there is not one user for
                each.
            ServingError: if the model does not serve histories, or reads no users and some are
                given, or there is no sensible answer.
        """
        items = histories_of(histories, "histories")
        names = [str(place) for place in range(len(items))]
        if user_ids is not None:
            names = ids_of(user_ids, "user_ids")
            if len(names) != len(items):
                raise ValueError(
                    f"`user_ids` should hold {len(items)} ids, one for each history. "
                    f"Received: {len(names)}."
                )
        if not items:
            return self._table(names, np.empty((0, 0), object), np.empty((0, 0)))
        if user_ids is None:
            table, known = self._lists_of_histories({"item_id": items}, names)
            warn_of_unknown(items, known, "histories")
            return table
        signature = "recommend_from_user_history"
        try:
            self.input_specs(signature)
        except NoSignatureError as error:
            raise ServingError(
                "`user_ids` should be left out: the model has no vectors of users, only a "
                f"next-item model trained with `user_embedding` has. {error}"
            ) from error
        table, known = self._lists_of_histories({"user_id": names, "item_id": items}, names)
        warn_of_unknown(items, known, "histories")
        then = "their lists are those of an unknown user with the same history"
        self._warn_of_users(names, then)
        return table

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
        items = histories_of(histories, "histories")
        width = self._state_width()
        if not items:
            return np.zeros((0, width), np.float32)
        outputs = self.predict("start_state", {"item_id": items})
        warn_of_unknown(items, outputs.get("known_items"), "histories")
        return states_of("start_state", outputs.get("state"), (len(items), width))

    def recommend_from_state(
        self,
        states: np.ndarray,
        newest: Sequence[Sequence],
        k: int | Sequence[int] | None = None,
        exclude: Sequence = (),
    ) -> tuple[pd.DataFrame, np.ndarray]:
        """Lists for users by what a recurrent model remembers of them and what came since.

        Args:
            states: [users, width], as this method or `start_state` returned them; zeros are the
                state of who has no history.
            newest: the item ids of each user that came since, the latest last; unknown ones leave
                the state as it is.
            k: length of a list, as in `recommend`.
            exclude: item ids that are not recommended, or such a list for each user. A state does
                not tell which items it has read: a model that was exported without repeats leaves
                out those of `newest` by itself, the older ones only where they stand here.

        Returns:
            A table as `recommend_from_history`, and the states for the next request, [users, width]
            float32.

        Warns:
            UserWarning: if the model knows none of the newest items of a user.

        Raises:
            ValueError: if an argument is of another type, length or shape, or `states` hold what
                is no state.
            ServingError: if the model has no states, or there is no sensible answer.
        """
        items = histories_of(newest, "newest")
        shape = (len(items), self._state_width())
        given = states_given(states, shape)
        lengths = lengths_of(k, len(items))
        excluded = lists_of(exclude, "exclude", len(items))
        self._warn_of_items(excluded)
        user_ids = [str(place) for place in range(len(items))]
        if not items:
            table = self._table(user_ids, np.empty((0, 0), object), np.empty((0, 0)))
            return table, np.zeros(shape, np.float32)
        signature = "recommend_from_state"
        inputs = {"state": given.tolist(), "item_id": items, "exclude_item_id": excluded}
        inputs["k"] = [self.default_k()] * len(items) if lengths is None else lengths
        outputs = self.predict(signature, inputs)
        warn_of_unknown(items, outputs.get("known_items"), "newest")
        table = self._table(user_ids, *list_columns(signature, outputs, len(items)))
        return table, states_of(signature, outputs.get("state"), shape)

    def _state_width(self) -> int:
        """Numbers of a state, which the signature tells."""
        try:
            _, (_, width) = self.input_specs("recommend_from_state")["state"]
        except NoSignatureError as error:
            raise ServingError(
                "The model keeps no state: `start_state` and `recommend_from_state` are those of "
                "the recurrent model, gru4rec. `recommend_from_history` with the whole history "
                f"asks any next-item model. {error}"
            ) from error
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
            ServingError: if the model takes no columns, as one of ids alone, or there is no
                sensible answer.
        """
        signature = "recommend_from_features"
        table = table_of(features)
        try:
            specs = self.input_specs(signature)
        except NoSignatureError as error:
            raise ServingError(
                "The model takes no columns of users. A two-tower model with features of users or "
                "a context does: `two_tower(..., use_features=True)` in Python, `--use-features` "
                f"and `--user-table` of `advrec train`. {error}"
            ) from error
        columns = {name: spec for name, spec in specs.items() if name not in _LIST_INPUTS}
        inputs = raw_columns(table, columns)
        size = len(table)
        user_ids = [str(place) for place in range(size)]
        lengths = lengths_of(k, size)
        excluded, allowed = lists_of(exclude, "exclude", size), lists_of(allow, "allow", size)
        self._warn_of_items(excluded, allowed)
        inputs |= {
            "k": [self.default_k()] * size if lengths is None else lengths,
            "exclude_item_id": excluded,
            "allow_item_id": allowed,
        }
        if not size:
            return self._table(user_ids, np.empty((0, 0), object), np.empty((0, 0)))
        return self._lists(signature, inputs, user_ids)

    def input_specs(self, signature_name: str) -> dict[str, tuple[str, tuple[int | None, ...]]]:
        """Input name of a signature -> dtype and shape, None for a size that is free.

        Raises:
            NoSignatureError: if the model has no such signature.
            ServingError: if it does not tell.
        """
        raise NotImplementedError

    def _known_of(self, lists: Sequence[Sequence[str]]) -> list[int] | None:
        """How many items of each list the model knows; None where it is not told."""
        ids = list(dict.fromkeys(name for row in lists for name in row if name))
        known = self.knows("items", ids)
        if known is None:
            return None
        counted = {name for name, is_known in zip(ids, known, strict=True) if is_known}
        return [sum(name in counted for name in row) for row in lists]

    def _lists_of_histories(self, inputs: Mapping, names: Sequence[str]):
        """The table of lists by histories, and how many items of each the model knows; None where
        it is not told, as by the server of an export of an earlier version."""
        signature = "recommend_from_history"
        if "user_id" in inputs:
            signature = "recommend_from_user_history"
        outputs = self.predict(signature, inputs)
        table = self._table(names, *list_columns(signature, outputs, len(names)))
        known = outputs.get("known_items")
        return table, self._known_of(inputs["item_id"]) if known is None else known

    def _warn_of_users(self, user_ids: Sequence[str], then: str) -> None:
        """Warn of users that the model does not know; `then` is what follows."""
        ids = list(dict.fromkeys(user_ids))
        if ids:
            warn_of_strange(ids, self.knows("users", ids), "user_ids", then)

    def _warn_of_items(self, excluded, allowed=()) -> None:
        """Warn of items named in lists that the model does not know."""
        for lists, name, then in (
            (excluded, "exclude", "they exclude nothing"),
            (allowed, "allow", "they allow nothing"),
        ):
            ids = list(dict.fromkeys(one for row in lists for one in row if one))
            if ids:
                warn_of_strange(ids, self.knows("items", ids), name, then)

    def _lists(self, signature: str, inputs: Mapping, user_ids: Sequence[str]) -> pd.DataFrame:
        outputs = self.predict(signature, inputs)
        return self._table(user_ids, *list_columns(signature, outputs, len(user_ids)))

    def _table(self, user_ids, items: np.ndarray, scores: np.ndarray) -> pd.DataFrame:
        rows, ranks = np.nonzero(items != NO_ITEM)
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
