import pytest

from advrec_tf.pipelines.audit import tables


@pytest.fixture
def sections(report):
    return report["models"][0]["sections"]


def test_every_cell_of_every_section_is_text(sections):
    for name, section in sections.items():
        for block in getattr(tables, name)(section):
            cells = [cell for row in block.get("rows", []) for cell in row]
            assert all(isinstance(cell, str) for cell in cells), name
            assert all(len(row) == len(block["head"]) for row in block.get("rows", []))


def test_a_model_that_lists_seen_items_is_told_in_a_sentence(sections):
    found = {**sections["lists"], "seen": 0.25}
    texts = [block["text"] for block in tables.lists(found) if block["kind"] == "note"]
    assert "The model lists items that the user has: 25.0% of the places." in texts


def test_figures_of_a_model_that_was_trained_on_the_test_part_are_called_none(sections):
    found = {**sections["accuracy"], "test_trained_on": 1.0}
    assert "no measurements" in tables.accuracy(found)[0]["text"]
    assert tables.accuracy(sections["accuracy"])[0]["kind"] == "table"


def test_an_attack_that_has_not_converged_is_a_lower_bound(sections):
    def said(**fields):
        return tables.evasion({**sections["evasion"], **fields})[-1]["text"]

    falls = said(converged=False, further_loss=0.1, given_back=0.0)
    assert "has not converged: the losses are lower bounds" in falls
    rises = said(converged=False, further_loss=0.0, given_back=0.1)
    assert "do less harm, by up to 10.0% (FGSM counts as one step): the attack is" in rises
    assert "converged: more steps change 1.0% at most" in said(converged=True, change=0.01)
