"""What a certified ensemble promises on some data, beside its cost and plain EASE.

Reports of attacks and audits show it.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

from advrec_tf.attacks.victims import VICTIMS
from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.certified.certificate import certify
from advrec_tf.defence.registry import DEFENCES
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.ops.words import counted, enumerated

CERTIFIED = "subset-ensemble"
FRACTIONS = (0.002, 0.005, 0.01)
"""Of the users, beside 1 and 10 fakes: the curve of the certificates."""
_NDCG, _LEAST = "ndcg@10", "least_models"
_HEAD = ("fakes", "hits", "kept", "share", "barred", "precision@10", "recall@10", "NDCG@10")


def certified(
    train: Interactions, test: Interactions, models: int, accounts: Sequence[int] = ()
) -> dict:
    """The certificates of an ensemble of so many models, as JSON values.

    Args:
        train, test: what the ensemble learns from, and held-out interactions of the same users and
            items.
        models: base models, >= 1; see `SubsetEnsemble` for what each costs.
        accounts: numbers of fakes to certify beside the curve, such as that of an attack.

    Returns:
        `settings` of the ensemble, `ndcg` and `seconds` of it and, with "_ease", of plain EASE; and
        `curve`, a `Certificate` with its `kept_share` for each number of fakes.

    Raises:
        ValueError: if `models` is below 1, the data have fewer users than a subset, or nothing is
            held out.
    """
    defence = dataclasses.replace(DEFENCES[CERTIFIED], num_models=models)
    started = time.perf_counter()
    ensemble = defence.ensemble(seed=0).fit(train)
    seconds = time.perf_counter() - started
    started = time.perf_counter()
    plain = VICTIMS["ease"].train(train, seed=0)
    plain_seconds = time.perf_counter() - started
    users = train.num_users
    fakes = sorted({1, 10, *accounts, *(max(1, round(fraction * users)) for fraction in FRACTIONS)})
    found = certify(ensemble, test, fakes)
    ranking = RankingEvaluator(train, test, ks=(10,))
    return {
        "settings": dataclasses.asdict(defence) | {"trim": None},
        "ndcg": ranking.evaluate(ensemble).metrics[_NDCG],
        "ndcg_ease": ranking.evaluate(plain).metrics[_NDCG],
        "seconds": seconds,
        "seconds_ease": plain_seconds,
        "curve": [dataclasses.asdict(one) | {"kept_share": one.kept_share} for one in found],
    }


def words_of(found: dict) -> str:
    """What was certified, at which cost, and what the columns of `rows_of` say."""
    settings = found["settings"]
    return (
        f"{counted(settings['num_models'], 'model')} of EASE on {settings['subset_size']} random "
        f"users each, which vote{'s' * (settings['num_models'] == 1)} for "
        f"{settings['votes_each']} items: NDCG@10 {found['ndcg']:.4f} beside "
        f"{found['ndcg_ease']:.4f} of EASE, {time_of(found['seconds'])} seconds beside "
        f"{time_of(found['seconds_ease'])}. For each user with a confidence of "
        f"{100 * found['curve'][0]['confidence']:g} %, whatever the fakes do: *kept* are the hits "
        "that stay in their lists, *barred* the unlisted items that cannot enter one; precision, "
        f"recall and NDCG are at least these.{_too_few(found)}"
    )


def time_of(seconds: float) -> str:
    """Seconds to be read, none of which is 0."""
    if seconds < 0.05:
        return "less than 0.1"
    return f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.1f}"


def _too_few(found: dict) -> str:
    """Sentences on the numbers of fakes against which these models cannot keep anything."""
    models, size = (found["settings"][name] for name in ("num_models", "subset_size"))
    least = {one["num_fakes"]: one["least_models"] for one in found["curve"] if _LEAST in one}
    never = [str(fakes) for fakes, needed in least.items() if needed is None]
    few = {fakes: needed for fakes, needed in least.items() if needed and needed > models}
    text = ""
    if few:
        needed = ", ".join(f"{needed:,} against {fakes}" for fakes, needed in few.items())
        text += (
            f" {models:,} model{'s are' if models > 1 else ' is'} too few to keep anything against "
            f"{enumerated(few, 'or')} fake{'s' * (list(few) != [1])}, whatever the votes: at this "
            f"confidence it takes at least {needed}, and more where votes are split."
        )
    if never:
        text += (
            f" No number of models keeps anything against {enumerated(never, 'or')}: "
            f"too few subsets of {size} users are free of them."
        )
    return text


def rows_of(found: dict) -> list[tuple[str, ...]]:
    """A head, and a row of text for each number of fakes."""
    return [
        _HEAD,
        *(
            (
                str(one["num_fakes"]),
                str(one["hits"]),
                str(one["kept"]),
                *(f"{one[name]:.3f}" for name in ("kept_share", "barred")),
                *(f"{one[name]:.4f}" for name in ("precision", "recall", "ndcg")),
            )
            for one in found["curve"]
        ),
    ]
