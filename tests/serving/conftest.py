"""A recommender of three users and five items whose lists can be read off the page.

| user | scores of a b c d e | seen       | list       |
|------|---------------------|------------|------------|
| 11   | 5 4 3 2 1           | a b        | c d e      |
| 12   | 0 1 2 3 4           | c          | e d b a    |
| 13   | 5 3 1 -1 -3         | a b c d    | e          |

Interactions per item: a 2, b 3, c 4, d 5, e 0; so the popular list is d c b a e.
"""

import numpy as np
import pytest

from advrec_tf.data.interactions import Interactions, Vocabulary
from advrec_tf.models.vectors import with_popularity_prior
from advrec_tf.serving.forms import export

ROWS = [
    *[(0, 0), (0, 1), (0, 1)],
    *[(1, 2), (1, 2), (1, 2)],
    *[(2, 0), (2, 1), (2, 2), (2, 3), (2, 3), (2, 3), (2, 3), (2, 3)],
]


def build(users=(11, 12, 13), items=("a", "b", "c", "d", "e"), rows=ROWS, text=None):
    index = np.array(rows, np.int32)
    interactions = Interactions(
        user_index=index[:, 0],
        item_index=index[:, 1],
        users=Vocabulary(users),
        items=Vocabulary(items),
        item_text=text,
    )
    return with_popularity_prior(
        np.array([[1, 0], [0, 1], [1, -1]], np.float32),
        np.array([[5, 0], [4, 1], [3, 2], [2, 3], [1, 4]], np.float32),
        interactions,
        scale=1.0,
        prior_max_history=0,
    )


@pytest.fixture(scope="session")
def make_recommender():
    """The recommender with other ids or other rows, (user index, item index)."""
    return build


@pytest.fixture(scope="session")
def recommender():
    text = np.array(["An Apple", "Bread\tand\nbutter", None, "Dünkel", "Egg"], object)
    return build(text=text)


@pytest.fixture(scope="session")
def version(recommender, tmp_path_factory):
    """The folder of an exported version: lists of 3, at most 7."""
    directory = tmp_path_factory.mktemp("saved_models") / "hand"
    return export(
        recommender, directory, k=3, max_k=7, metadata={"metrics": {"ndcg@10": 0.25}, "seed": 5}
    )
