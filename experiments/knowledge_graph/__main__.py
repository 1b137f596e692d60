r"""Facts about items: links predicted, and what facts do for items without interactions.

    python -m experiments.knowledge_graph --data user_artists.dat.gz \
        --user-column userID --item-column artistID --knowledge-graph kg.txt.gz \
        --knowledge-items item_index2entity_id.txt --run-dir runs/knowledge

TransE and DistMult, each with uniform, self-adversarial and generated corrupted facts; then a
factorization with and without the graph.
"""

import argparse
import os
import sys
from collections.abc import Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.pipelines.ending import guarded
from experiments.harness import arguments, command
from experiments.knowledge_graph import page

PARTS = {"nargs": "+", "choices": ("links", "cold"), "metavar": None}
OPTIONS = {
    "knowledge_graph": (*command.SIDE_FILES["knowledge_graph"], {"required": True}),
    "knowledge_items": command.SIDE_FILES["knowledge_items"],
    "parts": (["links", "cold"], "Only these parts are run.", PARTS),
    "link_epochs": (30, "Epochs of an embedding."),
    "epochs": (30, "Epochs of a factorization, at most."),
}


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    return command.parse(__doc__, argv, page.markdown, OPTIONS, data=True, seeds=5, name=True)


@guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    loaded = arguments.load_from(args)
    from advrec_tf._version import __version__
    from advrec_tf.data.filters import without_repeats
    from advrec_tf.data.knowledge_graph import KnowledgeGraph
    from advrec_tf.ops.fingerprints import fingerprint_of
    from experiments.knowledge_graph import cold, links

    print(loaded.report)
    data = without_repeats(loaded.interactions).interactions
    graph = KnowledgeGraph.from_files(
        args.knowledge_graph, items=data.items, item_entities=args.knowledge_items
    )
    about = {
        "interactions": len(data),
        "users": data.num_users,
        "items": data.num_items,
        "facts": len(graph),
        "data SHA-256": data.fingerprint()[:16],
        "link epochs": args.link_epochs,
        "epochs": args.epochs,
        "version": __version__,
    }
    facts = fingerprint_of(
        graph.heads, graph.relations, graph.tails, graph.entities.ids, graph.item_entity
    )
    store = arguments.open_store(args, {"job": "knowledge", "facts_sha256": facts, **about})
    name = command.name_of(args)
    report = {"name": name, "about": about}
    if "links" in args.parts:
        report["links"] = links.predict_links(
            graph, store, seeds=args.seeds, epochs=args.link_epochs
        )
    if "cold" in args.parts:
        report["cold"] = cold.recommend_cold_items(
            data, graph, store, seeds=args.seeds, epochs=args.epochs
        )
    command.publish(args, report, page.markdown, f"knowledge-graph-{name}")


if __name__ == "__main__":
    sys.exit(main())
