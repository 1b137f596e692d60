"""A process that trains a factorization on a folder of shards, streamed or from memory, and prints
what came of it and the most memory that it had: python trained_in_child.py streamed|memory FOLDER.
"""

import hashlib
import json
import sys

import numpy as np
import tensorflow as tf

import advrec_tf as ar
from advrec_tf._keras import keras
from advrec_tf.data.batches import Batches, in_blocks
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.pipelines.memory import peak_memory

BATCH, STEPS = 8192, 200


def from_memory(stream, data):
    """Batches of arrays in the order that the stream announces: what is read is held."""
    steps = -(-len(data) // BATCH)

    def dataset(first_epoch):
        assert first_epoch == 0
        # An epoch of blocks reaches into the next epoch of the stream.
        order = np.concatenate([stream.order(0), stream.order(1)[: 2 * BATCH * STEPS]])
        order = order[: len(order) // BATCH * BATCH]
        users, items = data.user_index[order], data.item_index[order]

        def with_the_rest(step, batch):
            return {
                "user_index": batch[0],
                "item_index": batch[1],
                "weight": tf.ones(BATCH),
                "generated": tf.zeros(BATCH, tf.bool),
                "seed": tf.random.stateless_uniform([2], [0, step], None, None, tf.int32),
            }

        pairs = tf.data.Dataset.from_tensor_slices((users, items)).batch(BATCH)
        return pairs.enumerate().map(with_the_rest)

    return Batches(steps, dataset)


def main(kind, folder):
    keras.utils.set_random_seed(0)
    stream = ar.data.stream(folder)
    data = ar.data.counted(stream, ar.data.count_ids(stream))
    split = ar.data.hold_out(data, users=500)
    if kind == "memory":
        data = data.held()
        batches = from_memory(stream, data)
    else:
        batches = data.batches(batch_size=BATCH)
    model = ar.models.MatrixFactorization(data, dim=8)
    model.compile(optimizer=ar.training.LazyAdam(0.01))
    model.fit(in_blocks(batches, STEPS), epochs=1, verbose=0)
    evaluator = RankingEvaluator(
        split.seen(), split.test, also_seen=split.validation, item_counts=data.item_counts()
    )
    weights = b"".join(weight.tobytes() for weight in model.get_weights())
    found = {
        "rows": len(data),
        "weights": hashlib.sha256(weights).hexdigest(),
        "metrics": evaluator.evaluate(model).metrics,
        "peak_mib": peak_memory(),
    }
    print("FOUND " + json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
