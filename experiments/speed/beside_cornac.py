r"""The speed of the library `cornac` (pip install cornac), for `experiments.speed --beside`.

    python -m experiments.speed --methods bpr+sgd --items 3706 --users 6040 --beside \
        'python -m experiments.speed.beside_cornac --pairs {pairs} --dim {dim} --epochs {epochs}'

Its BPR is asynchronous SGD over threads, one positive at a time, with biases of items beside the
factors. A pair that occurs twice is one to it; the rate counts those that it trains.
"""

import argparse
import os
import time

import numpy as np
from cornac.data import Dataset
from cornac.models import BPR

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument(
    "--pairs", required=True, help="A .npy file of (user, item), [interactions, 2]."
)
parser.add_argument("--dim", type=int, default=64, help="The number of factors.")
parser.add_argument("--epochs", type=int, default=4, help="The number of epochs.")
parser.add_argument("--threads", type=int, default=os.cpu_count(), help="Threads.")
args = parser.parse_args()

pairs = np.unique(np.load(args.pairs), axis=0)
data = Dataset.from_uir([(user, item, 1.0) for user, item in pairs.tolist()])
model = BPR(k=args.dim, max_iter=args.epochs, num_threads=args.threads, verbose=False, seed=0)
started = time.perf_counter()
model.fit(data)
print(f"positives/s: {len(pairs) * args.epochs / (time.perf_counter() - started):.1f}")
