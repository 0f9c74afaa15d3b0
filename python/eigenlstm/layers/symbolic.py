"""What a function of layers sees in place of arrays while `eigenlstm.Model` traces it."""


class Value:
    """A value of a graph that is being traced: it has a shape and no numbers.

    A layer called on one gives another. ``a + b``, ``a - b``, ``a * b`` (also with a number in place of one), ``-a``
    and
    ``a[..., start:stop]`` are calls of the layers `Add`, `Multiply`, `Activation` ("affine") and `Slice`.

    Attributes
    ----------
    shape : tuple
        Of integers and of names for the sizes that are free, the batch "B" first. None for a state whose layers have
        different widths, which can't be handed to a layer.
    dtype : "float" or "int64"
    """

    def __init__(self, trace, index, shape, dtype):
        self._trace, self._index = trace, index
        self.shape, self.dtype = shape, dtype

    @property
    def ndim(self):
        return len(self.shape)

    def __add__(self, other):
        if isinstance(other, Value):
            return _wiring().Add()(self, other)
        return _affine(1.0, other)(self)

    __radd__ = __add__

    def __mul__(self, other):
        if isinstance(other, Value):
            return _wiring().Multiply()(self, other)
        return _affine(other, 0.0)(self)

    __rmul__ = __mul__

    def __neg__(self):
        return self * -1.0

    def __sub__(self, other):
        return self + -other

    def __rsub__(self, other):
        return -self + other

    def __getitem__(self, index):
        whole = isinstance(index, tuple) and len(index) == 2 and index[0] is Ellipsis and isinstance(index[1], slice)
        if not whole or index[1].step not in (None, 1):
            raise TypeError(
                f"a traced value can be cut along its last axis only, as in a[..., start:stop], got {index!r}; for one "
                "step of each row see Last, for the steps before see Shift"
            )
        return _wiring().Slice(index[1].start, index[1].stop)(self)

    def _no_numbers(self, *_, **__):
        raise TypeError(
            f"a traced value {self!r} has a shape and no numbers: the function of a Model is called once to see which "
            "layers it calls. It can't branch on values, loop over them or give them to NumPy; write a Layer for that"
        )

    __array_ufunc__ = None  # array + value is then ours to refuse
    __array__ = __bool__ = __float__ = __int__ = __iter__ = __len__ = __index__ = _no_numbers

    def __repr__(self):
        return f"Value({shape_text(self.shape)}, {self.dtype})"


def shape_text(shape):
    """(B, T, 3), as an error names it."""
    if shape is None:
        return "(of layers of different widths)"
    return f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})"


def _wiring():
    from . import wiring  # which imports this

    return wiring


def _affine(factor, summand):
    from .activation import Activation

    return Activation("affine", factor, summand)
