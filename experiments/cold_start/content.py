"""What is known of items and users besides their interactions: texts, attributes, facts."""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from advrec_tf._version import __version__
from advrec_tf.data.filters import without_repeats
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.knowledge_graph import KnowledgeGraph
from advrec_tf.data.metadata import join_texts
from advrec_tf.data.readers.side_tables import read_attributes, read_texts
from advrec_tf.models.content.modalities import Modality, coded_attributes
from advrec_tf.ops.fingerprints import fingerprint_of
from advrec_tf.text.cache import encode_texts, fingerprint
from advrec_tf.text.language_model import LanguageModelTower
from experiments.harness import arguments

MAX_CATEGORIES = 64


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Content:
    """One data set of the study.

    Attributes:
        interactions: all of them.
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
        ValueError: if no item has a text, or `texts` does not have one entry an item.
    """
    texts = np.array([text.strip() for text in texts], object)
    if len(texts) != interactions.num_items:
        raise ValueError(
            f"`texts` should have {interactions.num_items} entries. Received: {len(texts)}."
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
        notes |= {"facts": len(graph), "items_without_fact": int((~items_with_fact(graph)).sum())}
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


def items_with_fact(graph: KnowledgeGraph) -> np.ndarray:
    """[num_items] bool, of a graph with the items first: those that some fact is about."""
    known = np.zeros(graph.num_entities, bool)
    known[graph.heads] = known[graph.tails] = True
    return known[: graph.num_items]


def load_content(args: argparse.Namespace) -> tuple[Content, dict]:
    """(content, what the results depend on, for the record and the page).

    Raises:
        ValueError, OSError, ImportError: as the readers and the language model say.
    """
    loaded = arguments.load_from(args)
    print(loaded.report)
    data = loaded.interactions
    data = without_repeats(data).interactions
    unmatched = {}
    for kind, path in (("item", args.item_attributes), ("user", args.user_attributes)):
        if path is not None:
            table, missing = read_attributes(
                path,
                getattr(data, f"{kind}s"),
                id_column=f"{kind}_id",
                kinds=dict.fromkeys(getattr(args, f"{kind}_category"), "category"),
                missing=args.missing,
                log=print,
            )
            data = dataclasses.replace(data, **{f"{kind}_features": table})
            unmatched[f"{kind}s_without_attributes"] = missing
    titles = (
        {} if data.item_text is None else dict(zip(data.items.ids, data.item_text, strict=True))
    )
    texts = join_texts(
        data.items.ids.tolist(),
        {item: text or "" for item, text in titles.items()},
        *(read_texts(path) for path in args.item_text),
    )
    graph = None
    if args.knowledge_graph is not None:
        graph = KnowledgeGraph.from_files(
            args.knowledge_graph, items=data.items, item_entities=args.knowledge_items
        )

    def fresh_encoder(strategy: str, **head) -> LanguageModelTower:
        return LanguageModelTower.from_preset(
            args.encoder, strategy=strategy, max_length=args.max_length, **head
        )

    encoder = fresh_encoder("frozen")
    content = gather(
        data, texts, encoder, graph=graph, fresh_encoder=fresh_encoder, cache=args.cache
    )
    content.notes.update(unmatched)
    about = {
        "interactions": len(data),
        "users": data.num_users,
        "items": data.num_items,
        "data SHA-256": data.fingerprint()[:16],
        "content SHA-256": fingerprint_of(
            content.texts,
            data.user_features,
            data.item_features,
            *(() if graph is None else (graph.heads, graph.relations, graph.tails)),
        )[:16],
        "encoder SHA-256": fingerprint(encoder)[:16],
        "max_length": args.max_length,
        "version": __version__,
    }
    return content, about
