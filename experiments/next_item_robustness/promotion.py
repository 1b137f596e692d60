"""The part of the page on fake users who promote an item."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from advrec_tf.pipelines.next_item_attack import defences
from experiments.harness.markdown import number, spread, table
from experiments.next_item_robustness import rows

GOAL = 1.5
"""A promoted item should be shown to at most so many times the users as without fake users."""

ABOUT = (
    "Fake users, {size:.0%} of the real ones and as long as their median, share the targets, which "
    "are items of the middle of the catalogue. HR@10 is the share of users, among those without "
    "the target in their history, who get it in a list of ten, mean over the targets; beside it "
    "how many times that of the model without fake users, the mean over all seeds. co-visitation "
    "interleaves the target with popular items; camouflage knows the detector and hides the target "
    "in copies of real histories. removal: the users whom the detector flags are taken out before "
    "learning, a fifth at most. The network is trained on the poisoned data for as many epochs as "
    "before. A figure without a deviation in brackets is of one seed."
)


def absent(found: Sequence[list[dict]]) -> list[str]:
    """The models that no fake users were given to, of those that are by default."""
    there = {record["model"] for record in found[0]}
    missing = [label for label in (rows.PLAIN, rows.TRANSITIONS) if label not in there]
    return ["", f"Not trained on fake users: {'; '.join(missing)}."] if missing else []


def table_of(found: Sequence[list[dict]]) -> list[str]:
    """A line a model, attack and defence of the first seed, with the seeds that have it; smoothing,
    which needs no training, a line of its own."""
    head = ["model", "attack", "defence", "target HR@10", "of clean", "NDCG@10", "fakes flagged"]
    lines, best = [], {}
    for record in found[0]:
        records = [one for seed in found for one in seed if _cell_of(one) == _cell_of(record)]
        for suffix, defence in (("", record["defence"]), (", smoothed", defences.SMOOTHING)):
            if f"ndcg{suffix}" not in record:
                continue
            hits = [one[f"target_hit_rate{suffix}"] for one in records]
            clean = [
                one["target_hit_rate"]
                for seed in found
                for one in seed
                if one["model"] == record["model"] and one["attack"] == defences.NONE
            ]
            times = statistics.fmean(hits) / max(statistics.fmean(clean), 1e-9)
            lines.append(
                [
                    record["model"],
                    record["attack"],
                    defence,
                    spread_of(hits),
                    number(times, 2),
                    spread_of([one[f"ndcg{suffix}"] for one in records]),
                    f"{record['fakes_flagged']:.1%}" if "fakes_flagged" in record else "",
                ]
            )
            if record["attack"] != defences.NONE and defence != defences.NONE:
                best.setdefault((record["model"], record["attack"]), []).append((times, defence))
    verdicts = [
        f"- {model}, {attack}: {min(tried)[0]:.2f} times clean behind {min(tried)[1]}, "
        f"{'within' if min(tried)[0] <= GOAL else 'over'} the {GOAL:g} that were asked for"
        for (model, attack), tried in best.items()
    ]
    return [*table(head, lines), "", *verdicts]


def _cell_of(record: dict) -> tuple[str, str, str]:
    return record["model"], record["attack"], record["defence"]


def spread_of(values: Sequence[float]) -> str:
    """The mean of a value a seed, with the deviation where there are several."""
    if not values:
        return ""
    deviation = statistics.stdev(values) if len(values) > 1 else None
    return spread(statistics.fmean(values), deviation)
