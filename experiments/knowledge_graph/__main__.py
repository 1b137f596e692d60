r"""Facts about items: link prediction, and what they do for items that nobody has touched.

    python -m experiments.knowledge_graph --data user_artists.dat.gz \
        --user-column userID --item-column artistID --knowledge-graph kg.txt.gz \
        --knowledge-items item_index2entity_id.txt --run-dir runs/knowledge

TransE and DistMult, each with uniform, self-adversarial and generated corrupted facts; then a
factorization with and without the graph.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.pipelines import cli

PARTS = ("links", "cold")


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cli.add_data_arguments(parser)
    cli.add_run_arguments(parser)
    group = parser.add_argument_group("the graph")
    group.add_argument(
        "--knowledge-graph", required=True, metavar="FILE", help="lines `head relation tail`"
    )
    group.add_argument("--knowledge-items", metavar="FILE", help="lines `item entity`")
    group = parser.add_argument_group("the experiment")
    group.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    group.add_argument("--seeds", type=int, default=5, help="trainings of a row; default: 5")
    group.add_argument("--link-epochs", type=int, default=30, help="default: 30")
    group.add_argument("--epochs", type=int, default=30, help="of a factorization; default: 30")
    group.add_argument("--out", type=Path, help="folder for knowledge-graph-NAME.md and .json")
    group.add_argument("--name", help="of the data, in file names; default: that of --data")
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
    from experiments.knowledge_graph import cold, links, page

    print(loaded.report)
    data = without_repeats(loaded.interactions).interactions
    graph = KnowledgeGraph.from_files(
        args.knowledge_graph, items=data.items, item_entities=args.knowledge_items
    )
    about = {
        "rows": len(data),
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
    report = {"command": cli.command_line(), "about": about}
    if "links" in args.parts:
        report["links"] = links.predict_links(
            graph, store, seeds=args.seeds, epochs=args.link_epochs
        )
    if "cold" in args.parts:
        report["cold"] = cold.cold_rows(data, graph, store, seeds=args.seeds, epochs=args.epochs)
    name = args.name or Path(args.data).name.split(".")[0]
    text = page.markdown(report, name, report["command"])
    for folder in {args.run_dir, args.out or args.run_dir}:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"knowledge-graph-{name}.json").write_text(json.dumps(report, indent=2) + "\n")
        (folder / f"knowledge-graph-{name}.md").write_text(text)
    print("\n" + text)


if __name__ == "__main__":
    sys.exit(main())
