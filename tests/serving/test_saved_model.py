"""What stands on disk: versions, metadata, titles, a model card; and what the check finds."""

import shutil
import threading

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.serving import folder, forms, saved_model, scorers
from advrec_tf.serving.forms import export, served_form
from advrec_tf.serving.module import ExportCheckError, frozen

STRINGS = {"dtype": "string", "shape": [None]}
LISTS = {"dtype": "string", "shape": [None, None]}


def test_the_metadata_describes_the_export(recommender, version):
    notes = folder.read_metadata(version)
    assert notes["data_fingerprint"] == recommender.interactions.fingerprint()
    assert notes["metadata"] == {"metrics": {"ndcg@10": 0.25}, "seed": 5}
    assert notes["versions"]["tensorflow"] == tf.__version__
    sizes = [notes[name] for name in ("k", "max_k", "num_users", "num_items", "dim")]
    assert sizes == [3, 7, 3, 5, 3]
    assert notes["batches"] is True
    assert notes["signatures"]["recommend"]["inputs"] == {
        "user_id": STRINGS,
        "k": {"dtype": "int32", "shape": [None]},
        "exclude_item_id": LISTS,
        "allow_item_id": LISTS,
    }
    assert notes["signatures"]["serving_default"]["outputs"] == {
        "item_id": {"dtype": "string", "shape": [None, 3]},
        "score": {"dtype": "float32", "shape": [None, 3]},
        "known_user": {"dtype": "bool", "shape": [None]},
    }


def test_the_metadata_holds_the_report_of_the_check(version):
    report = folder.read_metadata(version)["check"]
    assert report["largest_difference"] < 1e-6 and report["requests"] > 10
    assert set(report["latency_us"]) == set(folder.read_metadata(version)["signatures"])
    assert all(latency > 0 for latency in report["latency_us"].values())


def test_the_model_card_says_what_it_is_and_how_to_serve_it(recommender, version):
    card = (version / "MODEL_CARD.md").read_text()
    for part in (
        recommender.interactions.fingerprint(),
        "| ndcg@10 | 0.2500 |",
        "| `recommend` | `user_id` [?] string, `k` [?] int32",
        "/models/hand",
        "Checked through TensorFlow's C API",
        "--enable_batching",
        "Load only what comes from a source you trust.",
    ):
        assert part in card


def test_item_texts_are_written_one_line_an_item(version):
    lines = (version / "assets.extra" / "item_text.tsv").read_text("utf-8").split("\n")
    assert lines == ["a\tAn Apple", "b\tBread and butter", "c\t", "d\tDünkel", "e\tEgg", ""]


def test_without_item_texts_there_is_no_such_file(make_recommender, tmp_path):
    path = export(make_recommender(), tmp_path, check=False)
    assert not (path / folder.ITEM_TEXT).exists()
    assert "written without a check" in (path / folder.MODEL_CARD).read_text()


def test_vectors_and_histories_are_not_constants_of_the_graph(version):
    names = {name for name, _ in tf.train.list_variables(str(version / "variables" / "variables"))}
    for part in (
        "scorer/user_vectors",
        "scorer/item_vectors",
        "histories/items",
        "histories/row_splits",
    ):
        assert f"{part}/.ATTRIBUTES/VARIABLE_VALUE" in names


def test_a_failed_export_leaves_nothing_behind(recommender, tmp_path, monkeypatch):
    def fail(*args):
        assert [path.name[:3] for path in tmp_path.iterdir()] == [".1."]
        raise OSError("disk full")

    monkeypatch.setattr(saved_model.warmup_file, "write_requests", fail)
    with pytest.raises(OSError, match="disk full"):
        export(recommender, tmp_path, check=False)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_version_is_left_as_it_is(recommender, tmp_path):
    (tmp_path / "4").mkdir()
    with pytest.raises(FileExistsError, match=r"none is ever overwritten.*/4"):
        export(recommender, tmp_path, version=4, check=False)
    assert [path.name for path in tmp_path.rglob("*")] == ["4"]


def test_two_exports_at_once_take_a_number_each(recommender, tmp_path, monkeypatch):
    both, save = threading.Barrier(2, timeout=60), tf.saved_model.save
    met = threading.local()

    def together(*args, **settings):
        if not getattr(met, "once", False):
            met.once = True
            both.wait()  # both have chosen the number 1
        with one_at_a_time:
            save(*args, **settings)

    one_at_a_time = threading.Lock()
    monkeypatch.setattr(tf.saved_model, "save", together)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(export(recommender, tmp_path, check=False)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(path.name for path in found) == ["1", "2"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2"]


def test_only_the_newest_versions_are_kept_where_that_is_asked_for(recommender, tmp_path):
    (tmp_path / "1").mkdir()  # no export of ours: left alone
    for _ in range(3):
        path = export(recommender, tmp_path, keep=2, check=False)
    assert path.name == "4"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1", "3", "4"]
    with pytest.raises(ValueError, match="`keep` should be >= 1"):
        export(recommender, tmp_path, keep=0)


def test_metadata_that_is_not_json_is_refused_before_anything_is_written(recommender, tmp_path):
    for value in (np.float32(1), float("nan")):
        with pytest.raises(ValueError, match="`metadata` should hold JSON values"):
            export(recommender, tmp_path, metadata={"score": value})
    assert list(tmp_path.iterdir()) == []


# The check.


def test_a_version_whose_variables_are_gone_is_reported(recommender, version, tmp_path):
    broken = shutil.copytree(version, tmp_path / "1")
    shutil.rmtree(broken / "variables")
    cases = served_form(recommender, k=3, max_k=7).cases(user_ids=[11])
    with pytest.raises(ExportCheckError, match="failed: .*(Could not find|does not exist)"):
        saved_model.check(broken, cases)


def test_a_variable_that_only_a_server_misses_is_found_and_no_version_appears(
    recommender, tmp_path, monkeypatch
):
    def forgotten_when_saving(value, name):
        variable = frozen(value, name)
        if name == "user_vectors":
            variable._serialize_to_tensors = dict
        return variable

    monkeypatch.setattr(scorers, "frozen", forgotten_when_saving)
    path = export(recommender, tmp_path / "unchecked", check=False)
    tf.saved_model.load(str(path))  # takes it without a word
    with pytest.raises(ExportCheckError, match="(?s)could not be run.*user_vectors.* not found"):
        export(recommender, tmp_path / "checked")
    assert list((tmp_path / "checked").iterdir()) == []


def test_a_check_finds_an_export_of_another_model(recommender, version):
    other = served_form(recommender, k=3, max_k=7)
    report = saved_model.check(version, other.cases())
    assert report.answers == folder.read_metadata(version)["check"]["answers"]
    cases = forms.served_form(recommender, k=2, max_k=7).cases()
    with pytest.raises(ExportCheckError, match=r"lists should have shape \(4, 2\)"):
        saved_model.check(version, cases)


def test_a_request_that_should_be_refused_and_is_not_is_found(recommender, version):
    cases = served_form(recommender, k=3, max_k=6).cases()
    with pytest.raises(ExportCheckError, match="k over the longest.*should be refused"):
        saved_model.check(version, cases)
