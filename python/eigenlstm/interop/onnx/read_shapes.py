"""Operators that compute nothing: they turn axes around, pick steps and directions, or compute shapes."""

from dataclasses import replace

import numpy as np

from ...layers.lstm import LSTM
from ...layers.pooling import Last
from ...layers.reverse import Reverse
from ...layers.wiring import Concat, Slice
from .operator import Unsupported, described
from .reading import array, attribute_values
from .values import Axis, Directions, Made, Merged, Repeated, Sizes, Spec, Values


def value_of(reader, node, place=0):
    """What is known of an input of a node; `Unsupported` if nothing is."""
    name = node.input[place] if place < len(node.input) else ""
    if name not in reader.known:
        raise Unsupported(f"{described(node)}: needs its input {place}")
    return reader.known[name]


def constant(reader, node, place, attribute=None):
    """A constant input of a node, or the attribute that older opsets have in its place; None where it is left out."""
    if place < len(node.input) and node.input[place]:
        value = value_of(reader, node, place)
        if not isinstance(value, np.ndarray):
            raise Unsupported(f"{described(node)}: input {node.input[place]!r} must be constant")
        return value
    value = attribute_values(node).get(attribute)
    return None if value is None else np.asarray(value)


def layer_output(reader, node, place=0, directions=False):
    """An input of a node, which layers make of the graph's inputs; `directions`: it may have an axis of two of them."""
    value = value_of(reader, node, place)
    if not isinstance(value, Values):
        raise Unsupported(
            f"{described(node)}: input {node.input[place]!r} must be what layers make of the graph's inputs"
        )
    if value.finals is not None:
        raise Unsupported(f"{described(node)}: reads final states {value.shape} of LSTMs in an order that no layer has")
    if not directions and Directions(2) in value.axes:
        raise Unsupported(f"{described(node)}: reads two directions of an LSTM as an axis, {value.shape}")
    return value


def features_of(value, size):
    """`value` with a last axis of `size` features, where that is free; as it is where it has another size."""
    axis = value.axes[-1] if value.axes else None
    if isinstance(axis, Axis) and axis.role is None and axis.last:
        axis.role, axis.size = "features", size
        return value.rearranged([*value.axes[:-1], size])
    return value


def place_of(node, axis, rank):
    """A place among `rank` axes, negative ones counted from the end."""
    if not -rank <= axis < rank:
        raise Unsupported(f"{described(node)}: axis {axis} must be one of {rank}")
    return int(axis) % rank


def identity(reader, node):
    return [value_of(reader, node)]


def transpose(reader, node):
    value = value_of(reader, node)
    if isinstance(value, Repeated) and value.uniform:
        return [value]
    if not isinstance(value, Values):
        raise Unsupported(f"{described(node)}: turns what isn't a layer's output")
    perm = attribute_values(node).get("perm", range(len(value.axes))[::-1])
    return [value.rearranged(value.axes[k] for k in perm)]


def squeeze(reader, node):
    value, axes = value_of(reader, node), constant(reader, node, 1, "axes")
    if isinstance(value, Sizes):
        return [replace(value, scalar=True)]
    if isinstance(value, Repeated):
        return [value]
    ones = [k for k, axis in enumerate(value.axes) if axis in (1, Directions(1))]
    places = ones if axes is None else [place_of(node, axis, len(value.axes)) for axis in axes.ravel()]
    for k in places:
        if value.axes[k] not in (1, Directions(1)):
            raise Unsupported(f"{described(node)}: axis {k} of {value.shape} must have size 1")
    return [picked(value.rearranged(axis for k, axis in enumerate(value.axes) if k not in places))]


def unsqueeze(reader, node):
    value, axes = value_of(reader, node), constant(reader, node, 1, "axes")
    if isinstance(value, (Sizes, Repeated)):
        return [replace(value, scalar=False) if isinstance(value, Sizes) else value]
    result = list(value.axes)
    for k in sorted(place_of(node, axis, len(value.axes) + axes.size) for axis in axes.ravel()):
        result.insert(k, Directions(1))
    return [value.rearranged(result)]


def picked(value):
    """Final states without an axis of directions: of a single direction, it is that LSTM and `Last`."""
    if value.finals is None or len(value.finals) > 1 or any(isinstance(axis, Directions) for axis in value.axes):
        return value
    (final,) = value.finals
    if not final.alone:
        return value
    last = Spec(Last, {"reverse": True} if final.made.spec.arguments["reverse"] else {})
    return Values(Made(last, (final.made,)), value.axes)


def reshape(reader, node):
    value, wanted = value_of(reader, node), value_of(reader, node, 1)
    if isinstance(value, Sizes) and isinstance(wanted, np.ndarray) and wanted.size == 1:
        return [replace(value, scalar=False)]
    if isinstance(wanted, np.ndarray):
        wanted = Sizes(tuple(int(size) for size in wanted.ravel()))
    if not isinstance(value, Values) or not isinstance(wanted, Sizes):
        raise Unsupported(f"{described(node)}: its shape must be constant or made of sizes of the graph's input")
    for axes, finals in _forms(value):
        if _fits(axes, wanted.entries, value.axes):
            if finals == "both":
                return [both_ways(node, value, axes)]
            return [picked(value.rearranged(axes))]
    shape = f"({', '.join(map(str, wanted.entries))})"
    raise Unsupported(f"{described(node)}: {value.shape} to {shape} is no shape that a layer gives")


def flatten(reader, node):
    value = value_of(reader, node)
    if isinstance(value, Values) and len(value.axes) == 2 and attribute_values(node).get("axis", 1) == 1:
        return [value]
    raise Unsupported(f"{described(node)}: rows and features alone can be flattened")


def _forms(value):
    """The axes that the same numbers may have in other shapes; "both" where final states become one vector."""
    axes = list(value.axes)
    yield axes, None
    yield [axis for axis in axes if axis != Directions(1)], None
    for k, axis in enumerate(axes[:-1]):
        if isinstance(axis, Directions) and isinstance(axes[k + 1], int):
            merged = [*axes[:k], axis.size * axes[k + 1], *axes[k + 2 :]]
            yield merged, None if value.finals is None else "both"
    if len(axes) == 3 and all(isinstance(axis, Axis) for axis in axes[:2]):
        yield [Merged(tuple(axes[:2])), axes[2]], None
    if isinstance(axes[0], Merged):
        yield [*axes[0].axes, *axes[1:]], None


def _fits(axes, wanted, before):
    """Whether a shape as Reshape has it, 0: as before, -1: what is left, is that of `axes`."""
    if len(axes) != len(wanted) or list(wanted).count(-1) > 1:
        return False
    for k, (axis, size) in enumerate(zip(axes, wanted)):
        if size == 0:
            if k >= len(before) or before[k] != axis:
                return False
        elif isinstance(size, Axis):
            if size is not axis:
                return False
        elif size != -1 and size != (axis if isinstance(axis, int) else getattr(axis, "size", None)):
            return False
    return True


def both_ways(node, value, axes):
    """Final states of both directions of one LSTM, side by side: `Last` of both."""
    first, *rest = value.finals
    same = len(rest) == 1 and rest[0].made is first.made and (first.direction, rest[0].direction) == (0, 1)
    if not same:
        raise Unsupported(f"{described(node)}: final states side by side must be the two directions of one LSTM")
    return Values(Made(Spec(Last, {"bidirectional": True}), (first.made,)), tuple(axes))


# -- of steps and directions -----------------------------------------------------------------------


def gather(reader, node):
    """A row of an embedding is `read_layers`' matter; here: a step, a direction, a size."""
    value, indices = value_of(reader, node), constant(reader, node, 1)
    if isinstance(value, Sizes):
        entries = tuple(value.entries[int(k)] for k in indices.ravel())
        return [Sizes(entries, scalar=indices.ndim == 0)]
    if not isinstance(value, Values) or indices.size != 1:
        raise Unsupported(f"{described(node)}: must pick one step or one direction of a layer's output")
    k = place_of(node, attribute_values(node).get("axis", 0), len(value.axes))
    index, axis = int(indices.reshape(())), value.axes[k]
    rest = [*value.axes[:k], *([Directions(1)] * indices.ndim), *value.axes[k + 1 :]]
    if isinstance(axis, Directions) and value.finals is not None:
        return [picked(replace(value, axes=tuple(rest), finals=(value.finals[index],)))]
    if axis == Directions(1) and index in (0, -1):
        return [value.rearranged(rest)]
    if isinstance(axis, Directions):
        return [one_direction(node, value, axis, index, rest)]
    return [step(node, value, axis, index, rest)]


def step(node, value, axis, index, axes):
    """The first or last step of a layer's output."""
    if value.finals is None and isinstance(axis, Axis) and axis.role != "batch":
        last = index == -1 or axis.size is not None and index == axis.size - 1
        if last or index == 0:
            axis.role = "time"
            return value.through(Spec(Last, {} if last else {"reverse": True}), axes)
    raise Unsupported(
        f"{described(node)}: index {index} of {axis} in {value.shape}: only the first and last step are picked"
    )


def slice_(reader, node):
    value = value_of(reader, node)
    if isinstance(value, Repeated) and value.uniform:
        return [value]
    starts, ends = constant(reader, node, 1, "starts"), constant(reader, node, 2, "ends")
    axes, steps = constant(reader, node, 3, "axes"), constant(reader, node, 4)
    rank = 1 if isinstance(value, Sizes) else len(value.axes) if isinstance(value, Values) else 0
    stride = 1 if steps is None else int(steps.ravel()[0])
    start, end = int(starts.ravel()[0]), int(ends.ravel()[0])
    k = place_of(node, 0 if axes is None else int(axes.ravel()[0]), max(rank, 1))
    if starts.size == 1 and stride == -1 and start == -1 and end < -(1 << 30) and rank == 3:
        return [_turned(node, layer_output(reader, node), k)]
    if starts.size != 1 or not rank or stride != 1:
        raise Unsupported(f"{described(node)}: must cut one axis, in steps of 1")
    if isinstance(value, Sizes):
        return [Sizes(value.entries[start:end])]
    axis, rest = value.axes[k], list(value.axes)
    if isinstance(axis, Directions) and value.finals is not None:
        finals = value.finals[start:end]
        rest[k] = Directions(len(finals))
        return [replace(value, axes=tuple(rest), finals=finals)]
    if isinstance(axis, Directions) and len(range(axis.size)[start:end]) == 1:
        rest[k] = Directions(1)
        return [one_direction(node, value, axis, range(axis.size)[start:end][0], rest)]
    if isinstance(axis, int) and k == rank - 1:
        return [part(node, layer_output(reader, node), start, end)]
    rest[k] = Directions(1)
    if isinstance(axis, Axis) and start in (-1, 0) and (end == start + 1 or start == -1 and end > 1 << 30):
        return [step(node, value, axis, start, rest)]
    raise Unsupported(
        f"{described(node)}: [{start}:{end}] of {axis} in {value.shape}: only the first and last step are cut out"
    )


def _turned(node, value, k):
    """Every row from its last step to its first."""
    axis = value.axes[k]
    if not isinstance(axis, Axis) or axis.role == "batch":
        raise Unsupported(f"{described(node)}: only time can be turned around, not {axis} of {value.shape}")
    axis.role = "time"
    return value.through(Spec(Reverse))


def split(reader, node):
    """Halves of the features of a first or last step; the directions of final states."""
    value, sizes = value_of(reader, node), constant(reader, node, 1, "split")
    if not isinstance(value, Values) or len(node.output) != 2:
        raise Unsupported(f"{described(node)}: must cut a layer's output in two")
    k = place_of(node, attribute_values(node).get("axis", 0), len(value.axes))
    axis = value.axes[k]
    if isinstance(axis, Directions) and value.finals is not None and axis.size == 2:
        axes = [*value.axes[:k], Directions(1), *value.axes[k + 1 :]]
        return [replace(value, axes=tuple(axes), finals=(final,)) for final in value.finals]
    if axis == Directions(2):
        axes = [*value.axes[:k], Directions(1), *value.axes[k + 1 :]]
        return [one_direction(node, value, axis, d, axes) for d in (0, 1)]
    if k != len(value.axes) - 1 or not isinstance(axis, int):
        raise Unsupported(f"{described(node)}: cuts {axis} of {value.shape}, which no layer does")
    value = layer_output(reader, node)
    cut = axis // 2 if sizes is None else int(sizes.ravel()[0])
    return [part(node, value, 0, cut), part(node, value, cut, axis)]


def one_direction(node, value, axis, index, axes):
    """One of the directions of an LSTM's output, which the layer gives side by side."""
    size = value.axes[-1]
    if not isinstance(size, int):
        raise Unsupported(f"{described(node)}: picks a direction of {value.shape}, whose features must be last")
    start = range(axis.size)[index] * size
    return value.through(Spec(Slice, {"start": start, "stop": start + size}), axes)


def part(node, value, start, end):
    """Features start to end of the last axis."""
    features = value.axes[-1]
    start, end, _ = slice(start, end).indices(features)
    if (start, end) == (0, features):
        return value
    if start >= end:
        raise Unsupported(f"{described(node)}: takes nothing of {value.shape}")
    return value.through(Spec(Slice, {"start": start, "stop": end}), [*value.axes[:-1], end - start])


def _whole(values):
    """What the `values` are all the parts of, in order; else None."""
    start, parents = 0, set()
    for value in values:
        cut = value.made
        if not isinstance(cut, Made) or cut.spec.cls is not Slice or cut.spec.arguments["start"] != start:
            return None
        start, parents = cut.spec.arguments["stop"], parents | {cut.takes[0]}
    whole = parents.pop() if len(parents) == 1 else None
    if not isinstance(whole, Made) or whole.spec.cls is not LSTM:
        return None
    options = whole.spec.arguments
    return (
        whole if start == options["hidden_size"] * (1 + options["bidirectional"]) and "merge" not in options else None
    )


def _both_ends(values):
    """What the two `values` take, if they are half of its last step and the other half of its first; else None."""
    if len(values) != 2:
        return None
    taken = []
    for value, place, reverse in zip(values, (0, values[0].axes[-1]), (False, True)):
        cut = value.made
        step_of = cut.takes[0] if isinstance(cut, Made) and cut.spec.cls is Slice else None
        if not isinstance(step_of, Made) or step_of.spec != Spec(Last, {"reverse": True} if reverse else {}):
            return None
        if cut.spec.arguments["start"] != place or value.axes[-1] != values[0].axes[-1]:
            return None
        taken.append(step_of.takes[0])
    return taken[0] if taken[0] is taken[1] else None


def concat(reader, node):
    values = [value_of(reader, node, k) for k in range(len(node.input))]
    if all(isinstance(value, (Sizes, np.ndarray)) for value in values):
        parts = [v.entries if isinstance(v, Sizes) else tuple(int(size) for size in v.ravel()) for v in values]
        return [Sizes(tuple(entry for part in parts for entry in part))]
    if len(values) == 1:
        return values
    if not all(isinstance(value, Values) for value in values):
        raise Unsupported(f"{described(node)}: joins what layers make with something else")
    first = values[0]
    k = place_of(node, attribute_values(node)["axis"], len(first.axes))
    axes = [value.axes[k] for value in values]
    if all(value.finals is not None for value in values):
        finals = tuple(final for value in values for final in value.finals)
        if all(isinstance(axis, Directions) for axis in axes):
            joined = [*first.axes[:k], Directions(len(finals)), *first.axes[k + 1 :]]
            return [replace(first, axes=tuple(joined), finals=finals)]
        if k == len(first.axes) - 1 and all(isinstance(axis, int) for axis in axes):
            return [both_ways(node, replace(first, finals=finals), [*first.axes[:k], sum(axes)])]
    values = [layer_output(reader, node, place) for place in range(len(values))]
    same = k == len(first.axes) - 1 and all(value.axes[:-1] == first.axes[:-1] for value in values)
    if not same or not all(isinstance(axis, int) for axis in axes):
        shapes = " and ".join(value.shape for value in values)
        raise Unsupported(f"{described(node)}: only features are joined, side by side; got {shapes} along axis {k}")
    joined, ends, whole = [*first.axes[:-1], sum(axes)], _both_ends(values), _whole(values)
    if whole is not None:
        return [Values(whole, tuple(joined))]
    if ends is not None:
        return [Values(Made(Spec(Last, {"bidirectional": True}), (ends,)), tuple(joined))]
    return [first.through(Spec(Concat), joined, values[1:])]


# -- of shapes and constants -----------------------------------------------------------------------


def shape(reader, node):
    value, options = value_of(reader, node), attribute_values(node)
    if not isinstance(value, Values):
        raise Unsupported(f"{described(node)}: takes the shape of what isn't a layer's output")
    entries = [axis.size if isinstance(axis, Directions) else axis for axis in value.axes]
    return [Sizes(tuple(entries[options.get("start", 0) : options.get("end")]))]


def constant_of_shape(reader, node):
    value = attribute_values(node).get("value")
    return [Repeated(np.zeros(1, np.float32) if value is None else array(value))]


def expand(reader, node):
    value = value_of(reader, node)
    if not isinstance(value, (np.ndarray, Repeated)):
        raise Unsupported(f"{described(node)}: repeats what isn't constant")
    return [value if isinstance(value, Repeated) else Repeated(value)]


SHAPES = {
    "Identity": identity,
    "Cast": identity,
    "CastLike": identity,
    "Transpose": transpose,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Reshape": reshape,
    "Flatten": flatten,
    "Slice": slice_,
    "Split": split,
    "Concat": concat,
    "Shape": shape,
    "ConstantOfShape": constant_of_shape,
    "Expand": expand,
}
