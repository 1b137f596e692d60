import pytest

from advrec_tf.data.readers.files import DataError
from advrec_tf.data.readers.knowledge_files import read_item_entities, read_triples


def write(tmp_path, content):
    path = tmp_path / "facts.txt"
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "header",
    [
        "head_id:token\trelation_id:token\ttail_id:token\n",
        "head relation tail\n",
        "#Head\trelation\ttail\n",
        "subject predicate object\n",
    ],
)
def test_a_first_line_that_names_its_fields_is_passed_over(tmp_path, header):
    path = write(tmp_path, header + "i1\tdirector\tA b\n")
    assert read_triples(path) == [("i1", "director", "A b")]


def test_a_header_that_comes_later_is_a_fact(tmp_path):
    assert len(read_triples(write(tmp_path, "a r b\nhead relation tail\n"))) == 2


def test_a_line_without_three_parts_is_named(tmp_path):
    with pytest.raises(DataError, match="line 3: expected `head relation tail`. Received 2"):
        read_triples(write(tmp_path, "a r b\n\nc r\n"))
    with pytest.raises(DataError, match="facts.txt: expected lines `head relation tail`"):
        read_triples(write(tmp_path, "\n"))


def test_items_have_one_entity_and_ids_by_the_rule_of_all_readers(tmp_path):
    assert read_item_entities(write(tmp_path, "item_id entity_id\n1 A\n2.0 B\n")) == {
        1: "A",
        2: "B",
    }
    assert read_item_entities(write(tmp_path, "1 A\nx B\n")) == {"1": "A", "x": "B"}
    with pytest.raises(DataError, match="line 2: expected one line an item"):
        read_item_entities(write(tmp_path, "1 A\n1 B\n"))
    with pytest.raises(DataError, match="line 3: expected each id once .it stands as '1' too"):
        read_item_entities(write(tmp_path, "1 A\n2 B\n1.0 C\n"))


def test_names_are_in_one_unicode_form(tmp_path):
    assert read_triples(write(tmp_path, "e\u0301 r b\n")) == [("\u00e9", "r", "b")]
