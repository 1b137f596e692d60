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


def test_an_item_id_with_a_tab_cannot_stand_beside_a_text():
    with pytest.raises(ValueError, match="no tab or line break"):
        folder.item_text_lines(["a\tb"], ["text"])


def test_item_texts_come_back_as_written(tmp_path):
    texts = ["x\ty", None, float("nan"), "line\u2028break"]
    (tmp_path / "t").write_text(folder.item_text_lines(list("abcd"), texts), "utf-8")
    assert folder.read_item_text(tmp_path / "t") == {
        "a": "x y",
        "b": "",
        "c": "",
        "d": "line break",
    }


def test_metadata_of_a_stranger_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="`export` did not write it"):
        folder.read_metadata(tmp_path)


def test_damaged_files_are_named(tmp_path):
    path = tmp_path / folder.METADATA
    path.parent.mkdir()
    for content in ("{", "[" * 100_000, "[1]"):
        path.write_text(content)
        with pytest.raises(ValueError, match=r"advrec_tf\.json should hold"):
            folder.read_metadata(tmp_path)
    titles = tmp_path / "item_text.tsv"
    titles.write_bytes(b"a\tApple\nb no tab\n")
    with pytest.raises(ValueError, match=r"item_text\.tsv, line 2.*'b no tab'"):
        folder.read_item_text(titles)
    titles.write_bytes(b"a\t\xff\n")
    with pytest.raises(ValueError, match=r"item_text\.tsv should be UTF-8"):
        folder.read_item_text(titles)


def test_a_version_is_found_as_it_is_named(tmp_path):
    (tmp_path / "007").mkdir()
    assert folder.latest(tmp_path) == tmp_path / "007"
    assert folder.versions(tmp_path) == [7]
    assert folder.version_path(tmp_path) == tmp_path / "8"


def test_old_versions_of_ours_are_removed_and_nothing_else(tmp_path):
    for number in (1, 2, 3, 10):
        (tmp_path / str(number) / "assets.extra").mkdir(parents=True)
        if number != 2:
            (tmp_path / str(number) / folder.METADATA).touch()
    assert folder.remove_old(tmp_path, 2) == [tmp_path / "1"]
    assert folder.remove_old(tmp_path, 2) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["10", "2", "3"]
