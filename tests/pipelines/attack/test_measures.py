from advrec_tf.pipelines.attack.cell import Cell
from advrec_tf.pipelines.attack.evidence import of_target
from advrec_tf.pipelines.attack.measures import MEANINGS, explained


def test_every_measure_of_a_defended_cell_and_of_its_target_is_explained(make_runner):
    runner = make_runner()
    cell = Cell(attack="average", victim="ease", defence="independence-weights", target=0, size=0.1)
    poisoned, _ = runner.poisoned(cell)
    found = runner.run(cell)
    found |= of_target(runner.train, poisoned.interactions, 0, poisoned.is_fake.nonzero()[0])
    names = [
        name
        for name, value in found.items()
        if isinstance(value, float) and name != "size" and not name.endswith(", clean")
    ]
    measures = {name.partition("@")[0] for name in names}
    assert measures == set(MEANINGS)
    said = explained(names)
    assert len(said) == len(measures)  # of several cut-offs one stands for all
    assert ("target_rank", MEANINGS["target_rank"]) in said
    assert dict(said)["ndcg@k"].startswith("NDCG at k of honest users")
    assert not any("{" in words for _, words in said)


def test_what_is_unknown_is_not_explained():
    assert explained(["x", "accounts"]) == []
