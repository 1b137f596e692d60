r"""The speed of a language model: texts a second, and what keeping their vectors saves.

    python -m experiments.speed.text_command --data ml-100k --model minilm --out docs/results \
        --beside 'PYTHON scripts/beside_transformers.py {model} {texts}'

The texts are those of the items. In --beside, `{texts}` is a JSON file of them, `{model}` the
folder of --model, `{max_length}` its limit. Threads are those of the environment
(TF_NUM_INTRAOP_THREADS, OMP_NUM_THREADS), for both.
"""

import argparse
import dataclasses
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.pipelines import cli
from advrec_tf.pipelines.machine import machine


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cli.add_data_arguments(parser)
    parser.add_argument("--model", default="minilm", help="folder or name; default: minilm")
    parser.add_argument("--max-length", type=int, default=64, help="tokens of a text; default: 64")
    parser.add_argument("--texts", type=int, default=1000, help="at most; default: 1000")
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    parser.add_argument("--beside", metavar="COMMAND", help="another encoder, in turns with ours")
    parser.add_argument("--out", type=Path, help="folder for NAME.json and NAME.md")
    parser.add_argument("--name", default="text-speed", help="default: text-speed")
    args = parser.parse_args(argv)
    cli.require_counts(parser, args, "texts", "rounds")
    args.seed = 0
    return args


@cli.guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    data = cli.load_from(args).interactions
    if data.item_text is None:
        raise ValueError("The items should have texts: give --item-text-column or --item-table.")
    from advrec_tf.text.language_model import LanguageModelTower
    from advrec_tf.text.presets import folder_of
    from experiments.speed import text as speed

    texts = [str(text or "").strip() for text in data.item_text]
    some = sorted(set(texts))[: args.texts]
    tower = LanguageModelTower.from_preset(args.model, max_length=args.max_length)
    load = os.getloadavg()[0]
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "texts.json"
        path.write_text(json.dumps(some))
        places = {"texts": str(path), "max_length": str(args.max_length)}
        places["model"] = str(folder_of(args.model))
        for round_ in range(args.rounds):
            ours.append(speed.encoding_rate(tower, some))
            print(f"round {round_ + 1}: ours {ours[-1]}")
            if args.beside is not None:
                theirs.append(speed.rate_of_command(args.beside, places))
                print(f"round {round_ + 1}: theirs {theirs[-1]}")
    still = LanguageModelTower.from_preset(args.model, max_length=args.max_length, dim=64)
    encoding = {"ours": speed.median_rate(ours)}
    if theirs:
        encoding["theirs"] = speed.median_rate(theirs)
    report = {
        "machine": {**machine(), "load at the start": round(load, 1)},
        "items": data.num_items,
        "texts": len(some),
        "tokens": speed.lengths(tower, some),
        "rounds": args.rounds,
        "beside": args.beside,
        "encoding": {name: dataclasses.asdict(rate) for name, rate in encoding.items()},
        "training": {
            name: dataclasses.asdict(rate)
            for name, rate in speed.training_rates(data, still, texts).items()
        },
    }
    text = speed.page(report, cli.command_line())
    print("\n" + text)
    if args.out is not None:
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / f"{args.name}.json").write_text(json.dumps(report, indent=2) + "\n")
        (args.out / f"{args.name}.md").write_text(text)


if __name__ == "__main__":
    sys.exit(main())
