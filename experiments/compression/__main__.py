r"""Does rounding undo what adversarial training bought? One page, one command.

    python -m experiments.compression --data ml-100k --out docs/results

Factorizations, plain and adversarially trained (APR), with vectors as float32, float16 and int8,
beside a plain one of a quarter of the dimensions, which takes as much space as int8 does: NDCG@10
as they are, and with every vector moved by a part of its length. Then two-tower models whose ids
are composed from small tables, and ranking towers whose dense layers are pruned, each beside a
plain one of as many parameters.
"""

import argparse
import os
import sys
from collections.abc import Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.pipelines.ending import guarded
from experiments.compression import page
from experiments.harness import arguments, command

OPTIONS = {
    "dim": (64, "The width of the vectors; the small model has a quarter of it."),
    "epochs": (30, "Epochs of each model."),
    "epsilon": (0.5, "What a vector moves by, as a part of its length.", {"type": float}),
}


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    return command.parse(
        __doc__, argv, page.markdown, OPTIONS, data=True, run=False, seeds=3, name=True
    )


@guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    loaded = arguments.load_from(args)
    from experiments.compression import composed, pruned, study

    print(loaded.report)
    data = loaded.interactions
    name = command.name_of(args)
    split = loaded.split("last_item")
    training = {"epochs": args.epochs, "seeds": args.seeds}
    moved = {"dim": args.dim, "epsilon": args.epsilon}
    found = {
        "rows": study.run(split, **training, **moved),
        "composed": composed.run(split, **training, **moved),
        "pruned": pruned.run(split, **training),
    }
    about = {
        "interactions": len(data),
        "users": data.num_users,
        "items": data.num_items,
        "data SHA-256": data.fingerprint()[:16],
        "dimensions": args.dim,
        "epochs": args.epochs,
        "seeds": args.seeds,
    }
    report = {"name": name, "about": about, "epsilon": args.epsilon, **found}
    command.publish(args, report, page.markdown, f"compression-{name}")


if __name__ == "__main__":
    sys.exit(main())
