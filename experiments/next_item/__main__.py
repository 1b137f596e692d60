r"""Next-item recommendation on published sequences, and the counting baselines beside it.

    python -m experiments.next_item s3-beauty --run-dir runs/next-item-beauty --out docs/results
    python -m experiments.next_item s3-beauty --run-dir runs/next-item-beauty --protocols "last day"
    python -m experiments.next_item s3-beauty --run-dir runs/next-item-beauty --out docs/results \
        --protocols filed --trained "SASRec, full softmax" --resume
    python -m experiments.next_item --render docs/results/next-item-s3-beauty.json

The data sets are ml1m-5core, s3-beauty, s3-sports, bert4rec-beauty, amazon-phones and rsc15-100k,
found through ADVREC_DATA (default ../shared/data).
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.pipelines.ending import guarded
from experiments.harness import arguments, command, reports

OPTIONS = {
    "protocols": ([], "Only these protocols are run; by default all of the data.", {}),
    "without": (
        [],
        "These rows are not run, such as EASE, which takes minutes on 12,000 items.",
        {"metavar": "LABEL"},
    ),
    "trained": (
        [],
        "These models are trained, or all of them by the word all; by default none, since one "
        "takes up to hours.",
        {"metavar": "LABEL"},
    ),
}


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    from experiments.next_item import page

    parser = command.parser_of(__doc__)
    parser.add_argument("data", help="The data set is named, see above.")
    arguments.add_run_arguments(parser)
    command.add_options(parser.add_argument_group("the study"), OPTIONS)
    command.add_report(parser, page.markdown, seeds=1)
    return parser.parse_args(argv)


@guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    from advrec_tf._version import __version__
    from experiments.next_item import page, protocols, study

    if args.data not in protocols.DATA:
        raise ValueError(
            f"`data` should be one of {', '.join(protocols.DATA)}. Received: {args.data!r}."
        )
    about = {"data": args.data, "seeds": args.seeds, "version": __version__}
    store = arguments.open_store(args, {"job": "next_item", **about})
    found = study.run(
        args.data,
        store,
        protocols=args.protocols,
        without=args.without,
        trained=args.trained,
        seeds=args.seeds,
    )
    report = {"name": args.data, "about": about, "protocols": found}
    stem = f"next-item-{args.data}"
    if args.out and (before := Path(args.out) / f"{stem}.json").exists():
        report = page.continued(report, reports.read(before))
    command.publish(args, report, page.markdown, stem)


if __name__ == "__main__":
    sys.exit(main())
