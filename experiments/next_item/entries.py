"""The rows of the tables: what counts without training, and what is trained.

Each entry is fitted on `task.setting.fitted`, or chooses its epochs on `task.setting.validation`
when trained on `task.interactions`.
"""

from __future__ import annotations

from collections.abc import Callable

from advrec_tf.models.base import Recommender
from advrec_tf.models.baselines import EASE, ItemKNN, Popularity, RecentPopularity
from advrec_tf.models.sequential.transitions import Transitions
from experiments.harness.entries import Entry, Task
from experiments.next_item.models import SPACE

CHOSEN = "transitions, chosen"
"""The row that all others are compared with."""

EASE_ITEMS = 13_000
"""The largest catalogue that EASE is fitted to here: its matrices grow by the square, its time by
the cube (13,000 items: 4 GB and minutes)."""


def _fitted(build: Callable[..., Recommender], **settings) -> Entry:
    def train(task: Task) -> Recommender:
        return build(**settings).fit(task.setting.fitted)

    return Entry(train=train, seeded=False)


def baselines(num_items: int, days: float | None) -> dict[str, Entry]:
    """Label -> entry, for a catalogue of that size; `days` of recent popularity, None without."""
    found = {"popularity": _fitted(Popularity)}
    if days is not None:
        unit = "day" if days == 1 else "days"
        found[f"popularity of the last {days:g} {unit}"] = _fitted(RecentPopularity, days=days)
    if num_items <= EASE_ITEMS:
        found["EASE"] = _fitted(EASE, l2=500.0)
    return found | {
        "item-kNN": _fitted(ItemKNN),
        "transitions": _fitted(Transitions),
        "transitions, symmetric, window 10": _fitted(Transitions, symmetric=True, window=10),
        CHOSEN: Entry(
            train=lambda task: Transitions(**task.settings).fit(task.setting.fitted),
            space=SPACE,
            seeded=False,
        ),
    }
