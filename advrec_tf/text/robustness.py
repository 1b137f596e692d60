"""Robustness of a ranking by item texts to disturbed texts.

Two kinds of disturbance: in the texts themselves (words dropped, typing errors, synonyms;
`text.noise`), and in the token vectors of the language model, within a fraction of the norm of a
text's token vectors, where an adversary without labels turns the item's vector away from the clean
one, or until it is nearer to that of another item. Every text of the catalogue is disturbed. The
caller gives the model that ranks by the vectors; perturbed vectors of a trained model are left to
`evaluation.robustness`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.models.base import Recommender
from advrec_tf.perturbations import Perturbation, fgsm, pgd, power_iteration, worst_case
from advrec_tf.text.cache import encode_texts
from advrec_tf.text.language_model import LanguageModelTower
from advrec_tf.text.noise import add_typos, drop_words, swap_synonyms
from advrec_tf.training.perturb_outputs import perturb_outputs

TEXT_KINDS = ("drop", "typo", "synonym")
TOKEN_KINDS = ("fgsm", "bim", "pgd", "cw", "random")
STEPS = 5
"""The steps of every attack on token vectors but "fgsm"."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextPoint:
    """A ranking under one disturbance, means over its seeds.

    Attributes:
        kind: of `TEXT_KINDS` or `TOKEN_KINDS`.
        strength: fraction of the words, or radius as a fraction of the norm of a text's token
            vectors.
        cosine: of the items' vectors to their clean ones, mean over the items.
        metrics: see `evaluation.ranking`.
        relative_loss: 1 - disturbed / clean of the chosen metric; below 0 where it gained.
        deviation: of the relative loss over the seeds; None for one seed.
    """

    kind: str
    strength: float
    cosine: float
    metrics: dict[str, float]
    relative_loss: float
    deviation: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextRobustness:
    """The cost of all disturbances of one tower; `dataclasses.asdict` makes it JSON."""

    metric: str
    clean: dict[str, float]
    points: tuple[TextPoint, ...]

    def relative_losses(self, kind: str) -> dict[float, float]:
        """strength -> relative loss, of one kind."""
        return {p.strength: p.relative_loss for p in self.points if p.kind == kind}


def text_robustness(
    tower: LanguageModelTower,
    texts: Sequence[str],
    rank: Callable[[np.ndarray], Recommender],
    evaluator: RankingEvaluator,
    *,
    synonyms: Mapping[str, Sequence[str]] | None = None,
    rates: Sequence[float] = (0.1, 0.3),
    epsilons: Sequence[float] = (0.05, 0.1),
    kinds: Sequence[str] | None = None,
    norm: str = "l2",
    metric: str = "ndcg@10",
    seeds: Sequence[int] = (0, 1, 2),
    batch_size: int = 64,
) -> TextRobustness:
    """Disturb the texts in each way and strength, encode and rank again.

    Args:
        tower: as it is now.
        texts: [num_items], the items' texts.
        rank: the items' vectors [num_items, tower.dim] -> what is measured, such as a
            `VectorRecommender` with the trained users' vectors.
        evaluator: ranks before and after.
        synonyms: word -> others, such as `text.synonyms.nearest_words`; needed for the
            kind "synonym".
        rates: fractions of the words disturbed, for the kinds in the text.
        epsilons: radii, for the kinds in the token vectors.
        kinds: by default all, "synonym" only where there are synonyms.
        norm: of the balls around token vectors, "l2" or "linf".
        metric: the metric whose relative loss is given.
        seeds: of noise in the text and of "random", means over which are given; the attacks
            take the first.
        batch_size: texts at a time.

    Raises:
        ValueError: if a kind or the metric is unknown, "synonym" has no synonyms, there is no
            seed, or the clean ranking scores zero.
    """
    if kinds is None:
        kinds = [k for k in (*TEXT_KINDS, *TOKEN_KINDS) if k != "synonym" or synonyms is not None]
    unknown = [kind for kind in kinds if kind not in (*TEXT_KINDS, *TOKEN_KINDS)]
    if unknown:
        raise ValueError(
            f"`kinds` should be of {(*TEXT_KINDS, *TOKEN_KINDS)}. Received: {unknown[0]!r}."
        )
    if "synonym" in kinds and synonyms is None:
        raise ValueError("`synonyms` should be given for the kind 'synonym'. Received: None.")
    if not len(seeds):
        raise ValueError("`seeds` should hold at least one. Received none.")

    def encoded(changed):
        return encode_texts(tower, changed, batch_size=batch_size, progress=False)

    def disturbed(kind, strength, seed):
        if kind in TOKEN_KINDS:
            return attack_tokens(
                tower, texts, kind, strength, norm=norm, seed=seed, batch_size=batch_size
            )
        if kind == "drop":
            return encoded(drop_words(texts, strength, seed=seed))
        if kind == "typo":
            return encoded(add_typos(texts, strength, seed=seed))
        return encoded(swap_synonyms(texts, strength, synonyms=synonyms, seed=seed))

    vectors = encoded(texts)
    clean = evaluator.evaluate(rank(vectors)).metrics
    if metric not in clean:
        raise ValueError(f"`metric` should be one of {', '.join(clean)}. Received: {metric!r}.")
    if not clean[metric] > 0:
        raise ValueError(f"The clean ranking should have {metric} > 0. Received: {clean[metric]}.")
    points = []
    for kind in kinds:
        for strength in rates if kind in TEXT_KINDS else epsilons:
            chosen = seeds if kind in (*TEXT_KINDS, "random") else seeds[:1]
            found = []
            for seed in chosen:
                moved = disturbed(kind, strength, seed)
                found.append((_cosine(vectors, moved), evaluator.evaluate(rank(moved)).metrics))
            losses = [1.0 - metrics[metric] / clean[metric] for _, metrics in found]
            points.append(
                TextPoint(
                    kind=kind,
                    strength=strength,
                    cosine=float(np.mean([cosine for cosine, _ in found])),
                    metrics={
                        name: float(np.mean([metrics[name] for _, metrics in found]))
                        for name in clean
                    },
                    relative_loss=float(np.mean(losses)),
                    deviation=float(np.std(losses, ddof=1)) if len(losses) > 1 else None,
                )
            )
    return TextRobustness(metric=metric, clean=clean, points=tuple(points))


def attack_tokens(
    tower: LanguageModelTower,
    texts: Sequence[str],
    kind: str,
    epsilon: float,
    *,
    norm: str = "l2",
    seed: int = 0,
    batch_size: int = 64,
) -> np.ndarray:
    """Vectors [n, dim] of the texts with their token vectors moved by epsilon of their norm.

    With v(x) the vector of text x, the adversary climbs, text by text, the turn
    1 - cos(v(x), v(x + r)); "cw" climbs -max(cos(v(x), v(x + r)) - c, 0), c being the largest
    cosine of v(x + r) to another text's v, the margin of Carlini & Wagner 2017
    (arXiv:1608.04644): nothing more is spent on an item that is taken for another one already.

    * "fgsm": one step of power iteration, since the turn has no gradient at r = 0;
    * "bim": `STEPS` steps of 1 / `STEPS` of the radius from a random point inside the ball;
    * "pgd": the same with longer steps, each projected back;
    * "cw": as "pgd", up the margin;
    * "random": noise of the same size.

    Args:
        norm: of the ball and of the text's token vectors, "l2" or "linf".

    Raises:
        ValueError: if the kind or the norm is unknown, or epsilon < 0.
    """
    settings = {"epsilon": epsilon, "relative": True, "norm": norm}
    several = {**settings, "steps": STEPS, "random_start": True}
    budgets = {
        "fgsm": lambda: fgsm(**settings),
        "bim": lambda: pgd(**several, step_size=1 / STEPS),
        "pgd": lambda: pgd(**several),
        "cw": lambda: pgd(**several),
        "random": lambda: fgsm(**settings, direction="random"),
    }
    if kind not in budgets:
        raise ValueError(f"`kind` should be one of {TOKEN_KINDS}. Received: {kind!r}.")
    others = None
    if kind == "cw":
        others = encode_texts(tower, texts, batch_size=batch_size, progress=False)
    find = power_iteration if kind in ("fgsm", "random") else worst_case
    moved = _moved_vectors(tower, find, budgets[kind](), others)
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # alike in length together
    vectors = np.zeros([len(texts), tower.dim], np.float32)
    for start in range(0, len(texts), batch_size):
        index = order[start : start + batch_size]
        batch = tf.constant([texts[i] for i in index], tf.string)
        vectors[index] = moved(batch, tf.constant(index), tf.constant([seed, start], tf.int32))
    return vectors


def _moved_vectors(
    tower: LanguageModelTower,
    find: Callable,
    perturbation: Perturbation,
    others: np.ndarray | None,
):
    """(texts, their indices, seed) -> vectors under the attack, compiled once.

    With `others`, the clean vectors of all texts, the adversary climbs the margin.
    """
    layers = [tower.language_model.token_vectors]
    if others is not None:
        others = tf.math.l2_normalize(tf.constant(others), axis=-1)

    def encoded(tokens):
        return tf.math.l2_normalize(tower(tokens, training=False), axis=-1)

    def climbed(vectors, clean, index):
        own = tf.reduce_sum(clean * vectors, axis=-1)
        if others is None:
            return -tf.reduce_sum(own)
        cosines = tf.matmul(vectors, others, transpose_b=True)
        nearest = tf.reduce_max(cosines - 4.0 * tf.one_hot(index, len(others)), axis=-1)
        return -tf.reduce_sum(tf.nn.relu(own - nearest))

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string),
            tf.TensorSpec([None], tf.int32),
            tf.TensorSpec([2], tf.int32),
        ],
        autograph=False,
    )
    def moved(texts, index, seed):
        tokens = tower.tokenizer(texts)
        with perturb_outputs(layers) as values:
            clean = encoded(tokens)

        def gradients_at(deltas):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                with perturb_outputs(layers, tape=tape, deltas=deltas) as outputs:
                    vectors = encoded(tokens)
                gain = climbed(vectors, clean, index)
            return tape.gradient(gain, list(outputs))

        deltas = find(gradients_at, list(values), perturbation, seed, masks=values.masks)
        with perturb_outputs(layers, deltas=deltas):
            return tower(tokens, training=False)

    return moved


def _cosine(one: np.ndarray, other: np.ndarray) -> float:
    sizes = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return float(np.mean((one * other).sum(1) / np.maximum(sizes, 1e-12)))
