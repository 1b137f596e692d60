r"""What int8 weights cost a language model, and the recommender over its vectors.

    python -m experiments.compression.encoder --data ml-100k --model minilm --out docs/results

The texts of the items are encoded by the model as it is and by its LiteRT model with int8 weights.
A two-tower model, users by ids and items by a projection, is trained on the float vectors, and its
items are then ranked by the vectors of either: the same projection, as a device has it that embeds
a new text. Seconds are those of the clock for all texts.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from advrec_tf.pipelines.ending import guarded
from advrec_tf.pipelines.machine import machine
from experiments.harness import arguments, command
from experiments.harness.markdown import facts, page, spread, table

OPTIONS = {
    "model": ("minilm", "The folder or name of the language model."),
    "max_length": (32, "Texts are cut to so many tokens."),
    "dim": (64, "The width of the projection."),
    "epochs": (20, "Epochs of the two-tower model."),
}
FLOAT, SMALL = "float32", "int8 (LiteRT)"
HEAD = ("weights", "MB", "mean cosine", "least cosine", "seconds", "NDCG@10")
_AT_ONCE = 64


def encoded(tower, encode, texts: Sequence[str]) -> tuple[np.ndarray, float]:
    """Vectors [texts, width] by `encode`, a function of tokens, and the seconds they took."""
    import tensorflow as tf

    found, started = [], time.perf_counter()
    for start in range(0, len(texts), _AT_ONCE):
        tokens = tower.tokenizer(tf.constant(texts[start : start + _AT_ONCE]), pad_to_max=True)
        found.append(np.asarray(encode(tokens)))
    return np.concatenate(found), time.perf_counter() - started


def ranked(split, frozen, vectors: dict[str, np.ndarray], epochs: int, seed: int) -> dict:
    """Kind of weights -> NDCG@10, of a model trained on the vectors of `FLOAT`.

    Args:
        frozen: the language model with a projection that is untrained.
        vectors: kind -> pooled vectors [num_items, width].
    """
    import advrec_tf as ar
    from advrec_tf.models.vectors import VectorRecommender
    from advrec_tf.pipelines.text.fine_tuning import on_kept_vectors
    from advrec_tf.text.language_model import PooledItemTower

    model = on_kept_vectors(split.train, frozen, vectors[FLOAT], seed=seed)
    ar.fit(model, split, epochs=epochs, seed=seed, log=lambda line: None)
    evaluator = ar.evaluation.RankingEvaluator.of_split(split)
    found = {}
    for kind, own in vectors.items():
        items = PooledItemTower(frozen, own)(np.arange(split.train.num_items, dtype=np.int32))
        recommender = VectorRecommender(
            user_vectors=model.user_vectors(),
            item_vectors=np.asarray(items),
            unknown_user=np.zeros(frozen.dim, np.float32),
            interactions=split.train,
        )
        found[kind] = evaluator.evaluate(recommender).metrics["ndcg@10"]
    return found


def run(split, texts: Sequence[str], args: argparse.Namespace) -> list[dict]:
    """Rows of the table."""
    from advrec_tf.text.language_model import LanguageModelTower
    from advrec_tf.text.litert import LiteRTEncoder, export_litert, read_report

    settings = {"max_length": args.max_length}
    tower = LanguageModelTower.from_preset(args.model, **settings).without_head()
    with tempfile.TemporaryDirectory() as folder:
        path = export_litert(tower, folder, texts=texts)
        small, report = LiteRTEncoder(path), read_report(path)
        plain, plain_seconds = encoded(tower, lambda t: tower(t, training=False), texts)
        found, seconds = encoded(
            tower, lambda t: small(**{k: v.numpy() for k, v in t.items()}), texts
        )
    ndcg: dict[str, list[float]] = {FLOAT: [], SMALL: []}
    for seed in range(args.seeds):
        frozen = LanguageModelTower.from_preset(args.model, dim=args.dim, seed=seed, **settings)
        own = ranked(split, frozen, {FLOAT: plain, SMALL: found}, args.epochs, seed)
        print(f"  seed {seed}: {own}", flush=True)
        for kind, value in own.items():
            ndcg[kind].append(value)
    sizes = {FLOAT: report.float32_bytes, SMALL: report.bytes}
    cosines = {FLOAT: (1.0, 1.0), SMALL: (report.cosine, report.least_cosine)}
    taken = {FLOAT: plain_seconds, SMALL: seconds}
    return [
        {
            "weights": kind,
            "bytes": sizes[kind],
            "cosine": cosines[kind][0],
            "least_cosine": cosines[kind][1],
            "seconds": taken[kind],
            "ndcg": values,
        }
        for kind, values in ndcg.items()
    ]


def markdown(report: dict, file: Path) -> str:
    """The page."""
    rows = report["rows"]
    lines = [
        [
            row["weights"],
            f"{row['bytes'] / 1e6:.1f}",
            f"{row['cosine']:.4f}",
            f"{row['least_cosine']:.4f}",
            f"{row['seconds']:.1f}",
            spread(float(np.mean(row["ndcg"])), float(np.std(row["ndcg"]))),
        ]
        for row in rows
    ]
    plain, small = (float(np.mean(row["ndcg"])) for row in rows)
    verdict = f"int8 weights change NDCG@10 by {small / plain - 1:+.2%}."
    return page(
        f"{report['name']}: a language model with int8 weights",
        report["command"],
        facts(report["about"]),
        table(HEAD, lines),
        ["", "Last item of each user; means over the seeds (deviation). " + verdict],
    )


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    return command.parse(__doc__, argv, markdown, OPTIONS, data=True, run=False, seeds=3, name=True)


@guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    loaded = arguments.load_from(args)
    data = loaded.interactions
    if data.item_text is None:
        raise ValueError("The items should have texts: give --item-text-column or --item-table.")
    texts = [str(text or "").strip() for text in data.item_text]
    rows = run(loaded.split("last_item"), texts, args)
    name = command.name_of(args)
    about = {
        "items": data.num_items,
        "data SHA-256": data.fingerprint()[:16],
        **{key: getattr(args, key) for key in ("max_length", "dim", "epochs", "seeds")},
        **machine(),
    }
    report = {"name": name, "about": about, "rows": rows}
    command.publish(args, report, markdown, f"compression-encoder-{name}")


if __name__ == "__main__":
    sys.exit(main())
