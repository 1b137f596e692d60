"""A language model that trains inside a two-tower recommender, and adversaries by their name.

Shared by the text-tower job and the cold-start tables: the start on kept vectors, the model in
their place with the same users and projection, and what wraps it while it trains. How long
each trains, and what is measured, is left to them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.models.language_model import (
    LanguageItemTower,
    LanguageModelTower,
    PooledItemTower,
)
from advrec_tf.models.retrieval import TwoTower
from advrec_tf.models.towers import build_index_tower
from advrec_tf.perturbations import fgsm, pgd
from advrec_tf.training.adversarial import AdversarialTraining
from advrec_tf.training.free_adversarial import FreeLB
from advrec_tf.training.virtual_adversarial import VirtualAdversarialTraining

ITEMS_AT_ONCE = 256


def on_kept_vectors(
    train: Interactions,
    still: LanguageModelTower,
    vectors: np.ndarray,
    *,
    temperature: float = 0.12,
    seed: int = 0,
) -> TwoTower:
    """Users by ids, items by the head of `still` on its pooled vectors [num_items, width]:
    where fine-tuning starts."""
    users = build_index_tower(
        train.num_users, embedding_dim=still.dim, seed=seed, name="user_tower"
    )
    return TwoTower(users, PooledItemTower(still, vectors), train, temperature=temperature)


def on_texts(start: TwoTower, tower: LanguageModelTower, texts: Sequence[str]) -> TwoTower:
    """The two-tower of `start`, whose users and projection are copied, with the language model
    of `tower` where its kept vectors were."""
    train, temperature = start.interactions, start.temperature
    users = build_index_tower(train.num_users, embedding_dim=tower.dim, name="user_tower")
    users.set_weights(start.user_tower.get_weights())
    tower.projection.kernel.assign(start.item_tower.tower.projection.kernel)
    items = LanguageItemTower(tower, texts)
    return TwoTower(users, items, train, temperature=temperature, items_at_once=ITEMS_AT_ONCE)


def attacked(
    model: TwoTower,
    adversary: str,
    *,
    epsilon: float,
    steps: int = 3,
    weight: float = 1.0,
    batch_size: int = 32,
):
    """The model of `on_texts` with an adversary on its token vectors; itself for "none".

    Args:
        adversary: of `text_tower_settings.ADVERSARIES`. noise: a random direction; fgm: one
            step (Miyato et al. 2017); pgd: several; freelb: several that train as well (Zhu et
            al. 2020); vat: away from the clean vector, on the items without interactions, on
            all items where there is none (Miyato et al. 2018).
        epsilon: radius, as a share of the norm of a text's token vectors.
        steps: of pgd and freelb, power iterations of vat.
        weight: of the adversarial or virtual term; freelb has none.
        batch_size: items that vat draws a step.

    Raises:
        ValueError: if there is no such adversary; besides those of the wrappers.
    """
    layers = [model.item_tower.tower.language_model.token_vectors]
    budget = {"epsilon": epsilon, "relative": True}
    if adversary == "none":
        return model
    if adversary == "freelb":
        return FreeLB(model, pgd(steps=steps, random_start=True, **budget), layers=layers)
    if adversary == "vat":
        without = np.flatnonzero(model.interactions.item_counts() == 0)
        return VirtualAdversarialTraining(
            model,
            pgd(steps=steps, **budget),
            tower=model.item_tower,
            layers=layers,
            items=without if len(without) else np.arange(model.interactions.num_items),
            batch_size=batch_size,
            weight=weight,
        )
    perturbations = {
        "noise": lambda: fgsm(direction="random", **budget),
        "fgm": lambda: fgsm(**budget),
        "pgd": lambda: pgd(steps=steps, **budget),
    }
    if adversary not in perturbations:
        raise ValueError(
            f"`adversary` should be none, noise, fgm, pgd, freelb or vat. Received: {adversary!r}."
        )
    perturbation = perturbations[adversary]()
    return AdversarialTraining(model, perturbation, layers=layers, share=1.0, weight=weight)
