r"""Train a GAN on what users did, and write what it generates.

On a table, a row for each user or event, with a column to be predicted:

    python scripts/train_gan.py --data user_behavior.csv --label churned \
        --run-dir runs/table --out generated.csv --export saved_models/table

This generates rows with the same columns, writes a quality report (quality.html) beside controls,
and exports a generator that runs without this package. `--label COLUMN` (or `--table`, where the
last column is the label) chooses this form; `--label COLUMN --help` lists its options.

On interactions, which is what runs without `--label`, it trains the profile GAN and its ablation:

    python scripts/train_gan.py --data synthetic --run-dir runs/gan --out generated.csv

Users with fewer than --generated-min-history interactions are filled up to that number. The file
has a line for each generated interaction: user_id, item_id, source ("gan", or "gan_ablation" for
the same generator trained without the discriminator).
"""

import argparse
import os
import sys
from collections.abc import Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.pipelines import cli
from advrec_tf.pipelines.ending import conclude
from advrec_tf.pipelines.tabular import cli as table_cli


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = cli.run_parser(__doc__)
    cli.add_health_argument(parser)
    cli.add_out_argument(parser, "The CSV file of the generated interactions.")
    return parser.parse_args(argv)


@cli.guarded
def main(argv: Sequence[str] | None = None) -> None:
    argv = sys.argv[1:] if argv is None else list(argv)
    if table_cli.asks_for_table(argv):
        table_cli.train(argv, __doc__)
        return
    args = parse_args(argv)
    cli.check_out(args)
    from advrec_tf.data.readers.files import MissingColumnError

    try:
        settings, prepared, identity, store = cli.begin(args, "gan")
    except MissingColumnError as error:
        raise MissingColumnError(
            f"{error} The file is read as interactions. A table with a column to be predicted "
            "needs --label COLUMN (or --table)."
        ) from None

    from advrec_tf.pipelines.recommend import generation, job, plots

    outcome = job.run_gan(prepared, settings, store)
    generation.write_csv(outcome.generated, args.out, overwrite=args.overwrite)
    cli.finish(args, prepared, identity, outcome)
    figures = plots.draw_gan(outcome, args.run_dir)
    print(f"plots        {', '.join(str(path) for path in figures)}")
    for source, rows in outcome.generated.items():
        print(f"{len(rows)} interactions by {source} in {args.out}")
    conclude(outcome.verdicts, fail=args.fail_on_unhealthy)


if __name__ == "__main__":
    sys.exit(main())
