"""A language model that trains inside a two-tower recommender, and adversaries by their name.

Shared by the text-tower job and the cold-start tables: the start on kept vectors, the model in
their place with the same users and projection, and what wraps it while it trains. How long
each trains, and what is measured, is left to them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.models.retrieval import TwoTower
from advrec_tf.models.towers import build_index_tower
from advrec_tf.perturbations import fgsm, pgd
from advrec_tf.pipelines.text.settings import ADVERSARIES
from advrec_tf.text.disturbed_texts import DisturbedTextTraining
from advrec_tf.text.language_model import LanguageItemTower, LanguageModelTower, PooledItemTower
from advrec_tf.text.noise import add_typos, drop_words
from advrec_tf.training.adversarial import AdversarialTraining
from advrec_tf.training.free_adversarial import FreeLB
from advrec_tf.training.virtual_adversarial import VirtualAdversarialTraining

ITEMS_AT_ONCE = 256
COPIES, CHOICES = 8, 4  # disturbed copies of every text, half of either kind; to choose among
_COPY_SEED = 1000  # apart from the seeds that robustness is measured with


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
    texts: Sequence[str] | None = None,
):
    """The model of `on_texts` with an adversary on its token vectors; itself for "none".

    Args:
        adversary: of `text_tower_settings.ADVERSARIES`. noise: a random direction; fgm: one
            step (Miyato et al. 2017); pgd: several; freelb: several that train as well (Zhu et
            al. 2020); vat: away from the clean vector, on the items without interactions, on
            all items where there is none (Miyato et al. 2018); vat_noise: the same in a random
            direction; disturbed, worst_disturbed: copies of the texts of those items with words
            dropped and mistyped, one at random or the worst of `CHOICES`.
        epsilon: radius, as a share of the norm of a text's token vectors; of disturbed texts the
            share of words.
        steps: of pgd and freelb, power iterations of vat.
        weight: of the adversarial or virtual term; freelb has none.
        batch_size: items that vat and disturbed texts draw a step.
        texts: [num_items], which disturbed texts are copies of.

    Raises:
        ValueError: if there is no such adversary, or `texts` are missing; besides those of the
            wrappers.
    """
    layers = [model.item_tower.tower.language_model.token_vectors]
    budget = {"epsilon": epsilon, "relative": True}
    if adversary == "none":
        return model
    if adversary == "freelb":
        return FreeLB(model, pgd(steps=steps, random_start=True, **budget), layers=layers)
    without = np.flatnonzero(model.interactions.item_counts() == 0)
    unlabeled = without if len(without) else np.arange(model.interactions.num_items)
    if adversary in ("disturbed", "worst_disturbed"):
        if texts is None:
            raise ValueError(f"`texts` should be the items' texts for {adversary}. Received none.")
        return DisturbedTextTraining(
            model,
            tower=model.item_tower,
            copies=disturbed_copies(texts, epsilon),
            items=unlabeled,
            choices=CHOICES if adversary == "worst_disturbed" else 1,
            batch_size=batch_size,
            weight=weight,
        )
    if adversary in ("vat", "vat_noise"):
        direction = "random" if adversary == "vat_noise" else "gradient"
        return VirtualAdversarialTraining(
            model,
            pgd(steps=steps, direction=direction, **budget),
            tower=model.item_tower,
            layers=layers,
            items=unlabeled,
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
            f"`adversary` should be one of {', '.join(ADVERSARIES)}. Received: {adversary!r}."
        )
    perturbation = perturbations[adversary]()
    return AdversarialTraining(model, perturbation, layers=layers, fraction=1.0, weight=weight)


def disturbed_copies(texts: Sequence[str], rate: float) -> list[list[str]]:
    """`COPIES` times all texts, words dropped in one half and mistyped in the other."""
    kinds = (drop_words, add_typos)
    return [kinds[n % 2](texts, rate, seed=_COPY_SEED + n) for n in range(COPIES)]
