"""A keras-hub backbone as a layer of ours: which of its weights train, and how it is called.

The backbone is a Keras 3 model, everything around it is Keras 2. Called on a Keras 2 symbolic
tensor it would become a Lambda whose weights silently never train; so `LanguageModelLayer`
calls it inside its own `call` and reports the `tf.Variable`s behind it as its own weights.
Where backbones come from is left to `language_presets`, texts to `language_tokenizer`.
"""

from __future__ import annotations

import re

import tensorflow as tf
from tensorflow import keras

STRATEGIES = "'frozen', 'top:N' (N last blocks), 'lora:R' (rank R) or 'all'"


def parse_strategy(strategy: str) -> tuple[str, int]:
    """'frozen' -> ("frozen", 0), 'top:2' -> ("top", 2), 'lora:4' -> ("lora", 4), 'all'.

    Raises:
        ValueError: if it is none of these.
    """
    match = re.fullmatch(r"(frozen|all)|(top|lora):([1-9][0-9]*)", str(strategy))
    if match is None:
        raise ValueError(f"`strategy` should be {STRATEGIES}. Received: {strategy!r}.")
    alone, counted, number = match.groups()
    return (alone, 0) if alone else (counted, int(number))


class LanguageModelLayer(keras.layers.Layer):
    """{"token_ids", "padding_mask"}, both [batch, length] int32 -> [batch, length, width].

    The output is the last block's sequence output in float32. Weights that it does not depend
    on (the dense layer of BERT's pooled output) are left out of the layer altogether.

    Exactly these weights train:
        frozen: none.
        top:N: those of the last N transformer blocks, all of each block.
        lora:R: the two factors of rank R beside the query and value kernels of every block
            (Hu et al. 2021, arXiv:2106.09685: kernel + A B, B starting at zero, so the first
            output is the pretrained one). The biases beside them stay frozen.
        all: every weight.

    The layer alters the backbone (`lora` adds weights to it) and takes it over: one backbone,
    one layer. Saved weights are loaded into a layer of the same strategy.

    Args:
        backbone: of keras-hub, with the inputs `token_ids` and `padding_mask`.
        strategy: see above.
        dropout: whether the backbone's dropout acts while training. Off, the loss of a batch
            is a function of the batch, as it is for the other models here.

    Attributes:
        width: numbers per token.
        max_length: longest sequence, in tokens, or None where the backbone sets no limit.
        trainable_parameters: how many numbers train.

    Raises:
        ValueError: if `strategy` is unknown or names more blocks than there are, or the
            backbone does not take tokens, or has LoRA enabled already.
    """

    def __init__(
        self, backbone, *, strategy: str = "frozen", dropout: bool = False, name="language_model"
    ):
        super().__init__(name=name, dtype="float32")
        encoder = _sequence_encoder(backbone)
        chosen = _chosen(backbone, encoder, strategy)
        # Out of the sight of Keras 2, which would track the guest's layers as if its own; the
        # variables alone are tracked, those of random states with them: an export needs them.
        self._guest = _Untracked(backbone=backbone, encoder=encoder)
        self._of_backbone = [variable.value for variable in encoder.variables]
        places = {id(variable) for variable in chosen}
        self._chosen = [id(variable) in places for variable in encoder.variables]
        self.strategy, self.dropout = strategy, dropout
        self.width = int(encoder.output.shape[-1])
        self.max_length = getattr(backbone, "max_sequence_length", None)

    @property
    def backbone(self):
        """The Keras 3 model."""
        return self._guest.backbone

    @property
    def trainable_weights(self) -> list[tf.Variable]:
        """The variables that `strategy` names; none where the layer itself is frozen."""
        return self._split(True) if self.trainable else []

    @property
    def non_trainable_weights(self) -> list[tf.Variable]:
        """All the others, the states of random generators among them."""
        return self._split(False) if self.trainable else list(self._of_backbone)

    def _split(self, chosen: bool) -> list[tf.Variable]:
        pairs = zip(self._of_backbone, self._chosen, strict=True)
        return [variable for variable, is_chosen in pairs if is_chosen == chosen]

    @property
    def trainable_parameters(self) -> int:
        return sum(int(variable.shape.num_elements()) for variable in self.trainable_weights)

    def named_weights(self) -> dict[str, tf.Variable]:
        """Path within the backbone -> variable, without the states of random generators."""
        return {weight.path: weight.value for weight in self._guest.encoder.weights}

    @tf.autograph.experimental.do_not_convert
    def call(self, inputs: dict[str, tf.Tensor], training: bool | None = None) -> tf.Tensor:
        ids, mask = inputs["token_ids"], inputs["padding_mask"]
        fed = {"token_ids": ids, "padding_mask": mask, "segment_ids": tf.zeros_like(ids)}
        encoder = self._guest.encoder
        noisy = bool(training) and self.dropout and self.strategy != "frozen"
        fed = {key: fed[key] for key in encoder.input}
        return tf.cast(encoder(fed, training=noisy), tf.float32)


class _Untracked:
    """Attributes that neither Keras 2 nor a SavedModel looks into."""

    def __init__(self, **attributes):
        self.__dict__.update(attributes)


def _sequence_encoder(backbone):
    """The part of the backbone that leads to its sequence output, as a Keras 3 model."""
    import keras as keras_3

    inputs = {tensor.name: tensor for tensor in getattr(backbone, "inputs", None) or ()}
    known = {"token_ids", "padding_mask", "segment_ids"}
    if not {"token_ids", "padding_mask"} <= set(inputs) <= known:
        raise ValueError(
            "`backbone` should be a text encoder of keras-hub with the inputs token_ids and "
            f"padding_mask. Received: {type(backbone).__name__} with {sorted(inputs)}."
        )
    outputs = backbone.output
    return keras_3.Model(
        inputs, outputs["sequence_output"] if isinstance(outputs, dict) else outputs
    )


def _chosen(backbone, encoder, strategy: str) -> list:
    """The Keras 3 variables that train."""
    kind, number = parse_strategy(strategy)
    layers = encoder._flatten_layers(include_self=False)
    if any(getattr(layer, "lora_enabled", False) for layer in layers):
        raise ValueError("`backbone` should be a fresh one. Received: one with LoRA enabled.")
    backbone.trainable = True
    if kind == "frozen":
        return []
    if kind == "all":
        return list(encoder.trainable_weights)
    if kind == "top":
        blocks = list(getattr(backbone, "transformer_layers", None) or ())
        if number > len(blocks):
            raise ValueError(
                f"`strategy` should name at most the {len(blocks)} transformer blocks of "
                f"{type(backbone).__name__}. Received: {strategy!r}."
            )
        return [weight for block in blocks[-number:] for weight in block.trainable_weights]
    backbone.enable_lora(number)
    # keras-hub leaves the biases of the adapted layers trainable as well.
    adapted = [
        layer
        for layer in encoder._flatten_layers(include_self=False)
        if getattr(layer, "lora_enabled", False)
    ]
    if not adapted:
        raise ValueError(
            f"`strategy` should be another than {strategy!r} for {type(backbone).__name__}: "
            "keras-hub finds no query and value layers in it."
        )
    return [factor for layer in adapted for factor in (layer.lora_kernel_a, layer.lora_kernel_b)]
