import gzip
import os
import tracemalloc

import pytest

from advrec_tf.data.readers import files, tables
from advrec_tf.data.readers.files import DataError

GOOD = "user_id,item_id\na,x\nb,y\n"


def write(tmp_path, content, name="rows.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refusal(path, **settings):
    with pytest.raises(DataError) as caught:
        tables.read_table(path, **settings)
    return str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"existing file.*nowhere\.csv"):
        tables.read_table(tmp_path / "nowhere.csv")


def test_a_directory_is_no_table(tmp_path):
    assert f"the directory {tmp_path}" in refusal(tmp_path)


def test_an_empty_file_is_refused(tmp_path):
    path = write(tmp_path, "")
    assert refusal(path) == f"{path}: expected a header and rows. Received an empty file."


def test_an_empty_gz_file_is_refused(tmp_path):
    assert "an empty file" in refusal(write(tmp_path, gzip.compress(b""), "rows.csv.gz"))
    assert "an empty file" in refusal(write(tmp_path, b"", "rows.csv.gz"))


def test_a_header_without_rows_is_refused(tmp_path):
    assert "a header only" in refusal(write(tmp_path, "user_id,item_id\n"))
    assert "a header only" in refusal(write(tmp_path, "user_id,item_id\n\n\n"))


def test_gzip_is_read_whatever_the_file_is_called(tmp_path):
    for name in ("rows.csv.gz", "rows.csv"):
        loaded = tables.read_table(write(tmp_path, gzip.compress(GOOD.encode()), name))
        assert loaded.interactions.users.ids.tolist() == ["a", "b"]


def test_a_gz_file_cut_short_is_refused(tmp_path):
    whole = gzip.compress(
        ("user_id,item_id\n" + "".join(f"{i},{i}\n" for i in range(999))).encode()
    )
    text = refusal(write(tmp_path, whole[: len(whole) // 2], "rows.csv.gz"))
    assert "rows.csv.gz should be a whole gzip file" in text and "cut short" in text


def test_a_damaged_gz_file_is_refused(tmp_path):
    content = bytearray(gzip.compress(GOOD.encode()))
    content[-6] ^= 0xFF  # inside the checksum
    assert "damaged" in refusal(write(tmp_path, bytes(content), "rows.csv.gz"))


def test_a_file_only_named_gz_is_refused(tmp_path):
    text = refusal(write(tmp_path, GOOD, "rows.csv.gz"))
    assert "named .gz" in text and "starts with 75 73" in text  # "us"


def test_a_byte_of_another_encoding_is_found_by_line(tmp_path):
    content = b"user_id,item_id\na,x\nb,caf\xe9\n"
    text = refusal(write(tmp_path, content))
    assert (
        "line 3, byte 6 of the line" in text
        and "0xe9" in text
        and "`encoding`, for example latin-1" in text
    )
    loaded = tables.read_table(write(tmp_path, content), encoding="latin-1")
    assert loaded.interactions.items.ids.tolist() == ["x", "café"]


def test_an_encoding_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(ValueError, match="`encoding`.*'latin-99'"):
        tables.read_table(write(tmp_path, GOOD), encoding="latin-99")


def test_a_byte_order_mark_is_no_part_of_the_first_column_name(tmp_path):
    loaded = tables.read_table(write(tmp_path, b"\xef\xbb\xbf" + GOOD.encode()))
    assert len(loaded.interactions) == 2


def test_a_row_with_too_many_fields_is_named(tmp_path):
    text = refusal(write(tmp_path, GOOD + "c,z,9\n"))
    assert "line 4: expected 2 fields split at ','. Received 3: ['c', 'z', '9']" in text


def test_a_row_with_too_few_fields_is_named(tmp_path):
    assert "line 4: expected 2 fields split at ','. Received 1: ['c']" in refusal(
        write(tmp_path, GOOD + "c\n")
    )


def test_blank_lines_are_passed_over_counted_and_do_not_shift_line_numbers(tmp_path):
    header = "user_id,item_id,rating\n"
    loaded = tables.read_table(write(tmp_path, header + "a,x,1\n\nb,y,2\n   \n"))
    assert loaded.report.noticed["blank line"].number == 2
    text = refusal(write(tmp_path, header + "a,x,1\n\nb,y,good\n"), rating_column="rating")
    assert "line 4" in text


def test_line_ends_inside_quotes_do_not_shift_line_numbers(tmp_path):
    rows = 'user_id,item_id,note,rating\na,x,"two\nlines, one field",1\nb,y,"",bad\n'
    assert "line 4, column 'rating'" in refusal(write(tmp_path, rows), rating_column="rating")


def test_a_quote_that_never_closes_is_named_by_its_first_line(tmp_path):
    text = refusal(write(tmp_path, GOOD + 'c,"z\nd,w\n'))
    assert "line 4" in text and "closed quotes" in text


def test_line_numbers_go_on_from_block_to_block(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "BLOCK_ROWS", 2)
    rows = "user_id,item_id,rating\n" + "a,x,1\n" * 5 + "b,y,bad\n"
    assert "line 7" in refusal(write(tmp_path, rows), rating_column="rating")


def test_windows_line_ends_leave_no_trace(tmp_path):
    loaded = tables.read_table(write(tmp_path, GOOD.replace("\n", "\r\n")))
    assert loaded.interactions.items.ids.tolist() == ["x", "y"]


def test_a_fault_names_source_place_column_expectation_and_value():
    error = files.fault("f.csv", "line 3", "age", "a number", "old")
    assert str(error) == "f.csv, line 3, column 'age': expected a number. Received: 'old'."


@pytest.mark.parametrize("encoding", ["utf8", "U8", "UTF_8", "cp65001", "utf-8-sig"])
def test_every_spelling_of_utf_8_passes_its_byte_order_mark_over(tmp_path, encoding):
    loaded = tables.read_table(write(tmp_path, b"\xef\xbb\xbf" + GOOD.encode()), encoding=encoding)
    assert loaded.interactions.users.ids.tolist() == ["a", "b"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_byte_order_mark_says_the_encoding_where_none_is_named(tmp_path, encoding):
    loaded = tables.read_table(write(tmp_path, GOOD.replace("x", "é").encode(encoding)))
    assert loaded.interactions.items.ids.tolist() == ["é", "y"]
    assert f"Read as {encoding}" in str(loaded.report)
    text = refusal(write(tmp_path, GOOD.encode(encoding)), encoding="latin-1")
    assert f"the byte order mark of {encoding}: name that `encoding`" in text


def test_utf_16_without_a_mark_is_recognized_by_its_nul_characters(tmp_path):
    assert "utf-16-le" in refusal(write(tmp_path, GOOD.encode("utf-16-le")))


@pytest.mark.parametrize("encoding", ["base64", "rot13", "hex", "undefined"])
def test_a_codec_that_is_no_encoding_of_text_is_refused(tmp_path, encoding):
    with pytest.raises(ValueError, match=f"`encoding` should be one.*text.*'{encoding}'"):
        tables.read_table(write(tmp_path, GOOD), encoding=encoding)


def test_a_named_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    assert "a regular file" in refusal(tmp_path / "pipe.csv")


def test_a_line_without_end_is_refused_after_a_bounded_part(tmp_path):
    path = write(tmp_path, gzip.compress(b"0" * 50_000_000), "zeros.csv.gz")
    tracemalloc.start()
    text = refusal(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "line 1: expected a line of at most 4,194,304 characters" in text
    assert peak < 32e6


def test_utf8_is_told_from_other_encodings_over_block_ends(tmp_path):
    text = "é" * (1 << 20)
    assert files.is_utf8(write(tmp_path, gzip.compress(("x" + text).encode()), "t.csv.gz"))
    assert not files.is_utf8(write(tmp_path, text.encode("latin-1")))
    assert not files.is_utf8(write(tmp_path, text.encode()[:-1]))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_an_encoding_that_names_the_order_of_bytes_passes_the_mark_over(tmp_path, encoding):
    path = tmp_path / "rows.csv"
    path.write_bytes("\ufeffuser_id,item_id\na,b\nc,d\n".encode(encoding))
    assert tables.read_table(path, encoding=encoding).interactions.num_users == 2
