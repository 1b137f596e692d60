import numpy as np

from experiments.harness.entries import Entry, Task


def test_points_are_the_whole_space_with_the_first_values_first():
    entry = Entry(train=None, space={"a": (1, 2), "b": ("x", "y")})
    assert entry.points() == [
        {"a": 1, "b": "x"},
        {"a": 1, "b": "y"},
        {"a": 2, "b": "x"},
        {"a": 2, "b": "y"},
    ]
    assert entry.points(limit=1) == [{"a": 1, "b": "x"}]
    assert Entry(train=None).points() == [{}]


def test_an_entry_uses_no_more_seeds_than_it_says():
    assert Entry(train=None).seeds([0, 1, 2]) == [0, 1, 2]
    assert Entry(train=None, max_seeds=2).seeds([0, 1, 2]) == [0, 1]
    assert Entry(train=None, seeded=False).seeds([4, 5]) == [4]


def test_a_stream_of_random_numbers_depends_on_the_seed_and_its_number():
    numbers = {Task(setting=None, seed=s).rng(k).random() for s in (0, 1) for k in (0, 1)}
    assert len(numbers) == 4
    assert Task(setting=None, seed=1).rng(2).random() == np.random.default_rng([1, 2]).random()
