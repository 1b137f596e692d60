r"""SASRec of the library RecBole (pip install recbole torch), for `experiments.speed.next_item`.

    python -m experiments.speed.next_item --data ../shared/data/ml-100k --beside-name RecBole \
        --beside 'PYTHON -m experiments.speed.beside_recbole {histories} --length {length}'

RecBole makes an example of every prefix of a history, so that its batch of 128 trains 128 states
where a batch of 128 histories trains all of theirs; its own default is 2048.
"""

import argparse
import json
import logging
import os
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.model.sequential_recommender import SASRec
from recbole.trainer import Trainer
from recbole.utils import init_seed

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("histories", help="A JSON file with the items of each user in order.")
parser.add_argument("--epochs", type=int, default=100, help="At most so many epochs.")
parser.add_argument("--every", type=int, default=2, help="Epochs from evaluation to evaluation.")
parser.add_argument("--patience", type=int, default=3, help="Evaluations without a better one.")
parser.add_argument("--length", type=int, default=50, help="The most items that are read.")
parser.add_argument("--batch-size", type=int, default=2048, help="Prefixes in a batch.")
parser.add_argument("--seed", type=int, default=0, help="The seed of weights and order.")
args = parser.parse_args()

torch.set_num_threads(len(os.sched_getaffinity(0)))
folder = Path(tempfile.mkdtemp())
(folder / "d").mkdir()
with open(folder / "d" / "d.inter", "w") as file:
    file.write("user_id:token\titem_id:token\ttimestamp:float\n")
    for user, items in enumerate(json.loads(Path(args.histories).read_text())):
        file.writelines(f"{user}\t{item}\t{place}\n" for place, item in enumerate(items))

config = Config(
    model=SASRec,
    dataset="d",
    config_dict={
        "data_path": str(folder),
        "checkpoint_dir": str(folder),
        "use_gpu": False,
        "seed": args.seed,
        "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
        "eval_args": {
            "split": {"LS": "valid_and_test"},
            "group_by": "user",
            "order": "TO",
            "mode": "full",
        },
        "MAX_ITEM_LIST_LENGTH": args.length,
        "hidden_size": 64,
        "inner_size": 256,
        "n_layers": 2,
        "n_heads": 2,
        "hidden_dropout_prob": 0.5,
        "attn_dropout_prob": 0.5,
        "loss_type": "CE",
        "train_neg_sample_args": None,
        "train_batch_size": args.batch_size,
        "learning_rate": 1e-3,
        "epochs": args.epochs,
        "eval_step": args.every,
        "stopping_step": args.patience,
        "metrics": ["NDCG", "Hit"],
        "topk": [10],
        "valid_metric": "NDCG@10",
        "show_progress": False,
    },
)
init_seed(config["seed"], True)
logging.disable(logging.CRITICAL)
train, valid, test = data_preparation(config, create_dataset(config))


class Timed(Trainer):
    """Keeps the seconds of each training epoch."""

    seconds: list[float] = []

    def _train_epoch(self, *arguments, **named):
        started = time.perf_counter()
        loss = super()._train_epoch(*arguments, **named)
        self.seconds.append(time.perf_counter() - started)
        self.best_of.append(self.best_valid_score)
        return loss

    best_of: list[float] = []


load = torch.load
torch.load = lambda *a, **named: load(*a, **{**named, "weights_only": False})
model = SASRec(config, train.dataset)
trainer = Timed(config, model)
best, _ = trainer.fit(train, valid, verbose=False, saved=True, show_progress=False)
result = trainer.evaluate(test, load_best_model=True, show_progress=False)
seconds = trainer.seconds
# The first epoch after which the best score stood.
best_epoch = next((e for e, score in enumerate(trainer.best_of) if score == best), len(seconds))
print(
    json.dumps(
        {
            "events_per_second": len(train.dataset) / float(np.median(seconds[1:] or seconds)),
            "seconds": sum(seconds),
            "epochs": best_epoch,
            "ndcg@10": result["ndcg@10"],
            "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
    )
)
