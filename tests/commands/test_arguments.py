import cyclopts
import pytest

from advrec_tf.commands.arguments import Count, Run

app = cyclopts.App(result_action="return_value")


@app.default
def command(*, run: Run, count: Count = 3):
    return run.out.name, run.resume, count


def test_a_record_is_options_and_a_count_is_at_least_one(capsys):
    assert app(["--out", "mine", "--resume", "--count", "1"]) == ("mine", True, 1)
    with pytest.raises(SystemExit):
        app(["--out", "mine", "--count", "0"])
    assert "Must be >= 1" in capsys.readouterr().err
