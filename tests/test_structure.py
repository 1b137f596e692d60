"""The order of imports and the one Keras, read from the import lines of the package."""

import ast
import graphlib
from pathlib import Path

import pytest

import advrec_tf

# From the bottom up: a module imports from its own place and from those before it.
ORDER = (
    "_version",
    "_keras",
    "_tfrs",
    "ops",
    "losses",
    "perturbations",
    "data",
    "models",
    "gan",
    "evaluation",
    "training",
    "attacks",
    "defence",
    "serving",
    "tabular",
    "text",
    "knowledge",
    "pipelines",
    "commands",
    "__main__",
)
KERAS_PACKAGES = {"keras", "tf_keras", "keras_hub", "keras_nlp", "keras_cv"}


def read_modules(root):
    """The .py files below `root`, a package -> {dotted module name: syntax tree}."""
    modules = {}
    for path in sorted(root.rglob("*.py")):
        parts = (root.name, *path.relative_to(root).with_suffix("").parts)
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        modules[name] = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return modules


def imported(tree):
    """(module, name or None, line) of every import, those inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from ((module, alias.name, node.lineno) for alias in node.names)


def own_imports(modules, root):
    """(importer, imported module of the package, line)."""
    for importer, tree in modules.items():
        for module, name, line in imported(tree):
            if module.split(".")[0] == root:
                whole = f"{module}.{name}"
                yield importer, whole if whole in modules else module, line


def place_of(module):
    """`package.place.module` -> place; the package itself has the empty name."""
    return (module.split(".") + [""])[1]


def order_violations(modules, root):
    """Lines of text: imports that go up, unknown places, relative imports."""
    found = []
    for importer, tree in modules.items():
        place = place_of(importer)
        if place not in ("", *ORDER):
            found.append(f"{importer}: `{place}` has no place in the order of imports")
        found += [
            f"{importer}:{line}: relative import"
            for module, _, line in imported(tree)
            if module.startswith(".")
        ]
    for importer, target, line in own_imports(modules, root):
        here, there = place_of(importer), place_of(target)
        if there == "_version":
            continue
        if there not in ORDER or here not in ORDER or ORDER.index(there) > ORDER.index(here):
            found.append(f"{importer}:{line}: imports {target}")
    return found


def circles(modules, root):
    """The first circle of modules that import each other, or None."""
    graph = {module: set() for module in modules}
    for importer, target, _ in own_imports(modules, root):
        graph[importer].add(target)
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return None


def keras_violations(modules):
    """Lines of text: Keras and TFRS by another way than `_keras` and `_tfrs`."""
    found = []
    for importer, tree in modules.items():
        place = place_of(importer)
        if place in ("_keras", "_tfrs"):
            continue
        for module, name, line in imported(tree):
            top, *rest = module.split(".")
            keras_3 = top in KERAS_PACKAGES and place != "text"  # language models are Keras 3
            tensorflows = top == "tensorflow" and ("keras" in rest or name == "keras")
            if keras_3 or tensorflows or top == "tensorflow_recommenders":
                found.append(f"{importer}:{line}: imports {name or module} from {module}")
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Attribute)
                and node.attr == "keras"
                and isinstance(node.value, ast.Name)
                and node.value.id in ("tf", "tensorflow")
            ):
                found.append(f"{importer}:{node.lineno}: uses {node.value.id}.keras")
    return found


def raw_streams(modules):
    """Lines of text: seeds of a purpose that are made by adding two numbers to a seed, and not by
    `ops.random.stream`, which names the purpose, so that no two of them collide unseen."""
    found = []
    for name, tree in modules.items():
        if place_of(name) == "ops" and name.endswith(".random"):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
                left, right = _factor(node.left), _factor(node.right)
                if _is_pair(left) != _is_pair(right) and not _are_lists(left, right):
                    found.append(f"{name}:{node.lineno}: adds a pair: {ast.unparse(node)}")
    return found


def _factor(node):
    """What is multiplied in a product, such as the pair of `[0, 4] * step`; else the node."""
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        node = node.left if _is_pair(node.left) else node.right
    return node


def _is_pair(node):
    return isinstance(node, ast.List) and len(node.elts) == 2


def _are_lists(left, right):
    lists = (ast.List, ast.ListComp)
    return isinstance(left, lists) and isinstance(right, lists)


@pytest.fixture(scope="module")
def package():
    return read_modules(Path(advrec_tf.__file__).parent)


def test_a_module_imports_only_from_places_before_its_own(package):
    assert order_violations(package, "advrec_tf") == []


def test_no_modules_import_each_other_in_a_circle(package):
    assert circles(package, "advrec_tf") is None


def test_keras_and_tfrs_enter_in_one_module_each(package):
    assert keras_violations(package) == []


def test_streams_of_random_numbers_are_named(package):
    assert raw_streams(package) == []


# The checks themselves, on packages of a few lines.


def package_of(tmp_path, files):
    for name, text in files.items():
        path = tmp_path / "pkg" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return read_modules(tmp_path / "pkg")


@pytest.mark.parametrize(
    ("path", "line", "problems"),
    [
        ("models/a.py", "from pkg.data import b", 0),
        ("models/a.py", "from pkg.models import towers", 0),
        ("models/a.py", "from pkg import losses", 0),
        ("data/a.py", "import pkg.perturbations", 0),
        ("models/a.py", "from pkg.training import loops", 1),
        ("models/a.py", "from pkg import gan", 1),
        ("models/a.py", "def f():\n    import pkg.serving.export", 1),
        ("data/a.py", "from . import b", 1),
        ("losses.py", "from pkg.data import b", 1),
        ("losses.py", "from pkg._version import __version__", 0),
        ("__init__.py", "from pkg._version import __version__", 0),
        ("__init__.py", "from pkg.models import towers", 1),
        ("utils/a.py", "x = 1", 1),
        ("data/a.py", "from pkg.utils import b", 1),
        ("data/a.py", "from pkgother.serving import b", 0),
    ],
)
def test_the_order_check_finds_what_it_is_for(tmp_path, path, line, problems):
    modules = package_of(tmp_path, {"gan/__init__.py": "", "losses.py": "", path: line})
    assert len(order_violations(modules, "pkg")) == problems


def test_the_circle_check_finds_a_circle_within_a_folder(tmp_path):
    one, two = "from pkg.data import two", "from pkg.data.one import f"
    modules = package_of(tmp_path, {"data/one.py": one, "data/two.py": "x = 1"})
    assert circles(modules, "pkg") is None
    modules = package_of(tmp_path, {"data/two.py": two})
    assert set(circles(modules, "pkg")) == {"pkg.data.one", "pkg.data.two"}


@pytest.mark.parametrize(
    ("path", "line", "problems"),
    [
        ("a.py", "from pkg._keras import keras", 0),
        ("_keras.py", "from tensorflow import keras", 0),
        ("_tfrs.py", "import tensorflow_recommenders as tfrs", 0),
        ("a.py", "from tensorflow import keras", 1),
        ("a.py", "import tensorflow_recommenders as tfrs", 1),
        ("a.py", "import keras", 1),
        ("a.py", "from keras import layers", 1),
        ("a.py", "import tf_keras", 1),
        ("a.py", "from tensorflow.keras import layers", 1),
        ("a.py", "def f():\n    import keras_hub", 1),
        ("a.py", "import tensorflow as tf\ntf.keras.layers.Dense(1)", 1),
        ("text/language_model.py", "import keras_hub", 0),
    ],
)
def test_the_keras_check_finds_what_it_is_for(tmp_path, path, line, problems):
    assert len(keras_violations(package_of(tmp_path, {path: line}))) == problems


@pytest.mark.parametrize(
    ("path", "line", "problems"),
    [
        ("a.py", 'x = stream(seed, "noise", 3)', 0),
        ("a.py", "x = [1] + [2, 3]", 0),
        ("a.py", "rng = np.random.default_rng([seed, 3])", 0),
        ("ops/random.py", "x = seed + [1, 2]", 0),
        ("a.py", "x = seed + [1, 0]", 1),
        ("a.py", "x = draw(n, [30, i] + given)", 1),
        ("a.py", "x = seed + [0, 1024] * block", 1),
        ("a.py", "x = seed + step * [0, 1024]", 1),
    ],
)
def test_the_check_of_streams_finds_what_it_is_for(tmp_path, path, line, problems):
    assert len(raw_streams(package_of(tmp_path, {path: line}))) == problems
