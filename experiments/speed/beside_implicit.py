r"""The speed of the library `implicit` (pip install implicit), for `experiments.speed --beside`.

    python -m experiments.speed --methods bpr+sgd --items 3706 --users 6040 --beside \
        'python -m experiments.speed.beside_implicit --pairs {pairs} --dim {dim} --epochs {epochs}'

Its BPR is asynchronous SGD, one positive at a time. A pair that occurs twice is one to it; the rate
counts those that it trains.
"""

import argparse
import time

import numpy as np
import scipy.sparse
from implicit.bpr import BayesianPersonalizedRanking

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument(
    "--pairs", required=True, help="A .npy file of (user, item), [interactions, 2]."
)
parser.add_argument("--dim", type=int, default=64, help="The number of factors.")
parser.add_argument("--epochs", type=int, default=4, help="The number of epochs.")
parser.add_argument("--threads", type=int, default=0, help="Threads; 0 is all.")
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
