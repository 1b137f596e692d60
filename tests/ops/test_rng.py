"""What an argument `rng` takes, all over the package."""

import ast
from pathlib import Path

import numpy as np
import pytest

import advrec_tf as ar
from advrec_tf.attacks.threat_model import known_interactions
from advrec_tf.data.augmentation_controls import drop_interactions
from tests.worlds import tiny_world

PACKAGE = Path(ar.__file__).parent
OF_COMMANDS = "pipelines"
DATA = tiny_world(12, 15)


def drawing(tree, inside=""):
    """Public functions and methods with an argument `rng` that they read: (name, node)."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from drawing(node, f"{inside}{node.name}.")
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            arguments = [argument.arg for argument in [*node.args.args, *node.args.kwonlyargs]]
            reads = any(isinstance(n, ast.Name) and n.id == "rng" for n in ast.walk(node))
            if "rng" in arguments and reads:
                yield f"{inside}{node.name}", node


def begins_with_a_generator(function):
    statements = [s for s in function.body if not isinstance(s, ast.Expr)]
    return ast.unparse(statements[0]) == "rng = np.random.default_rng(rng)"


def test_every_public_function_makes_a_generator_of_its_rng():
    found, plain = [], []
    for path in sorted(PACKAGE.rglob("*.py")):
        place = path.relative_to(PACKAGE)
        if place.parts[0] == OF_COMMANDS:
            continue
        for name, function in drawing(ast.parse(path.read_text(encoding="utf-8"))):
            found.append(name)
            if not begins_with_a_generator(function):
                plain.append(f"{place} {name}")
    assert plain == []
    assert {"inject", "inject_events", "ShillingAttack.profiles", "drop_interactions"} <= {*found}


@pytest.mark.parametrize("seed", [3, [3], np.random.SeedSequence(3), np.random.PCG64(3)])
def test_a_seed_draws_what_its_generator_draws(seed):
    # Each seed is that of the same generator, PCG64 of SeedSequence(3).
    profiles = ar.attacks.AverageAttack(num_profiles=4, num_fillers=3).profiles
    expected = profiles(DATA, [3], rng=np.random.default_rng(3))
    assert np.array_equal(profiles(DATA, [3], rng=seed), expected)


def test_the_steps_of_one_call_draw_from_one_stream():
    attack = ar.attacks.CampaignAttack(num_profiles=4, num_fillers=3)
    found = attack.profiles(DATA, [3], rng=5)
    assert np.array_equal(found, attack.profiles(DATA, [3], rng=np.random.default_rng(5)))
    poisoned = [
        ar.attacks.inject(DATA, found, targets=[3], attack="campaign", rng=rng)
        for rng in (7, np.random.default_rng(7))
    ]
    times = [one.interactions.timestamp for one in poisoned]
    assert np.array_equal(*times)


def test_a_generator_is_drawn_from_as_it_is():
    rng = np.random.default_rng(0)
    first, second = (drop_interactions(DATA, 0.5, rng=rng) for _ in range(2))
    assert first.item_index.tolist() != second.item_index.tolist()
    known = known_interactions(DATA, 0.9, rng=1)
    assert known.num_users == 11  # round(0.9 * 12)
