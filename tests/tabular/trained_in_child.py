"""Trains a table generator in a process of its own, and prints the memory it had at the most.

`python trained_in_child.py streamed|memory FOLDER`: from shards block by block, or from all of
them as one frame.
"""

import json
import sys
import time

import tensorflow as tf

import advrec_tf as ar
from advrec_tf.pipelines.memory import peak_memory
from advrec_tf.tabular.schema import infer
from advrec_tf.tabular.training import fit_table_generator
from advrec_tf.tabular.transform import TableTransform
from advrec_tf.tabular.vae import build_table_vae


def main(kind, folder):
    started = time.perf_counter()
    if kind == "streamed":
        table = ar.tabular.count_table(ar.data.stream(folder), holdout_fraction=0.0)
        train, validation, rows = table, table.validation, len(table)
        counted = time.perf_counter() - started
        transform = table.fit_transform()
    else:
        import pandas as pd

        frame = pd.read_parquet(folder)
        order = tf.random.experimental.stateless_shuffle(tf.range(len(frame)), [0, 0]).numpy()
        validation, train = (frame.iloc[part] for part in (order[:20_000], order[20_000:]))
        rows, schema = len(train), infer(frame)
        counted = time.perf_counter() - started
        transform = TableTransform.fit(frame, schema)
    fitted = time.perf_counter() - started
    model = build_table_vae(transform, noise_dim=16, hidden=(32,), conditional=("churned",))
    model.compile(optimizer=tf.keras.optimizers.Adam(1e-3), steps_per_execution=20)
    fit = fit_table_generator(
        model, train, validation, steps=200, steps_per_round=100, batch_size=500
    )
    found = {
        "rows": rows,
        "peak_mib": peak_memory(),
        "counted_s": round(counted, 1),
        "fitted_s": round(fitted, 1),
        "trained_s": round(fit.seconds, 1),
        "distance": fit.fidelity["distance"],
        "refused": len(model.refused),
    }
    print("FOUND " + json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
