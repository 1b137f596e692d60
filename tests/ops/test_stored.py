import io

import numpy as np
import pytest

from advrec_tf.ops.stored import (
    DamagedFileError,
    pack_ids,
    read_arrays,
    read_json,
    unpack_ids,
)


def test_arrays_come_back_as_they_were(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.arange(3), text=np.array("é"))
    found = read_arrays(tmp_path / "a.npz", cure="")
    assert found["x"].tolist() == [0, 1, 2] and str(found["text"]) == "é"


def of_objects():
    file = io.BytesIO()
    np.savez(file, x=np.array([None, "a"], object))
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "it is empty"), (b"\x80\x04N.", "it is no .npz file"), (of_objects(), "changed")],
)
def test_a_file_that_is_no_archive_of_plain_arrays_is_refused_with_the_cure(
    tmp_path, content, reason
):
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    with pytest.raises(DamagedFileError, match=f"a.npz should be .*{reason}.* Do this.") as refused:
        read_arrays(path, cure="Do this.")
    assert "pickle" not in str(refused.value)


def test_a_folder_in_the_place_of_a_file_is_refused_and_a_missing_file_is_missing(tmp_path):
    for read in (read_arrays, read_json):
        with pytest.raises(DamagedFileError, match="it is a folder"):
            read(tmp_path, cure="")
        with pytest.raises(FileNotFoundError):
            read(tmp_path / "none", cure="")


@pytest.mark.parametrize("content", [b"", b'{"a": ', b"[1]", b"\xff{}", b"[" * 100_000])
def test_what_is_no_json_object_is_refused_with_the_cure(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(DamagedFileError, match="a.json.* Do this."):
        read_json(path, cure="Do this.")
    path.write_bytes(b'{"a": 1}')
    assert read_json(path, cure="") == {"a": 1}


@pytest.mark.parametrize(
    "values",
    [
        np.array([3, -1]),
        np.array(["", "a ", "nul\0l", "\ud800", "x" * 5000], object),
        np.array([], object),
    ],
)
def test_texts_and_integers_are_packed_without_loss(values):
    packed = pack_ids("ids", values)
    assert all(array.dtype.kind in "iu" for array in packed.values())
    assert unpack_ids("ids", packed).tolist() == values.tolist()


def test_one_long_text_costs_its_own_room_alone():
    values = np.array(["short"] * 1000 + ["x" * 20_000], object)
    assert sum(array.nbytes for array in pack_ids("ids", values).values()) < 40_000
