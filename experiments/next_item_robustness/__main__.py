r"""How far a next-item model bends: polluted histories, and fake users who promote an item.

    python -m experiments.next_item_robustness --data ../shared/data/ml-100k \
        --run-dir runs/next-item-robustness --out docs/results
    python -m experiments.next_item_robustness \
        --render docs/results/next-item-robustness-ml-100k.json

SASRec of length 50 on the last item of each user, plain, trained with items substituted at random
and by gradient, with mixtures of neighbors, with FGSM, PGD and noise of their size, smoothed,
purified and blended with counts, beside popularity and counts: NDCG@10 against the number of
substituted items, and the share of users who are shown a promoted item. Settings are the strongest
that keep 98 % of the plain network's NDCG@10 on validation.
"""

import argparse
import os
import sys
from collections.abc import Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.pipelines.ending import guarded
from experiments.harness import arguments, command
from experiments.next_item_robustness import page

K_CORE = 5

OPTIONS = {
    "without": ([], "These rows are not run.", {"metavar": "LABEL"}),
    "priced": (
        [],
        "Of these rows the setting is chosen on validation, and no attack is measured.",
        {"metavar": "LABEL"},
    ),
    "repeated": (
        [],
        "Of several seeds, every one has these rows, with the settings that the first chose, and "
        "the plain network; the first has all. By default every seed has all.",
        {"metavar": "LABEL"},
    ),
    "poisoned": (
        ["SASRec", "transitions"],
        "These models are trained on fake users as well; the word none leaves that out.",
        {"metavar": "LABEL"},
    ),
    "poisoned_seeds": (
        1,
        "So many of the seeds are trained on fake users; of the others the models without fake "
        "users are measured.",
    ),
    "fake_users": (
        ["co-visitation", "camouflage"],
        "These attacks by fake users are run.",
        {"choices": ["co-visitation", "camouflage"]},
    ),
}


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    return command.parse(__doc__, argv, page.markdown, OPTIONS, data=True, seeds=1, name=True)


@guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    loaded = arguments.load_from(args)
    from advrec_tf.data import filters, splits
    from experiments.next_item_robustness import fake_users, repetitions, rows

    print(loaded.report)
    data, _ = filters.k_core(loaded.interactions, users=K_CORE, items=K_CORE)
    name = command.name_of(args)
    about = {
        "users": data.num_users,
        "items": data.num_items,
        "interactions": len(data),
        "data SHA-256": data.fingerprint()[:16],
    }
    split = splits.last_item(data)
    poisoned = [] if args.poisoned == ["none"] else args.poisoned
    rows.require_known(args.without)
    rows.require_known(args.repeated)
    rows.require_known(args.priced, [*rows.STRENGTHS, *rows.FOLLOWS])
    rows.require_known(poisoned, rows.POISONED)
    store = arguments.open_store(args, {"job": "next_item_robustness", "name": name, **about})
    seeds = repetitions.polluted(
        split,
        store,
        seeds=args.seeds,
        without=args.without,
        priced=args.priced,
        repeated=args.repeated,
    )
    first = seeds[0][0]
    report = {
        "name": name,
        "about": {**about, "seeds": args.seeds},
        "pollution": [row for _, row in seeds],
        "tests": repetitions.tests(seeds),
        "targets": [str(split.train.items.ids[item]) for item in first.audience.targets],
        "fake_users": fake_users.FAKE_USERS,
        "promotion": [
            fake_users.Promotion(one).cells(
                poisoned, args.fake_users if one.seed < args.poisoned_seeds else []
            )
            for one, _ in seeds
        ],
    }
    command.publish(args, report, page.markdown, f"next-item-robustness-{name}")


if __name__ == "__main__":
    sys.exit(main())
