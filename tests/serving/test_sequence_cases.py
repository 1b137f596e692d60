"""The requests that check a next-item model, held against it in memory."""

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.models.sequential import published
from advrec_tf.models.sequential.encoders import EncoderSize
from advrec_tf.serving.lists import Reference
from advrec_tf.serving.module import ExportCheckError
from advrec_tf.serving.sequence_cases import history_cases
from advrec_tf.serving.sequences import ServedSequences
from tests.worlds import interactions_of_histories

DATA = interactions_of_histories([0, 1, 2], [3, 4], [4, 1], times=[[1, 2, 3], [1, 2], [1, 2]])


@pytest.fixture(scope="module")
def served():
    size = EncoderSize(length=4, dim=8, blocks=1, heads=2, user_embedding=True)
    model = published.gru4rec(DATA, size=size)
    model.user_rows.embeddings.assign(np.random.default_rng(0).normal(size=(4, 8)))
    return ServedSequences(model, k=3, max_k=5)


@pytest.fixture(scope="module")
def cases(served):
    score, unknown, data = served._in_memory()
    return history_cases(served, Reference(score, unknown, data))


def asked(served, cases):
    """Hold what `served` answers against the cases that are not refused."""
    for case in cases:
        if case.expected is None:
            continue
        specs = served.inputs()[case.signature]
        inputs = {name: tf.constant(case.inputs[name], specs[name].dtype) for name in specs}
        outputs = {k: v.numpy() for k, v in served.method(case.signature)(**inputs).items()}
        text = np.vectorize(bytes.decode, otypes=[object])
        texts = {k: text(v) if v.dtype == object else v for k, v in outputs.items()}
        case.expected.difference(case.title, texts, 1e-5)


def test_every_signature_by_histories_and_states_is_asked(served, cases):
    assert {case.signature for case in cases} == {
        *("recommend_from_history", "recommend_from_history_restricted"),
        *("recommend_from_user_history", "score_from_history"),
        *("start_state", "recommend_from_state"),
    }
    asked(served, cases)


def test_users_that_are_not_read_are_found_by_the_check(served, cases, monkeypatch):
    nobody = tf.constant([DATA.num_users] * 6)
    known = served.known_user
    monkeypatch.setattr(served, "_whose", lambda user_id: (nobody, known(nobody)))
    for signature in ("recommend_from_history_restricted", "score_from_history"):
        with pytest.raises(ExportCheckError):
            asked(served, [case for case in cases if case.signature == signature])
