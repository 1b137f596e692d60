"""Opening what `--model` names: a run folder, a SavedModel of ours or of TFRS, a Python name.

Every form becomes a `Subject` in the order of the file: ids are looked up, users that the model
does not know get what it serves to an unknown user, and items that it does not know score -inf.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.splits import Split
from advrec_tf.evaluation.robustness import vectors_of
from advrec_tf.evaluation.scorers import as_scorer
from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.pipelines.audit import saved_models
from advrec_tf.pipelines.audit.alignment import listed, trained_on_test
from advrec_tf.pipelines.audit.run_folders import open_run
from advrec_tf.pipelines.audit.subject import K, Subject
from advrec_tf.pipelines.recommend.shipping import VECTORS, WHOLE, load_shipped

_TRIED = 8
_TOLERANCE = 1e-3


def open_model(spec: str, split: Split, fit: str | None = None) -> Subject:
    """The model that `spec` names, over users and items of the split.

    Args:
        spec: a run folder with what it shipped, a SavedModel folder, or `module:name`.
        split: of the file.
        fit: `module:name` of a function, interactions -> a trained model; None without.

    Raises:
        ValueError, OSError, ImportError: if it is none of these, does not load, or has other items
            than the file.
    """
    path = Path(spec)
    trainer = None if fit is None else named(fit, "--fit")
    if path.is_dir():
        if (path / VECTORS).is_file():
            return open_run(path, split, trainer)
        if (path / WHOLE).is_file():
            return open_whole(path, split, trainer)
        return saved_models.open_saved_model(path, split, trainer)
    if ":" in spec and not path.exists():
        return python_model(spec, split, trainer)
    raise FileNotFoundError(
        "`--model` should be the folder of a run, the folder of a SavedModel, or module:name. "
        f"Received: {spec}, which does not exist or is a file."
    )


def open_whole(path: Path, split: Split, fit: Callable | None = None) -> Subject:
    """The next-item model of a run folder, over users and items in the order that it knows.

    Raises:
        ValueError: if the file has other users or items.
    """
    model = load_shipped(path)
    for kind in ("users", "items"):
        ours, theirs = getattr(model.interactions, kind).ids, getattr(split.train, kind).ids
        if not np.array_equal(ours, theirs):
            raise ValueError(
                f"{path} holds a next-item model of {len(ours)} {kind}, which should be those of "
                f"the file in its order. Received a file of {len(theirs)}, or of others: give the "
                "file, the filters and the column types of the run, or audit its export."
            )
    knows_test = trained_on_test(path / "run.json", split)
    return subject_of(model, split, name=str(path), fit=fit, knows_test=knows_test)


def named(spec: str, option: str):
    """What `module:name` names; modules of the working folder are found.

    Raises:
        ValueError: if there is no such module or name; it says which.
    """
    module, _, name = spec.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ValueError(
            f"`{option}` should name a module that Python finds here. Received: {spec} ({error})."
        ) from error
    for part in name.split("."):
        if not hasattr(found, part):
            raise ValueError(f"`{option}` should name something in {module}. Received: {spec}.")
        found = getattr(found, part)
    return found


def python_model(spec: str, split: Split, fit: Callable | None = None) -> Subject:
    """A model by its Python name: a scorer, an index of TFRS, or a function of interactions that
    returns one of them (its first argument is named `interactions`), which also retrains."""
    model, knows_test = named(spec, "--model"), None
    if _takes_interactions(model):
        fit, model, knows_test = fit or model, model(split.train), False
    return subject_of(model, split, name=spec, fit=fit, knows_test=knows_test)


def subject_of(
    model, split: Split, *, name: str, fit: Callable | None = None, knows_test: bool | None = None
) -> Subject:
    """A model in memory, over the users and items of the split."""
    if hasattr(model, "_candidates") and hasattr(model, "_identifiers"):
        return saved_models.of_index(model, split, name=name, fit=fit, knows_test=knows_test)
    scorer = as_scorer(model, split.train)
    vectors, why = _vectors_in_memory(model, scorer, split.train)
    lists = None
    if callable(getattr(model, "recommend", None)):

        def lists(users):
            ids = split.train.users.ids[users].tolist()
            return listed(model.recommend(ids, K), ids, split.train.items)

    return Subject(
        name=name,
        kind=f"Python object {type(model).__name__}",
        scorer=scorer,
        lists=lists,
        vectors=vectors,
        no_vectors=why,
        fit=fit,
        knows_test=knows_test,
    )


def _takes_interactions(model) -> bool:
    if not callable(model) or hasattr(model, "score"):
        return False
    try:
        parameters = list(inspect.signature(model).parameters)
    except (TypeError, ValueError):
        return False
    return parameters[:1] == ["interactions"]


def _vectors_in_memory(model, scorer, train: Interactions) -> tuple[VectorRecommender | None, str]:
    """(vectors, "") where the products of the model's vectors are its scores, or (None, why)."""
    try:
        users, items = vectors_of(model)
    except (ValueError, NotImplementedError):
        return None, f"{type(model).__name__} has no `user_vectors` and `item_vectors`."
    if len(users) != train.num_users or len(items) != train.num_items:
        return None, f"{type(model).__name__} has vectors of other users or items than the file."
    tried = np.linspace(0, train.num_users - 1, min(_TRIED, train.num_users)).astype(np.int32)
    expected, found = np.asarray(scorer.score(tried)), users[tried] @ items.T
    size = max(1e-6, float(np.abs(np.where(np.isfinite(expected), expected, 0)).max()))
    if not np.abs(found - expected).max() <= _TOLERANCE * size:
        return None, f"The products of the vectors of {type(model).__name__} are not its scores."
    return (
        VectorRecommender(
            user_vectors=users,
            item_vectors=items,
            unknown_user=np.zeros(users.shape[1], np.float32),
            interactions=train,
        ),
        "",
    )
