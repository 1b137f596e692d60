"""Training any model behind a defence, with a default for data on which nothing is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.chain import Chain
from advrec_tf.defence.defences import Defence, DefendedData
from advrec_tf.defence.evidence.leveling import LevelCounts
from advrec_tf.defence.evidence.weights import CoherenceWeights


def default_defence() -> Chain:
    """The defence for data on which nothing is known: no labels, no ratings, no verified users.

    Users and items weigh what they cohere (`CoherenceWeights`), and items that few have are ranked
    by how well they fit (`LevelCounts`), as far as held-out interactions allow and where the model
    says how its scores hold the number of raters. One setting serves dense and sparse data; the
    robustness leaderboard says what passes it.
    """
    return Chain(defences=(CoherenceWeights(), LevelCounts(optional=True)))


def fit_defended(
    fit: Callable[..., object],
    interactions: Interactions,
    defence: Defence | None = None,
    *,
    weighted: bool = False,
    seed: int = 0,
):
    """What `fit` makes of the data that a defence leaves, ranked as the defence ranks.

    Args:
        fit: interactions -> a trained model, a new one each time.
        weighted: whether `fit` takes (interactions, weight), the second [interactions] float32 in
            [0, 1] or None, as `fit` of closed-form models does; otherwise weights become
            probabilities of being kept, see `DefendedData.sampled`.
        defence: one that alters the data, or ranks by what was trained; by default
            `default_defence()`.
        seed: of the defence and of the sampling.

    Raises:
        ValueError: if the defence wraps the model or trims its least squares: then the model has
            to be built around it; or, by default, if the coherence of the interactions needs more
            memory than is allowed.

    Examples:
        >>> import advrec_tf as ar
        >>> interactions = ar.data.load("synthetic").interactions
        >>> model = ar.defence.fit_defended(ar.models.EASE(l2=100.0).fit, interactions)
        >>> type(model).__name__
        'LeveledRanking'
    """
    defence = default_defence() if defence is None else defence
    if defence.trim or type(defence).wrap is not Defence.wrap:
        raise ValueError(
            "`defence` should only alter data or ranking: a fitting function cannot be wrapped. "
            f"Received: {defence}."
        )
    data = defence.training_data(interactions, seed=seed)

    def train(data: DefendedData):
        if weighted:
            return fit(data.interactions, data.weight)
        return fit(data.sampled(np.random.default_rng(seed)))

    return defence.trained(train, data, seed=seed)
