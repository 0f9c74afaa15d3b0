"""`Session`: any ONNX graph, its LSTMs in eigenlstm and the rest in ONNX Runtime."""

from dataclasses import dataclass

import numpy as np
from onnx import helper
from onnx.reference import ReferenceEvaluator

from ... import get_num_threads
from ...checks import unmasked
from ...tables import Table
from .graph import simplified, static_sizes
from .lstm_node import ReferenceLSTM
from .plan import REFERENCE, THEIRS, Plan
from .reading import read_model


@dataclass(frozen=True)
class NodeArg:
    """An input or output: its name, its type as ONNX Runtime writes it, its shape (text or None: a free size)."""

    name: str
    type: str
    shape: list | None


class Session:
    """An ONNX graph, ready to run: LSTMs here, the rest in ONNX Runtime. Used like ``onnxruntime.InferenceSession``.

    Parameters
    ----------
    path_or_bytes : path, bytes or ModelProto
    sess_options : onnxruntime.SessionOptions or None
        Of the sub-graphs that ONNX Runtime runs. None: its own, with `eigenlstm.get_num_threads()` threads.
    providers : list or None
        Of ONNX Runtime; None: the CPU's.
    constants : dict name -> value
        Inputs that are the same in every call, as ``{"sr": 16000}``. They are inputs no longer, and what depends on
        nothing else is computed now: an If that they decide is replaced by its branch.
    runtime : "onnxruntime", "reference" or None
        What runs the nodes that are no LSTM. "reference" is onnx's own evaluator, in NumPy, which is slow. None:
        ONNX Runtime where it is installed, else the reference evaluator.

    Notes
    -----
    LSTM nodes run here with every attribute of the operator: activations for each direction, ``layout=1``, clip,
    coupled gates, peepholes, lengths, initial states; their weights may be computed from constants or be inputs, in any
    floating type: half precision is computed in float32. Bodies of If, Loop and Scan with LSTMs inside are cut in the
    same way. Transpositions and reshapes between LSTMs are NumPy views. A row of no steps keeps its initial state,
    where ONNX Runtime gives zeros. `placements` and `summary` tell what runs where. Sessions may be shared by threads.

    Raises
    ------
    OSError, FileError, ValueError
        For a file that can't be read, that is damaged, or whose data would come from outside its folder; for
        `constants` that are no inputs or have another shape.
    """

    def __init__(self, path_or_bytes, sess_options=None, providers=None, *, constants=None, runtime=None):
        model = read_model(path_or_bytes, "onnx.Session")
        self._runtime = _runtime(runtime, sess_options, providers)
        values = constant_inputs(model.graph, dict(constants or {}), "onnx.Session")
        graph = simplified(model, values)
        self._plan = Plan(graph, self._runtime)
        self._inputs = {value.name: _Check(value, f"Session.run: {value.name}") for value in graph.inputs}
        self._outputs = [value.name for value in model.graph.output]

    def run(self, output_names, input_feed, run_options=None):
        """The outputs named (None: all), as a list of arrays, for the inputs in the dict `input_feed`.

        TypeError for an input of another dtype, ValueError for one of another shape, for names that the graph doesn't
        have, and for `run_options`, which are of a single ONNX Runtime session.
        """
        if run_options is not None:
            raise ValueError("Session.run: run_options are of one ONNX Runtime session, and this one has several parts")
        wanted = self._outputs if output_names is None else list(output_names)
        for name in wanted:
            if name not in self._outputs:
                raise ValueError(f"Session.run: {name!r} is no output; there are {', '.join(self._outputs)}")
        values = self._checked(input_feed)
        self._plan.run(values)
        return [_own(self._plan.value(values, name)) for name in wanted]

    def get_inputs(self):
        """[`NodeArg`] of the inputs that `run` needs."""
        return [_node_arg(value) for value in self._plan.graph.inputs]

    def get_outputs(self):
        """[`NodeArg`] of the outputs."""
        return [_node_arg(value) for value in self._plan.graph.outputs]

    @property
    def placements(self):
        """[`Placement`]: node, operator, runtime and, for an LSTM that doesn't run here, the reason."""
        return list(self._plan.placements)

    def summary(self):
        """A table of what runs where: LSTMs by name, other operators by number."""
        rows, counts = [("node", "operator", "runs in", "")], {}
        for p in self._plan.placements:
            if p.operator in ("LSTM", "If", "Loop", "Scan"):
                rows.append((p.node, p.operator, p.runtime, p.reason))
            else:
                counts[p.operator, p.runtime] = counts.get((p.operator, p.runtime), 0) + 1
        rows += [
            (f"{number} nodes" if number > 1 else "1 node", operator, runtime, "")
            for (operator, runtime), number in counts.items()
        ]
        return Table(rows)

    def _checked(self, feed):
        """The inputs as arrays, of the types and shapes that the graph says."""
        missing = [name for name in self._inputs if name not in feed]
        if missing:
            raise ValueError(
                f"Session.run: the inputs {', '.join(missing)} are missing; got {', '.join(feed) or 'none'}"
            )
        values = {}
        for name, value in feed.items():
            check = self._inputs.get(name)
            if check is None:
                raise ValueError(f"Session.run: {name!r} is no input; there are {', '.join(self._inputs) or 'none'}")
            values[name] = check(value)
        return values


class _OnnxRuntime:
    name = THEIRS

    def __init__(self, options, providers):
        import onnxruntime

        self._module, self._options = onnxruntime, options
        self._providers = providers or ["CPUExecutionProvider"]
        if options is None:
            self._options = onnxruntime.SessionOptions()
            self._options.intra_op_num_threads = get_num_threads()
            self._options.log_severity_level = 3  # errors: nothing prints

    def compiled(self, model):
        """A function from the inputs, by name, to the list of all outputs."""
        session = self._module.InferenceSession(model.SerializeToString(), self._options, self._providers)
        names = [output.name for output in model.graph.output]
        return lambda values: session.run(names, values)


class _Reference:
    name = REFERENCE

    def compiled(self, model):
        evaluator = ReferenceEvaluator(model, new_ops=[ReferenceLSTM])
        return lambda values: evaluator.run(None, values)


def _runtime(name, options, providers):
    if name not in (None, "onnxruntime", "reference"):
        raise ValueError(f"onnx.Session: runtime must be 'onnxruntime', 'reference' or None, got {name!r}")
    if name != "reference":
        try:
            return _OnnxRuntime(options, providers)
        except ImportError:
            if name is not None:
                raise ImportError(
                    'onnx.Session: runtime="onnxruntime" needs it: pip install "eigenlstm[onnx]"'
                ) from None
    if options is not None or providers is not None:
        raise ValueError("onnx.Session: sess_options and providers are ONNX Runtime's, which isn't used")
    return _Reference()


def constant_inputs(graph, constants, where):
    """The values of inputs that the user fixes, as arrays of their dtypes and shapes; `where` names the caller."""
    inputs = {value.name: value for value in graph.input}
    values = {}
    for name, value in constants.items():
        if name not in inputs:
            raise ValueError(f"{where}: constants: {name!r} is no input; there are {', '.join(inputs) or 'none'}")
        elem = inputs[name].type.tensor_type.elem_type
        array, given = np.asarray(value, helper.tensor_dtype_to_np_dtype(elem)), np.asarray(value)
        if array.dtype.kind in "iub" and not np.array_equal(array, given):
            raise ValueError(f"{where}: constants: {name} must be of {array.dtype}, got {value!r}")
        sizes = static_sizes(inputs[name].type)
        if sizes is not None and array.ndim == 0 and all(size in (1, None) for size in sizes):
            array = array.reshape([1] * len(sizes))
        values[name] = _Check(inputs[name], f"{where}: constants: {name}")(array)
    return values


class _Check:
    """An input's type and sizes, with which each value is compared; they are looked up once."""

    def __init__(self, described, where):
        self._shape, self._where = _node_arg(described).shape, where
        self._sizes, self._dtype = static_sizes(described.type), None
        if described.type.WhichOneof("value") == "tensor_type":
            self._dtype = helper.tensor_dtype_to_np_dtype(described.type.tensor_type.elem_type)

    def __call__(self, value):
        if self._dtype is None:
            return value
        array = np.asarray(unmasked(value, self._where, "the array"))
        if array.dtype != self._dtype and not (self._dtype.kind == "O" and array.dtype.kind in "USO"):
            raise TypeError(f"{self._where} must have dtype {self._dtype}, got {array.dtype}")
        sizes = self._sizes
        if sizes is not None and (
            len(sizes) != array.ndim or any(size not in (None, got) for size, got in zip(sizes, array.shape))
        ):
            raise ValueError(f"{self._where} must have shape {tuple(self._shape)}, got {array.shape}")
        return array


def _node_arg(value):
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        return NodeArg(value.name, kind or "", None)
    tensor = value.type.tensor_type
    name = helper.tensor_dtype_to_string(tensor.elem_type).rsplit(".", 1)[1].lower()
    shape = None
    if tensor.HasField("shape"):
        shape = [d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in tensor.shape.dim]
    return NodeArg(value.name, f"tensor({name})", shape)


def _own(value):
    """An output as an array in C order."""
    if not isinstance(value, np.ndarray) or value.flags.c_contiguous:
        return value
    return np.ascontiguousarray(value)
