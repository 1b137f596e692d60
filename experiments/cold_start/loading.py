"""From the arguments of the script to the content of the job."""

from __future__ import annotations

import argparse
import dataclasses

from advrec_tf._version import __version__
from advrec_tf.data.filters import without_repeats
from advrec_tf.data.knowledge_graph import KnowledgeGraph
from advrec_tf.data.metadata import join_texts
from advrec_tf.data.readers.side_tables import read_attributes, read_texts
from advrec_tf.pipelines import cli
from advrec_tf.text.cache import fingerprint
from advrec_tf.text.language_model import LanguageModelTower
from experiments.cold_start.content import Content, gather


def load_content(args: argparse.Namespace) -> tuple[Content, dict]:
    """(content, what the results depend on, for the record and the page).

    Raises:
        ValueError, OSError, ImportError: as the readers and the language model say.
    """
    loaded = cli.load_from(args)
    print(loaded.report)
    data = loaded.interactions
    data = without_repeats(data).interactions
    unmatched = {}
    for kind, path in (("item", args.item_attributes), ("user", args.user_attributes)):
        if path is not None:
            table, missing = read_attributes(
                path, getattr(data, f"{kind}s"), id_column=f"{kind}_id"
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
        "rows": len(data),
        "users": data.num_users,
        "items": data.num_items,
        "data SHA-256": data.fingerprint()[:16],
        "encoder SHA-256": fingerprint(encoder)[:16],
        "max_length": args.max_length,
        "version": __version__,
    }
    return content, about
