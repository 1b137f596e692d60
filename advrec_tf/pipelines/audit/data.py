"""The section `data`: what the file and its split hold that may mislead, and who looks fake.

Counting is done by `data.audit` and `data.findings`, suspicion and its reasons by the fraud
pipeline; here they become one dictionary. It does not depend on the model.
"""

from __future__ import annotations

import numpy as np

from advrec_tf.data import audit
from advrec_tf.data.filters import pair_keys
from advrec_tf.data.findings import findings
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.splits import Split

SHOWN_USERS = 10
MOST_ROWS = 2_000_000
"""Interactions from which suspicious users are not looked for: it takes minutes."""


def measure(read: Interactions, split: Split, *, seed: int = 0) -> dict:
    """Counts of the file as it was read and of its split, and suspicious users.

    Args:
        read: before anything was filtered.
        split: of what was left.
    """
    counted = audit.audit(split)
    test_rows = max(counted.rows["test"], 1)
    future = counted.test_rows_with_future_items
    return {
        "rows": len(read),
        "users": int((read.user_counts() > 0).sum()),
        "items": int((read.item_counts() > 0).sum()),
        "repeated_pairs": 1.0 - len(np.unique(pair_keys(read))) / len(read),
        "parts": counted.rows,
        "future": None if future is None else future / test_rows,
        "future_items": counted.mean_future_items,
        "tied_test": counted.tied_test,
        "never_seen": counted.never_seen,
        "users_only_in_test": counted.users_only_in_test / max(counted.users["test"], 1),
        "items_only_in_test": counted.items_only_in_test / max(counted.items["test"], 1),
        "findings": list(dict.fromkeys([*findings(read), *counted.warnings()])),
        "suspicious": suspicious(split.everything(), seed=seed),
    }


def suspicious(interactions: Interactions, *, seed: int = 0) -> dict:
    """The share of users that are flagged, and the most suspicious with their reasons; or why they
    were not looked for (`not_possible`)."""
    from advrec_tf.pipelines.fraud.ranking import detect
    from advrec_tf.pipelines.fraud.reasons import reasons

    if len(interactions) > MOST_ROWS:
        return {
            "not_possible": f"Not looked for in more than {MOST_ROWS:,} interactions: "
            "`advrec fraud` does it."
        }
    try:
        verdicts = detect(interactions, seed=seed)
    except (ImportError, ValueError) as error:
        return {"not_possible": str(error)}
    present = interactions.user_counts() > 0
    order = np.argsort(-verdicts.suspicion, kind="stable")
    order = order[verdicts.flagged[order]][:SHOWN_USERS]
    return {
        "flagged": int(verdicts.flagged.sum()),
        "share": float(verdicts.flagged.sum() / present.sum()),
        "users": [
            {
                "user": str(interactions.users.ids[user]),
                "suspicion": float(verdicts.suspicion[user]),
                "rows": int(interactions.user_counts()[user]),
                "reasons": reasons(verdicts, interactions, int(user)),
            }
            for user in order
        ],
    }
