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
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.pipelines import cli
from experiments.harness import reports
from experiments.knowledge_graph import page

PARTS = ("links", "cold")


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cli.add_data_arguments(parser)
    cli.add_run_arguments(parser)
    add = parser.add_argument_group("the graph").add_argument
    add(
        "--knowledge-graph",
        required=True,
        metavar="FILE",
        help="The file holds facts, one a line: head, relation, tail.",
    )
    add(
        "--knowledge-items",
        metavar="FILE",
        help="The file holds the entities of items, one pair a line: item, entity.",
    )
    add = parser.add_argument_group("the study").add_argument
    add(
        "--parts",
        nargs="+",
        choices=PARTS,
        default=list(PARTS),
        help="Only these parts are run; default: both.",
    )
    add("--link-epochs", type=int, default=30, help="Epochs of an embedding; default: 30.")
    add("--epochs", type=int, default=30, help="Epochs of a factorization, at most; default: 30.")
    reports.add_arguments(parser, page.markdown)
    args = parser.parse_args(argv)
    cli.require_counts(parser, args, "seeds", "link_epochs", "epochs")
    args.seed = 0
    return args


@cli.guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    loaded = cli.load_from(args)
    from advrec_tf._version import __version__
    from advrec_tf.data.filters import without_repeats
    from advrec_tf.data.knowledge_graph import KnowledgeGraph
    from advrec_tf.pipelines.stages import StageStore
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
    cli.note_resume(args)
    store = StageStore(args.run_dir, {"job": "knowledge", **about}, resume=args.resume)
    name = args.name or Path(args.data).name.split(".")[0]
    report = {"name": name, "command": cli.command_line(), "about": about}
    if "links" in args.parts:
        report["links"] = links.predict_links(
            graph, store, seeds=args.seeds, epochs=args.link_epochs
        )
    if "cold" in args.parts:
        report["cold"] = cold.recommend_cold_items(
            data, graph, store, seeds=args.seeds, epochs=args.epochs
        )
    folders = [args.run_dir, args.out or args.run_dir]
    print("\n" + reports.write(report, page.markdown, folders, f"knowledge-graph-{name}"))


if __name__ == "__main__":
    sys.exit(main())
