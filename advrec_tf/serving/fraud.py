"""A fraud scorer as a served graph: entries of profiles in, a suspicion for each profile out.

What is measured and which trees are walked is in `defence.online`; writing and checking is left
to `saved_model`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from advrec_tf.defence.online import OnlineScorer
from advrec_tf.serving.module import REPEATS, Case, ServedModule, Values, after

Profile = tuple[Sequence[str], Sequence[float]]
"""Item ids and ratings of one user."""


class ServedFraudScorer(ServedModule):
    """One signature, `serving_default`:

        profile [n] int32, whose entry it is, 0, 1, ... each used; item_id [n]; rating [n] float32
            -> suspicion [profiles] float32 in [0, 1], features [profiles, features] float32

    The entries of a request belong together, so a server must not join requests.

    Args:
        scorer: fitted.
        profiles: of some users, which the check asks for.
        threshold: the suspicion from which a profile counts as suspicious, for the metadata.
    """

    batches = False

    def __init__(self, scorer: OnlineScorer, profiles: Sequence[Profile], *, threshold: float):
        super().__init__(name="served_fraud_scorer")
        self.scorer = scorer
        self.threshold = float(threshold)
        self._profiles = lambda: profiles  # not part of the graph

    def serving_default(self, profile, item_id, rating):
        size = tf.size(profile)
        checks = [
            tf.debugging.Assert(
                (size == tf.size(item_id)) & (size == tf.size(rating)),
                ["`profile`, `item_id` and `rating` should have the same length. Received:"]
                + [size, tf.size(item_id), tf.size(rating)],
            ),
            # Each number is used, so the largest is below the number of entries: without this a
            # single entry could ask for two thousand million profiles.
            tf.debugging.Assert(
                tf.reduce_all((profile >= 0) & (profile < tf.maximum(size, 1))),
                ["`profile` should number profiles 0..n-1, each used. Received:", profile],
            ),
        ]
        given = after(checks, {"profile": profile, "item_id": item_id, "rating": rating})
        return self.scorer.score(**given)

    def inputs(self):
        return {
            "serving_default": {
                "profile": tf.TensorSpec([None], tf.int32),
                "item_id": tf.TensorSpec([None], tf.string),
                "rating": tf.TensorSpec([None], tf.float32),
            }
        }

    def notes(self):
        return {
            "kind": "fraud scorer",
            "features": list(self.scorer.measure.names),
            "threshold": self.threshold,
        }

    def cases(self):
        """All profiles in one request, one of them alone, and a number that is left out."""
        profiles = self._profiles()
        return [
            self._case("all profiles", profiles),
            self._case("one profile", profiles[:1], repeat=REPEATS),
            Case(
                title="a profile without an entry",
                signature="serving_default",
                inputs={**profile_inputs(profiles[:1]), "profile": [1] * len(profiles[0][0])},
                expected=None,
            ),
        ]

    def _case(self, title, profiles, **settings) -> Case:
        inputs = profile_inputs(profiles)
        answer = self.scorer.score(**{name: tf.constant(v) for name, v in inputs.items()})
        expected = Values({name: np.asarray(value) for name, value in answer.items()})
        return Case(
            title=title, signature="serving_default", inputs=inputs, expected=expected, **settings
        )


def profile_inputs(profiles: Sequence[Profile]) -> dict[str, list]:
    """Profiles as the inputs of the signature: `profile`, `item_id`, `rating`, one value an
    entry."""
    return {
        "profile": [p for p, (ids, _) in enumerate(profiles) for _ in ids],
        "item_id": [str(i) for ids, _ in profiles for i in ids],
        "rating": [float(r) for _, ratings in profiles for r in ratings],
    }
