"""Warm-up requests: what a model server replays before it sends real traffic to a version.

TensorFlow Serving reads them as `PredictionLog` messages from a TFRecord file. The message
classes live in `tensorflow-serving-api`, which pulls in gRPC; of their fields four are needed
here, so they are written by hand.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import tensorflow as tf


def write_requests(
    path: str | os.PathLike, model_name: str, requests: Mapping[str, Mapping[str, tf.Tensor]]
) -> None:
    """A predict request for each signature name; values are its inputs by name."""
    with tf.io.TFRecordWriter(os.fspath(path)) as writer:
        for signature_name, inputs in requests.items():
            writer.write(prediction_log(model_name, signature_name, inputs))


def prediction_log(model_name: str, signature_name: str, inputs: Mapping[str, tf.Tensor]) -> bytes:
    """A serialized `tensorflow.serving.PredictionLog` of one predict request.

    Field numbers: PredictionLog.predict_log = 6, PredictLog.request = 1,
    PredictRequest.model_spec = 1 and .inputs = 2 (a map: key = 1, value = 2),
    ModelSpec.name = 1 and .signature_name = 3.
    """
    model_spec = _field(1, model_name.encode()) + _field(3, signature_name.encode())
    request = _field(1, model_spec)
    for name, value in inputs.items():
        tensor = tf.make_tensor_proto(value).SerializeToString()
        request += _field(2, _field(1, name.encode()) + _field(2, tensor))
    return _field(6, _field(1, request))


def _field(number: int, payload: bytes) -> bytes:
    """A length-delimited field: tag, length, bytes."""
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
