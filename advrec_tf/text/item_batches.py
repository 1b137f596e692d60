"""Batches of few items with many rows each: what towers that cost by the item are trained on.

A language model costs by the text. Where `batches.of_pairs` gives it a text a row, here a
batch is M items and up to R rows of each, so that M texts serve M * R rows. Every row still
comes once an epoch, and the order of an epoch depends on (seed, epoch) alone.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from advrec_tf.data.batches import Batches
from advrec_tf.data.interactions import Interactions


def of_items(
    interactions: Interactions, *, items_per_batch: int = 64, rows_per_item: int = 16, seed: int
) -> Batches:
    """Batches for `TwoTower` whose candidates are `items_per_batch` different items.

    The rows of an item are dealt, in an order new in each epoch, into hands of up to
    `rows_per_item`; a batch holds hands of different items. So an item is in
    ceil(rows / rows_per_item) batches of an epoch: between uniform (one each) and by its share
    of rows, and that is what `candidate_log_q` is the logarithm of, as a share.

    Each batch holds, with M = items_per_batch and R = rows_per_item,

        candidate_index [M] int32: the items, all different where `candidate_open`;
        candidate_open [M] bool: False where a place is left over, then it repeats an item;
        candidate_log_q [M] float32: log of the item's share of all hands;
        user_index, item_index [M * R] int32: the rows, those of one item together;
        column [M * R] int32: the place of the row's item among the candidates;
        weight [M * R] float32: 1, or 0 for what fills up a hand of fewer than R rows;
        seed [2] int32.

    An epoch has as many steps as it takes to deal all hands, at least as many as the most
    frequent item has hands.

    Raises:
        ValueError: if there is no row, or a size is < 1.
    """
    for name, size in (("items_per_batch", items_per_batch), ("rows_per_item", rows_per_item)):
        if size < 1:
            raise ValueError(f"`{name}` should be >= 1. Received: {size!r}.")
    if not len(interactions):
        raise ValueError("Batches should have an example to draw from. Received none.")
    counts = interactions.item_counts()
    places = min(items_per_batch, int((counts > 0).sum()))
    hands = -(-counts // rows_per_item)  # [num_items]
    total = int(hands.sum())
    steps = max(-(-total // places), int(hands.max()))
    users = tf.constant(interactions.user_index, tf.int32)
    items = tf.constant(interactions.item_index, tf.int32)
    first_row = tf.constant(np.cumsum(counts) - counts, tf.int32)
    rows_of, hands_of = tf.constant(counts, tf.int32), tf.constant(hands, tf.int32)
    with np.errstate(divide="ignore"):
        log_q = tf.constant(np.log(hands / total), tf.float32)

    def epoch_of_hands(epoch):
        key = tf.stack([tf.constant(seed, tf.int64), epoch])
        shuffle = tf.random.experimental.stateless_shuffle
        # Rows by item, shuffled within each: hand h of an item is rows h * R to h * R + R - 1.
        order = shuffle(tf.range(len(interactions)), key)
        order = tf.gather(order, tf.argsort(tf.gather(items, order), stable=True))
        item_order = shuffle(tf.range(len(counts)), key + 1)
        repeats = tf.gather(hands_of, item_order)
        of_hand = tf.repeat(item_order, repeats)
        number = tf.range(total) - tf.repeat(tf.cumsum(repeats, exclusive=True), repeats)
        # Dealt like cards, one to each batch in turn: the hands of an item lie together, so no
        # batch gets two of them. Then the batches are shuffled.
        left_over = places * steps - total
        dealt = tf.reshape(tf.concat([tf.range(total), tf.fill([left_over], -1)], 0), [-1, steps])
        dealt = shuffle(tf.transpose(dealt), key + 2)  # [steps, places]
        seeds = tf.random.stateless_uniform(
            [steps, 2], key + 3, minval=None, maxval=None, dtype=tf.int32
        )

        def batch(hand, seed_of_batch):
            is_open = hand >= 0
            hand = tf.where(is_open, hand, hand[0])  # the first place is always filled
            item = tf.gather(of_hand, hand)
            place = tf.gather(number, hand)[:, None] * rows_per_item + tf.range(rows_per_item)
            count = tf.gather(rows_of, item)[:, None]
            real = (place < count) & is_open[:, None]
            row = tf.gather(first_row, item)[:, None] + tf.minimum(place, count - 1)
            row = tf.reshape(tf.gather(order, row), [-1])
            return {
                "candidate_index": item,
                "candidate_open": is_open,
                "candidate_log_q": tf.gather(log_q, item),
                "user_index": tf.gather(users, row),
                "item_index": tf.gather(items, row),
                "column": tf.repeat(tf.range(places), rows_per_item),
                "weight": tf.reshape(tf.cast(real, tf.float32), [-1]),
                "seed": seed_of_batch,
            }

        return tf.data.Dataset.from_tensor_slices((dealt, seeds)).map(batch)

    def dataset(first_epoch: int) -> tf.data.Dataset:
        epochs = tf.data.Dataset.range(first_epoch, np.iinfo(np.int64).max)
        options = tf.data.Options()
        options.experimental_optimization.apply_default_optimizations = False
        options.autotune.enabled = False
        return epochs.flat_map(epoch_of_hands).with_options(options).prefetch(4)

    return Batches(steps, dataset)
