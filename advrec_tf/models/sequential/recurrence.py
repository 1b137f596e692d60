"""A recurrent next-item model a step at a time: a state for what was read, advanced by what is new.

The same numbers as those of the whole history, since a gated recurrent unit reads one item after
the other; see `encoders.recurrent_encoder`. How requests carry a state is left to `serving`.
"""

from __future__ import annotations

import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.data.sequences import NONE
from advrec_tf.models.sequential.encoders import RECURRENT, start_scale
from advrec_tf.models.sequential.model import SequenceModel


class Recurrence:
    """The state of a recurrent model: what its units hold, one layer after the other.

    Zeros are the state of who has no history.

    Args:
        model: a sequence model with a `recurrent_encoder`.

    Attributes:
        width: of a state, layers * dim.

    Raises:
        ValueError: if it has another encoder, or hides items at the end of a history.
    """

    def __init__(self, model: SequenceModel):
        if model.encoder.name != RECURRENT or model.mode == "masked":
            raise ValueError(
                f"`model` should have the encoder {RECURRENT!r} and not be trained on hidden "
                f"items. Received: {model.encoder.name!r}, training={model.mode!r}."
            )
        self._model = lambda: model  # behind a function, so that the weights have one owner
        units = [layer for layer in model.encoder.layers if isinstance(layer, keras.layers.GRU)]
        self._units = lambda: units
        self.width = sum(unit.units for unit in units)
        self.length = model.length

    def after(self, history: tf.Tensor) -> tf.Tensor:
        """[batch, n] int32, the latest at the right, `NONE` at the left -> states [batch, width]
        float32, after the last `length` items, as `SequenceModel.score_history` reads them."""
        nothing = tf.zeros([tf.shape(history)[0], self.width])
        return self.advanced(nothing, history[:, -self.length :])

    def advanced(self, state: tf.Tensor, items: tf.Tensor) -> tf.Tensor:
        """States [batch, width] float32 after `items` [batch, n] int32 as well, in their order; a
        place with `NONE` leaves a state as it is."""
        rows, units = self._model().item_rows, self._units()
        scale = start_scale(rows.output_dim)

        def step(place, *parts):
            item = items[:, place]
            there = (item != NONE)[:, None]
            read = rows(item) * scale
            after = []
            for unit, part in zip(units, parts, strict=True):
                made, _ = unit.cell(read, [tf.cast(part, unit.compute_dtype)])
                after.append(tf.where(there, tf.cast(made, tf.float32), part))
                read = made
            return (place + 1, *after)

        sizes = [unit.units for unit in units]
        count = tf.shape(items)[1]
        shapes = [tf.TensorShape([None, size]) for size in sizes]
        _, *parts = tf.while_loop(
            lambda place, *_: place < count,
            step,
            [tf.constant(0), *tf.split(state, sizes, axis=1)],
            shape_invariants=[tf.TensorShape([]), *shapes],
        )
        return tf.concat(parts, axis=1)

    def queries(self, state: tf.Tensor, user: tf.Tensor | None = None) -> tf.Tensor:
        """States [batch, width] -> [batch, dim] float32, what items are compared with, as of
        `SequenceModel.last_states`, with its `user` [batch] int32."""
        model = self._model()
        last = state[:, None, -self._units()[-1].units :]  # the layers know sequences alone
        for name in ("projection", "states"):
            last = model.encoder.get_layer(name)(last)
        if model.reads_users:
            users = model.user_rows(model.users_or_unknown(user, tf.shape(state)[0]))
            last = model.encoder.get_layer("with_user")(last, users)
        return model.objective.scored(tf.cast(last[:, 0], tf.float32))


def recurrence_of(model) -> Recurrence | None:
    """That of a model which has one, else None."""
    try:
        return Recurrence(model) if isinstance(model, SequenceModel) else None
    except ValueError:
        return None
