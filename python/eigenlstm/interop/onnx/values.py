"""What `load` knows of a graph's values: which layers made them, and what each axis is."""

from dataclasses import dataclass, field, replace

import numpy as np


class Axis:
    """An axis of an input of the graph: batch, time or features, as the nodes that read it tell."""

    def __init__(self, place, size, last=False):
        self.place, self.size, self.role = place, size, None
        self.last = last  # of floats: it may be the axis of features

    def __repr__(self):
        return self.role or f"axis {self.place}"


@dataclass(frozen=True)
class Directions:
    """An axis of `size` directions, or of size 1 where a layer has used an axis up."""

    size: int

    def __repr__(self):
        return str(self.size)


@dataclass(frozen=True)
class Merged:
    """Several axes seen as one: rows and steps side by side, for a matrix."""

    axes: tuple


@dataclass(frozen=True)
class Spec:
    """A layer to build: its class, arguments and weights."""

    cls: type
    arguments: dict = field(default_factory=dict)
    weights: dict = field(default_factory=dict)

    def build(self, dtype, **more):
        """The layer, with its weights."""
        layer = self.cls.from_config({**self.arguments, **({"dtype": dtype} if self.weights else {}), **more})
        params = layer.params
        for name, value in self.weights.items():
            params[name] = value.astype(dtype)
        return layer


@dataclass(frozen=True, eq=False)
class Made:
    """A layer to build, and what it takes: what other layers made, or the names of the graph's inputs."""

    spec: Spec
    takes: tuple


@dataclass(frozen=True)
class Final:
    """The final state of one direction of an LSTM."""

    made: Made
    direction: int

    @property
    def alone(self):
        """Whether the LSTM has one direction."""
        return not self.made.spec.arguments["bidirectional"]


@dataclass(frozen=True)
class Values:
    """A tensor that layers make of the graph's inputs.

    Attributes
    ----------
    made : Made or str
        What made it, or which input it is.
    axes : tuple
        Each an `Axis`, `Directions` or `Merged`, or an int: the size of an axis of features.
    finals : tuple of Final or None
        Of final states of LSTMs: one for each entry along the axis of directions, or a single one where there is no
        such axis.
    """

    made: object
    axes: tuple
    finals: tuple | None = None

    @property
    def shape(self):
        return f"({', '.join(map(str, self.axes))})"

    @property
    def last(self):
        """The layer that made it, None for an input."""
        return self.made.spec if isinstance(self.made, Made) else None

    def through(self, spec, axes=None, others=()):
        """What the layer `spec` makes of it and the `others`."""
        takes = (self.made, *(other.made for other in others))
        return Values(Made(spec, takes), self.axes if axes is None else tuple(axes))

    def again(self, spec):
        """What `spec` makes in place of the layer that made it."""
        return replace(self, made=Made(spec, self.made.takes))

    def rearranged(self, axes):
        return replace(self, axes=tuple(axes))


@dataclass(frozen=True)
class Sizes:
    """A vector or scalar of integers, some of which are the sizes of axes (`Axis` in `entries`)."""

    entries: tuple
    scalar: bool = False


@dataclass(frozen=True)
class Repeated:
    """A constant array repeated along free axes, as initial states are."""

    array: np.ndarray

    @property
    def uniform(self):
        """Whether it is one number, whatever its shape."""
        return self.array.size == 1 or bool((self.array == self.array.flat[0]).all())
