"""What stands on disk: versions, metadata, titles, warm-up requests."""

import json

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from tensorflow.core.framework import tensor_pb2

from advrec_tf.serving import export, folder, warmup

STRINGS = {"dtype": "string", "shape": [None]}


def test_the_metadata_describes_the_export(recommender, version):
    notes = json.loads((version / "assets.extra" / "advrec_tf.json").read_text())
    assert notes["data_fingerprint"] == recommender.interactions.fingerprint()
    assert notes["metadata"] == {"seed": 5}
    assert notes["versions"]["tensorflow"] == tf.__version__
    sizes = [notes[name] for name in ("k", "max_k", "num_users", "num_items", "dim")]
    assert sizes == [3, 7, 3, 5, 3]
    assert notes["signatures"]["recommend"]["inputs"] == {
        "user_id": STRINGS,
        "k": {"dtype": "int32", "shape": []},
        "exclude_item_id": STRINGS,
    }
    assert notes["signatures"]["serving_default"]["outputs"] == {
        "item_id": {"dtype": "string", "shape": [None, 3]},
        "score": {"dtype": "float32", "shape": [None, 3]},
    }


def test_item_texts_are_written_one_line_an_item(version):
    lines = (version / "assets.extra" / "item_text.tsv").read_text("utf-8").split("\n")
    assert lines == ["a\tAn Apple", "b\tBread and butter", "c\t", "d\tDünkel", "e\tEgg", ""]


def test_without_item_texts_there_is_no_such_file(make_recommender, tmp_path):
    path = export.export(make_recommender(), tmp_path)
    assert not (path / folder.ITEM_TEXT).exists()


def test_vectors_and_histories_are_not_constants_of_the_graph(version):
    names = {name for name, _ in tf.train.list_variables(str(version / "variables" / "variables"))}
    for part in ("user_vectors", "item_vectors", "histories/items", "histories/row_splits"):
        assert f"{part}/.ATTRIBUTES/VARIABLE_VALUE" in names


def test_a_failed_export_leaves_nothing_behind(recommender, tmp_path, monkeypatch):
    def fail(*args):
        assert [path.name[:3] for path in tmp_path.iterdir()] == [".1."]
        raise OSError("disk full")

    monkeypatch.setattr(warmup, "write_requests", fail)
    with pytest.raises(OSError, match="disk full"):
        export.export(recommender, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_version_is_left_as_it_is(recommender, tmp_path):
    (tmp_path / "4").mkdir()
    with pytest.raises(FileExistsError, match=r"none is ever overwritten.*/4"):
        export.export(recommender, tmp_path, version=4)
    assert [path.name for path in tmp_path.rglob("*")] == ["4"]


def test_metadata_that_is_not_json_is_refused_before_anything_is_written(recommender, tmp_path):
    for value in (np.float32(1), float("nan")):
        with pytest.raises(ValueError, match="`metadata` should hold JSON values"):
            export.export(recommender, tmp_path, metadata={"score": value})
    assert list(tmp_path.iterdir()) == []


# Warm-up requests, read with message types that are built here from the published numbers.


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
    assert asked == ["serving_default", "recommend", "score", "recommend_index"]


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
    assert len(requests) == 4
    inputs = requests["recommend"].predict_log.request.inputs
    assert tf.make_ndarray(inputs["user_id"]).tolist() == [b"11"]
    assert tf.make_ndarray(inputs["k"]).tolist() == 3
    assert tf.make_ndarray(inputs["exclude_item_id"]).shape == (0,)
    for record, log in zip(records(version), logs):
        assert log.WhichOneof("log_type") == "predict_log"
        assert types.PredictionLog.FromString(log.SerializeToString()) == log
        assert len(log.SerializeToString()) == len(record)  # no field was left unknown


def test_long_messages_carry_their_length_in_several_bytes():
    log = warmup.prediction_log("m" * 200, "s", {"x": tf.zeros([9000])})
    request = warmup_types().FromString(log).predict_log.request
    assert request.model_spec.name == "m" * 200
    assert tensor_of(request.inputs["x"]).shape == [9000]
