import pytest

from advrec_tf.ops import versions


def test_the_latest_is_the_highest_number_or_the_folder_itself(tmp_path):
    for name in ("2", "10", "007", "draft"):
        (tmp_path / name).mkdir()
    (tmp_path / "99").touch()
    assert versions.versions(tmp_path) == [2, 7, 10]
    assert versions.latest(tmp_path) == tmp_path / "10"
    (tmp_path / "7").mkdir()
    assert versions.numbered(tmp_path)[7] == tmp_path / "7"
    (tmp_path / "10" / "saved_model.pb").touch()
    assert versions.latest(tmp_path / "10") == tmp_path / "10"


def test_a_folder_without_a_version_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="should hold numbered versions of a SavedModel"):
        versions.latest(tmp_path / "nowhere")
