import numpy as np
import pandas as pd
import pytest

pytest.importorskip("sklearn")

from advrec_tf.attacks.heuristic import RandomAttack
from advrec_tf.attacks.injection import inject
from advrec_tf.data.readers.frames import from_frame
from advrec_tf.pipelines.fraud import ranking


@pytest.fixture(scope="session")
def ring_file(tmp_path_factory):
    """A table: 60 people on 50 items, and eight who give ten others the highest rating."""
    path = tmp_path_factory.mktemp("ring") / "ratings.csv"
    rng = np.random.default_rng(0)
    lines = ["user_id,item_id,rating"]
    for u in range(60):
        for i in rng.choice(50, int(rng.integers(6, 14)), replace=False):
            lines.append(f"p{u},i{i},{rng.integers(2, 5)}")
    for u in range(8):
        lines += [f"ring{u},i{50 + i},5" for i in range(10)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="session")
def copies():
    """(number of people, whether rated) -> interactions with a copier of user 3 among them."""
    return _copies


def _copies(num_users, *, rated=True, seed=0):
    """People of two tastes, and one more who has fourteen of user 3's items and one besides."""
    rng = np.random.default_rng(seed)
    chance = 1.0 / np.arange(1, 101)
    rows = []
    for u in range(num_users):
        taste = chance * np.where((np.arange(100) + u) % 2 == 0, 1.0, 0.1)
        own = rng.choice(100, 18, False, p=taste / taste.sum())
        rows += [(f"u{u}", int(i), int(rng.integers(2, 6))) for i in own]
    theirs = [(item, rating) for user, item, rating in rows if user == "u3"][:14]
    rows += [("copier", item, rating) for item, rating in theirs] + [("copier", 99, 5)]
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "rating"])
    return from_frame(frame, rating_column="rating" if rated else None).interactions


@pytest.fixture(scope="session")
def attacked_verdicts():
    rng = np.random.default_rng(0)
    chance = 1.0 / np.arange(1, 101)
    frame = pd.DataFrame(
        [
            (u, int(i), int(rng.integers(2, 6)))
            for u in range(100)
            for i in rng.choice(100, int(rng.integers(8, 20)), False, p=chance / chance.sum())
        ],
        columns=["user_id", "item_id", "rating"],
    )
    data = from_frame(frame, rating_column="rating").interactions
    attack = RandomAttack(num_profiles=6, num_fillers=15)
    targets = np.array([90])
    data = inject(
        data, attack.profiles(data, targets, rng=rng), targets=targets, attack="r", rng=rng
    ).interactions
    verdicts = ranking.detect(data, day=None)
    return verdicts, data, int(np.argmax(verdicts.suspicion))
