"""The C API loader, in processes of its own, without Python's TensorFlow."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest

from advrec_tf.serving import c_api
from advrec_tf.serving.forms import export
from advrec_tf.serving.lists import LOWEST

# Longer than the 22 bytes that a string tensor keeps in place; one is not ASCII.
LONG_USER = "jürgen, an id longer than 22 bytes"
LONG_ITEM = "an item id longer than 22 bytes"


def python(*args, text=""):
    return subprocess.run(
        [sys.executable, *args], input=text, capture_output=True, encoding="utf-8", timeout=120
    )


def call(signature, **inputs):
    return {"signature": signature, "inputs": inputs}


@pytest.fixture(scope="module")
def answers(make_recommender, tmp_path_factory):
    """A version with ids of text: one child, many calls."""
    items = ("a", "b", LONG_ITEM, "日本", "e")
    recommender = make_recommender(users=("ann", LONG_USER, "13"), items=items)
    version = export(recommender, tmp_path_factory.mktemp("strings"), k=3, max_k=7, check=False)

    def recommend(k, *excluded):
        lists = {"exclude_item_id": [["", *excluded]], "allow_item_id": [[]]}
        return call("recommend", user_id=["ann"], k=[k], **lists)

    calls = {
        "default": call("serving_default", user_id=["ann", LONG_USER, "13", "no one"]),
        "nobody": call("serving_default", user_id=[]),
        "recommend": recommend(4, "日本", "x" * 99),
        "without exclusion": recommend(1),
        "k = 0": recommend(0),
        "after the error": recommend(2),
        "score": call("score", user_id=["ann", LONG_USER, "ann"], item_id=["b", "日本", "zebra"]),
        "index": call("recommend_index", user_index=[0, 2, 3, -1]),
    }
    child = python(
        *["-m", "advrec_tf.serving.c_api", "--model", str(version), "--calls", "-"],
        text=json.dumps(list(calls.values())),
    )
    assert child.returncode == 0, child.stderr
    return dict(zip(calls, json.loads(child.stdout)["results"], strict=True))


def test_strings_of_any_length_pass_in_and_out(answers):
    outputs = answers["default"]["outputs"]
    assert outputs["item_id"] == [
        [LONG_ITEM, "日本", "e"],
        ["e", "日本", "b"],
        ["e", "", ""],
        ["日本", LONG_ITEM, "b"],
    ]
    assert outputs["score"][:3] == [[3, 2, 1], [4, 3, 1], [-3, LOWEST, LOWEST]]
    assert outputs["score"][3] == pytest.approx([math.log(n + 0.5) for n in (5, 4, 3)])


def test_an_empty_batch_gives_empty_outputs(answers):
    assert answers["nobody"]["outputs"] == {"item_id": [], "score": [], "known_user": []}


def test_lists_of_lists_and_empty_ones_can_be_fed(answers):
    assert answers["recommend"]["outputs"]["item_id"] == [[LONG_ITEM, "e", "", ""]]
    assert answers["without exclusion"]["outputs"]["item_id"] == [[LONG_ITEM]]


def test_a_status_becomes_an_error_and_the_session_lives_on(answers):
    assert answers["k = 0"]["error"]["code"] == 3
    assert "`k` should be in 1..7" in answers["k = 0"]["error"]["message"]
    assert answers["after the error"]["outputs"]["score"] == [[3, 2]]


def test_floats_and_booleans_come_out(answers):
    outputs = answers["score"]["outputs"]
    assert outputs == {
        "score": [4, 3, 0],
        "known_user": [True, True, True],
        "known_item": [True, True, False],
    }


def test_integers_pass_in_and_out(answers):
    outputs = answers["index"]["outputs"]
    assert outputs["item_index"] == [[2, 3, 4], [4, -1, -1], [3, 2, 1], [3, 2, 1]]


def test_one_signature_can_be_asked_on_the_command_line(version):
    child = python(
        *["-m", "advrec_tf.serving.c_api", "--model", str(version)],
        *["--signature", "score", "--inputs", '{"user_id": ["12"], "item_id": ["e"]}'],
    )
    assert json.loads(child.stdout) == {
        "score": [4],
        "known_user": [True],
        "known_item": [True],
    }


PROGRAM = """
import sys
from advrec_tf.serving import c_api

with c_api.SavedModelSession(sys.argv[1]) as session:
    for signature, inputs in [
        ("nothing", {}),
        ("score", {"user_id": ["11"]}),
        ("score", {"user_id": [11], "item_id": ["a"]}),
        ("recommend_index", {"user_index": [1.5]}),
        ("recommend_index", {"user_index": [2**31]}),
        ("recommend_index", {"user_index": ["1"]}),
    ]:
        try:
            session.run(signature, inputs)
        except ValueError as error:
            print(error)
for model in (sys.argv[1] + "/absent",):
    try:
        c_api.SavedModelSession(model)
    except c_api.CApiError as error:
        print("CApiError", error.code, error)
try:
    session.run("score", {"user_id": ["11"], "item_id": ["a"]})
except ValueError as error:
    print(error)
assert "tensorflow" not in sys.modules
"""


def test_mistakes_are_named(version):
    child = python("-c", PROGRAM, str(version))
    assert child.returncode == 0, child.stderr
    lines = child.stdout.splitlines()
    assert "`signature` should be one of" in lines[0]
    assert "`inputs` of 'score' should be ['item_id', 'user_id']" in lines[1]
    assert "`user_id` should hold strings. Received: 11." in lines[2]
    assert "`user_index` should hold int32 values. Received: [1.5]." in lines[3]
    assert "`user_index` should hold int32 values. Received: [2147483648]." in lines[4]
    assert "`user_index` should hold int32 values. Received: ['1']." in lines[5]
    assert lines[6].startswith("CApiError 5 ")  # not found
    assert lines[7] == "The session is closed."


def test_arrays_keep_their_values_when_they_are_fed():
    for value, dtype in (([[1, 2], [3, 4]], 3), (np.arange(6).reshape(2, 3).T, 9), (True, 10)):
        array = c_api._as_array(value, dtype, "x")
        assert array.flags.c_contiguous and array.tolist() == np.asarray(value).tolist()
