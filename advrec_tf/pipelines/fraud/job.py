"""What `advrec fraud` does: detect, write the list, print its head, export, check."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable

import numpy as np

from advrec_tf.data import filters
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.readers.labeled_fraud import read_labels
from advrec_tf.evaluation.detection import average_precision
from advrec_tf.ops.files import atomic_file
from advrec_tf.pipelines.fraud.ranking import MOST, Verdicts, detect
from advrec_tf.pipelines.fraud.reasons import MIXED, reasons
from advrec_tf.serving.folder import read_metadata
from advrec_tf.serving.fraud import ServedFraudScorer
from advrec_tf.serving.saved_model import export as export_module

CHECKED = 64  # profiles compared after an export
LOOKS = {
    "like_simulated_attacks": "look like simulated attacks",
    "overlap": "overlap more than popularity explains",
}


def run(
    interactions: Interactions,
    *,
    out: str | os.PathLike,
    labels: str | os.PathLike | None = None,
    export: str | os.PathLike | None = None,
    day: float | None = 86_400.0,
    top: int = 10,
    seed: int = 0,
    overwrite: bool = False,
    write: Callable[[str], None] = print,
) -> Verdicts:
    """The verdicts, after they were written, printed and (with `export`) served once."""
    known = None
    rated, timed = interactions.rating is not None, interactions.timestamp is not None
    write(
        "reads        users and items, "
        + ("ratings, " if rated else "no ratings (name their column with --rating-column), ")
        + ("times" if timed else "no times (--time-column)")
    )
    # A log of events holds a pair as often as it happened; a rating stands once.
    clicks = timed and not rated
    once = filters.without_same_moments if clicks else filters.without_repeats
    interactions, repeated = once(interactions)
    if repeated:
        what = "user, item and time" if clicks else "user and item"
        write(f"repeats      {repeated} rows of the same {what} left out, the last of each stays")
    if labels is not None:
        known, spare = read_labels(labels, interactions.users, complete=False)
        write(
            f"labels       {int((known == 1).sum())} fakes, {int((known == 0).sum())} honest, "
            f"{int(np.isnan(known).sum())} users without; {spare} of users not in the file"
        )
    verdicts = detect(interactions, labels=known, day=day, seed=seed)
    count = write_ranking(verdicts, interactions, out, overwrite=overwrite)
    flagged = int(verdicts.flagged.sum())
    write(f"flagged      {flagged} of {count} users ({flagged / count:.1%})")
    for sign, weight in verdicts.weighed.items():
        write(
            f"note         more than {MOST:.0%} of the users {LOOKS[sign]}; taken "
            f"for its ordinary profiles, that sign counts {weight:.2f} of itself. "
            "If the file may hold so many fakes, read the head of the list, or name some (--labels)"
        )
    if verdicts.mixed_times:
        write(
            "note         the times look like more than one unit, so what rests on them may be "
            f'wrong; such reasons say "{MIXED}". Write all in one unit, or leave out --time-column'
        )
    if known is not None:
        seen = ~np.isnan(known)
        found = average_precision(known[seen] == 1, verdicts.suspicion[seen], base_rate=None)
        write(f"labeled     average precision {found:.3f}, each user scored without its label")
    order = np.argsort(-verdicts.suspicion, kind="stable")[: min(top, count)]
    for rank, user in enumerate(order, start=1):
        write(
            f"  {rank:>3}  {interactions.users.ids[user]}  suspicion "
            f"{verdicts.suspicion[user]:.2f}, {interactions.user_counts()[user]} rows"
        )
        for reason in reasons(verdicts, interactions, int(user)):
            write(f"         {reason}")
    write(f"list         {out}")
    if export is not None:
        profiles = _profiles(interactions)
        path = export_module(
            ServedFraudScorer(verdicts.scorer, profiles, threshold=0.5),
            export,
            metadata={"data_fingerprint": interactions.fingerprint(), "seed": seed},
        )
        check = read_metadata(path)["check"]
        write(
            f"SavedModel   {path}: {len(profiles)} profiles agree through the C API to "
            f"{check['largest_difference']:.1e}; one takes "
            f"{check['latency_us']['serving_default']:.0f} us"
        )
    return verdicts


def write_ranking(
    verdicts: Verdicts,
    interactions: Interactions,
    path: str | os.PathLike,
    *,
    overwrite: bool = False,
) -> int:
    """A CSV of all users with rows, the most suspicious first; returns how many.

    Columns: rank, user_id, suspicion, flagged, rows, one a sign, reasons.
    """
    counts = interactions.user_counts()
    users = np.flatnonzero(counts > 0)
    order = users[np.argsort(-verdicts.suspicion[users], kind="stable")]
    flagged = verdicts.flagged
    with (
        atomic_file(path, overwrite=overwrite) as unfinished,
        open(unfinished, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(
            ["rank", "user_id", "suspicion", "flagged", "rows", *verdicts.signs, "reasons"]
        )
        for rank, user in enumerate(order, start=1):
            writer.writerow(
                [
                    rank,
                    interactions.users.ids[user],
                    f"{verdicts.suspicion[user]:.4f}",
                    int(flagged[user]),
                    int(counts[user]),
                    *(f"{sign[user]:.4f}" for sign in verdicts.signs.values()),
                    "; ".join(reasons(verdicts, interactions, int(user))),
                ]
            )
    return len(order)


def _profiles(rows: Interactions) -> list[tuple[list[str], list[float]]]:
    """Some users' items and ratings, and a profile of an item the file does not have."""
    users = np.flatnonzero(rows.user_counts() > 0)
    chosen = users[np.linspace(0, len(users) - 1, min(CHECKED, len(users))).astype(int)]
    profiles = []
    for user in chosen:
        own = np.flatnonzero(rows.user_index == user)
        ids = [str(item) for item in rows.items.ids[rows.item_index[own]]]
        ratings = np.zeros(len(own)) if rows.rating is None else np.nan_to_num(rows.rating[own])
        profiles.append((ids, ratings.tolist()))
    unknown = "unknown"
    while unknown in set(map(str, rows.items.ids)):
        unknown += "?"
    return [*profiles, ([unknown], [float(profiles[0][1][0])])]
