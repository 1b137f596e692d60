"""Titles and descriptions beside the items of `Interactions`.

Reading texts from files is left to the readers; turning them into numbers is left to the
language-model tower.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from advrec_tf.data.interactions import Interactions


def attach_item_text(interactions: Interactions, texts: Mapping) -> Interactions:
    """The same interactions with `item_text` [num_items] from {external item id: text}.

    An item without an entry, or with one that is no text, gets "" (`items_without_text`
    counts them); entries of unknown items are passed over.

    Raises:
        ValueError: if no item at all has an entry, as when the ids are of another kind.
    """
    ids = interactions.items.ids.tolist()
    known = [item_id in texts for item_id in ids]
    if not any(known):
        raise ValueError(
            "`texts` should have item ids of the interactions as keys, such as "
            f"{ids[:3]!r}. Received the keys {list(texts)[:3]!r}."
        )
    found = [texts.get(item_id) for item_id in ids]
    item_text = np.array([text if isinstance(text, str) else "" for text in found], object)
    return dataclasses.replace(interactions, item_text=item_text)


def items_without_text(interactions: Interactions) -> int:
    """How many items have no text, from 0 to num_items."""
    if interactions.item_text is None:
        return interactions.num_items
    return sum(not text for text in interactions.item_text)
