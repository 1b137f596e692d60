r"""The speed of a language model: texts a second, and what keeping their vectors saves.

    python -m experiments.speed.text --data ml-100k --model minilm --out docs/results \
        --beside 'PYTHON -m experiments.speed.beside_transformers {model} {texts}'

The texts are those of the items. Speeds are given per second of the clock and per second of
processor time: on a machine that others use too, only the second compares. In --beside, another
library's encoder in turns with ours, `{texts}` is a JSON file of the texts, `{model}` the folder
of --model, `{max_length}` its limit. Threads are those of the environment
(TF_NUM_INTRAOP_THREADS, OMP_NUM_THREADS), for both.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from advrec_tf.pipelines.ending import guarded
from advrec_tf.pipelines.machine import machine
from experiments.harness import arguments, command
from experiments.harness.markdown import facts, page, table
from experiments.speed.beside import run_command

KEPT, IN_LOOP = "kept", "in the loop"
STEPS = {KEPT: 200, IN_LOOP: 4}
BESIDE = {"metavar": "COMMAND"}
OPTIONS = {
    "model": ("minilm", "The folder or name of the model."),
    "max_length": (64, "Texts are cut to so many tokens."),
    "texts": (1000, "At most so many texts."),
    "rounds": (3, "Rounds of which medians are taken."),
    "beside": (None, "Another encoder's command, in turns with ours.", BESIDE),
    "name": ("text-speed", "The name of the files."),
}


@dataclasses.dataclass(frozen=True)
class Rate:
    """Things done in a second of the clock, and in a second of processor time."""

    per_second: float
    per_cpu_second: float


RATES = tuple(field.name for field in dataclasses.fields(Rate))


def timed(count: int, work: Callable[[], object]) -> Rate:
    """The rate of `work`, which does `count` things."""
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return Rate(count / (time.perf_counter() - clock), count / (time.process_time() - processor))


def median_rate(rates: Sequence[Rate]) -> Rate:
    return Rate(*(statistics.median(getattr(rate, name) for rate in rates) for name in RATES))


def encoding_rate(tower, texts: Sequence[str], *, batch_size: int = 64) -> Rate:
    """Different texts a second, tokenized anew, after a first batch that compiles.

    Args:
        tower: a `LanguageModelTower`.
    """
    from advrec_tf.text.cache import encode_texts

    distinct = sorted(set(texts))

    def encode(some):
        encode_texts(tower, some, batch_size=batch_size, progress=False)

    encode(distinct[:batch_size])
    return timed(len(distinct), lambda: encode(distinct))


def rate_of_command(command: str, values: Mapping[str, str]) -> Rate:
    """Run a command and read the last line that it prints: JSON with the fields of `Rate`.

    Raises:
        ValueError: if it fails, or its last line is something else.
        FileNotFoundError: if there is no such program.
    """
    printed, _ = run_command(command, values)
    last = (printed.strip().splitlines() or [""])[-1]
    try:
        found = json.loads(last)
        return Rate(*(float(found[name]) for name in RATES))
    except (ValueError, TypeError, KeyError):
        raise ValueError(
            f"`beside` should print a last line of JSON with {' and '.join(RATES)}. "
            f"Received: {last!r}."
        ) from None


def training_rates(
    train,
    frozen,
    texts: Sequence[str],
    *,
    batch_size: int = 256,
    steps: Mapping[str, int] = STEPS,
    seed: int = 0,
) -> dict[str, Rate]:
    """Positives a second of one two-tower on the same batches, its language model frozen: "kept",
    on vectors computed once, and "in the loop", encoding the texts of each batch.

    Args:
        train: the training interactions.
        frozen: a `LanguageModelTower` with a projection, of the strategy "frozen".
        steps: name -> timed steps, after one that compiles.
    """
    from advrec_tf._keras import keras
    from advrec_tf.data import batches
    from advrec_tf.pipelines.text.fine_tuning import on_kept_vectors, on_texts
    from advrec_tf.text.cache import encode_texts
    from advrec_tf.training.optimizers import LazyAdam

    vectors = encode_texts(frozen.without_head(), list(texts), progress=False)
    kept = on_kept_vectors(train, frozen, vectors, seed=seed)
    rates = {}
    for name, model in {KEPT: kept, IN_LOOP: on_texts(kept, frozen, texts)}.items():
        keras.utils.set_random_seed(seed)
        model.compile(optimizer=LazyAdam(5e-3))
        data = batches.of_pairs(train, batch_size=batch_size, seed=seed).dataset(0).repeat()

        def train_for(count, model=model, data=data):
            model.fit(data, steps_per_epoch=count, epochs=1, verbose=0)

        train_for(1)
        rates[name] = timed(steps[name] * batch_size, functools.partial(train_for, steps[name]))
    return rates


def markdown(report: dict, path: Path) -> str:
    """The rates, and how many times as fast the one is as the other."""
    encoding, training, tokens = report["encoding"], report["training"], report["tokens"]
    number_of_texts = (
        f"{report['texts']:,} different ones of the {report['items']:,} items, "
        f"{tokens['mean']:.1f} tokens on average, {tokens['longest']} at most"
    )
    measured = [
        ("encoding", "texts", encoding["ours"]),
        ("encoding, the command beside", "texts", encoding.get("theirs")),
        ("a frozen tower trains, vectors kept", "positives", training[KEPT]),
        ("the same, texts encoded in the loop", "positives", training[IN_LOOP]),
    ]
    clock, processor = (training[KEPT][rate] / training[IN_LOOP][rate] for rate in RATES)
    verdict = [
        "",
        f"On kept vectors training is {clock:,.0f} times as fast as with the texts encoded in the "
        f"loop, {processor:,.0f} times by processor time.",
    ]
    if "theirs" in encoding:
        clock, processor = (encoding["ours"][rate] / encoding["theirs"][rate] for rate in RATES)
        beside = (
            f"Encoding is {clock:.2f} times as fast as the command beside by the clock, "
            f"{processor:.2f} times by processor time: medians of {report['rounds']} rounds in "
            f"turns. The command: `{report['beside']}`."
        )
        verdict = ["", beside, *verdict]
    return page(
        "Speed of the language model",
        report["command"],
        facts({**report["machine"], "texts": number_of_texts}),
        [
            "",
            "A second of processor time counts that of all threads; where others use the machine "
            "it alone compares.",
        ],
        table(
            ["what", "unit", "a second", "a processor second"],
            [
                [label, unit, *(f"{rate[name]:,.0f}" for name in RATES)]
                for label, unit, rate in measured
                if rate
            ],
        ),
        verdict,
    )


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    return command.parse(__doc__, argv, markdown, OPTIONS, data=True, run=False, out=command.HERE)


@guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    data = arguments.load_from(args).interactions
    if data.item_text is None:
        raise ValueError("The items should have texts: give --item-text-column or --item-table.")
    from advrec_tf.text.language_model import LanguageModelTower
    from advrec_tf.text.presets import folder_of

    texts = [str(text or "").strip() for text in data.item_text]
    some = sorted(set(texts))[: args.texts]
    tower = LanguageModelTower.from_preset(args.model, max_length=args.max_length)
    where = {**machine(), "load at the start": round(os.getloadavg()[0], 1)}
    rates: dict[str, list[Rate]] = {"ours": []}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "texts.json"
        path.write_text(json.dumps(some))
        values = {"texts": path, "max_length": args.max_length, "model": folder_of(args.model)}
        for number in range(args.rounds):
            rates["ours"].append(encoding_rate(tower, some))
            if args.beside is not None:
                rates.setdefault("theirs", []).append(rate_of_command(args.beside, values))
            print(f"round {number + 1}: { ({side: found[-1] for side, found in rates.items()}) }")
    frozen = LanguageModelTower.from_preset(args.model, max_length=args.max_length, dim=64)
    tokens = np.minimum(tower.tokenizer.lengths(some).numpy(), tower.tokenizer.max_length)
    training = training_rates(data, frozen, texts)
    report = {
        "machine": where,
        "items": data.num_items,
        "texts": len(some),
        "tokens": {"mean": float(tokens.mean()), "longest": int(tokens.max())},
        "rounds": args.rounds,
        "beside": args.beside,
        "encoding": {s: dataclasses.asdict(median_rate(found)) for s, found in rates.items()},
        "training": {name: dataclasses.asdict(rate) for name, rate in training.items()},
    }
    command.publish(args, report, markdown, args.name)


if __name__ == "__main__":
    sys.exit(main())
