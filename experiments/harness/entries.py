"""Entries of a table: how each is trained, what it is compared with, and what it is given."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from advrec_tf.data.interactions import Interactions
from experiments.harness.settings import Setting


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Task:
    """One training of one entry.

    Attributes:
        setting: training interactions and evaluators, or whatever the study's entries train on.
        settings: a point of the entry's space.
        seed: of weights, batches and noise.
        label: for progress lines.
        log: takes a progress line.
        context: what the study gives all its entries: its own settings, side information.
        entry: the entry that is trained.
        callbacks: Keras callbacks of its training, such as one that prunes a search.
        cache: parts that entries of one seed share; see `shared`.
    """

    setting: Setting
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    seed: int = 0
    label: str = ""
    log: Callable[[str], None] = print
    context: Any = None
    entry: Entry | None = None
    callbacks: Sequence[Any] = ()
    cache: dict = dataclasses.field(default_factory=dict)

    @property
    def interactions(self) -> Interactions:
        """The training interactions."""
        return self.setting.interactions

    def shared(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """The part of that name, computed once for all entries of the seed."""
        if key not in self.cache:
            self.cache[key] = compute()
        return self.cache[key]

    def rng(self, *stream: int) -> np.random.Generator:
        """Random numbers of the seed; another stream for every other purpose."""
        return np.random.default_rng([self.seed, *stream])


@dataclasses.dataclass(frozen=True, eq=False)
class Trained:
    """A trained model and how it came about.

    Attributes:
        model: what is measured.
        epochs: the epoch whose weights it has; 1 for a closed form.
        validation: the monitored metric at that epoch; None where none was measured.
        seconds: of the training where the caller's clock says something else; None: take that.
        inspect: Setting -> further facts as JSON values, asked for in final trainings alone.
    """

    model: Any
    epochs: int = 1
    validation: float | None = None
    seconds: float | None = None
    inspect: Callable[[Setting], dict] | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of a table.

    Attributes:
        train: Task -> a model, or a `Trained`; or a `Result` of an entry that measures itself.
        space: setting -> the values that validation chooses from; the first of each make the
            default point.
        ablation: label of the same model without the ingredient.
        control: label of the same model with noise of equal size in place of the ingredient.
        builds_on: labels of the entries whose trained parts it starts from.
        needs: names of what the data must have: attributes, a graph.
        family: entries that belong together have the same one: a model and its ablations, or
            what is measured on the same fake profiles.
        seeded: False where every seed gives the same model.
        max_seeds: at most so many trainings; None for as many as are asked for.
    """

    train: Callable[[Task], Any]
    space: Mapping[str, tuple] = dataclasses.field(default_factory=dict)
    ablation: str | None = None
    control: str | None = None
    builds_on: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    family: str = ""
    seeded: bool = True
    max_seeds: int | None = None

    def points(self, limit: int | None = None) -> list[dict]:
        """Every point of the space, the default first; at most `limit`."""
        values = itertools.product(*self.space.values())
        return [dict(zip(self.space, point, strict=True)) for point in values][:limit]

    def seeds(self, asked: list[int]) -> list[int]:
        """The seeds it is trained with, of those asked for."""
        return asked[: self.max_seeds if self.seeded else 1]


def settings_text(settings: Mapping[str, object]) -> str:
    """`weight 0.3, loss softmax`."""
    return ", ".join(f"{name} {value_text(value)}" for name, value in settings.items())


def value_text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
