"""Warm-up requests, read with message types that are built here from the published numbers."""

import pytest
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from tensorflow.core.framework import tensor_pb2

from advrec_tf.serving import warmup


def warmup_types():
    """PredictionLog of tensorflow_serving/apis/prediction_log.proto, cut to what is used."""
    file = descriptor_pb2.FileDescriptorProto(name="warmup.proto", package="w", syntax="proto3")

    def message(name, *fields, parent=None):
        target = parent.nested_type.add() if parent else file.message_type.add()
        target.name = name
        for number, field, type_name in fields:
            added = target.field.add(name=field, number=number, label=1)
            if type_name in ("string", "bytes"):
                added.type = added.TYPE_STRING if type_name == "string" else added.TYPE_BYTES
            else:
                added.type, added.type_name = added.TYPE_MESSAGE, f".w.{type_name}"
        return target

    message("PredictionLog", (6, "predict_log", "PredictLog"))
    message("PredictLog", (1, "request", "PredictRequest"))
    message("ModelSpec", (1, "name", "string"), (3, "signature_name", "string"))
    request = message(
        "PredictRequest",
        (1, "model_spec", "ModelSpec"),
        (2, "inputs", "PredictRequest.InputsEntry"),
    )
    request.field[1].label = request.field[1].LABEL_REPEATED
    entry = message("InputsEntry", (1, "key", "string"), (2, "value", "bytes"), parent=request)
    entry.options.map_entry = True
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("w.PredictionLog"))


def records(version):
    path = version / "assets.extra" / "tf_serving_warmup_requests"
    return [record.numpy() for record in tf.data.TFRecordDataset(str(path))]


def test_every_warm_up_request_parses_and_is_answered(version):
    signatures = tf.saved_model.load(str(version)).signatures
    asked = []
    for record in records(version):
        request = warmup_types().FromString(record).predict_log.request
        assert request.model_spec.name == "hand"
        asked.append(request.model_spec.signature_name)
        inputs = {name: tensor_of(value) for name, value in request.inputs.items()}
        assert signatures[asked[-1]](**inputs)["score"].shape[0] == 1
    assert asked == [
        "serving_default",
        "recommend",
        "recommend_from_history",
        "recommend_from_history_restricted",
        "score",
        "score_from_history",
        "recommend_index",
    ]


def tensor_of(serialized):
    proto = tensor_pb2.TensorProto.FromString(serialized)
    shape = [dim.size for dim in proto.tensor_shape.dim]
    return tf.constant(tf.make_ndarray(proto), tf.dtypes.as_dtype(proto.dtype), shape)


def test_warm_up_requests_are_those_of_the_real_message_types(version):
    types = pytest.importorskip(
        "tensorflow_serving.apis.prediction_log_pb2", reason="needs tensorflow-serving-api"
    )
    logs = [types.PredictionLog.FromString(record) for record in records(version)]
    requests = {log.predict_log.request.model_spec.signature_name: log for log in logs}
    assert len(requests) == 5
    inputs = requests["recommend"].predict_log.request.inputs
    assert tf.make_ndarray(inputs["user_id"]).tolist() == [b"11"]
    assert tf.make_ndarray(inputs["k"]).tolist() == [3]
    assert tf.make_ndarray(inputs["exclude_item_id"]).shape == (1, 1)
    for record, log in zip(records(version), logs):
        assert log.WhichOneof("log_type") == "predict_log"
        assert types.PredictionLog.FromString(log.SerializeToString()) == log
        assert len(log.SerializeToString()) == len(record)  # no field was left unknown


def test_long_messages_carry_their_length_in_several_bytes():
    log = warmup.prediction_log("m" * 200, "s", {"x": tf.zeros([9000])})
    request = warmup_types().FromString(log).predict_log.request
    assert request.model_spec.name == "m" * 200
    assert tensor_of(request.inputs["x"]).shape == [9000]
