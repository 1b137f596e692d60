import dataclasses
import shlex
import sys

import numpy as np
import pytest

from experiments.speed import beside, cells
from experiments.speed.cells import Cell


def command(code):
    return f'{shlex.quote(sys.executable)} -c "{code}"'


def turns(*figures):
    """A stand-in for measuring: the given positives/s, process seconds in turn."""
    left = list(figures)

    def measure(cell):
        rate, seconds = left.pop(0)
        return {"positives_per_second": rate, "process_seconds": seconds}

    return measure


def test_the_ratio_is_the_median_of_the_rounds_rates(tmp_path, tiny):
    # against 50 a second: 100, 900, 200 are 2, 18 and 4 times as fast
    found = beside.beside(
        Cell(**tiny, method="bpr+sgd"),
        command("print('noise'); print('positives/s: 5e1')"),
        rounds=3,
        folder=tmp_path,
        measure=turns((100, 1), (900, 1), (200, 1)),
    )
    assert found.unit == "positives/s"
    assert found.times_as_fast == (2, 18, 4) and found.median == 4
    assert (found.ours, found.theirs) == ((100, 900, 200), (50, 50, 50))


def test_without_a_rate_the_wall_times_of_both_are_compared(tmp_path, tiny):
    found = beside.beside(
        Cell(**tiny, method="bpr+sgd"),
        command("import time; time.sleep(.2); '{pairs}'"),
        rounds=1,
        folder=tmp_path,
        measure=turns((7, 0.01)),
    )
    assert found.unit == "seconds" and found.ours == (0.01,)
    assert found.median == pytest.approx(found.theirs[0] / 0.01) and found.median > 20


def test_both_take_turns_on_the_same_interactions_without_our_evaluation(tmp_path, tiny):
    cell = Cell(**tiny, method="bpr+sgd", seed=3)
    order = tmp_path / "order"

    def measure(given):
        assert given == dataclasses.replace(cell, evaluated_users=0)
        order.open("a").write("ours ")
        return {"positives_per_second": 1.0, "process_seconds": 1.0}

    code = (
        f"import numpy as np; open('{order}', 'a').write('theirs ');"
        "p = np.load('{pairs}'); print('positives/s:', p.sum() + 1000 * {dim} + {epochs})"
    )
    found = beside.beside(cell, command(code), rounds=2, folder=tmp_path, measure=measure)
    assert order.read_text() == "ours theirs ours theirs "
    train = cells.split_of(cell).train
    total = int(np.sum(train.user_index) + np.sum(train.item_index))
    assert found.theirs == (total + 2002,) * 2


@pytest.mark.parametrize(
    ("code", "rounds", "message"),
    [
        ("raise SystemExit('no such thing')", 1, "status 0. Received: 1 from .*no such thing"),
        ("print('positives/s: 0')", 1, "`beside` should print positives/s > 0. Received: 0"),
        ("'trains nothing'", 2, r"should train on the interactions in \{pairs\}, or print"),
        ("print('positives/s: 1')", 0, "`rounds` should be >= 1. Received: 0"),
    ],
)
def test_a_command_that_measures_nothing_is_refused(tmp_path, code, rounds, message, tiny):
    cell = Cell(**tiny, method="bpr+sgd")
    measure = turns((1, 1))
    with pytest.raises(ValueError, match=message):
        beside.beside(cell, command(code), rounds=rounds, folder=tmp_path, measure=measure)


def test_a_rate_in_some_rounds_only_is_refused(tmp_path, tiny):
    seen = tmp_path / "seen"
    code = (
        f"import pathlib; p = pathlib.Path('{seen}');"
        "p.exists() or print('positives/s: 1'); p.touch()"
    )
    with pytest.raises(ValueError, match="in every round or in none. Received 1 in 2 rounds"):
        beside.beside(
            Cell(**tiny, method="bpr+sgd"),
            command(code),
            rounds=2,
            folder=tmp_path,
            measure=turns((1, 1), (1, 1)),
        )
