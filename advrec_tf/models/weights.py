"""Weights keep the ids of their rows: what is loaded into a model is of the same users and items.

A row of an embedding means whatever id the vocabulary gives its index, and the vocabulary follows
the order of the data. So the ids travel with saved weights and are compared on the way in: inside
an HDF5 file, beside a checkpoint of TensorFlow as `PATH.ids.npz`.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence

import h5py
import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.same_ids import first_difference
from advrec_tf.ops.files import atomic_file
from advrec_tf.ops.stored import pack_ids, read_arrays, unpack_ids

_GROUP = "advrec_tf_ids"


class WeightsWithIds:
    """Mixin before `keras.Model`: `save_weights` and `load_weights` with the ids of the rows.

    A model without `interactions` saves and loads as Keras does.

    Attributes:
        rows_of_weights: the vocabularies of `interactions` that the weights have rows of.
    """

    rows_of_weights: Sequence[str] = ("users", "items")

    def save_weights(self, filepath: str | os.PathLike, *args, **kwargs):
        """As in Keras; the ids of the rows are written with the weights."""
        saved = super().save_weights(filepath, *args, **kwargs)
        ids = ids_of(self)
        if ids:
            _write(os.fspath(filepath), ids)
        return saved

    def load_weights(self, filepath: str | os.PathLike, *args, **kwargs):
        """As in Keras, of a model of the same ids in the same order.

        Raises:
            ValueError: if the ids differ; it names the first difference.
        """
        if ids_of(self):
            stored = _read(os.fspath(filepath))
            if stored is None:
                warnings.warn(
                    f"{os.fspath(filepath)} holds no ids, so whether its rows are those of this "
                    "model is not known.",
                    stacklevel=2,
                )
            else:
                require_same_ids(self, stored, os.fspath(filepath))
        return super().load_weights(filepath, *args, **kwargs)


def ids_of(model) -> dict[str, np.ndarray]:
    """The ids of the rows of a model's weights, as arrays of a file; {} where it has none."""
    data = getattr(model, "interactions", None)
    if not isinstance(data, Interactions):
        return {}
    kinds = getattr(model, "rows_of_weights", ())
    packed = [pack_ids(f"{kind}_ids", getattr(data, kind).ids) for kind in kinds]
    return {name: array for part in packed for name, array in part.items()}


def require_same_ids(model, stored: Mapping[str, np.ndarray], path: str | os.PathLike) -> None:
    """Compare the ids of a model with those that `ids_of` gave for a file.

    Raises:
        ValueError: if they differ; it names the file and the first difference.
    """
    for kind in model.rows_of_weights:
        ours = getattr(model.interactions, kind).ids
        theirs = unpack_ids(f"{kind}_ids", stored) if f"{kind}_ids" in stored else ours[:0]
        if np.array_equal(ours, theirs):
            continue
        found = first_difference(ours, theirs)
        if found is not None:
            row, here, there = found
            first = f"row {row} is of {there!r} there and of {here!r} here"
        else:
            first = f"it has {len(theirs):,} {kind} and the model {len(ours):,}"
        raise ValueError(
            f"{os.fspath(path)} should hold weights of this model's {kind}, in the same order. "
            f"Received other {kind}: {first}. Build the model from the data that the weights were "
            "trained on, with its lines in the same order."
        )


def _beside(path: str) -> str:
    return f"{path}.ids.npz"


def _is_hdf5(path: str) -> bool:
    return os.path.isfile(path) and h5py.is_hdf5(path)


def _write(path: str, ids: Mapping[str, np.ndarray]) -> None:
    if _is_hdf5(path):
        with h5py.File(path, "a") as file:
            group = file.create_group(_GROUP)
            for name, array in ids.items():
                group.create_dataset(name, data=array)
        return
    with atomic_file(_beside(path), overwrite=True) as unfinished:
        np.savez(unfinished, **ids)


def _read(path: str) -> dict[str, np.ndarray] | None:
    if _is_hdf5(path):
        with h5py.File(path, "r") as file:
            if _GROUP not in file:
                return None
            return {name: array[()] for name, array in file[_GROUP].items()}
    if not os.path.exists(_beside(path)):
        return None
    return read_arrays(_beside(path), cure="Save the weights again.")
