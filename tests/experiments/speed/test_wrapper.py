import pytest

from experiments.speed import wrapper


def test_ratios_are_of_the_processor_time_of_the_same_round():
    passed = {
        wrapper.PLAIN: [(9.0, 1.0), (9.0, 2.0), (9.0, 4.0)],
        "fraction 1": [(5.0, 3.0), (6.0, 2.0), (7.0, 8.0)],
    }
    # ratios 3, 1 and 2
    plain, attacked = wrapper.lines("ranking", passed)
    assert plain == ["ranking", "plain", "9.0", "2.0", "1.00"]
    assert attacked == ["ranking", "fraction 1", "6.0", "3.0", "2.00"]


@pytest.mark.slow
def test_every_step_of_both_models_is_measured(capsys):
    sizes = ["--users", "30", "--items", "20", "--dim", "4", "--batch-size", "16"]
    wrapper.main([*sizes, "--steps", "1", "--rounds", "1"])
    printed = capsys.readouterr().out
    assert printed.count("| retrieval |") == printed.count("| ranking |") == 3
