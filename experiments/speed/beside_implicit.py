r"""The speed of the library `implicit` (pip install implicit), for benchmark.py --beside.

    python -m experiments.speed --methods bpr+sgd --items 3706 --users 6040 --beside \
        'python -m experiments.speed.beside_implicit --pairs {pairs} --dim {dim} --epochs {epochs}'

Its BPR is asynchronous SGD, one positive at a time. Rows that occur twice are one to it; the
rate counts those it trains.
"""

import argparse
import time

import numpy as np
import scipy.sparse
from implicit.bpr import BayesianPersonalizedRanking

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--pairs", required=True, help=".npy of [rows, 2], (user, item)")
parser.add_argument("--dim", type=int, default=64)
parser.add_argument("--epochs", type=int, default=4)
parser.add_argument("--threads", type=int, default=0, help="0: all")
args = parser.parse_args()

user, item = np.load(args.pairs).T
matrix = scipy.sparse.csr_matrix((np.ones(len(user), np.float32), (user, item)))
matrix.data[:] = 1.0
model = BayesianPersonalizedRanking(
    factors=args.dim,
    iterations=args.epochs,
    num_threads=args.threads,
    verify_negative_samples=False,
    use_gpu=False,
)
started = time.perf_counter()
model.fit(matrix, show_progress=False)
print(f"positives/s: {matrix.nnz * args.epochs / (time.perf_counter() - started):.1f}")
