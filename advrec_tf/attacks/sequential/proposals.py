"""Edits that an attack on histories tries: drawn at random, or the best to first order."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from advrec_tf.attacks.sequential.edits import Edits
from advrec_tf.data.sequences import NONE
from advrec_tf.ops.rng import RNG
from advrec_tf.training.perturb_outputs import perturb_outputs

_BLOCK = 256


def random_edits(
    histories: np.ndarray,
    places: np.ndarray,
    banned: np.ndarray,
    pool: np.ndarray,
    kind: str,
    count: int,
    rng: RNG,
) -> Edits:
    """At most `count` different edits for each history, all there are where they are no more.

    Args:
        histories: [n, places] int32.
        places: [n, places] bool, where an edit may stand.
        banned: [n] int32, an item that does not come into the history.
        pool: [items], what comes in.
        kind: one of `edits.KINDS`.
        count: >= 1.
        rng: of the draws.
    """
    rng = np.random.default_rng(rng)
    rows, at, items = [], [], []
    for row in range(len(histories)):
        open_at = np.flatnonzero(places[row])
        coming = np.array([NONE]) if kind == "delete" else pool[pool != banned[row]]
        size = len(open_at) * len(coming)
        wanted = min(size, count + len(open_at))  # an item exchanged for itself is no edit
        drawn = np.arange(size) if wanted == size else rng.choice(size, wanted, replace=False)
        place, item = np.divmod(drawn, max(len(coming), 1))
        changes = coming[item] != histories[row, open_at[place]]
        kept = np.flatnonzero(changes | (kind != "substitute"))
        if len(kept) > count:
            kept = rng.permutation(kept)[:count]
        place, item = place[kept], item[kept]
        rows.append(np.full(len(kept), row))
        at.append(open_at[place])
        items.append(coming[item])
    return _edits(rows, at, items, kind)


def first_order_edits(
    model, histories: np.ndarray, places: np.ndarray, goal, pool: np.ndarray, kind: str, count: int
) -> Edits:
    """The `count` edits for each history whose gain is largest to first order.

    Args:
        model: a SequenceModel.
        goal: a `pollution.Goal`.
        histories, places, pool, kind, count: see `random_edits`.
    """
    rows, at, items = [], [], []
    vectors = tf.gather(model.item_rows.embeddings, tf.constant(pool, tf.int32)).numpy()
    for start in range(0, len(histories), _BLOCK):
        block = np.arange(start, min(start + _BLOCK, len(histories)))
        own, gradient = _gradients(model, histories[block], goal, block)
        gain = np.zeros((*places[block].shape, 1), np.float32)
        if kind != "insert":
            gain = gain - np.sum(gradient * own, -1)[..., None]
        coming = np.array([NONE])
        if kind != "delete":
            coming = pool
            gain = gain + gradient @ vectors.T
            gain[np.broadcast_to((pool == goal.item[block, None])[:, None], gain.shape)] = -np.inf
        if kind == "substitute":
            gain[pool == histories[block][..., None]] = -np.inf
        gain[~places[block]] = -np.inf
        flat = gain.reshape(len(block), -1)
        kept = min(count, flat.shape[1])
        best = np.argpartition(-flat, kept - 1, axis=1)[:, :kept]
        there = np.isfinite(np.take_along_axis(flat, best, 1))
        row, _ = np.nonzero(there)
        place, item = np.divmod(best[there], len(coming))
        rows.append(block[row])
        at.append(place)
        items.append(coming[item])
    return _edits(rows, at, items, kind)


def _edits(rows, places, items, kind: str) -> Edits:
    return Edits(
        row=np.concatenate(rows).astype(np.int64),
        place=np.concatenate(places).astype(np.int64),
        item=np.concatenate(items).astype(np.int32),
        kind=kind,
    )


def _gradients(model, histories: np.ndarray, goal, rows: np.ndarray):
    """The vectors at the places of histories, and the gradient of the goal by them, [n, places,
    dim] each; 0 at places before those that the model reads."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        with perturb_outputs([model.item_rows], tape=tape) as outputs:
            states = model.last_states(tf.constant(histories, tf.int32))
        scores = tf.matmul(
            states, model.objective.scored(model.candidate_rows(None)), transpose_b=True
        )
        gained = tf.reduce_sum(goal.gains(scores, rows))
    (values,) = outputs
    gradient = tape.gradient(gained, values)
    return (_at_places(part.numpy(), histories.shape[1], model) for part in (values, gradient))


def _at_places(read: np.ndarray, places: int, model) -> np.ndarray:
    """[n, read places, dim] of what the model read -> [n, places, dim] of the history."""
    if model.mode == "masked":
        read = read[:, :-1]  # the hidden item that is asked for
    read = read[:, -places:]
    return np.pad(read, [[0, 0], [places - read.shape[1], 0], [0, 0]])
