"""A world of two tastes with times and a column of users, its split, and cases on it."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from advrec_tf.data import splits
from advrec_tf.models.base import MatrixRecommender
from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.pipelines.audit import data, evasion, job, poisoning
from advrec_tf.pipelines.audit.opening import subject_of
from advrec_tf.pipelines.audit.settings import AuditSettings
from advrec_tf.pipelines.audit.subject import Subject, case_of, measured_users
from tests.worlds import block_world


@pytest.fixture(scope="session")
def world():
    """80 users of 24 items; user u has 8 items of its parity, which is the column taste."""
    data = block_world(80, 24, 8, seed=1)
    taste = pd.DataFrame({"taste": np.where(np.arange(80) % 2, "odd", "even")})
    return dataclasses.replace(
        data, timestamp=np.arange(len(data), dtype=np.float64), user_features=taste
    )


@pytest.fixture(scope="session")
def split(world):
    return splits.last_item(world)


@pytest.fixture(scope="session")
def make_case(split):
    """scores [users, items] and fields of `Subject` -> a `Case`."""

    def make(scores, *, of=split, settings=AuditSettings(), **fields):
        matrix = MatrixRecommender(scores=np.float32(scores), interactions=of.train)
        subject = Subject(name="planted", kind="scores", scorer=matrix, **fields)
        users = measured_users(of, settings.max_users, of.train.num_items, settings.seed)
        return case_of(subject, of, settings, users)

    return make


@pytest.fixture(scope="session")
def noise():
    """[80, 24] scores that say nothing."""
    return np.random.default_rng(0).normal(size=(80, 24)).astype(np.float32)


SETTINGS = AuditSettings(radii=(0.1,), profiles=5, targets=1)


@pytest.fixture(scope="session")
def report(world, split, noise):
    """Two models of one world: vectors of the two tastes, and noise that only scores."""
    suspects = {
        "flagged": 1,
        "share": 1 / 80,
        "users": [
            {"user": "<script>alert(1)</script>", "suspicion": 0.9, "rows": 8, "reasons": ["so"]}
        ],
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "suspicious", lambda interactions, seed: suspects)
        patch.setattr(poisoning, "KINDS", ("bandwagon",))
        patch.setattr(evasion, "STEPS", (2, 4))
        taste = np.eye(2, dtype=np.float32)
        vectors = VectorRecommender(
            user_vectors=taste[np.arange(80) % 2],
            item_vectors=taste[np.arange(24) % 2] + 0.01 * np.abs(noise[:24, :2]),
            unknown_user=np.zeros(2, np.float32),
            interactions=split.train,
        )
        table = MatrixRecommender(scores=noise, interactions=split.train)
        subjects = [
            subject_of(vectors, split, name="tastes"),
            subject_of(table.score, split, name="noise & <b>more</b>"),
        ]
        return job.measure(world, split, SETTINGS, subjects)


@pytest.fixture
def vectors(split, noise):
    return VectorRecommender(
        user_vectors=noise[:, :4],
        item_vectors=noise[:24, 4:8],
        unknown_user=np.zeros(4, np.float32),
        interactions=split.everything(),
    )
