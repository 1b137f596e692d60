"""The tables: off, every control, and the generators, a row each.

Every row ends in the same factorisation (or, where it says so, in a ranking of its own), so that
rows differ by what was done to the data or to the lists alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from advrec_tf.jobs.augmentation import base_rows, cold_rows, sparse_rows, tail_rows
from advrec_tf.jobs.augmentation.task import Row

TABLES: Mapping[str, Mapping[str, Row]] = {
    "sparse": {
        "off": Row(make=base_rows.off),
        "popularity": Row(make=base_rows.popularity),
        "EASE": Row(make=sparse_rows.ease_alone),
        "popularity prior at serving": Row(make=sparse_rows.serving_prior),
        "noise on embeddings": Row(make=sparse_rows.noise_on_embeddings),
        "item dropout": Row(make=sparse_rows.item_dropout),
        "swaps of similar items": Row(make=sparse_rows.swaps, setting="weight"),
        "mixup of profiles": Row(make=sparse_rows.mixup, setting="weight"),
        "random rows": Row(make=sparse_rows.random_rows, setting="weight"),
        "popular rows": Row(make=sparse_rows.popular_rows, setting="weight"),
        "EASE rows": Row(make=sparse_rows.ease_rows, setting="weight"),
        "twin rows": Row(make=sparse_rows.profile_rows(adversary=False), setting="weight"),
        "GAN rows": Row(
            make=sparse_rows.profile_rows(adversary=True), setting="weight", twin="twin rows"
        ),
    },
    "cold": {
        "random": Row(make=cold_rows.random_ranking),
        "popularity": Row(make=base_rows.popularity),
        "popularity by attributes": Row(
            make=cold_rows.group_popularity, setting="strength", needs_attributes=True
        ),
        "bootstrap": Row(make=cold_rows.bootstrap, needs_attributes=True),
        "twin": Row(make=cold_rows.attribute_ranking(adversary=False), needs_attributes=True),
        "GAN": Row(
            make=cold_rows.attribute_ranking(adversary=True), twin="twin", needs_attributes=True
        ),
        "random rows": Row(make=cold_rows.random_best),
        "popular rows": Row(make=cold_rows.popular_best),
        "rows by attributes' popularity": Row(make=cold_rows.group_best, needs_attributes=True),
        "bootstrap rows": Row(make=cold_rows.bootstrap_rows, needs_attributes=True),
        "twin rows, best": Row(
            make=cold_rows.attribute_best(adversary=False), needs_attributes=True
        ),
        "GAN rows, best": Row(
            make=cold_rows.attribute_best(adversary=True),
            twin="twin rows, best",
            needs_attributes=True,
        ),
        "twin rows, drawn": Row(
            make=cold_rows.attribute_drawn(adversary=False), needs_attributes=True
        ),
        "GAN rows, drawn": Row(
            make=cold_rows.attribute_drawn(adversary=True),
            twin="twin rows, drawn",
            needs_attributes=True,
        ),
    },
    "tail": {
        "off": Row(make=base_rows.off),
        "popularity penalty at serving": Row(make=tail_rows.penalised, setting="penalty"),
        "rows by inverse popularity": Row(make=tail_rows.reweighted, setting="row_power"),
        "steered random rows": Row(make=tail_rows.steered_rows("random"), setting="steered_share"),
        "steered twin rows": Row(make=tail_rows.steered_rows("twin"), setting="steered_share"),
        "steered GAN rows": Row(
            make=tail_rows.steered_rows("gan"), setting="steered_share", twin="steered twin rows"
        ),
    },
}
"""Part -> label -> row. The first row of a part is what the others are compared with; of the cold
users that is popularity, since nothing without attributes reaches them."""
BASES = {"sparse": "off", "cold": "popularity", "tail": "off"}
