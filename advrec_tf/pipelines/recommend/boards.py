"""What TensorBoard finds of a run: one run a model, and a run of results, so that every tab opens
with something in it.

| tab | from |
|---|---|
| Scalars | `Board`: `loss/...`, `val/...` and `gan/...` of a model, one run a model |
| Histograms | `Board`: norms of the embeddings, gradients of the weights, every few epochs |
| Images | `PopularityImages`: generated against real popularity over epochs; the plots of the job |
| HParams | `write_results`: settings and test metrics of every model, sortable |
| Projector | `write_results`: vectors of the items with title, popularity and what else is known |
| Text | `write_results`: the report; `Board`: the verdict on a GAN |
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

from advrec_tf._keras import keras
from advrec_tf.data.batches import Batches
from advrec_tf.data.interactions import Interactions
from advrec_tf.gan.base import GAN
from advrec_tf.models.base import Recommender
from advrec_tf.ops.figures import subplots
from advrec_tf.ops.files import atomic_bytes

MAIN, MORE, RESULTS = "tensorboard", "tensorboard-more", "results"
PROJECTED = 10_000
"""The most items in the projector, the most popular ones: a browser holds no more."""
_GAN = ("d_", "g_", "diversity", "adversarial_weight")


def tag_of(name: str) -> str:
    """The name of a value in Keras' logs -> its tag, of which the part before / is the group."""
    if name.startswith("val_"):
        return f"val/{name.removeprefix('val_')}"
    if name.startswith(_GAN):
        return f"gan/{name}"
    return f"loss/{name.removesuffix('_loss') or name}" if "loss" in name else f"train/{name}"


class Board(keras.callbacks.Callback):
    """Logs of training and validation as one run, with histograms of the norms of the embeddings
    and, where the batches were shown, of the gradients of one batch, which is the same each time.

    Of a GAN there are the ratio of the norms of the two gradients, discriminator over generator,
    and at the end the verdict.

    Args:
        folder: of the run.
        every: epochs between two histograms, >= 1.
    """

    def __init__(self, folder: Path, *, every: int = 5):
        super().__init__()
        self.folder, self.every = Path(folder), every
        self._batches = self._batch = None

    def show_batches(self, batches: Batches) -> None:
        """Take the batches of the training, of which the first is used."""
        self._batches = batches

    def on_train_begin(self, logs=None):
        self._writer = tf.summary.create_file_writer(str(self.folder))

    def on_epoch_end(self, epoch, logs=None):
        with self._writer.as_default(step=epoch + 1):
            for name, value in (logs or {}).items():
                tf.summary.scalar(tag_of(name), float(value))
            if (logs or {}).get("g_gradient"):
                ratio = float(logs["d_gradient"]) / float(logs["g_gradient"])
                tf.summary.scalar("gan/gradient_ratio", ratio)
            if epoch % self.every == 0:
                for name, norms in embedding_norms(self.model).items():
                    tf.summary.histogram(f"norm/{name}", norms)
                for name, values in self._gradients().items():
                    tf.summary.histogram(f"gradient/{name}", values)

    def on_train_end(self, logs=None):
        verdict = getattr(self.model, "health", None)
        if verdict is not None:
            with self._writer.as_default(step=0):
                tf.summary.text("gan/verdict", str(verdict))
        self._writer.close()

    def _gradients(self) -> dict[str, np.ndarray]:
        if self._batches is None or not hasattr(self.model, "compute_loss"):
            return {}
        if tf.distribute.has_strategy():  # its variables are differentiated by replicas alone
            return {}
        if isinstance(self.model, GAN):  # two losses: `gan/d_gradient` and `gan/g_gradient`
            return {}
        if self._batch is None:
            self._batch = first_batch(self._batches)
        return gradients_of(self.model, self._batch)


def first_batch(batches: Batches) -> dict[str, tf.Tensor]:
    """The first batch of an epoch, also where one element of the dataset is a block of them."""
    element = next(iter(batches.dataset(0)))
    if element["seed"].shape.rank == 2:
        return {name: value[0] for name, value in element.items()}
    return element


def gradients_of(model: keras.Model, batch: Mapping) -> dict[str, np.ndarray]:
    """Name -> the entries of the loss's gradient at each weight, of the rows of the batch alone
    where the weight is looked up. Nothing is perturbed or dropped, and nothing changes."""
    weights = model.trainable_weights
    with tf.GradientTape() as tape:
        loss = model.compute_loss(batch, training=False)
    found = {}
    for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
        if gradient is not None:
            entries = getattr(gradient, "values", gradient)
            found[weight.name.removesuffix(":0")] = np.asarray(entries).ravel()
    return found


def embedding_norms(model: keras.Model) -> dict[str, np.ndarray]:
    """Name -> norms [rows] of each trained matrix that is looked up, by its layer's name."""
    found = {}
    for weight in model.trainable_weights:
        name = weight.name.removesuffix(":0")
        if len(weight.shape) == 2 and ("embedding" in name or "factor" in name):
            found[name] = tf.norm(weight, axis=1).numpy()
    return found


class PopularityImages(keras.callbacks.Callback):
    """How often items are generated against how often they are real, as an image over epochs.

    The model needs `scores()` -> [users, items] and is a generator of profiles.

    Args:
        folder: of the run.
        interactions: the real ones.
        every: epochs between two images, >= 1.
    """

    def __init__(self, folder: Path, interactions: Interactions, *, every: int = 10):
        super().__init__()
        self.folder, self.every = Path(folder), every
        self._real = interactions

    def on_epoch_end(self, epoch, logs=None):
        if epoch % self.every:
            return
        with tf.summary.create_file_writer(str(self.folder)).as_default(step=epoch + 1):
            image = popularity_image(self.model.scores(), self._real)
            tf.summary.image("generated/popularity", image[None])


def popularity_image(scores: np.ndarray, real: Interactions, *, length: int = 20) -> tf.Tensor:
    """[height, width, 3] uint8: each item's share of the best `length` of all users against its
    share of the real interactions."""
    best = np.argpartition(-scores, min(length, scores.shape[1]) - 1, axis=1)[:, :length]
    written = np.bincount(best.ravel(), minlength=real.num_items) / best.size
    counts = real.item_counts() / len(real)
    figure, ax = subplots(1, 1, figsize=(5, 5))
    ax.scatter(counts, written, s=6, alpha=0.5)
    edge = max(counts.max(), written.max())
    ax.plot([0, edge], [0, edge], color="#9a9a9a", linewidth=0.8)
    ax.set_xlabel("share of the real interactions")
    ax.set_ylabel(f"share of the generated ones (best {length} of each user)")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80)
    return tf.io.decode_png(buffer.getvalue(), channels=3)


def write_results(
    folder: Path, report: Mapping, text: str, recommender: Recommender | None = None
) -> None:
    """The results of a job for the tabs HParams, Text and Projector.

    Args:
        folder: of the run of the job; TensorBoard's runs are below.
        report: what `report.make_report` gives.
        text: the report as Markdown.
        recommender: whose item vectors are projected.
    """
    runs = folder / MAIN
    for name, row in report["models"].items():
        metrics = {key: row[key] for key in row if "@" in key or key == "mrr"}
        # Not in the run of its training: HParams shows a run once.
        with tf.summary.create_file_writer(str(runs / RESULTS / name)).as_default(step=0):
            hparams.hparams(_ingredients(name), trial_id=name)
            for key, value in metrics.items():
                tf.summary.scalar(f"test/{key}", value)
    with tf.summary.create_file_writer(str(runs / RESULTS)).as_default(step=0):
        tf.summary.text("report", text)
    if recommender is not None:
        write_projector(runs, recommender)


def _ingredients(name: str) -> dict[str, str]:
    """ "tower+perturbed" -> its base and what was added, as two columns of the table."""
    base, *added = name.split("+")
    return {"base": base, "ingredients": " and ".join(added) or "none"}


def write_projector(folder: Path, recommender: Recommender) -> None:
    """Vectors of the items and what is known of them, as files of TensorBoard's projector."""
    data = recommender.interactions
    counts = data.item_counts()
    shown = np.argsort(-counts, kind="stable")[:PROJECTED]
    vectors = io.StringIO()
    of_items = recommender.item_vectors
    of_items = of_items() if callable(of_items) else of_items
    np.savetxt(vectors, of_items[shown], fmt="%.5g", delimiter="\t")
    columns = {"item_id": data.items.ids[shown], "interactions": counts[shown]}
    if data.item_text is not None:
        columns["title"] = [text or "" for text in data.item_text[shown]]
    if data.item_features is not None:
        columns |= {str(n): data.item_features[n].to_numpy()[shown] for n in data.item_features}
    known = io.StringIO()
    writer = csv.writer(known, delimiter="\t", lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(
        [" ".join(str(value).split()) for value in row] for row in zip(*columns.values())
    )
    atomic_bytes(folder / "items.tsv", vectors.getvalue(), overwrite=True)
    atomic_bytes(folder / "items_known.tsv", known.getvalue(), overwrite=True)
    config = (
        'embeddings {\n  tensor_name: "items"\n  tensor_path: "items.tsv"\n'
        '  metadata_path: "items_known.tsv"\n}\n'
    )
    atomic_bytes(folder / "projector_config.pbtxt", config, overwrite=True)
