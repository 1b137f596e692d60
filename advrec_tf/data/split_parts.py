"""`Split`: train, validation and test over the same vocabularies, and how they were made."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping

import numpy as np
import pandas as pd

from advrec_tf.data.interactions import Interactions
from advrec_tf.ops import html


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Split:
    """Three parts over the same vocabularies, and how they were made.

    Attributes:
        name: the strategy, or the name of a published split.
        train, validation, test: the parts; validation may have no interactions.
        settings: what the strategy was given, for the record beside a result.

    Raises:
        ValueError: if the vocabularies differ between the parts.
    """

    name: str
    train: Interactions
    validation: Interactions
    test: Interactions
    settings: Mapping = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        for part in ("validation", "test"):
            for kind in ("users", "items"):
                ours, theirs = getattr(self.train, kind), getattr(getattr(self, part), kind)
                if ours is not theirs and not np.array_equal(ours.ids, theirs.ids):
                    raise ValueError(
                        f"`{part}` should have the {kind} of `train`. Received "
                        f"{len(theirs)} {kind} beside {len(ours)}, or the same in another order."
                    )

    def __repr__(self) -> str:
        sizes = [len(part) for part in (self.train, self.validation, self.test)]
        return (
            f"Split({self.name!r}: {sizes[0]:,} train, {sizes[1]:,} validation, {sizes[2]:,} test "
            f"interactions of {self.train.num_users:,} users and {self.train.num_items:,} items)"
        )

    def _repr_html_(self) -> str:
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        rows = [
            (
                name,
                len(part),
                int((part.user_counts() > 0).sum()),
                int((part.item_counts() > 0).sum()),
            )
            for name, part in parts.items()
        ]
        header = ("part", "interactions", "users", "items")
        return html.table(f"Split {self.name}", rows, header=header)

    def seen(self) -> Interactions:
        """The training interactions of the users that are evaluated: what lists leave out."""
        return self.train

    def trainval(self) -> Interactions:
        """Train and validation as one, train first: for a last fit once choices are made."""
        parts = (self.train, self.validation)

        def joined(column: str):
            columns = [getattr(part, column) for part in parts]
            return None if any(c is None for c in columns) else np.concatenate(columns)

        columns = {
            name: joined(name) for name in ("user_index", "item_index", "rating", "timestamp")
        }
        contexts = [part.context for part in parts]
        whole = None
        if not any(context is None for context in contexts):
            whole = pd.concat(contexts, ignore_index=True)
        joint = dataclasses.replace(self.train, **columns, context=whole)
        return joint.with_schema_of(self.train)

    def everything(self) -> Interactions:
        """All three parts as one: what users are known to have, for lists that are served."""
        return dataclasses.replace(self, train=self.trainval(), validation=self.test).trainval()

    def fingerprint(self) -> str:
        """SHA-256 over the three parts."""
        parts = (self.train, self.validation, self.test)
        return hashlib.sha256("".join(part.fingerprint() for part in parts).encode()).hexdigest()


def cut(
    name: str, interactions: Interactions, validation: np.ndarray, test: np.ndarray, settings
) -> Split:
    """A split by masks over the interactions, [n] bool each; what is in neither trains."""
    return Split(
        name=name,
        train=interactions.select(~validation & ~test),
        validation=interactions.select(validation),
        test=interactions.select(test),
        settings=settings,
    )
