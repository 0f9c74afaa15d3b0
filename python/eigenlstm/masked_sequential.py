"""A chain of layers over steps of which some are to be skipped, wherever in a row they lie."""

import numpy as np

from .checks import as_floats, as_lengths, finite
from .layers.pooling import MaxPool
from .layers.registry import layer_from
from .seeds import as_seed, mix_seed
from .sequential import Sequential


class MaskedSequential(Sequential):
    """A `Sequential` that skips the masked steps of x: in front of a row, behind it or between its valid steps.

    A step is masked where all its features are `mask_value`; where x (B, T) holds integers, where it is that integer.
    Layers in here see what they see in Keras below `Masking` or `Embedding(mask_zero=True)`:

    - An LSTM steps over masked steps. Its output there is that of the step before (zeros in front of the first valid
      step); of a bidirectional LSTM it is zeros.
    - `Last` and `MeanPool` know the valid steps only, and end the mask. A row without a valid step gives zeros.
    - All other layers see every step. Masked steps of floats are set to zero on the way in.

    `lengths` mask the steps past the end of a row, in addition. Valid steps are moved to the front, and back after the
    LSTM: a row has the bits of the same row without its masked steps.

    Parameters
    ----------
    layers : iterable of layers, none of them a model of its own
    mask_value : float
    """

    _no_step = "its layers see a mask of whole rows"

    _fixed = frozenset({"mask_value"})

    def __init__(self, layers, *, mask_value=0.0):
        super().__init__(layers)
        self._become({"mask_value": finite(mask_value, "MaskedSequential: mask_value")})

    def _check_member(self, layer, where):
        super()._check_member(layer, where)
        if isinstance(layer, Sequential):
            raise TypeError(f"{where} is a model of its own, which doesn't see the mask: give its layers")

    def config(self):
        return {"mask_value": self.mask_value, **super().config()}

    @classmethod
    def from_config(cls, config):
        layers = [layer_from(item) for item in config["layers"]]
        return cls(layers, mask_value=config["mask_value"])

    def __repr__(self):
        return f"{super().__repr__()[:-1]}, mask_value={self.mask_value})"

    # -- computation ----------------------------------------------------------------------------

    def _run(self, x, lengths, training, seed, states):
        x, valid = self._without_masked(x, lengths)
        moves = None if valid.all() else _Moves(valid)
        tape, states_out, in_front = [], [], False
        fills = [_fill(layer) for layer in self.layers]
        for i, (layer, _, recurrent) in enumerate(self._plan):
            key = None if seed is None else mix_seed(as_seed(seed, "MaskedSequential.forward"), i)
            known = moves if fills[i] else None  # what this layer is told of the mask
            moved = known if not in_front else None
            x, state = moved.to_front(x) if moved else x, None
            options = {"lengths": known.lengths if known else None, "training": training, "seed": key}
            if recurrent:
                x, state, part = layer.forward(x, state=None if states is None else states[i], **options)
            else:
                x, part = layer.forward(x, **options)
            moves = moves if layer.keeps_time else None
            in_front = bool(known and moves and any(fills[i + 1 : i + 2]))  # the next layer would move them there again
            moved_back = moves if known and not in_front else None
            x = moved_back.back(x, fills[i]) if moved_back else x
            tape.append((part, moved, moved_back, fills[i]))
            states_out.append(state)
        return x, ((valid, tape) if training else None), states_out

    def backward(self, tape, dy, *, need_dx=True):
        """``dy -> dx``, zero at masked steps, or None if `need_dx` is false; adds to `grads`."""
        valid, parts = self._opened(tape)
        for i, ((layer, _, recurrent), (part, moved, moved_back, fill)) in reversed(
            [*enumerate(zip(self._plan, parts))]
        ):
            dy = moved_back.back_backward(dy, fill) if moved_back else dy
            if recurrent:
                dy, _ = layer.backward(part, dy, need_dx=need_dx or i > 0)
            else:
                dy = layer.backward(part, dy)
            dy = moved.to_front_backward(dy) if moved and dy is not None else dy
        if not need_dx or dy is None:
            return None
        return dy if valid.all() else dy * valid[:, :, None]

    def _without_masked(self, x, lengths):
        """x with zeros at masked steps, and ``valid (B, T)``."""
        where = "MaskedSequential.forward"
        integers = np.asarray(x).dtype.kind in "iu"
        x = np.asarray(x) if integers else as_floats(x, where)
        if x.ndim != (2 if integers else 3):
            raise ValueError(f"{where}: x must have shape {'(B, T)' if integers else '(B, T, F)'}, got {x.shape}")
        valid = x != self.mask_value if integers else np.any(x != self.mask_value, axis=2)
        lengths = as_lengths(lengths, *valid.shape, where)
        if lengths is not None:
            valid &= np.arange(valid.shape[1]) < lengths[:, None]
        return x if integers or valid.all() else np.where(valid[:, :, None], x, x.dtype.type(0)), valid


def _fill(layer):
    """What an LSTM gives at masked steps; "nothing" for layers that end the time axis; None for those that see all
    steps.
    """
    if layer.recurrent:
        if getattr(layer, "num_directions", 1) == 2:
            return "zeros"
        return "next" if getattr(layer, "reverse", False) else "previous"
    return None if layer.keeps_time or isinstance(layer, MaxPool) else "nothing"


class _Moves:
    """How the valid steps of each row, `valid` (B, T), move to the front, the masked ones behind them, and back."""

    def __init__(self, valid):
        self.valid, self.lengths = valid, valid.sum(axis=1)
        order = np.argsort(~valid, axis=1, kind="stable")
        self._order = None if (order == np.arange(valid.shape[1])).all() else order[:, :, None]

    def to_front(self, x):
        """x (B, T, ...) with the valid steps of each row first; x itself where they are."""
        return (
            x
            if self._order is None
            else np.take_along_axis(x, self._order.reshape(*self.valid.shape, *(1,) * (x.ndim - 2)), axis=1)
        )

    def to_front_backward(self, dx):
        if self._order is None:
            return dx
        moved = np.empty_like(dx)
        np.put_along_axis(moved, self._order, dx, axis=1)
        return moved

    def back(self, y, fill):
        """y (B, T, P), valid steps first, with each at its place; masked ones get the "previous", the "next" or
        "zeros".
        """
        source, there = self._source(fill)
        return np.where(there, np.take_along_axis(y, source[:, :, None], axis=1), y.dtype.type(0))

    def back_backward(self, dy, fill):
        dy = as_floats(dy, "MaskedSequential.backward", "dy")
        if dy.ndim != 3 or dy.shape[:2] != self.valid.shape:
            raise ValueError(
                f"MaskedSequential.backward: dy must have shape {(*self.valid.shape, 'F')}, got {dy.shape}"
            )
        source, there = self._source(fill)
        dy = np.where(there, dy, dy.dtype.type(0))
        moved, rows = np.zeros_like(dy), np.arange(len(dy))
        for t in range(dy.shape[1]):  # a step may have filled several
            moved[rows, source[:, t]] += dy[:, t]
        return moved

    def _source(self, fill):
        """Of each step its place in y, where valid steps are first, (B, T), and whether it has one, (B, T, 1)."""
        source = np.cumsum(self.valid, axis=1) - 1  # its own, or that of the valid step before
        if fill == "next":
            source += ~self.valid
        there = self.valid if fill == "zeros" else (source >= 0) & (source < self.lengths[:, None])
        return np.clip(source, 0, self.valid.shape[1] - 1), there[:, :, None]
