"""Whether a generator has collapsed: what its samples show beside the real ones, in a sentence.

Functions of NumPy arrays. `gan.health` asks the one that a model names (`GAN.collapse`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LEAST_SPREAD = 0.01
"""A column whose spread is less than this part of the real one holds a single value."""

SAME_PROFILES = 0.9
"""The fraction of equal neighbors from which on generated profiles count as one profile."""


def single_valued(
    generated: np.ndarray, real: np.ndarray, *, names: Sequence | None = None, least: float = 0.0
) -> str | None:
    """A sentence where columns hold a single value in the generated samples.

    Args:
        generated, real: [columns] >= 0, the spread of each column, 0 where all samples are alike.
        names: of the columns, for the sentence.
        least: the fraction of the columns that makes a collapse; one column at least.

    Returns:
        The sentence, or None; columns in which the real samples are alike do not count.
    """
    names = range(len(real)) if names is None else names
    counted = np.flatnonzero(real > 0)
    spread = generated[counted] / real[counted]
    single = counted[spread < LEAST_SPREAD]
    if not len(single) or len(single) < least * len(counted):
        return None
    shown = ", ".join(repr(names[column]) for column in single[:5])
    return (
        f"The generator collapsed: {len(single)} of {len(counted)} columns in which the real "
        f"samples differ hold a single value in the generated ones (of them {shown}; the smallest "
        f"spread is {spread.min():.2g} of the real one)."
    )


def collapsed_columns(generated: np.ndarray, real: np.ndarray) -> str | None:
    """A sentence where generated samples are alike in columns in which real ones differ.

    A column counts where at least a tenth of the real samples lie off its median; its spread is the
    standard deviation, and a tenth of the columns makes a collapse. Samples that differ in every
    column can still be copies of a few: they count as collapsed where fewer than one in twenty is
    distinct, at a hundredth of the real deviations, and most real ones are.

    Args:
        generated, real: [samples, columns], finite.

    Returns:
        The sentence, or None.
    """
    off = np.mean(real != np.median(real, axis=0), axis=0)
    scale = np.where(off >= 0.1, real.std(axis=0), 0.0)
    found = single_valued(generated.std(axis=0), scale, least=0.1)
    counted = scale > 0
    if found or len(generated) < 40 or not counted.any():
        return found
    distinct, expected = (
        len(np.unique(np.round(part[:, counted] / scale[counted], 2), axis=0)) / len(part)
        for part in (generated, real)
    )
    if distinct >= 0.05 or expected < 0.5:
        return None
    return (
        f"The generator collapsed: {len(generated)} generated samples hold only "
        f"{round(distinct * len(generated))} different ones; of the real samples {expected:.0%} "
        "are different."
    )


def collapsed_profiles(generated: np.ndarray, real: np.ndarray | None = None) -> str | None:
    """A sentence where the generator makes the same profile for everybody.

    Two profiles are the same where their correlation over the items lies within 1e-6 of 1; profiles
    without any spread over the items are the same too. It has collapsed where `SAME_PROFILES` of
    the neighbors are. A generator of small random weights still differs by more.

    Args:
        generated: [profiles, items], finite, in an order that says nothing.
        real: not read.

    Returns:
        The sentence, or None.
    """
    if len(generated) < 4:
        return None
    difference = 1.0 - neighbor_correlations(generated)
    same = int(np.sum(difference < 1e-6))
    if same < SAME_PROFILES * len(difference):
        return None
    return (
        f"The generator collapsed: {same} of {len(difference)} generated profiles are the same as "
        f"their neighbor (1 minus the mean correlation is {max(difference.mean(), 0.0):.2g})."
    )


def neighbor_correlations(profiles: np.ndarray) -> np.ndarray:
    """[profiles, items] -> [profiles]: the correlation of each with its neighbor over the items, 1
    where neither has any spread."""
    profiles = np.asarray(profiles, np.float64)
    size = np.sqrt(np.mean(profiles**2, axis=1)) + 1e-30
    centered = profiles - profiles.mean(axis=1, keepdims=True)
    norm = np.sqrt(np.mean(centered**2, axis=1))
    flat = norm < 1e-6 * size
    unit = centered / np.where(flat, 1.0, norm)[:, None]
    correlation = np.mean(unit * np.roll(unit, 1, axis=0), axis=1)
    return np.where(flat & np.roll(flat, 1), 1.0, correlation)
