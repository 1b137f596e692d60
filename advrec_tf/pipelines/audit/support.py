"""What the scores of items rest on: raters who are worth one another, and single users.

Part of the section `poisoning`: where few independent users stand behind an item, few fake ones
outweigh them. The figures are of the training part; what takes too long is left out, with why.
Beside them stands, where it is asked for, what an ensemble promises in which no few decide.
"""

from __future__ import annotations

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.evidence.effective_raters import item_evidence
from advrec_tf.defence.evidence.influence import MEMORY_LIMIT, UserInfluence, influence_table
from advrec_tf.pipelines.attack.certificates import certified
from advrec_tf.pipelines.audit.subject import Case

FEW = 5.0
"""Independent raters; an item with fewer has little evidence."""
GROUP = 10
SHARE = 0.5
"""Of the mean score by EASE: an item of which `GROUP` users hold as much hangs on them."""
PAIRS_LIMIT = 5 * 10**8
"""Pairs of items in the histories of all users, for the evidence."""
WORK_LIMIT = 10**11
"""Multiplications for the influence: about half a minute."""
CELLS_LIMIT = 2**26
"""Users x items for the certificates, whose bounds take some tables of so many numbers."""


def measure(train: Interactions, lists: np.ndarray, stored: dict) -> dict:
    """Shares of the catalogue (items that somebody has) and of list places.

    Args:
        lists: [users, K] int, the items of the lists; -1 for none.
        stored: what was found about the items of the training part, under "support"; it is the same
            for every model of a split, so it is taken from here and left here.

    Returns:
        `raters_catalogue` and `raters_places` of items with fewer than `FEW` raters; the same under
        `few` of items with fewer independent ones, or `no_few`, why not; and under `held` of items
        that hang on `GROUP` users, or `no_held`.
    """
    if "support" not in stored:
        stored["support"] = {"few": few(train), "held": held(train)}
    counts, listed = train.item_counts(), lists[lists >= 0]
    found: dict = {"few": FEW, "group": GROUP, "share": SHARE}
    for name, items in {"raters": counts < FEW, **stored["support"]}.items():
        if isinstance(items, str):
            found[f"no_{name}"] = items
            continue
        found[f"{name}_catalogue"] = float(items[counts > 0].mean())
        found[f"{name}_places"] = float(items[listed].mean()) if len(listed) else 0.0
    return found


def few(train: Interactions) -> np.ndarray | str:
    """[num_items] bool, the items with fewer than `FEW` independent raters; or why not, in a
    sentence."""
    pairs = int((train.user_counts().astype(np.int64) ** 2).sum())
    if pairs > PAIRS_LIMIT:
        return (
            f"Evidence was left out: it costs the {pairs:,} pairs of items in the histories, more "
            f"than {PAIRS_LIMIT:,}."
        )
    return item_evidence(train).effective < FEW


def held(train: Interactions) -> np.ndarray | str:
    """[num_items] bool, the items of whose mean score by EASE `GROUP` users hold `SHARE` or more;
    or why not, in a sentence."""
    users, items = train.num_users, train.num_items
    work = 2 * users**2 * (users + items)
    if work > WORK_LIMIT or not UserInfluence.fits(train):
        return (
            f"Influence was left out: it is exact, which for {users:,} users and {items:,} items "
            f"takes minutes or more than {MEMORY_LIMIT / 2**30:g} GiB of memory; "
            "ar.defence.influence_table computes it where the memory allows."
        )
    table = influence_table(train, k=GROUP)
    hangs = np.zeros(items, bool)
    hangs[train.items.index_of(table["item_id"].tolist())] = table["share"] >= SHARE
    return hangs


def promised(case: Case, accounts: int, stored: dict) -> dict:
    """Certificates of an ensemble on the training and the validation part, where they are asked for
    (`AuditSettings.certify`).

    Args:
        accounts: number of fakes to certify beside the curve.
        stored: as of `measure`, under "certificates".

    Returns:
        Nothing, or under `certificates` what `certified` found, or under `no_certificates` why not.
    """
    models, train = case.settings.certify, case.split.trainval()
    if not models:
        return {}
    if "certificates" not in stored:
        users, items = train.num_users, train.num_items
        if users * items > CELLS_LIMIT:
            stored["certificates"] = {
                "no_certificates": "Certificates were left out: their bounds take several tables "
                f"of {users:,} users x {items:,} items, more than {CELLS_LIMIT:,} numbers each."
            }
        else:
            try:
                found = {"certificates": certified(train, case.split.test, models, [accounts])}
            except ValueError as error:  # such as fewer users than a subset holds
                found = {"no_certificates": f"Certificates were left out: {error}"}
            stored["certificates"] = found
    return stored["certificates"]
