"""The tables: off, every control, and the generators, a row each.

Every row ends in the same factorization (or, where it says so, in a ranking of its own), so that
rows differ by what was done to the data or to the lists alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from experiments.augmentation import cold, shared, sparse, tail
from experiments.augmentation.task import Row

TABLES: Mapping[str, Mapping[str, Row]] = {
    "sparse": {
        "off": Row(make=shared.off),
        "popularity": Row(make=shared.popularity),
        "EASE": Row(make=sparse.ease_alone),
        "popularity prior at serving": Row(make=sparse.serving_prior),
        "noise on embeddings": Row(make=sparse.noise_on_embeddings),
        "item dropout": Row(make=sparse.item_dropout),
        "swaps of similar items": Row(make=sparse.swaps, setting="weight"),
        "mixup of profiles": Row(make=sparse.mixup, setting="weight"),
        "random rows": Row(make=sparse.random_rows, setting="weight"),
        "popular rows": Row(make=sparse.popular_rows, setting="weight"),
        "EASE rows": Row(make=sparse.ease_rows, setting="weight"),
        "ablation rows": Row(make=sparse.profile_rows(adversary=False), setting="weight"),
        "GAN rows": Row(
            make=sparse.profile_rows(adversary=True), setting="weight", ablation="ablation rows"
        ),
    },
    "cold": {
        "random": Row(make=cold.random_ranking),
        "popularity": Row(make=shared.popularity),
        "popularity by attributes": Row(
            make=cold.group_popularity, setting="strength", needs_attributes=True
        ),
        "bootstrap": Row(make=cold.bootstrap, needs_attributes=True),
        "ablation": Row(make=cold.attribute_ranking(adversary=False), needs_attributes=True),
        "GAN": Row(
            make=cold.attribute_ranking(adversary=True), ablation="ablation", needs_attributes=True
        ),
        "random rows": Row(make=cold.random_best),
        "popular rows": Row(make=cold.popular_best),
        "rows by attributes' popularity": Row(make=cold.group_best, needs_attributes=True),
        "bootstrap rows": Row(make=cold.bootstrap_rows, needs_attributes=True),
        "ablation rows, best": Row(
            make=cold.attribute_best(adversary=False), needs_attributes=True
        ),
        "GAN rows, best": Row(
            make=cold.attribute_best(adversary=True),
            ablation="ablation rows, best",
            needs_attributes=True,
        ),
        "ablation rows, drawn": Row(
            make=cold.attribute_drawn(adversary=False), needs_attributes=True
        ),
        "GAN rows, drawn": Row(
            make=cold.attribute_drawn(adversary=True),
            ablation="ablation rows, drawn",
            needs_attributes=True,
        ),
    },
    "tail": {
        "off": Row(make=shared.off),
        "popularity penalty at serving": Row(make=tail.penalized, setting="penalty"),
        "rows by inverse popularity": Row(make=tail.reweighted, setting="row_power"),
        "steered random rows": Row(make=tail.steered_rows("random"), setting="steered_fraction"),
        "steered ablation rows": Row(
            make=tail.steered_rows("ablation"), setting="steered_fraction"
        ),
        "steered GAN rows": Row(
            make=tail.steered_rows("gan"),
            setting="steered_fraction",
            ablation="steered ablation rows",
        ),
    },
}
"""Part -> label -> row. The first row of a part is what the others are compared with; of the cold
users that is popularity, since nothing without attributes reaches them."""
BASES = {"sparse": "off", "cold": "popularity", "tail": "off"}
