"""Versions and the files beside the graph; no model is needed."""

import pytest

from advrec_tf.ops.files import atomic_folder
from advrec_tf.serving import folder


def write(directory, version=None):
    with atomic_folder(folder.version_path(directory, version)) as unfinished:
        (unfinished / "saved_model.pb").touch()


def test_a_version_follows_the_highest_number_there_is(tmp_path):
    directory = tmp_path / "deep" / "model"
    write(directory)
    write(directory, 9)
    (directory / "v12").mkdir()
    (directory / "13").touch()  # a file is no version
    write(directory)
    assert folder.versions(directory) == [1, 9, 10]
    assert folder.latest(directory).name == "10"


def test_the_latest_of_a_version_is_the_version_itself(tmp_path):
    write(tmp_path, 1)
    write(tmp_path, 2)
    assert folder.latest(tmp_path / "1") == tmp_path / "1"


def test_a_folder_without_versions_is_refused(tmp_path):
    for directory in (tmp_path, tmp_path / "absent"):
        with pytest.raises(FileNotFoundError, match="numbered versions"):
            folder.latest(directory)


def test_a_negative_version_is_refused(tmp_path):
    with pytest.raises(ValueError, match="`version` should be >= 0"):
        folder.version_path(tmp_path, -1)


@pytest.mark.parametrize("content", [(), ("rival",)])
def test_a_version_that_appears_meanwhile_is_not_overwritten(tmp_path, content):
    with pytest.raises(FileExistsError, match="none is ever overwritten"):
        with atomic_folder(tmp_path / "1") as unfinished:
            (unfinished / "mine").touch()
            (tmp_path / "1").mkdir()
            for name in content:
                (tmp_path / "1" / name).touch()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["1", *content]


def test_an_item_id_with_a_tab_cannot_stand_beside_a_text(tmp_path):
    with pytest.raises(ValueError, match="no tab or line break"):
        folder.write_item_text(tmp_path / "t", ["a\tb"], ["text"])


def test_item_texts_come_back_as_written(tmp_path):
    texts = ["x\ty", None, float("nan"), "line\u2028break"]
    folder.write_item_text(tmp_path / "t", list("abcd"), texts)
    assert folder.read_item_text(tmp_path / "t") == {
        "a": "x y",
        "b": "",
        "c": "",
        "d": "line break",
    }


def test_metadata_of_a_stranger_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="`export` did not write it"):
        folder.read_metadata(tmp_path)
