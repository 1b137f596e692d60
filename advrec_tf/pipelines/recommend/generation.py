"""Generated interactions: calibrated scores of a generator, drawn for users with few interactions.

The GAN, its ablation, EASE, popularity and noise are all treated alike: scores are
standardized per user, blended with log popularity, the blend calibrated on withheld
history, and the best unseen items up to a reach become rows.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping

import numpy as np
import pandas as pd

from advrec_tf.data.augmentation import AugmentedInteractions, top_unseen
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.sequences import NONE
from advrec_tf.evaluation.protocols import ColdStart
from advrec_tf.models.base import log_popularity
from advrec_tf.ops.files import atomic_file
from advrec_tf.pipelines.recommend.settings import RecommenderSettings

TEMPERATURES = (0.5, 1.0, 2.0, 5.0)
POPULARITY_WEIGHTS = (0.0, 0.5, 1.0)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class GeneratedPairs:
    """Generated interactions of users whose real ones need not be held.

    Attributes:
        real: the training interactions.
        user_index, item_index: [generated] int32.
        source: the generator's name.
    """

    real: Interactions
    user_index: np.ndarray
    item_index: np.ndarray
    source: str

    def __len__(self) -> int:
        return len(self.item_index)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class GeneratedSequences:
    """Generated sequences, which belong to nobody.

    Attributes:
        real: the training interactions.
        items: [sequences, length] int32, `NONE` after the end of a sequence.
        source: the generator's name.
    """

    real: Interactions
    items: np.ndarray
    source: str

    @property
    def item_index(self) -> np.ndarray:
        """[items of all sequences] int32, one sequence after the other."""
        return self.items[self.items != NONE]

    def __len__(self) -> int:
        return len(self.item_index)


Generated = AugmentedInteractions | GeneratedPairs | GeneratedSequences
"""What a generator wrote."""


def counted(rows: Generated) -> str:
    """How many were generated, in words."""
    if isinstance(rows, GeneratedSequences):
        return f"{len(rows.items)} sequences with {len(rows)} items"
    return f"{len(rows)} interactions"


def blended(
    scores: np.ndarray, popularity: np.ndarray, temperature: float, weight: float
) -> np.ndarray:
    """z-score(scores) / temperature + weight * log popularity, per row of [users, items]."""
    mean = scores.mean(1, keepdims=True)
    deviation = np.maximum(scores.std(1, keepdims=True), 1e-9)
    return (scores - mean) / deviation / temperature + weight * popularity


def calibrate(scores: np.ndarray, users: np.ndarray, cold: ColdStart) -> dict[str, float]:
    """The (temperature, weight) under which the choosing half of cut users is most likely.

    Args:
        scores: [users, num_items] of the given users, which include all that were cut.
    """
    cut = np.isin(users, cold.users)
    position = np.full(cold.train.num_users, -1)
    position[users[cut]] = np.arange(cut.sum())
    popularity = log_popularity(cold.train)
    seen = cold.train.by_user()
    rows = position[cold.validation.user_index]
    best = {"temperature": 1.0, "popularity_weight": 0.0, "log_likelihood": -np.inf}
    for temperature in TEMPERATURES:
        for weight in POPULARITY_WEIGHTS:
            logits = blended(scores[cut], popularity, temperature, weight).astype(np.float64)
            for row, user in enumerate(users[cut]):
                logits[row, seen[user]] = -np.inf
            logits -= logits.max(1, keepdims=True)
            logits -= np.log(np.exp(logits).sum(1, keepdims=True))
            likelihood = float(logits[rows, cold.validation.item_index].mean())
            if likelihood > best["log_likelihood"]:
                best = {
                    "temperature": temperature,
                    "popularity_weight": weight,
                    "log_likelihood": likelihood,
                }
    return best


def generated_rows(
    scores: np.ndarray,
    users: np.ndarray,
    train: Interactions,
    settings: RecommenderSettings,
    source: str,
    blend: dict[str, float] | None,
) -> AugmentedInteractions:
    """Scores [users, num_items] of the sparse users -> real rows with generated ones."""
    if blend is not None:
        scores = blended(
            scores, log_popularity(train), blend["temperature"], blend["popularity_weight"]
        )
    everyone = np.zeros((train.num_users, train.num_items), np.float32)
    everyone[users] = scores
    user_index, item_index = top_unseen(
        everyone, train, min_history=settings.generated_min_history, users=users
    )
    return AugmentedInteractions(
        real=train,
        user_index=user_index,
        item_index=item_index,
        weight=settings.generated_weight,
        fraction=settings.generated_fraction,
        source=source,
    )


def write_csv(
    generated: Mapping[str, Generated],
    path: str | os.PathLike,
    *,
    overwrite: bool = False,
) -> None:
    """One row per generated interaction: user_id, item_id, source. Of sequences one for each item:
    sequence (1, 2, ...), place (1, 2, ...), item_id, source."""
    tables = [_table(rows) for rows in generated.values()]
    columns = ["user_id", "item_id", "source"]
    table = pd.concat(tables) if tables else pd.DataFrame(columns=columns)
    with atomic_file(path, overwrite=overwrite) as unfinished:
        table.to_csv(unfinished, index=False)


def _table(rows: Generated) -> pd.DataFrame:
    own = {"item_id": rows.real.items.ids[rows.item_index], "source": rows.source}
    if not isinstance(rows, GeneratedSequences):
        return pd.DataFrame({"user_id": rows.real.users.ids[rows.user_index], **own})
    sequence, place = np.nonzero(rows.items != NONE)
    return pd.DataFrame({"sequence": sequence + 1, "place": place + 1, **own})
