r"""How much of a large model's accuracy does a tenth of its size learn from its lists?

    python -m experiments.distillation --data "$ADVREC_DATA/citeulike-kd" --out docs/results

A tenth of the size is a tenth of the dimensions, or int8 vectors of as many bytes. Beside the
student of the large model stand the same small model alone, the large one cut to as many
dimensions, and students of teachers that know less: popularity, the lists of other users, random
items.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.pipelines.ending import guarded
from experiments.distillation import page
from experiments.harness import command

OPTIONS = {
    "dim": (200, "The width of the teacher's vectors; students have a tenth of its bytes."),
    "epochs": (60, "Epochs of each model, at most."),
    "weight": (1.0, "The weight of the teacher's part of the loss.", {"type": float}),
}


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = command.parser_of(__doc__)
    parser.add_argument(
        "--data",
        type=Path,
        help="The folder of train, valid and test.txt.gz: user item item ..., indices from 0.",
    )
    command.add_options(parser.add_argument_group("the study"), OPTIONS)
    command.add_report(parser, page.markdown, seeds=1, out=command.HERE)
    args = parser.parse_args(argv)
    if args.data is None:
        parser.error("the following arguments are required: --data")
    return args


@guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    from experiments.distillation import study

    split = study.read(args.data)
    settings = {name: getattr(args, name) for name in (*OPTIONS, "seeds")}
    rows = study.run(split, **settings)
    about = {
        "interactions": len(split.train),
        "users": split.train.num_users,
        "items": split.train.num_items,
        "data SHA-256": split.train.fingerprint()[:16],
        **settings,
    }
    command.publish(args, {"about": about, "rows": rows}, page.markdown, "distillation")


if __name__ == "__main__":
    sys.exit(main())
