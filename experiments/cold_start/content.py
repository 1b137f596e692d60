"""What is known of items and users beside their rows, as the towers of this job take it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.knowledge_graph import KnowledgeGraph
from advrec_tf.models.content.modalities import Modality, coded_attributes
from advrec_tf.text.cache import encode_texts
from advrec_tf.text.language_model import LanguageModelTower

MAX_CATEGORIES = 64


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Content:
    """One data set of the job.

    Attributes:
        interactions: all rows.
        texts: [num_items] str, "" where an item has none.
        text: the vectors of the texts.
        attributes, user_attributes: coded side tables, or None.
        graph: facts about the items, with the items first; or None.
        fresh_encoder: (strategy, **head of a `LanguageModelTower`) -> the language model as it was
            loaded, to be fine-tuned; or None.
        notes: counts for the report: items without a text, columns left out and the like.
    """

    interactions: Interactions
    texts: np.ndarray
    text: Modality
    attributes: Modality | None
    user_attributes: Modality | None
    graph: KnowledgeGraph | None
    notes: dict
    fresh_encoder: Callable[..., LanguageModelTower] | None = None

    @property
    def items_with_text(self) -> np.ndarray:
        return np.flatnonzero(self.text.present)


def gather(
    interactions: Interactions,
    texts: np.ndarray,
    encoder: LanguageModelTower,
    *,
    graph: KnowledgeGraph | None = None,
    fresh_encoder: Callable[..., LanguageModelTower] | None = None,
    cache: str | os.PathLike | None = None,
) -> Content:
    """Encode the texts once and code the side tables of the interactions.

    Columns with more than `MAX_CATEGORIES` categories (names, post codes) are left out and
    named in `notes`.

    Raises:
        ValueError: if no item has a text, or `texts` does not have a row an item.
    """
    texts = np.array([text.strip() for text in texts], object)
    if len(texts) != interactions.num_items:
        raise ValueError(
            f"`texts` should have {interactions.num_items} rows. Received: {len(texts)}."
        )
    there = texts != ""
    if not there.any():
        raise ValueError("`texts` should hold a text of at least one item. Received none.")
    vectors = encode_texts(encoder, texts.tolist(), cache=cache)
    notes = {
        "items": interactions.num_items,
        "items_without_text": int((~there).sum()),
        "texts_cut": encoder.tokenizer.num_truncated(texts[there].tolist()),
    }
    coded = {}
    for kind, table in (
        ("attributes", interactions.item_features),
        ("user_attributes", interactions.user_features),
    ):
        coded[kind], left_out = coded_where_few(table, kind)
        if left_out:
            notes[f"{kind}_left_out"] = left_out
    if graph is not None:
        graph = graph.with_items_first()
        notes |= {"facts": len(graph), "items_without_fact": _without_fact(graph)}
    return Content(
        interactions=interactions,
        texts=texts,
        text=Modality(name="text", vectors=vectors, present=there),
        graph=graph,
        notes=notes,
        fresh_encoder=fresh_encoder,
        **coded,
    )


def coded_where_few(table: pd.DataFrame | None, name: str) -> tuple[Modality | None, Sequence[str]]:
    """(the columns of at most `MAX_CATEGORIES` categories, coded, or None; the others' names)."""
    if table is None:
        return None, []
    large = [
        str(column)
        for column in table.columns
        if not pd.api.types.is_numeric_dtype(table[column])
        and table[column].nunique(dropna=False) > MAX_CATEGORIES
    ]
    kept = table.drop(columns=large)
    if not len(kept.columns):
        return None, large
    return coded_attributes(kept, name=name, max_categories=MAX_CATEGORIES), large


def _without_fact(graph: KnowledgeGraph) -> int:
    known = np.zeros(graph.num_entities, bool)
    known[graph.heads] = known[graph.tails] = True
    return int((~known[: graph.num_items]).sum())
