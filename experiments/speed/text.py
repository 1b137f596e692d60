"""How fast texts become vectors, and how fast a tower trains on vectors that are kept.

Speeds are told per second of the clock and per second of processor time: on a machine that
others use too, only the second compares. Another library's encoder runs in turns with ours.
"""

from __future__ import annotations

import dataclasses
import json
import shlex
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.data.interactions import Interactions
from advrec_tf.pipelines.text.fine_tuning import on_kept_vectors, on_texts
from advrec_tf.text.cache import encode_texts
from advrec_tf.text.language_model import LanguageModelTower
from advrec_tf.training.optimizers import LazyAdam

RATES = ("per_second", "per_cpu_second")


@dataclasses.dataclass(frozen=True)
class Rate:
    """Things done in a second of the clock, and in a second of processor time."""

    per_second: float
    per_cpu_second: float


def timed(count: int, work: Callable[[], object]) -> Rate:
    """`work` does `count` things."""
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return Rate(count / (time.perf_counter() - clock), count / (time.process_time() - processor))


def encoding_rate(tower: LanguageModelTower, texts: Sequence[str], *, batch_size: int = 64) -> Rate:
    """Different texts a second, tokenized anew, after a first batch that compiles."""
    distinct = sorted(set(texts))
    encode_texts(tower, distinct[:batch_size], batch_size=batch_size, progress=False)
    return timed(
        len(distinct),
        lambda: encode_texts(tower, distinct, batch_size=batch_size, progress=False),
    )


def rate_of_command(command: str, files: Mapping[str, str]) -> Rate:
    """Run a command, in which `{texts}` stands for a JSON file of the texts, and read the last
    line that it prints: JSON with the fields of `Rate`.

    Raises:
        ValueError: if it fails, or its last line is something else.
        FileNotFoundError: if there is no such program.
    """
    words = shlex.split(command)
    for name, value in files.items():
        words = [word.replace("{" + name + "}", value) for word in words]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise ValueError(
            f"`beside` should end with status 0. Received: {done.returncode} from "
            f"{shlex.join(words)}: {(done.stderr or done.stdout).strip()[-500:]}"
        )
    last = (done.stdout.strip().splitlines() or [""])[-1]
    try:
        found = json.loads(last)
        return Rate(*(float(found[name]) for name in RATES))
    except (ValueError, TypeError, KeyError):
        raise ValueError(
            f"`beside` should print a last line of JSON with {' and '.join(RATES)}. "
            f"Received: {last!r}."
        ) from None


def training_rates(
    train: Interactions,
    still: LanguageModelTower,
    texts: Sequence[str],
    *,
    batch_size: int = 256,
    steps: Mapping[str, int] | None = None,
    seed: int = 0,
) -> dict[str, Rate]:
    """Rows a second of one two-tower on the same batches, its language model frozen: "kept", on
    vectors computed once, and "in the loop", encoding the texts of each batch.

    Args:
        still: with a projection, of the strategy "frozen".
        steps: timed ones, after one that compiles; by default 200 and 4.
    """
    steps = dict(steps or {"kept": 200, "in the loop": 4})
    vectors = encode_texts(still.without_head(), list(texts), progress=False)
    kept = on_kept_vectors(train, still, vectors, seed=seed)
    models = {"kept": kept, "in the loop": on_texts(kept, still, texts)}
    data = batches.of_pairs(train, batch_size=batch_size, seed=seed)
    rates = {}
    for name, model in models.items():
        keras.utils.set_random_seed(seed)
        model.compile(optimizer=LazyAdam(5e-3))
        rows = data.dataset(0).repeat()
        model.fit(rows, steps_per_epoch=1, epochs=1, verbose=0)

        def work(model=model, rows=rows, count=steps[name]):
            model.fit(rows, steps_per_epoch=count, epochs=1, verbose=0)

        rates[name] = timed(steps[name] * batch_size, work)
    return rates


def median_rate(rates: Sequence[Rate]) -> Rate:
    return Rate(*(statistics.median(getattr(rate, name) for rate in rates) for name in RATES))


def lengths(tower: LanguageModelTower, texts: Sequence[str]) -> dict[str, float]:
    """Tokens of the texts as the model gets them: mean and longest."""
    found = np.minimum(tower.tokenizer.lengths(list(texts)).numpy(), tower.tokenizer.max_length)
    return {"mean": float(found.mean()), "longest": int(found.max())}


def page(report: Mapping, command: str) -> str:
    """The report of `scripts/benchmark_text.py` as Markdown."""
    lines = ["# Speed of the language model", "", f"Made by `{command}`.", ""]
    lines += [f"- {name}: {value}" for name, value in report["machine"].items()]
    tokens = report["tokens"]
    lines += [
        f"- texts: {report['texts']:,} different ones of the {report['items']:,} items, "
        f"{tokens['mean']:.1f} tokens on average, {tokens['longest']} at most",
        "",
        "A second of processor time counts that of all threads; where others use the machine it "
        "alone compares.",
        "",
        "| what | unit | a second | a processor second |",
        "|---|---|---|---|",
    ]

    def line(label, unit, rate):
        return f"| {label} | {unit} | {rate[RATES[0]]:,.0f} | {rate[RATES[1]]:,.0f} |"

    encoding, training = report["encoding"], report["training"]
    lines.append(line("encoding", "texts", encoding["ours"]))
    if "theirs" in encoding:
        lines.append(line("encoding, the command beside", "texts", encoding["theirs"]))
    lines.append(line("a frozen tower trains, vectors kept", "rows", training["kept"]))
    lines.append(line("the same, texts encoded in the loop", "rows", training["in the loop"]))
    lines.append("")
    if "theirs" in encoding:
        times = [encoding["ours"][name] / encoding["theirs"][name] for name in RATES]
        lines.append(
            f"Encoding is {times[0]:.2f} times as fast as the command beside by the clock, "
            f"{times[1]:.2f} times by processor time: medians of {report['rounds']} rounds in "
            f"turns. The command: `{report['beside']}`."
        )
    times = [training["kept"][name] / training["in the loop"][name] for name in RATES]
    lines.append(
        f"On kept vectors training is {times[0]:,.0f} times as fast as with the texts encoded in "
        f"the loop, {times[1]:,.0f} times by processor time."
    )
    return "\n".join(lines) + "\n"
