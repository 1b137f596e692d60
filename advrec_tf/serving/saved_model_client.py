"""Asking an exported model for lists, loaded from its folder into this process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from advrec_tf.serving import folder
from advrec_tf.serving.client import Client
from advrec_tf.serving.values import (
    NoSignatureError,
    ServingError,
    decoded,
    is_count,
    one_line,
    refusal,
    shown,
)


class SavedModelClient(Client):
    """The highest version in a model's folder, loaded into this process.

    A SavedModel is code: its graph may read and write any file that this process may. Load only
    what comes from a source you trust.

    Attributes:
        path: the folder of the version.
        metadata: what its export noted.
        loaded: the graph, as `tf.saved_model.load` gives it.

    Raises:
        FileNotFoundError: if `directory` is neither a version nor holds one.
        ValueError: if a file beside the graph is damaged; it names the file.
        ServingError: if the graph or its variables do not load.
    """

    def __init__(self, directory: str | os.PathLike):
        self.path = folder.latest(directory)
        self.metadata = folder.read_metadata(self.path)
        text = self.path / folder.ITEM_TEXT
        self.item_text = folder.read_item_text(text) if text.is_file() else None
        for part in ("saved_model.pb", "variables/variables.index"):
            if not (self.path / part).is_file():
                raise ServingError(f"{self.path / part} should be there and is not.")
        import tensorflow as tf  # four seconds that the REST client does not need

        if self.metadata.get("needs_tensorflow_text"):
            import tensorflow_text  # noqa: F401  (registers the operations of the graph)
        self._tf = tf
        try:
            self.loaded = tf.saved_model.load(os.fspath(self.path))
            self._signatures = dict(self.loaded.signatures)
        except Exception as error:  # what a damaged file raises depends on the byte
            raise ServingError(
                f"{self.path} does not load, {_damaged_part(self.path)} is damaged: "
                f"{one_line(str(error))}"
            ) from error

    def default_k(self) -> int:
        k = self.metadata.get("k")
        if not is_count(k):
            raise ServingError(
                f"{self.path / folder.METADATA} should name `k`, the length of a list. "
                f"Received: {shown(k)}."
            )
        return k

    def input_specs(self, signature_name):
        specs = self._signature(signature_name).structured_input_signature[1]
        return {
            name: (spec.dtype.name, tuple(spec.shape.as_list())) for name, spec in specs.items()
        }

    def knows(self, kind, ids):
        """As `Client.knows`, from the tables of the graph; no model is run."""
        handle = getattr(getattr(self.loaded, kind, None), "resource_handle", None)
        if handle is None:
            return None
        tf = self._tf
        found = tf.raw_ops.LookupTableFindV2(
            table_handle=handle, keys=tf.constant(ids, tf.string), default_value=tf.constant(-1)
        )
        return (found.numpy() >= 0).tolist()

    def _signature(self, name: str):
        if name not in self._signatures:
            raise NoSignatureError(f"{self.path} has no signature {name!r}.")
        return self._signatures[name]

    def predict(self, signature_name: str, inputs: Mapping) -> dict[str, np.ndarray]:
        tf = self._tf
        signature = self._signature(signature_name)
        specs = signature.structured_input_signature[1]
        if set(inputs) != set(specs):  # a server refuses as much
            raise ServingError(
                f"{signature_name} of {self.path} refused: its inputs should be "
                f"{', '.join(sorted(specs))}. Received: {', '.join(sorted(inputs)) or 'none'}."
            )
        try:
            fed = {name: tf.constant(inputs[name], spec.dtype) for name, spec in specs.items()}
            outputs = signature(**fed)
        except (TypeError, ValueError, tf.errors.OpError) as error:
            raise ServingError(
                f"{signature_name} of {self.path} refused: {refusal(str(error))}"
            ) from error
        return {name: decoded(value.numpy()) for name, value in outputs.items()}


def _damaged_part(path: Path) -> str:
    """Which file of a version that does not load is to blame, as far as can be told."""
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    try:
        graph = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
    except (DecodeError, OSError):
        return "saved_model.pb"
    return "saved_model.pb or variables" if graph.meta_graphs else "saved_model.pb"
