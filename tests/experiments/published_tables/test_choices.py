import pytest

from experiments.published_tables.choices import Choice, read_choices, write_choices


def test_choices_survive_their_file(tmp_path):
    path = tmp_path / "deep" / "settings.json"
    chosen = {
        "MF-BPR": Choice({"l2": 0.01, "dim": 64}, 12, 0.25, 8),
        "EASE": Choice({"l2": 3.0}, 1),
    }
    write_choices(path, chosen)
    assert read_choices(path) == chosen
    assert read_choices(tmp_path / "absent.json") == {}


@pytest.mark.parametrize("text", ["{}", "not json", '{"choices": {"EASE": {"epochs": 1}}}'])
def test_a_settings_file_of_another_kind_is_named(tmp_path, text):
    path = tmp_path / "settings.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="settings.json should hold the choices of a search"):
        read_choices(path)
