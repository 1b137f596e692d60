import pytest

from advrec_tf.pipelines.attack.cell import UNRESTRICTED
from advrec_tf.pipelines.attack.summary import aggregate, legend, lines_of, rows_of

BASE = {"attack": "a", "victim": "v", "defence": "none", "group": "g", "size": 0.1}
BASE["knowledge"] = UNRESTRICTED


def test_means_are_over_targets_first_and_deviations_over_seeds():
    cells = [
        {**BASE, "target": t, "seed": s, "x": x}
        for t, s, x in ((0, 0, 1.0), (1, 0, 3.0), (0, 1, 5.0), (1, 1, 7.0))
    ]
    (record,) = aggregate(cells)  # means of seeds 2 and 6: mean 4, deviation sqrt(8)
    assert record["x"] == 4 and record["deviation"]["x"] == pytest.approx(8**0.5)
    assert (record["targets"], record["seeds"]) == (2, 2)


def test_a_measure_stands_beside_its_clean_value():
    lines = lines_of({**BASE, "targets": 2, "seeds": 1, "x": 0.5, "x, clean": 0.25, "y": 1.0})
    assert lines[0] == "a on v, defence none: 2 targets, 1 seed"
    assert [line.split() for line in lines[1:-1]] == [
        ["clean", "attacked"],
        ["x", "0.2500", "0.5000"],
        ["y", "1.0000"],
    ]
    assert lines[-1] == (
        "  clean: the model without fake profiles and without a defence; attacked: with the fake "
        "profiles."
    )


def test_a_defended_measure_stands_beside_the_undefended_one_and_the_defence_alone():
    record = {**BASE, "targets": 1, "seeds": 1, "x": 0.5, "x, clean": 0.25, "only": 1.0}
    lines = lines_of(
        {**record, "defence": "d"},
        undefended={**BASE, "x": 0.75, "x, clean": 0.25},
        alone={**BASE, "attack": "none", "defence": "d", "x": 0.375, "x, clean": 0.25},
    )
    assert [line.split() for line in lines[1:4]] == [
        ["clean", "undefended", "defence", "alone", "defended"],
        ["x", "0.2500", "0.7500", "0.3750", "0.5000"],
        ["only", "1.0000"],
    ]
    said = " ".join(line.strip() for line in lines[4:])
    assert "; undefended: with the fake profiles and without the defence; defence alone: " in said
    assert said.endswith("; defended: with both.")


def test_without_an_attack_nothing_is_called_attacked():
    record = {**BASE, "attack": "none", "targets": 1, "seeds": 1, "x": 0.5, "x, clean": 0.25}
    bare = record | {"x": 0.25}
    assert rows_of(bare) == [("", "clean"), ("x", "0.2500")]
    defended = record | {"defence": "d"}
    assert rows_of(defended) == [("", "clean", "defended"), ("x", "0.2500", "0.5000")]
    assert legend(defended).endswith("; defended: with the defence, and without fake profiles.")
