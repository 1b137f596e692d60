"""A victim trained behind a defence."""

from __future__ import annotations

from collections.abc import Callable

from advrec_tf.attacks.victims import VICTIMS
from advrec_tf.defence.defences import DefendedData
from advrec_tf.models.base import Recommender


def train_defended(victim: str, rows, defence, *, seed: int, start=None) -> Recommender:
    """A victim trained on what a defence leaves, with its weights, its training, its trimming and
    its ranking.

    Args:
        rows: the `DefendedData` of `defence`.
        start: a model of the same kind on clean data to go on from.
    """
    traits = VICTIMS[victim].traits
    wrap: Callable | None = None
    if "gradient" in traits:

        def wrap(model):
            return defence.wrap(model, rows, seed=seed)

    def train(data: DefendedData) -> Recommender:
        return VICTIMS[victim].train(
            data.interactions,
            seed=seed,
            start=start,
            weight=data.weight,
            wrap=wrap,
            trim=defence.trim if {"ratings", "als"} <= traits else 0.0,
        )

    return defence.trained(train, rows, seed=seed)
