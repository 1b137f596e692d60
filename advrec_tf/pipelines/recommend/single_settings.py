"""The settings of the training of one model: one frozen record, checked when built."""

from __future__ import annotations

import dataclasses
from typing import Literal

from advrec_tf.pipelines.recommend.settings import NEXT_ITEM, require_columns
from advrec_tf.pipelines.settings import SplitSettings, at_least, described, fractions, positive


@described
@dataclasses.dataclass(frozen=True, kw_only=True)
class SingleSettings(SplitSettings):
    """Everything that decides the result of `single.run`, apart from the data.

    Attributes:
        model: The model. With auto it is two_tower where --use-features or --use-context is given,
            factorization where there are more than 20,000 items, and else autoencoder. The others
            are next-item models, which read a user's items in order: self-attention (sasrec, in
            both directions bert4rec, gated hstu), recurrent units (gru4rec), frequency filters
            (fmlp, with attention bsarec).
        use_features: Give the two-tower model the features of users and items beside their ids.
            With features of users the export has lists for new users by these
            (recommend_from_features).
        use_context: Give the two-tower model the context of an interaction (--context-column).
            Lists of known users are those of the mean context; those of new users take it as well
            (recommend_from_features).
        id_table: How two_tower makes the vectors of ids, where not of a row for each: of rows of
            two small tables (quotient_remainder), or of those that hashes choose (multi_hash). For
            huge vocabularies; see the guide on streams.
        id_share: The rows of these tables as a share of the ids. By default the smallest tables of
            quotient_remainder, and 0.1 of multi_hash.
        adversary: What is done to the model's vectors in training: the gradient's direction (fgsm),
            several steps of it (pgd), noise of the same size (noise) or nothing (none).
        epsilon: The radius of the perturbation, as a fraction of each vector's norm.
        adversarial_weight: The weight of the adversarial loss.
        adversarial_fraction: The fraction of a batch that is perturbed.
        dim: The dimension of the vectors. By default it is what the recipe of the model says, as of
            the next four.
        learning_rate: The learning rate.
        batch_size: Examples in a batch: users of the autoencoder, interactions of the others.
        temperature: The temperature of the softmax of two_tower and factorization.
        drop: The fraction of a profile that is hidden from the autoencoder in training.
        length: The most items of a history that a next-item model reads. By default 50.
        blocks: The blocks of a next-item model, one after the other. By default 2.
        dropout: The dropout of a next-item model. By default 0.3.
        loss: What a next-item model compares its state with: the whole catalogue (softmax),
            candidates drawn from it (sampled_softmax), or some negatives by the calibrated binary
            cross-entropy of gSASRec (gbce). By default softmax, and sampled_softmax where there are
            more than 20,000 items.
        negatives: The candidates of sampled_softmax and gbce. By default 512 and 256.
        use_times: Let sasrec or hstu read the time between two items.
        user_embedding: Let a next-item model learn a vector of each user beside the history.
        epochs: The largest number of epochs. By default it is what the recipe of the model says.
        patience: Evaluations without a better validation before training stops.
        prior_max_history: Users with fewer interactions than this are served with a popularity
            prior, where validation finds that it helps.
        new_user_prior: Give lists of new users by their columns (recommend_from_features) the same
            prior. It was chosen for users with few interactions, not for these.
        refit: Train on all interactions at the end, with the number of epochs that validation
            chose, and export that model.
    """

    model: Literal[
        "auto",
        "two_tower",
        "autoencoder",
        "factorization",
        "sasrec",
        "bert4rec",
        "gru4rec",
        "bsarec",
        "fmlp",
        "hstu",
    ] = "auto"
    use_features: bool = False
    use_context: bool = False
    id_table: Literal["quotient_remainder", "multi_hash"] | None = None
    id_share: float | None = None
    adversary: Literal["fgsm", "pgd", "noise", "none"] = "fgsm"
    epsilon: float = 0.1
    adversarial_weight: float = 1.0
    adversarial_fraction: float = 0.2
    dim: int | None = None
    learning_rate: float | None = None
    batch_size: int | None = None
    temperature: float | None = None
    drop: float | None = None
    length: int | None = None
    blocks: int | None = None
    dropout: float | None = None
    loss: Literal["softmax", "sampled_softmax", "gbce"] | None = None
    negatives: int | None = None
    use_times: bool = False
    user_embedding: bool = False
    epochs: int | None = None
    patience: int = 4
    prior_max_history: int = 10
    new_user_prior: bool = False
    refit: bool = True

    RULES = (
        *positive("epsilon adversarial_weight learning_rate temperature"),
        *fractions("adversarial_fraction id_share"),
        *at_least(2, "batch_size length negatives"),
        *at_least(1, "dim blocks epochs patience"),
        *at_least(0, "prior_max_history"),
        ("drop", "in (0, 1)", lambda v: 0 < v < 1),
        ("dropout", "in [0, 1)", lambda v: 0 <= v < 1),
    )

    def __post_init__(self):
        super().__post_init__()
        for name, columns in (("use_features", "features"), ("use_context", "a context")):
            if getattr(self, name) and self.model not in ("auto", "two_tower"):
                raise ValueError(
                    f"`{name}` should be off for a model that knows ids only: the two_tower model "
                    f"takes {columns}. Received: it is on, and `model` is {self.model!r}."
                )
        on = self.use_features or self.use_context
        require_columns(self.new_user_prior, "`use_features` and `use_context`", on)
        self._check_id_table()
        self._check_next_item()

    def _check_id_table(self):
        """Small tables are of two towers alone."""
        if self.id_share is not None and self.id_table is None:
            raise ValueError(
                "`id_share` should be given beside `id_table`. Received: "
                f"{self.id_share:g} without it."
            )
        columns = self.use_features or self.use_context
        two_tower = self.model == "two_tower" or (self.model == "auto" and columns)
        if self.id_table is not None and not two_tower:
            raise ValueError(
                "`id_table` should be given for the model two_tower alone. Received: "
                f"{self.id_table!r}, and `model` is {self.model!r}."
            )

    def _check_next_item(self):
        """Settings of next-item models are given to those alone."""
        given = [
            name
            for name in ("length", "blocks", "dropout", "loss", "negatives")
            if getattr(self, name) is not None
        ] + [name for name in ("use_times", "user_embedding") if getattr(self, name)]
        if given and self.model not in NEXT_ITEM:
            raise ValueError(
                f"`{given[0]}` should be given for next-item models alone "
                f"({', '.join(NEXT_ITEM)}). Received: `model` is {self.model!r}."
            )
        if self.use_times and self.model not in ("sasrec", "hstu"):
            raise ValueError(
                "`use_times` should be on for sasrec and hstu alone. "
                f"Received: `model` is {self.model!r}."
            )
        if self.negatives is not None and self.loss not in ("sampled_softmax", "gbce"):
            raise ValueError(
                "`negatives` should be given beside the loss sampled_softmax or gbce. "
                f"Received: {self.negatives} and "
                + ("no `loss`." if self.loss is None else f"`loss` {self.loss}.")
            )
