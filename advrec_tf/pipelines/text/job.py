"""The text-tower job: a language model as item tower, from its kept vectors to fine-tuning.

Two stages. "start": user vectors and a projection on the vectors of the untouched model,
computed once. "fine_tuning", unless the model stays frozen and nothing disturbs it: the model
in the tower, by strategy, plainly or against an adversary on its token vectors; all begin
where "start" ended, so runs that differ in the adversary alone are ablations. Validation ranks
the whole catalogue.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.data.metadata import items_without_text
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.models.baselines import Popularity
from advrec_tf.models.retrieval import TwoTower
from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.pipelines.progress import LOG, stage_done, stages_ahead
from advrec_tf.pipelines.recommend.preparation import Prepared, require_parts
from advrec_tf.pipelines.recommend.variants import Console, summary_of
from advrec_tf.pipelines.stages import StageResult, StageStore
from advrec_tf.pipelines.text.fine_tuning import attacked, on_kept_vectors, on_texts
from advrec_tf.pipelines.text.settings import TextTowerSettings
from advrec_tf.text.cache import encode_texts
from advrec_tf.text.item_batches import of_items
from advrec_tf.text.language_model import LanguageModelTower
from advrec_tf.text.noise import words_of
from advrec_tf.text.robustness import text_robustness
from advrec_tf.text.synonyms import nearest_words
from advrec_tf.training.callbacks import StepClock
from advrec_tf.training.fitting import fit_ranked
from advrec_tf.training.optimizers import LazyAdam


@dataclasses.dataclass(frozen=True, eq=False)
class TextTowerRun:
    """What `run` leaves behind.

    Attributes:
        tower: the trained language-model tower, to be exported.
        recommender: users and items as vectors, to be served.
        report: JSON-able.
    """

    tower: LanguageModelTower
    recommender: VectorRecommender
    report: dict


def run(
    prepared: Prepared,
    settings: TextTowerSettings,
    preset: str | os.PathLike,
    store: StageStore,
    *,
    cache: str | os.PathLike | None = None,
    with_robustness: bool = False,
) -> TextTowerRun:
    """Train, or take from the store what is there; measure on validation and test.

    Args:
        preset: folder or name of the language model.
        cache: folder for vectors of the untouched model.
        with_robustness: measure what disturbed texts cost, on the test rows.

    Raises:
        ValueError: if the interactions have no text at all, or a part of the split is empty;
            besides those of `LanguageModelTower.from_preset`.
    """
    split = prepared.split
    texts = texts_of(prepared)
    require_parts(split)

    def load(strategy: str) -> LanguageModelTower:
        return LanguageModelTower.from_preset(
            preset,
            strategy=strategy,
            pooling=settings.pooling,
            dim=settings.dim,
            max_length=settings.max_length,
            mixed_precision=settings.mixed_precision,
            seed=settings.seed,
        )

    fitting = _Fitting(
        prepared, settings, Console(write=LOG.info, folder=store.folder, seed=settings.seed)
    )
    tower = load("frozen")
    moving = load(settings.strategy) if settings.fine_tunes else None  # a mistake is told now
    vectors = encode_texts(tower.without_head(), texts, cache=cache)
    start = on_kept_vectors(
        split.train, tower, vectors, temperature=settings.temperature, seed=settings.seed
    )
    stages_ahead(1 + settings.fine_tunes)
    optimizer = LazyAdam(settings.learning_rate)
    results = {
        "start": store.run(
            "start",
            lambda checkpoint: fitting.fit(
                start, start, optimizer, settings.epochs, "start", checkpoint
            ),
        )
    }
    stage_done(_said("start", results["start"]))
    _restore(start, results["start"])
    if moving is not None:
        tower = moving
        model = on_texts(start, tower, texts)
        wrapped = attacked(
            model,
            settings.adversary,
            epsilon=settings.epsilon,
            steps=settings.steps,
            weight=settings.adversarial_weight,
            batch_size=settings.items_per_batch,
            texts=texts,
        )
        optimizer = keras.optimizers.Adam(settings.fine_tuning_rate)
        results["fine_tuning"] = store.run(
            "fine_tuning",
            lambda checkpoint: fitting.fit(
                model, wrapped, optimizer, settings.fine_tuning_epochs, "fine_tuning", checkpoint
            ),
        )
        stage_done(_said("fine_tuning", results["fine_tuning"]))
        _restore(model, results["fine_tuning"])
    last = list(results.values())[-1]
    recommender = _recommender(last, split.train)
    report = {
        "texts": {
            "items": len(texts),
            "without_text": sum(not text for text in texts),
            "cut": tower.tokenizer.num_truncated(texts),
            "without_interactions": int((split.train.item_counts() == 0).sum()),
        },
        "trainable_parameters": tower.trainable_parameters,
        "rows": {
            "popularity": _measured(Popularity().fit(split.train), prepared),
            **{name: result.summary for name, result in results.items()},
        },
    }
    if with_robustness:

        def disturb(checkpoint: Path) -> StageResult:
            return StageResult(_robustness(tower, texts, recommender, prepared), {})

        report["robustness"] = store.run("robustness", disturb).summary
    return TextTowerRun(tower, recommender, report)


def texts_of(prepared: Prepared) -> list[str]:
    """The text of each item, "" where there is none.

    Raises:
        ValueError: if no item has any.
    """
    train = prepared.split.train
    if train.item_text is None or items_without_text(train) == train.num_items:
        raise ValueError(
            "The items should have texts: give --item-text-column or --item-table. "
            "Received interactions without any."
        )
    return [str(text or "").strip() for text in train.item_text]


def nearest_items(found: TextTowerRun, text: str, k: int = 10) -> list[tuple[str, float]]:
    """(title, cosine) of the k items whose vectors are nearest to that of a text."""
    vectors = found.recommender.item_vectors
    (given,) = found.tower(tf.constant([text])).numpy()
    sizes = np.linalg.norm(vectors, axis=1) * np.linalg.norm(given)
    cosines = vectors @ given / np.maximum(sizes, 1e-9)
    order = np.argsort(-cosines, kind="stable")[:k]
    train = found.recommender.interactions
    return [(train.item_text[i] or str(train.items.ids[i]), float(cosines[i])) for i in order]


class _Fitting:
    """How both stages train and what they store."""

    def __init__(self, prepared: Prepared, settings: TextTowerSettings, console: Console):
        self.prepared, self.settings, self.console = prepared, settings, console
        self.train = prepared.split.train
        self.validation = RankingEvaluator(self.train, prepared.split.validation)

    def fit(self, model, trained, optimizer, epochs, label, checkpoint) -> StageResult:
        """Train `trained`, which is `model` or wraps it; what trains of `model` is stored."""
        settings = self.settings
        keras.utils.set_random_seed(settings.seed)
        data = of_items(
            self.train,
            items_per_batch=settings.items_per_batch,
            rows_per_item=settings.rows_per_item,
            seed=settings.seed,
        )
        trained.compile(optimizer=optimizer)
        clock = StepClock()
        report = fit_ranked(
            trained,
            data,
            epochs=epochs,
            evaluator=self.validation,
            patience=settings.patience,
            checkpoint=checkpoint,
            callbacks=[self.console.board(label), clock],
            label=label,
            log=self.console.detail,
        )
        arrays = {"user_vectors": model.user_vectors(), "item_vectors": model.item_vectors()}
        arrays |= {f"w{i}": w.numpy() for i, w in enumerate(model.trainable_weights)}
        measured = _measured(_recommender(StageResult({}, arrays), self.train), self.prepared)
        summary = {
            **summary_of(report),
            **measured,
            "trainable_parameters": model.item_tower.tower.trainable_parameters,
            "step_seconds": clock.median,
            "rows_per_second": settings.items_per_batch * settings.rows_per_item / clock.median
            if clock.median
            else None,
        }
        return StageResult(summary, arrays)


def _said(name: str, result: StageResult) -> str:
    return f"{name:<36} validation ndcg@10 {result.summary['validation']:.4f}"


def _restore(model: TwoTower, result: StageResult) -> None:
    for i, variable in enumerate(model.trainable_weights):
        variable.assign(result.arrays[f"w{i}"])


def _recommender(result: StageResult, train) -> VectorRecommender:
    users, items = result.arrays["user_vectors"], result.arrays["item_vectors"]
    return VectorRecommender(
        user_vectors=users,
        item_vectors=items,
        unknown_user=np.zeros(users.shape[1], np.float32),
        interactions=train,
    )


def _test(prepared: Prepared) -> RankingEvaluator:
    split = prepared.split
    return RankingEvaluator.of_split(split)


def _measured(model, prepared: Prepared) -> dict:
    return {"test": _test(prepared).evaluate(model).metrics}


def _robustness(tower, texts, recommender: VectorRecommender, prepared: Prepared) -> dict:
    def rank(vectors):
        return dataclasses.replace(recommender, item_vectors=vectors)

    synonyms = nearest_words(tower.language_model, tower.tokenizer, words_of(texts))
    found = text_robustness(tower, texts, rank, _test(prepared), synonyms=synonyms)
    return dataclasses.asdict(found)


def table_lines(report: dict) -> list[str]:
    """The report as lines of text: a row a model, then what disturbed texts cost."""
    texts = report["texts"]
    lines = [
        f"{texts['items']:,} items, {texts['without_text']:,} without text, {texts['cut']:,} cut, "
        f"{texts['without_interactions']:,} without a training row",
        f"{'':<14}{'NDCG@10':>9}{'capped recall@20':>18}{'validation':>12}{'trains':>12}"
        f"{'step, s':>10}{'rows/s':>9}",
    ]
    for name, row in report["rows"].items():
        test = row["test"]
        line = f"{name:<14}{test['ndcg@10']:>9.4f}{test['capped_recall@20']:>18.4f}"
        if "step_seconds" in row:
            line += f"{_shown(row['validation'], '.4f'):>12}{row['trainable_parameters']:>12,}"
            line += f"{_shown(row['step_seconds'], '.4f'):>10}"
            line += f"{_shown(row['rows_per_second'], ',.0f'):>9}"
        lines.append(line)
    for point in report.get("robustness", {}).get("points", ()):
        lines.append(
            f"{point['kind']:<8} {point['strength']:<5g} loses {point['relative_loss']:7.1%} of "
            f"NDCG@10, cosine {point['cosine']:.3f}"
        )
    return lines


def _shown(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
