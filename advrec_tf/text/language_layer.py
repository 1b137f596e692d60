"""A keras-hub backbone (Keras 3) as a Keras 2 layer: which weights train, and how it is called.

The backbone is a Keras 3 model, everything around it is Keras 2. Called on a Keras 2 symbolic
tensor it would become a Lambda whose weights silently never train; so `LanguageModelLayer`
calls it inside its own `call` and reports the `tf.Variable`s behind it as its own weights.
Between the token embedding and the blocks stands `TokenVectors`, an identity of Keras 2 that
adversarial training can tap. Where backbones come from is left to `language_presets`, texts
to `language_tokenizer`.
"""

from __future__ import annotations

import re
import warnings

import tensorflow as tf

from advrec_tf._keras import keras

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


class TokenVectors(keras.layers.Layer):
    """[batch, length, width] and mask [batch, length] -> [batch, length * width], the same numbers.

    Zero at padding. One row is one text, so that a perturbation of what this layer puts out
    has one ball a text, over all its tokens at once (Miyato et al. 2017, arXiv:1605.07725,
    section 3; FreeLB, Zhu et al. 2020, arXiv:1909.11764, uses the same norm).
    """

    def call(self, vectors: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        return _flat(tf.where(_real(mask), tf.cast(vectors, tf.float32), 0.0))

    def perturbable(self, vectors: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """[batch, length * width] float32, 1 at the tokens of the text and 0 at padding."""
        ones = tf.ones_like(vectors, tf.float32)
        return _flat(tf.where(_real(mask), ones, 0.0))


def _real(mask: tf.Tensor) -> tf.Tensor:
    return tf.cast(mask, tf.bool)[:, :, None]


def _flat(vectors: tf.Tensor) -> tf.Tensor:
    shape = tf.shape(vectors)
    return tf.reshape(vectors, [shape[0], shape[1] * shape[2]])


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
        token_vectors: the layer to tap for perturbing texts, `TokenVectors`. What passes it is
            the output of the first layer that reads the tokens: the token embedding, or (in
            RoBERTa, DistilBERT and OPT) the sum of the token's and the position's.
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
        embedding, blocks = _split_at_token_vectors(encoder)
        chosen = _chosen(backbone, encoder, strategy)
        # Out of the sight of Keras 2, which would track the backbone's layers as if its own; the
        # variables alone are tracked, those of random states with them: an export needs them.
        self._backbone_parts = _Untracked(
            backbone=backbone, encoder=encoder, embedding=embedding, blocks=blocks
        )
        self._of_backbone = [variable.value for variable in encoder.variables]
        places = {id(variable) for variable in chosen}
        self._chosen = [id(variable) in places for variable in encoder.variables]
        self.token_vectors = TokenVectors(name="token_vectors", dtype="float32")
        self.strategy, self.dropout = strategy, dropout
        self.width = int(encoder.output.shape[-1])
        self.max_length = getattr(backbone, "max_sequence_length", None)

    @property
    def backbone(self):
        """The Keras 3 model."""
        return self._backbone_parts.backbone

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
        return {weight.path: weight.value for weight in self._backbone_parts.encoder.weights}

    @tf.autograph.experimental.do_not_convert
    def call(self, inputs: dict[str, tf.Tensor], training: bool | None = None) -> tf.Tensor:
        ids, mask = inputs["token_ids"], inputs["padding_mask"]
        parts = self._backbone_parts
        noisy = bool(training) and self.dropout and self.strategy != "frozen"
        vectors = parts.embedding(ids, training=noisy)
        perturb_outputs = tf.reshape(self.token_vectors(vectors, mask), tf.shape(vectors))
        # At padding as it was, so that nothing but a perturbation alters the output.
        vectors = tf.where(_real(mask), tf.cast(perturb_outputs, vectors.dtype), vectors)
        fed = {
            "token_vectors": vectors,
            "padding_mask": mask,
            "segment_ids": tf.zeros_like(ids),
        }
        fed = {key: fed[key] for key in parts.blocks.input}
        return tf.cast(parts.blocks(fed, training=noisy), tf.float32)


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


def _split_at_token_vectors(encoder):
    """(token ids -> token vectors, token vectors and the other inputs -> output), Keras 3.

    The layers are shared with `encoder`, nothing is copied.
    """
    import keras as keras_3

    inputs = dict(encoder.input)
    token_ids = inputs.pop("token_ids")
    readers = [
        node
        for operation in encoder.operations
        for node in operation._inbound_nodes
        if any(tensor is token_ids for tensor in node.input_tensors)
    ]
    if len(readers) != 1 or len(readers[0].outputs) != 1:
        names = sorted(node.operation.name for node in readers)
        raise ValueError(
            "`backbone` should have one layer that reads the tokens, their embedding. "
            f"Received: {', '.join(names)}."
        )
    (vectors,) = readers[0].outputs
    with warnings.catch_warnings():  # of a name that is not that of an input layer
        warnings.filterwarnings("ignore", message="When providing `inputs` as a dict")
        blocks = keras_3.Model({**inputs, "token_vectors": vectors}, encoder.output)
    return keras_3.Model(token_ids, vectors), blocks


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
