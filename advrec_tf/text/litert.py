"""A language-model tower as a LiteRT model with int8 weights, for phones and small processors.

Tokens in, vectors out. LiteRT has no strings, so the tokenizer stands beside it as files, and the
device tokenizes: see `export_litert`. Every weight of a matrix is an int8 with a scale
(dynamic-range quantization), biases and norms stay float32. A model server gets a
`served.ServedTower`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from advrec_tf._version import __version__
from advrec_tf.ops.files import atomic_folder
from advrec_tf.serving import folder
from advrec_tf.serving.module import ExportCheckError
from advrec_tf.text.language_model import LanguageModelTower

MODEL, TOKENIZER, REPORT = "model.tflite", "tokenizer", "litert.json"
"""What a version holds."""

LEAST_COSINE = 0.9
"""What the vectors of a model have at least to those of the tower, in the mean over texts."""

_INPUTS = ("token_ids", "padding_mask")
_AT_ONCE = 32


@dataclasses.dataclass(frozen=True, kw_only=True)
class LiteRTReport:
    """What quantization saves and costs.

    Attributes:
        bytes, float32_bytes: of the model, and of the tower's weights.
        texts: texts whose vectors were compared with the tower's.
        cosine, least_cosine: of the two vectors of a text, the mean and the least.
    """

    bytes: int
    float32_bytes: int
    texts: int
    cosine: float
    least_cosine: float

    def as_dict(self) -> dict:
        """The report as JSON values."""
        return dataclasses.asdict(self)


class LiteRTEncoder:
    """The vectors of a model that `export_litert` wrote, by the interpreter of TensorFlow.

    Args:
        path: the folder of the version.

    Raises:
        FileNotFoundError: if there is no model.
    """

    def __init__(self, path: str | os.PathLike):
        file = Path(path) / MODEL
        if not file.is_file():
            raise FileNotFoundError(f"{file} should be a model that `export_litert` wrote.")
        with _quietly():
            self._interpreter = tf.lite.Interpreter(model_path=os.fspath(file))
        self._run = self._interpreter.get_signature_runner()

    def __call__(self, token_ids: np.ndarray, padding_mask: np.ndarray) -> np.ndarray:
        """[batch, max_length] int32 each, as the tokenizer pads them -> [batch, dim] float32."""
        return self._run(token_ids=token_ids, padding_mask=padding_mask)["vector"]


def export_litert(
    tower: LanguageModelTower,
    directory: str | os.PathLike,
    *,
    texts: Sequence[str],
    version: int | None = None,
) -> Path:
    """Write the tower with int8 weights to `directory/version`, compared with the tower first.

    A version holds `model.tflite`; `litert.json`, the report and what the device has to know of
    the tokens; and `tokenizer`, the files of the tokenizer as keras-hub keeps them: its settings
    in `tokenizer.json`, its vocabulary in `assets/tokenizer`. The model takes
    `token_ids` and `padding_mask`, [batch, max_length] int32 each, padded as
    `tower.tokenizer(texts, pad_to_max=True)` pads them, and gives `vector`, [batch, dim] float32.

    Args:
        tower: what is exported; it is not altered.
        directory: the model's folder.
        texts: at least one, whose vectors are compared.
        version: >= 0; by default 1 + the highest there is.

    Returns:
        The folder of the new version.

    Raises:
        ValueError: if there are no texts, or `version` is negative.
        FileExistsError: if the named version exists.
        ExportCheckError: if the mean cosine is below `LEAST_COSINE`; nothing is left then.
    """
    if not len(texts):
        raise ValueError("`texts` should hold a text whose vectors are compared. Received none.")
    target = folder.version_path(directory, version)
    with atomic_folder(target) as unfinished:
        (unfinished / MODEL).write_bytes(_converted(tower))
        report = _compared(tower, unfinished, list(texts))
        if not report.cosine >= LEAST_COSINE:
            raise ExportCheckError(
                f"{target}: vectors by int8 weights should have a mean cosine of {LEAST_COSINE} to "
                f"those of the tower. It is {report.cosine:.4f} over {report.texts} texts."
            )
        tower.tokenizer.tokenizer.save_to_preset(os.fspath(unfinished / TOKENIZER))
        notes = {
            "versions": {"advrec_tf": __version__, "tensorflow": tf.__version__},
            "inputs": {name: [None, tower.tokenizer.max_length] for name in _INPUTS},
            "outputs": {"vector": [None, tower.dim]},
            **{name: getattr(tower.tokenizer, name) for name in ("start_id", "end_id", "pad_id")},
            "quantization": report.as_dict(),
        }
        text = json.dumps(notes, indent=2, allow_nan=False) + "\n"
        (unfinished / REPORT).write_text(text, encoding="utf-8")
    return target


def read_report(path: str | os.PathLike) -> LiteRTReport:
    """The report of a version that `export_litert` wrote.

    Raises:
        FileNotFoundError: if there is none.
    """
    notes = json.loads((Path(path) / REPORT).read_text(encoding="utf-8"))
    return LiteRTReport(**notes["quantization"])


class _Graph(tf.Module):
    """The tower's variables and the function of its tokens, without the Keras objects."""

    def __init__(self, tower: LanguageModelTower):
        super().__init__(name="litert_tower")
        self.weights = list(tower.weights)
        self._in_memory = lambda: tower  # behind a function, so that Keras is not saved
        spec = tf.TensorSpec([None, tower.tokenizer.max_length], tf.int32)
        self.vectors = tf.function(self._vectors, autograph=False).get_concrete_function(
            **{name: tf.TensorSpec(spec.shape, spec.dtype, name) for name in _INPUTS}
        )

    def _vectors(self, token_ids, padding_mask):
        tokens = {"token_ids": token_ids, "padding_mask": padding_mask}
        return {"vector": self._in_memory()(tokens, training=False)}


def _converted(tower: LanguageModelTower) -> bytes:
    graph = _Graph(tower)
    with tempfile.TemporaryDirectory() as saved, _quietly():
        tf.saved_model.save(graph, saved, signatures={"serving_default": graph.vectors})
        converter = tf.lite.TFLiteConverter.from_saved_model(saved)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        return converter.convert()


def _compared(tower: LanguageModelTower, path: Path, texts: list[str]) -> LiteRTReport:
    encoder, cosines = LiteRTEncoder(path), []
    for start in range(0, len(texts), _AT_ONCE):
        tokens = tower.tokenizer(tf.constant(texts[start : start + _AT_ONCE]), pad_to_max=True)
        plain = tower(tokens, training=False).numpy()
        small = encoder(**{name: tokens[name].numpy() for name in _INPUTS})
        lengths = np.linalg.norm(plain, axis=1) * np.linalg.norm(small, axis=1)
        cosines.append((plain * small).sum(axis=1) / np.maximum(lengths, 1e-12))
    found = np.concatenate(cosines)
    return LiteRTReport(
        bytes=(path / MODEL).stat().st_size,
        float32_bytes=4 * sum(int(weight.shape.num_elements()) for weight in tower.weights),
        texts=len(texts),
        cosine=float(found.mean()),
        least_cosine=float(found.min()),
    )


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without the notice that TensorFlow's own interpreter moves to another package."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*tf.lite.Interpreter is deprecated.*")
        yield
