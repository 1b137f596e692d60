"""What sets a user of a ranking apart, in words with numbers.

The features of the detectors, the block and the overlap that a user was found in become sentences
that a person can check in the file. What is suspicious is decided in `ranking`.
"""

from __future__ import annotations

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.detectors.overlap import SIGNALS, OverlapDetector
from advrec_tf.defence.timing import OF_TIMES
from advrec_tf.pipelines.fraud.ranking import RING, Verdicts

REASONS = 3
UNUSUAL = 2.0  # robust deviations from the median user
MIXED = "by times that may mix units"

WORDS = {
    "rdma": "ratings off the items' means, most on little rated items",
    "wdma": "ratings off the items' means on little rated items",
    "fmtd": "gap between the top-rated items and the others, in ratings",
    "mean_var": "spread of the other ratings about the items' means",
    "hv": "ratings unlike those that user and item averages explain",
    "entropy": "variety of the ratings, bits",
    "top_share": "share of ratings at the top of the scale",
    "low_share": "share of ratings at the bottom of the scale",
    "mud": "mean number of raters of the items",
    "rud": "range of the numbers of raters of the items",
    "qud": "number of raters of the lower quarter of the items",
    "popularity": "mean log popularity of the items",
    "pop_spread": "spread of the items' log popularity",
    "pop_shift": "mix of popular and rare items unlike the file's, bits",
    "new_share": "share of items that nobody else has",
    "degsim": "likeness to the nearest other users",
    "gap": "pause between rows, in powers of ten of the usual",
    "burstiness": "burstiness (-1 is a clock)",
    "memory": "likeness of a pause to the next one",
    "span": "time from first to last row, in powers of ten of the usual pause",
    "rush": "share of the rows within one short window",
    "hour_entropy": "spread over the hours of the day, bits above chance",
    "lockstep": "share of rows where another user did the same at the same time",
}


def reasons(verdicts: Verdicts, interactions: Interactions, user: int) -> list[str]:
    """What sets a user apart most, in words with numbers; the strongest first.

    A feature counts from `UNUSUAL` robust deviations off the median on, by the deviation times
    how much the forest reads it; one of times that mix units says so. Before them stand a ring and
    an overlap, where they flag.
    """
    table = verdicts.table
    found = []
    ring = verdicts.signs.get("ring")
    if ring is not None and ring[user] >= 0.5:
        excess = 1.0 / (1.0 - ring[user] / RING)
        found.append(f"in a block of users and items {excess:.1f} times as dense as chance makes")
    if verdicts.overlap is not None and verdicts.signs["overlap"][user] >= 0.5:
        found.append(_overlap_in_words(verdicts.overlap, interactions, user))
    ordered, middle, spread = verdicts.usual
    off = (table.values[user] - middle) / spread
    weight = np.array([verdicts.importance.get(name, 0.0) for name in table.names])
    strength = np.where(np.abs(off) >= UNUSUAL, np.minimum(np.abs(off), 10.0) * weight, 0.0)
    for place in np.argsort(-strength, kind="stable"):
        if len(found) >= REASONS or not strength[place] > 0:
            break
        name, value = table.names[place], table.values[user, place]
        if name not in WORDS:
            continue
        above = off[place] > 0
        below = np.searchsorted(ordered[:, place], value, side="left" if above else "right")
        passed = below / len(ordered) if above else 1.0 - below / len(ordered)
        side = f"{'more' if above else 'less'} than {min(passed, 0.99):.0%}"
        doubt = f"; {MIXED}" if verdicts.mixed_times and name in OF_TIMES else ""
        usual = f"usual {middle[place]:.3g}"
        found.append(f"{WORDS[name]}: {value:.3g} ({usual}; {side} of users{doubt})")
    if found:
        return found
    flagged = verdicts.suspicion[user] >= 0.5
    return [f"no single feature stands out{'; their combination does' if flagged else ''}"]


def _overlap_in_words(overlap: OverlapDetector, interactions: Interactions, user: int) -> str:
    """The strongest of the signs of `defence.detectors.overlap`."""
    place = int(np.searchsorted(overlap.overlaps.users, user))
    measured, target = overlap.overlaps, overlap.common_target
    sign = SIGNALS[int(np.argmax(overlap.signals[user]))]
    length = int(measured.length[place])
    if sign in ("copy", "near_neighbors"):
        whom = measured.closest[place]
        others = ", hardly fewer those of others" if sign == "near_neighbors" else ""
        return (
            f"{int(measured.common[place])} of its {length} items are also those of {whom}"
            f"{others}; popularity explains {measured.expected[place]:.0f}"
        )
    words = f"its {length} items go together no better than if drawn by popularity"
    if sign == "common_target" and target.size[place]:
        item = interactions.items.ids[target.item[place]]
        others = f"{int(target.size[place])} others who"
        alike = f"have item {item}" if interactions.rating is None else f"rated item {item} alike"
        words += f", nor do those of the {others} {alike}"
    return words
