import errno
import os

import pytest

from advrec_tf.ops.files import (
    atomic_bytes,
    atomic_file,
    atomic_folder,
    check_output,
    remove_unfinished,
)


def test_a_file_appears_when_the_block_ends_and_not_before(tmp_path):
    path = tmp_path / "new folder" / "table.csv.gz"
    with atomic_file(path) as unfinished:
        unfinished.write_text("half")
        assert not path.exists() and unfinished.suffix == ".gz"
    assert path.read_text() == "half"
    assert [file.name for file in path.parent.iterdir()] == ["table.csv.gz"]


def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_file(path, overwrite=True) as unfinished:
        unfinished.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_an_existing_file_is_replaced_only_where_that_is_asked_for(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(FileExistsError, match=r"`path` should be a new file.*table\.csv"):
        atomic_bytes(path, "new")
    assert path.read_text() == "old"
    atomic_bytes(path, "new", overwrite=True)
    assert path.read_text() == "new"


def test_a_file_that_another_process_makes_meanwhile_is_kept(tmp_path):
    path = tmp_path / "table.csv"
    with (
        pytest.raises(FileExistsError, match="appeared meanwhile"),
        atomic_file(path) as unfinished,
    ):
        unfinished.write_text("ours")
        path.write_text("theirs")
    assert path.read_text() == "theirs" and len(list(tmp_path.iterdir())) == 1


def test_an_input_is_never_replaced_whatever_names_it(tmp_path):
    data = tmp_path / "data.csv"
    data.write_text("precious")
    os.symlink(data, tmp_path / "symbolic.csv")
    os.link(data, tmp_path / "hard.csv")
    for name in ("data.csv", "symbolic.csv", "hard.csv", "../" + tmp_path.name + "/data.csv"):
        with pytest.raises(ValueError, match="`--out` should be another file than the input"):
            check_output(tmp_path / name, overwrite=True, inputs=[None, data], name="--out")
    with pytest.raises(ValueError, match="another file than the input"):
        atomic_bytes(data, "x", overwrite=True, inputs=[tmp_path])  # a file of an input folder
    assert data.read_text() == "precious"
    assert check_output(tmp_path / "new.csv", inputs=[tmp_path, "synthetic"]).name == "new.csv"


def test_only_a_regular_file_is_replaced(tmp_path):
    with pytest.raises(ValueError, match="a folder"):
        check_output(tmp_path, overwrite=True)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="no regular file"):
        check_output(tmp_path / "pipe", overwrite=True)


def test_a_link_stays_a_link_and_its_target_is_replaced(tmp_path):
    target, link = tmp_path / "target.csv", tmp_path / "link.csv"
    target.write_text("old")
    os.symlink(target, link)
    atomic_bytes(link, b"new", overwrite=True)
    assert link.is_symlink() and target.read_text() == "new"


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    with atomic_folder(tmp_path / "1") as unfinished:
        (unfinished / "a").write_text("a")
        assert not (tmp_path / "1").exists() and unfinished.name.startswith(".")
    assert (tmp_path / "1" / "a").read_text() == "a"
    with (
        pytest.raises(FileExistsError, match="none is ever overwritten"),
        atomic_folder(tmp_path / "1"),
    ):
        pass
    with pytest.raises(RuntimeError), atomic_folder(tmp_path / "2") as unfinished:
        raise RuntimeError
    assert [path.name for path in tmp_path.iterdir()] == ["1"]


def test_a_full_disk_is_told_with_the_file_that_has_no_room(tmp_path):
    path = tmp_path / "a.npz"
    with pytest.raises(OSError, match="No space left") as full, atomic_file(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert (full.value.errno, full.value.filename) == (errno.ENOSPC, str(path))
    assert not list(tmp_path.iterdir())


def test_what_killed_writers_left_is_removed_and_nothing_else(tmp_path):
    (tmp_path / "a" / ".b.unfinished-1").mkdir(parents=True)
    for name in ("a/.c.unfinished-2.npz", "a/.b.unfinished-1/x", "a/c.npz", "unfinished-3", ".d"):
        (tmp_path / name).write_text("")
    remove_unfinished(tmp_path)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert left == {"a", "a/c.npz", "unfinished-3", ".d"}
