import json
import shlex
import sys
from pathlib import Path

import pytest

from experiments.speed import text as speed
from tests.worlds import interactions_of


def prints(code):
    python = shlex.quote(sys.executable)
    return f"{python} -c \"import json; texts = json.load(open('{{texts}}')); {code}\""


def test_a_command_is_given_the_texts_and_its_last_line_is_its_rate(tmp_path):
    path = tmp_path / "texts.json"
    path.write_text(json.dumps(["a", "b", "c"]))
    code = "print('loading'); print(json.dumps(dict(per_second=len(texts), per_cpu_second=1.5)))"
    assert speed.rate_of_command(prints(code), {"texts": str(path)}) == speed.Rate(3.0, 1.5)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("print(12)", "should print a last line of JSON with per_second and per_cpu_second"),
        ("print('{}')", "Received: '{}'"),
        ("raise SystemExit('no model here')", "should end with status 0.*no model here"),
    ],
)
def test_a_command_without_a_rate_is_refused_with_what_it_said(tmp_path, code, message):
    path = tmp_path / "texts.json"
    path.write_text("[]")
    with pytest.raises(ValueError, match=message):
        speed.rate_of_command(prints(code), {"texts": str(path)})


def test_things_are_counted_by_the_clock_and_by_the_processor():
    def idle():
        import time

        time.sleep(0.2)

    rate = speed.timed(100, idle)
    assert rate.per_second <= 500 and rate.per_cpu_second > 2 * rate.per_second


@pytest.mark.slow
def test_positives_are_counted_for_a_tower_on_kept_vectors_and_for_one_that_encodes(
    make_text_tower,
):
    tower = make_text_tower(["war", "love"], dim=4)
    data = interactions_of([(user, item) for user in range(8) for item in range(4)])
    texts = ["war", "love", "war love", ""]
    steps = {"kept": 2, "in the loop": 1}
    rates = speed.training_rates(data, tower, texts, batch_size=8, steps=steps)
    assert list(rates) == ["kept", "in the loop"]
    assert all(rate.per_second > 0 and rate.per_cpu_second > 0 for rate in rates.values())


def test_the_page_says_how_many_times_as_fast():
    def rate(value):
        return dict.fromkeys(speed.RATES, value)

    text = speed.markdown(
        {
            "command": "python it",
            "machine": {"cores": 2},
            "items": 5,
            "texts": 4,
            "tokens": {"mean": 3.0, "longest": 7},
            "rounds": 3,
            "beside": "another",
            "encoding": {"ours": rate(300.0), "theirs": rate(200.0)},
            "training": {"kept": rate(60_000.0), "in the loop": rate(400.0)},
        },
        Path("x.md"),
    )
    assert "1.50 times as fast as the command beside by the clock" in text
    assert "training is 150 times as fast" in text
    assert "| encoding, the command beside | texts | 200 | 200 |" in text
