"""The folder of `advrec train --model sasrec ...` as something to attack.

What is attacked is the model before it was trained on all interactions in the end, which has not
seen the test part, and the training itself, which can be run again on other data.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.readers.report import Loaded
from advrec_tf.data.splits import Split
from advrec_tf.models.sequential.model import SequenceModel
from advrec_tf.pipelines.recommend import next_item, single_recipes
from advrec_tf.pipelines.recommend.preparation import prepare
from advrec_tf.pipelines.recommend.settings import NEXT_ITEM
from advrec_tf.pipelines.recommend.single_settings import SingleSettings
from advrec_tf.pipelines.stages import OPTIONS, StageStore


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class TrainedRun:
    """A next-item model, its data, and how it was trained.

    Attributes:
        name: of the model in the report of the run.
        folder: of the run.
        split: of the data.
        model: trained on `split.train`.
        settings: of the run.
        epochs: that validation chose.
        seconds: that its training took.
    """

    name: str
    folder: Path
    split: Split
    model: SequenceModel
    settings: SingleSettings
    epochs: int
    seconds: float

    def fit(self, interactions: Interactions) -> SequenceModel:
        """Trained as the model was, for as many epochs, on other interactions."""
        settings = self.settings
        recipe = next_item.recipe_of(settings, interactions.num_items)
        return recipe.train(
            interactions,
            seed=settings.seed,
            wrap=single_recipes.adversary_of(settings.model, settings),
            epochs=self.epochs,
        ).model


def record_of(folder: Path) -> dict:
    """What a finished run of a next-item model wrote of itself: `run.json` as it is, and the name
    of the model as `shipped_model`.

    Raises:
        ValueError: if the folder holds no such run.
    """
    record, report = folder / "run.json", folder / "report.json"
    if not record.is_file() or not report.is_file():
        raise ValueError(
            f"`run_dir` should be the folder of a finished `advrec train --model sasrec ...`. "
            f"Received: {folder}, without run.json or report.json."
        )
    identity = json.loads(record.read_text(encoding="utf-8"))
    model = identity.get("settings", {}).get("model")
    if identity.get("job") != "train" or model not in NEXT_ITEM:
        raise ValueError(
            f"`run_dir` should be a run of `advrec train` of a next-item model "
            f"({', '.join(NEXT_ITEM)}). Received: {folder}, a run of `advrec "
            f"{identity.get('job')}` of the model {model}."
        )
    choices = json.loads(report.read_text(encoding="utf-8"))["choices"]
    return identity | {"shipped_model": choices["shipped_model"]}


def length_of(record: dict) -> int:
    """The most items of a history that the model of a record reads."""
    return next_item.length_of(SingleSettings(**record["settings"]))


def open_trained(folder: Path, record: dict, loaded: Loaded) -> TrainedRun:
    """The run in a folder, over its data.

    Args:
        folder: of the run.
        record: of `record_of`.
        loaded: the file that it was trained on.

    Raises:
        ValueError: if the file has changed since, or the run has lost the stage of its model.
    """
    settings = SingleSettings(**record["settings"])
    split = prepare(loaded, settings).split
    if record["data_sha256"] != split.fingerprint():
        raise ValueError(
            f"The data should be those that {folder} was trained on, by file, columns and "
            "filters. Received other interactions: name their file by --data, or train again."
        )
    name = record["shipped_model"]
    identity = {k: v for k, v in record.items() if k not in (OPTIONS, "shipped_model")}
    store = StageStore(folder, identity, resume=True)
    if not store.has(name):
        raise ValueError(
            f"`run_dir` should still have the stage of its model. Received: {folder} without "
            f"{name}; run the same `advrec train` again with --resume."
        )
    stage = store.result(name)
    recipe = next_item.recipe_of(settings, split.train.num_items)
    return TrainedRun(
        name=name,
        folder=folder,
        split=split,
        model=next_item.model_of(recipe, stage, split.train, seed=settings.seed),
        settings=settings,
        epochs=stage.summary["best_epoch"],
        seconds=stage.summary["seconds"],
    )
