import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.models.content.modalities import Modality
from advrec_tf.models.content.two_tower import content_two_tower
from advrec_tf.serving import folder, forms
from advrec_tf.text.cache import encode_texts
from advrec_tf.text.served_content import ServedContent
from tests import malformed

TEXTS = ["the matrix", "amelie", "the the", "matrix amelie", ""]


@pytest.fixture(scope="module")
def encoder(make_text_tower):
    return make_text_tower(["the", "matrix", "amelie"], max_length=6, scale=0.5)


@pytest.fixture(scope="module")
def model(encoder):
    keras.utils.set_random_seed(0)
    data = Interactions(
        user_index=np.array([0, 0, 1, 1, 2], np.int32),
        item_index=np.array([0, 1, 1, 2, 3], np.int32),
        users=Vocabulary(["ann", "bob", "cid"]),
        items=Vocabulary([1, 2, 3, 4, 5]),
        item_text=np.array(TEXTS, object),
    )
    vectors = encode_texts(encoder, TEXTS, progress=False)
    text = Modality(name="text", vectors=vectors, present=np.array([bool(t) for t in TEXTS]))
    return content_two_tower(data, [text], history=text, item_ids=True, dim=4, seed=2)


@pytest.fixture(scope="module")
def path(model, encoder, tmp_path_factory):
    served = ServedContent(model, encoder, k=3, max_k=5)
    return forms.export(served, tmp_path_factory.mktemp("exports") / "content")


@pytest.fixture(scope="module")
def served(path):
    """(signature, inputs) -> outputs, through the session loader in one child process."""
    calls = [
        ("serving_default", {"text": ["amelie", " "]}),
        ("recommend_from_history", {"item_id": [["1", "3", "no such"], ["no such", "", ""]]}),
        (
            "recommend",
            {
                "user_id": ["ann", "eve"],
                "k": [3, 2],
                "exclude_item_id": [[""]] * 2,
                "allow_item_id": [[""]] * 2,
            },
        ),
        ("score_text", {"user_id": ["ann", "bob", "ann"], "text": ["amelie", "matrix", ""]}),
        ("score_text", {"user_id": ["ann"], "text": ["amelie", "matrix"]}),
    ]
    asked = [{"signature": name, "inputs": inputs} for name, inputs in calls]
    child = subprocess.run(
        [sys.executable, "-m", "advrec_tf.serving.c_api", "--text-ops"]
        + ["--model", os.fspath(path), "--calls", "-"],
        input=json.dumps(asked),
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    return json.loads(child.stdout)["results"]


def as_lists(table):
    return [
        rows["item_id"].astype(str).tolist() for _, rows in table.groupby("user_id", sort=False)
    ]


def test_a_sentence_gets_the_list_that_the_model_in_memory_gives(served, model, encoder):
    vector = encode_texts(encoder, ["amelie"], progress=False)
    expected = model.recommend_for(given={"history": vector}, k=3)
    answer = served[0]["outputs"]
    assert answer["item_id"][0] == as_lists(expected)[0]
    np.testing.assert_allclose(answer["score"][0], expected["score"], rtol=1e-4, atol=1e-5)
    assert answer["item_id"][1] == ["", "", ""]  # nothing but a blank


def test_a_few_items_get_the_list_of_a_user_with_that_history(served, model):
    expected = model.recommend_for(items=[[1, 3]], k=3)
    popular = ["2", "1", "3"]  # 2 has two interactions, the others one or none, in their order
    assert served[1]["outputs"]["item_id"] == [*as_lists(expected), popular]


def test_a_known_user_gets_what_is_new_and_an_unknown_one_what_is_popular(served, model):
    expected = model.recommend(["ann"], k=3)
    assert served[2]["outputs"]["item_id"] == [*as_lists(expected), ["2", "1", ""]]


def test_an_item_nobody_has_seen_is_scored_by_its_text(served, model, encoder):
    vectors = encode_texts(encoder, ["amelie", "matrix"], progress=False)
    scores = model.score_new_items(tf.constant([0, 1]), {"text": vectors})
    expected = [scores[0, 0], scores[1, 1], 0.0]
    np.testing.assert_allclose(served[3]["outputs"]["score"], expected, rtol=1e-4, atol=1e-5)
    assert served[4]["error"]["code"] == 3


def test_the_export_was_checked_with_every_signature(path):
    notes = folder.read_metadata(path)
    assert set(notes["signatures"]) == {
        "serving_default",
        "recommend",
        "recommend_from_history",
        "recommend_from_history_restricted",
        "recommend_index",
        "score",
        "score_from_history",
        "score_text",
    }
    assert notes["needs_tensorflow_text"] and notes["check"]["requests"] > 10


def test_towers_must_take_texts(model, encoder):
    ids = content_two_tower(model.interactions, item_ids=True, dim=4)
    with pytest.raises(ValueError, match="user_tower that takes 'history'"):
        ServedContent(ids, encoder)
    assert ServedContent(model, encoder, max_k=4).k == 4
    with pytest.raises(ValueError, match=r"`k` should be in 1\.\.max_k"):
        ServedContent(model, encoder, k=0)


@pytest.mark.slow
def test_the_process_outlives_all_malformed_requests(path):
    answer = malformed.ask(path, text_ops=True)
    assert answer["other"] == [] and sum(answer["signatures"].values()) >= 200
