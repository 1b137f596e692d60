"""Titles, descriptions and attributes beside the items of `Interactions`.

Reading them from files is left to the readers; turning them into numbers is left to the
language-model tower and the content models.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from advrec_tf.data.interactions import Interactions


def attach_item_text(interactions: Interactions, texts: Mapping) -> Interactions:
    """The same interactions with `item_text` [num_items] from {external item id: text}.

    An item without an entry, or with one that is no text, gets "" (`items_without_text`
    counts them); entries of unknown items are passed over. Ids match as in
    `Vocabulary.index_of`, so that 17 is the item "17".

    Raises:
        ValueError: if no item at all has an entry.
    """
    index = interactions.items.index_of(list(texts))
    if not len(index) or index.max() < 0:
        raise ValueError(
            "`texts` should have item ids of the interactions as keys, such as "
            f"{interactions.items.ids.tolist()[:3]!r}. Received the keys {list(texts)[:3]!r}."
        )
    item_text = np.full(interactions.num_items, "", object)
    for item, text in zip(index.tolist(), texts.values(), strict=True):
        if item >= 0 and isinstance(text, str) and not item_text[item]:
            item_text[item] = text
    return dataclasses.replace(interactions, item_text=item_text)


def join_texts(ids: Sequence, *sources: Mapping) -> np.ndarray:
    """[n] str: for each id its texts in the order of the sources, joined by ". "."""
    joined = []
    for item in ids:
        parts = [source.get(item, "").strip() for source in sources]
        joined.append(". ".join(part.rstrip(".") for part in parts if part))
    return np.array(joined, object)


def items_without_text(interactions: Interactions) -> int:
    """How many items have no text, from 0 to num_items."""
    if interactions.item_text is None:
        return interactions.num_items
    return sum(not text for text in interactions.item_text)
