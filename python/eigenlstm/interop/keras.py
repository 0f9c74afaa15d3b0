"""Models of Keras, loaded without Keras: `el.keras.load`, `el.keras.load_weights`, `el.keras.from_tensorflow`.

h5py is all that is needed: ``pip install "eigenlstm[keras]"``.
"""

from pathlib import Path

import numpy as np

from ..layers.embedding import Embedding
from ..layers.parameters import blank_parameters
from ..masked_sequential import MaskedSequential
from ..safetensors_files import FileError
from ..sequential import Sequential
from .convert import Report
from .keras_config import Refused, chain
from .keras_files import read_architecture, read_keras_file
from .keras_layers import input_shape, part
from .keras_parts import matched
from .keras_weights import load_weights
from .tensorflow import from_tensorflow

__all__ = ["from_tensorflow", "load", "load_weights"]


def load(path, *, architecture=None, dtype=None):
    """The model in a file of Keras, as a `Sequential` (or `MaskedSequential`, where steps are masked).

    Parameters
    ----------
    path : str or path
        A `.keras` file of Keras 3, an `.h5` file of Keras 2 or 3, or, with `architecture`, a file of weights alone.
    architecture : dict, str, path or None
        What `model.to_json()` gave, or the path of a file that holds it, where the file holds only weights.
    dtype : "float32", "float64" or None
        Of the layers; None: float64 where all tensors have it, else float32.

    Notes
    -----
    Straight models of these layers can be read: InputLayer, Embedding (with mask_zero), Masking, LSTM, CuDNNLSTM,
    Bidirectional, Dense, TimeDistributed, Dropout, SpatialDropout1D, Activation, ReLU, LeakyReLU, ELU, Softmax,
    LayerNormalization, GlobalAveragePooling1D, GlobalMaxPooling1D. Two outputs of a Bidirectional with merge_mode None
    lie side by side.

    Raises
    ------
    FileError
        For a damaged file, for a layer or an option that cannot be read (by its name), and for tensors that don't fit
        the architecture, with the tensor, the shape expected and the shape that came. All of it is checked before
        anything is built.
    OSError, ImportError
        Where there is no such file; without h5py.
    """
    return read(path, architecture=architecture, dtype=dtype)[0]


def read(path, *, architecture=None, dtype=None):
    """As `load`: ``(model, report)``, with what each layer became (a `convert.Report`)."""
    file = read_keras_file(path)
    if architecture is not None:
        if file.architecture is not None:
            raise FileError(f"{path}: holds an architecture of its own, another was given")
        file.architecture, file.version = read_architecture(architecture)
    if file.architecture is None:
        raise FileError(
            f"{path}: holds weights without an architecture; give it as architecture=model.to_json(), "
            "or build the model and use load_weights"
        )
    parts = _parts(chain(file.architecture, path), file.version or 3, path)
    arrays = matched(parts, file.weights, path)
    dtype = np.dtype(dtype or _dtype(arrays))
    try:
        with blank_parameters(limit=2 * sum(array.size for taken in arrays for array in taken)):
            made = [one.make(taken, dtype) for one, taken in zip(parts, arrays)]
            model = _model(parts, made)
    except ValueError as error:
        raise FileError(f"{path}: its layers don't fit together: {error}") from None
    for layer, state in (pair for pairs in made for pair in pairs):
        layer.load_state_dict({name: np.asarray(array, dtype) for name, array in state.items()})
    for one, pairs in zip(parts, made):
        if one.source.options.get("trainable") is False and one.tensors:
            one.notes.append(f"{one.source} is frozen: trainable=False, which a file of eigenlstm does not hold")
            for layer, _ in pairs:
                layer.trainable = False
    return model, _report(path, file, parts, made)


def _parts(layers, version, path):
    """The `Part` of each layer."""
    parts, x, mask = [], input_shape(layers[0]), None
    for layer in layers:
        try:
            parts.append(part(layer, x, version))
            if parts[-1].mask is not None and mask is not None:
                raise Refused(f"{layer} makes a mask where there is one already, which is not supported")
            if parts[-1].unmasked and mask is not None:
                raise Refused(f"{layer}: {parts[-1].unmasked} with a mask is not supported")
        except Refused as reason:
            raise FileError(f"{path}: {reason}") from None
        x, mask = parts[-1].gives, parts[-1].mask if mask is None else mask
    return parts


def _dtype(arrays):
    dtypes = {array.dtype for taken in arrays for array in taken}
    return np.float64 if dtypes == {np.dtype(np.float64)} else np.float32


def _model(parts, made):
    """The layers in a chain; those from the first mask on in a `MaskedSequential`."""
    start = next((i for i, one in enumerate(parts) if one.mask is not None), None)
    before = [layer for pairs in made[:start] for layer, _ in pairs]
    if start is None:
        return Sequential(before)
    masked = MaskedSequential([layer for pairs in made[start:] for layer, _ in pairs], mask_value=parts[start].mask)
    return Sequential([*before, masked]) if before else masked


def _report(path, file, parts, made):
    became = []
    for one, pairs in zip(parts, made):
        ours = ", ".join(_short(layer) for layer, _ in pairs) or (
            "input" if one.source.kind == "InputLayer" else "nothing to do"
        )
        if one.mask is not None:
            ours = f"MaskedSequential(mask_value={one.mask:g}) from here on" + f", {ours}" * bool(pairs)
        became.append((str(one.source), ours))
    return Report(str(path), f"Keras {file.version or '?'}", became, [note for one in parts for note in one.notes])


def _short(layer):
    """A layer with what differs from the defaults of its first arguments."""
    shown = {
        name: value
        for name, value in layer.config().items()
        if value not in (None, False, 0.0, "concat", "default", [])
        and name not in ("dtype", "bias", "num_layers", "forget_bias")
    }
    return f"{type(layer).__name__}({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


# -- against Keras itself -----------------------------------------------------------------------


def compare(path, model, architecture=None):
    """How far `model` is from what Keras makes of `path`, on random input: ``(difference, text)``.

    The difference is None where Keras is not there or cannot run it, and the text says why.
    """
    try:
        import keras
    except ImportError:
        return None, "Keras is not installed"
    try:
        if architecture is None:
            theirs = keras.models.load_model(path, compile=False)
        else:
            theirs = keras.models.model_from_json(Path(architecture).read_text())
            theirs.load_weights(path)
        x = _random_input(theirs.input_shape, model)
        outputs = theirs(x)
        outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        expected = np.concatenate([keras.ops.convert_to_numpy(output) for output in outputs], axis=-1)
    except Exception as error:  # whatever Keras and its backend may raise
        return None, f"Keras {keras.__version__} cannot run it: {(str(error).splitlines() or [''])[0]}"
    difference = np.abs(model(x) - expected).max(initial=0)
    # Keras 3 loads files of Keras 2, and computes their hard_sigmoid with its own slope.
    other = " (whose hard_sigmoid is not that of Keras 2)" if "'hard_sigmoid'" in repr(model) else ""
    return float(difference), f"Keras {keras.__version__} on random input {x.shape}{other}"


def _random_input(shape, model):
    """Input of `shape`, in which None is any size; some steps are masked where the model masks."""
    rng = np.random.default_rng(0)
    sizes = [size or default for size, default in zip(shape, (4, 12, 8))]
    masked = next((layer for layer in (model, *model.layers) if isinstance(layer, MaskedSequential)), None)
    first = (masked if masked is model else model).layers[0]
    if isinstance(first, Embedding):
        return rng.integers(0, first.num_embeddings, sizes)
    x = rng.standard_normal(sizes).astype(model.dtype or np.float32)
    if masked is model:
        x[rng.random(sizes[:2]) < 0.3] = masked.mask_value
    return x
