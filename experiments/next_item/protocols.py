"""Data and protocols of the study: what is trained on, what is asked, and what was published.

A protocol says what precedes a target. "filed" takes the last item in the order of the file, as the
papers do; "shuffled" the last item where a hash orders equal times; "last day" all items of a
user's last day; "global time" everything from one moment on; "sessions" every click of a session
after its first.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from advrec_tf.data import audit, filters, splits
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.next_item import NextItemQueries, queries_of, queries_of_sessions
from advrec_tf.data.readers.published_sequences import load_sequences, load_sessions
from advrec_tf.data.splits import Split
from advrec_tf.evaluation.next_item import NextItemEvaluator
from advrec_tf.models.sequential.encoders import EncoderSize
from experiments.harness.settings import Setting
from experiments.next_item.models import LONG, SHORT

CHOOSING_USERS = 5000
"""Settings are chosen on so many queries of validation, drawn at random, where there are more."""

VALIDATION_SESSIONS = 0.1
"""The fraction of the training sessions, those that start last, that settings are chosen on."""


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class NextItemSetting(Setting):
    """A setting whose evaluators rank queries.

    Attributes:
        interactions: what settings and epochs are chosen by: training without validation.
        fitted: what closed forms are fitted on for the test: `interactions`, or, where nobody
            published otherwise, all that precedes the test part.
        repeats: whether items of a history may be recommended again.
    """

    fitted: Interactions
    repeats: bool = False

    def by_user(self, result, values: np.ndarray) -> np.ndarray:
        """Values by query; the name is that of the base."""
        everybody = np.full(len(self.tests["test"].queries), np.nan)
        everybody[result.users] = values
        return everybody


@dataclasses.dataclass(frozen=True, kw_only=True)
class Protocol:
    """One way of asking on one data set.

    Attributes:
        text: what it is, in a sentence.
        split: root -> the split.
        refit: whether closed forms are fitted on all that precedes the test part.
        sessions: whether every item of a user of the test part but the first is a target, and
            items of the history may come again.
        metrics: columns of the table; the last one decides.
        days: of the popularity of the last days; None where there are no times.
        size: of the encoders of the trained rows.
        published: model -> (values of the columns, source).
    """

    text: str
    split: Callable[[str | None], Split]
    refit: bool = False
    sessions: bool = False
    metrics: tuple[str, ...] = ("hit_rate@5", "ndcg@5", "hit_rate@10", "ndcg@10")
    days: float | None = None
    size: EncoderSize = SHORT
    published: Mapping[str, tuple[Mapping[str, float], str]] = dataclasses.field(
        default_factory=dict
    )

    def setting(self, root: str | None) -> NextItemSetting:
        """The setting, with facts of the data for the page in `notes`."""
        split = self.split(root)
        known = split.trainval()
        test = queries_of_sessions(split.test) if self.sessions else queries_of(split)
        validation = (
            queries_of_sessions(split.validation)
            if self.sessions
            else queries_of(split, "validation")
        )
        how = {"ks": _cut_offs(self.metrics), "repeats": self.sessions}
        evaluator = NextItemEvaluator(test, known, **how)
        return NextItemSetting(
            seed=0,
            interactions=split.train,
            fitted=known if self.refit else split.train,
            repeats=self.sessions,
            validation=NextItemEvaluator(_sampled(validation), split.train, **how),
            tests={"test": evaluator},
            monitor=self.metrics[-1],
            metrics=self.metrics,
            notes=_facts(split, evaluator),
        )


def _facts(split: Split, evaluator: NextItemEvaluator) -> dict[str, object]:
    everything, queries = split.everything(), evaluator.queries
    facts = {
        "users": everything.num_users,
        "items": everything.num_items,
        "interactions": len(everything),
        "split": ", ".join([split.name, *(f"{k} {v}" for k, v in split.settings.items())]),
        "queries": len(queries),
        "targets per query": round(len(queries.target_item) / len(queries), 3),
        "targets never seen before the test part": f"{evaluator.never_seen:.2%}",
        "targets in their history, left out": evaluator.targets_in_history,
        "data SHA-256": split.fingerprint()[:16],
    }
    tied = audit.ties_of_split(split)
    return facts | {
        "ties": "no times, the order is that of the file" if tied is None else str(tied)
    }


def _cut_offs(metrics: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(sorted({int(name.split("@")[1]) for name in metrics if "@" in name}))


def _sampled(queries: NextItemQueries) -> NextItemQueries:
    if len(queries) <= CHOOSING_USERS:
        return queries
    drawn = np.random.default_rng(0).choice(len(queries), CHOOSING_USERS, replace=False)
    return queries.select(np.sort(drawn))


def _timed(name: str, root: str | None) -> Interactions:
    return filters.with_times(load_sequences(name, root), whole_users=True).interactions


def _sessions(root: str | None) -> Split:
    """The published test sessions; of the others those that start last are validation."""
    split = load_sessions("rsc15-100k", root)
    train = split.train
    start = np.full(train.num_users, np.inf)
    np.minimum.at(start, train.user_index, train.timestamp)
    there = np.flatnonzero(np.isfinite(start))
    latest = there[np.argsort(start[there], kind="stable")]
    latest = latest[len(latest) - round(VALIDATION_SESSIONS * len(latest)) :]
    held = np.isin(train.user_index, latest)
    return dataclasses.replace(
        split,
        train=train.select(~held),
        validation=train.select(held),
        settings={"validation": VALIDATION_SESSIONS},
    )


BY_DAY = ("hit_rate@10", "recall@10", "ndcg@10")
FILED = "The last item in the order of the file is the target, the one before it validation."
SHUFFLED = "As filed, but a hash of the ids orders items of one time. Users with all times known."
LAST_DAY = (
    "All items of a user's last day are the targets, all earlier days the history. Users with all "
    "times known and two days at least; NDCG is over min(10, targets)."
)
GLOBAL = (
    "The latest tenth of all interactions is the test part, the tenth before it validation; a "
    "user's items of the part are the targets, all before it the history, which may be empty."
)


def _by_order(name: str, published: Mapping, size: EncoderSize = SHORT) -> Protocol:
    return Protocol(
        text=FILED,
        split=lambda root: splits.last_item(load_sequences(name, root)),
        size=size,
        published=published,
    )


def _by_time(name: str, days: float) -> dict[str, Protocol]:
    return {
        "shuffled": Protocol(
            text=SHUFFLED, split=lambda root: splits.last_item(_timed(name, root)), days=days
        ),
        "last day": Protocol(
            text=LAST_DAY,
            split=lambda root: splits.last_day(_timed(name, root)),
            refit=True,
            metrics=BY_DAY,
            days=days,
        ),
        "global time": Protocol(
            text=GLOBAL,
            split=lambda root: splits.global_time(_timed(name, root)),
            refit=True,
            metrics=BY_DAY,
            days=days,
        ),
    }


def _hr_ndcg(rows: Mapping[str, tuple[float, float]], source: str) -> dict:
    return {
        model: ({"hit_rate@10": hit_rate, "ndcg@10": ndcg}, source)
        for model, (hit_rate, ndcg) in rows.items()
    }


RECBOARD = "github MTandHJ/RecBoard"
TRANSFORMERS = "github blondered/transformer_benchmark"
ANTKLEN = "github antklen/sasrec-bert4rec-recsys23"

DATA: dict[str, dict[str, Protocol]] = {
    "ml1m-5core": {
        "filed": _by_order(
            "ml1m-5core",
            _hr_ndcg(
                {
                    "SASRec, 1 negative": (0.2500, 0.1341),
                    "BERT4Rec": (0.2843, 0.1537),
                    "SASRec, full cross entropy": (0.3152, 0.1821),
                },
                ANTKLEN,
            )
            | _hr_ndcg({"gSASRec, 256 negatives": (0.3003, 0.1726)}, "github asash/gSASRec-pytorch")
            | _hr_ndcg(
                {"HSTU, large": (0.3294, 0.1893)}, "github meta-recsys/generative-recommenders"
            ),
            size=LONG,
        )
    },
    "s3-beauty": {
        "filed": _by_order(
            "s3-beauty",
            _hr_ndcg(
                {
                    "GRU4Rec": (0.0399, 0.0200),
                    "SASRec, 1 negative": (0.0651, 0.0344),
                    "BERT4Rec, full cross entropy": (0.0718, 0.0402),
                    "FMLP": (0.0729, 0.0410),
                    "HSTU": (0.0948, 0.0541),
                    "BSARec, full cross entropy": (0.1004, 0.0609),
                },
                RECBOARD,
            )
            | _hr_ndcg({"SASRec, sampled softmax": (0.0921, 0.0531)}, TRANSFORMERS),
        ),
        **_by_time("s3-beauty-times", days=30.0),
    },
    "s3-sports": {
        "filed": _by_order(
            "s3-sports",
            _hr_ndcg(
                {
                    "SASRec, 1 negative": (0.0372, 0.0199),
                    "HSTU": (0.0586, 0.0332),
                    "BSARec, full cross entropy": (0.0596, 0.0342),
                },
                RECBOARD,
            )
            | _hr_ndcg({"SASRec, sampled softmax": (0.0569, 0.0314)}, TRANSFORMERS),
        )
    },
    "bert4rec-beauty": {
        "filed": _by_order(
            "bert4rec-beauty",
            _hr_ndcg(
                {
                    "SASRec, 1 negative": (0.0246, 0.0126),
                    "BERT4Rec": (0.0338, 0.0187),
                    "SASRec, 3000 negatives": (0.0490, 0.0295),
                    "SASRec, full cross entropy": (0.0533, 0.0327),
                },
                ANTKLEN,
            ),
        )
    },
    "amazon-phones": {
        "filed": Protocol(
            text=FILED + " Users with all times known.",
            split=lambda root: splits.last_item(_timed("amazon-phones", root), ties="file"),
            days=30.0,
        ),
        **_by_time("amazon-phones", days=30.0),
    },
    "rsc15-100k": {
        "sessions": Protocol(
            text="Every click of a test session after its first is a target, the clicks before it "
            "the history; items may come again. MRR@20 is map@20, with one target.",
            split=_sessions,
            refit=True,
            sessions=True,
            metrics=("hit_rate@20", "ndcg@20", "map@20"),
            days=1.0,
        )
    },
}
"""Data -> protocol -> how it is asked: a page each, a table each."""
