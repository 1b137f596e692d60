import json

import pytest

from advrec_tf.pipelines.next_item_attack.opening import length_of, record_of


def written(folder, record, report=None):
    (folder / "run.json").write_text(json.dumps(record))
    choices = {"choices": {"shipped_model": "sasrec"}}
    (folder / "report.json").write_text(json.dumps(choices if report is None else report))


def test_the_record_of_a_run_names_its_model(tmp_path):
    written(tmp_path, {"job": "train", "settings": {"model": "sasrec"}, "options": {"data": "x"}})
    found = record_of(tmp_path)
    assert found["shipped_model"] == "sasrec" and found["options"] == {"data": "x"}


def test_the_record_says_how_many_items_the_model_reads():
    assert length_of({"settings": {"model": "sasrec"}}) == 50
    assert length_of({"settings": {"model": "sasrec", "length": 40}}) == 40


def test_a_folder_without_a_finished_run_of_a_next_item_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match="`run_dir` should be the folder of a finished"):
        record_of(tmp_path)
    written(tmp_path, {"job": "train", "settings": {"model": "two_tower"}})
    with pytest.raises(ValueError, match="a run of `advrec train` of the model two_tower"):
        record_of(tmp_path)
    written(tmp_path, {"job": "compare", "settings": {}})
    with pytest.raises(ValueError, match="a run of `advrec compare`"):
        record_of(tmp_path)
