"""Signatures read from the wire format."""

import pytest

from advrec_tf.serving import meta_graph


def test_signatures_are_read_from_the_wire_format_as_tensorflow_reads_them(version):
    from tensorflow.core.protobuf import saved_model_pb2

    saved_model = saved_model_pb2.SavedModel.FromString((version / "saved_model.pb").read_bytes())
    expected = saved_model.meta_graphs[0].signature_def
    found = meta_graph.read_signatures(saved_model.meta_graphs[0].SerializeToString())
    assert set(found) == set(expected) > {"serving_default", "recommend"}
    for name, signature in found.items():
        for side in ("inputs", "outputs"):
            theirs = {key: (v.name, v.dtype) for key, v in getattr(expected[name], side).items()}
            ours = {key: (v.name, v.dtype) for key, v in getattr(signature, side).items()}
            assert ours == theirs


@pytest.mark.parametrize("damaged", [b"\x0a\x05abc", b"\x0b", b"\x0f"])
def test_what_is_no_protocol_buffer_is_refused(damaged):
    with pytest.raises(ValueError, match="Not a protocol buffer"):
        list(meta_graph.read_fields(memoryview(damaged)))
