"""The model card, from metadata alone."""

from advrec_tf.serving.model_card import model_card

NOTES = {
    "versions": {"advrec_tf": "1", "tensorflow": "2"},
    "kind": "vectors",
    "k": 10,
    "batches": True,
    "needs_tensorflow_text": False,
    "signatures": {
        "score": {
            "inputs": {"user_id": {"dtype": "string", "shape": [None]}},
            "outputs": {"score": {"dtype": "float32", "shape": [None, 3]}},
        }
    },
    "metadata": {},
}
CHECK = {
    "requests": 5,
    "answers": 40,
    "largest_difference": 1e-7,
    "load_seconds": 0.5,
    "latency_us": {"score": 1234.5},
}


def test_what_is_not_known_is_left_out():
    card = model_card("mine", NOTES)
    assert "| kind | vectors |" in card and "users" not in card and "Metrics" not in card
    assert "| `score` | `user_id` [?] string | `score` [?, 3] float32 |" in card
    assert "written without a check" in card
    assert "/models/mine" in card and "its first axis" in card and "TensorFlow Text" not in card


def test_what_a_run_says_of_its_model_stands_first():
    model = {"shipped_model": "two_tower", "id_table": "multi_hash", "parameters": 1234}
    card = model_card("mine", {**NOTES, "metadata": {"model": model}})
    rows = (
        "| model | two_tower |\n| ids are composed by | multi_hash |\n| trained parameters | 1234 |"
    )
    assert f"|---|---|\n{rows}\n| kind | vectors |" in card
    assert "| kind |" in model_card("mine", {**NOTES, "metadata": {"model": "of a caller"}})


def test_metrics_the_check_and_limits_of_serving_are_told():
    notes = {
        **NOTES,
        "batches": False,
        "needs_tensorflow_text": True,
        "metadata": {"metrics": {"ndcg@10": 0.12345, "users": 7}},
        "check": CHECK,
    }
    card = model_card("mine", notes)
    assert "| ndcg@10 | 0.1235 |" in card and "| users | 7 |" in card
    assert "5 requests, 40 answers" in card and "score 1,234 us" in card
    assert "must not join requests" in card and "operations of TensorFlow Text" in card
