"""`LSTM` and `LSTMCell`: PyTorch modules with the faces of torch.nn.LSTM and torch.nn.LSTMCell."""

import json
import math

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from ..layers.lstm_options import DEFAULTS
from . import torch_autograd, torch_ops, torch_transforms
from .torch_engine import Engine, WeightViews

_VARIANTS = tuple(name for name in DEFAULTS if name != "proj_size")
_CELL_VARIANTS = ("peephole", "coupled_input_forget", "layer_norm", "activations", "gate_clip", "cell_clip", "zoneout")


class _OnEngine:
    """What both modules have: weights that an engine follows."""

    _variants = {}  # options of el.LSTM beyond torch's

    def _set_up(self):
        """Make what is derived from the module's options. A replaced module has been through no constructor of ours."""
        self._options = json.dumps(self._sizes() | self._variants)
        engine = self._new_engine(torch.float32)
        self._weight_names = [self._own_name(name) for name in engine.names]
        self._weight_shapes = engine.shapes
        self._followed = None

    def _add_variants(self, variants, known, device, dtype):
        """Check `variants`, which the constructor was given, and add the parameters that they bring."""
        for name in variants:
            if name not in known:
                raise TypeError(f"{type(self).__name__}: unexpected keyword {name!r}; variants are {', '.join(known)}")
        self._variants = variants
        self._set_up()
        changed = False
        for name, shape in zip(self._weight_names, self._weight_shapes):
            if getattr(self, name, None) is None or getattr(self, name).shape != shape:
                setattr(self, name, nn.Parameter(torch.empty(shape, device=device, dtype=dtype)))
                changed = True
        if changed:
            self.reset_parameters()

    def reset_parameters(self):
        """Draw weights and biases from U(-1/sqrt(H), 1/sqrt(H)); a variant's own start as if it were not there."""
        bound = 1 / math.sqrt(self.hidden_size)
        for name, weight in self.named_parameters(recurse=False):
            if name.startswith(("weight", "bias")):
                nn.init.uniform_(weight, -bound, bound)
            else:
                nn.init.constant_(weight, float(name.startswith(("norm_weight", "norm_cell_weight"))))

    def extra_repr(self):
        return "".join([super().extra_repr(), *(f", {name}={value!r}" for name, value in self._variants.items())])

    def __getstate__(self):
        plain = getattr(super(), "__getstate__", lambda: self.__dict__)  # objects have it since Python 3.11
        return {**plain(), "_followed": None}  # what is None here is made when it is needed

    def _new_engine(self, dtype, dropout=0.0):
        return Engine({**json.loads(self._options), "dropout": dropout}, dtype)

    def _weights(self):
        """The weight tensors, in the engine's order."""
        own = self._parameters
        try:
            return [own[name] for name in self._weight_names]
        except KeyError:  # parametrized, pruned or normalised: then they are attributes
            return [getattr(self, name) for name in self._weight_names]

    def _run(self, weights, x, h0, c0, lengths=None, time_major=True, dropout=0.0):
        """``y, h, c`` of x (T, B, I), or (B, T, I) where not `time_major`; lengths (B,) as a tensor."""
        dtype = weights[0].dtype
        if x.dtype is not dtype or (h0 is not None and not (h0.dtype is c0.dtype is dtype)):  # under autocast
            x, h0, c0 = (None if value is None else value.to(dtype) for value in (x, h0, c0))
        draws = self.training and (dropout > 0 or not _DRAWING.isdisjoint(self._variants))
        seed = torch.randint(2**63 - 1, ()) if draws else None
        if _runs_line_by_line(x):
            if self._followed is None or self._followed[:2] != (dtype, dropout):
                self._followed = dtype, dropout, self._new_engine(dtype, dropout), WeightViews()
            *_, engine, views = self._followed
            lengths = None if lengths is None else lengths.numpy()
            seed = None if seed is None else int(seed)
            return torch_autograd.lstm(engine, views.of(weights), x, h0, c0, weights, lengths, time_major, seed)
        # A graph that is exported for inference keeps no tape, whatever the weights require.
        exported = _is_exporting() or torch.jit.is_tracing()
        tape = torch.is_grad_enabled() and (self.training or not exported)
        tape = tape and any(value is not None and value.requires_grad for value in (x, h0, c0, *weights))
        arguments = x, h0, c0, weights, lengths, seed, self._options, dropout, time_major
        if tape and not torch.compiler.is_compiling() and torch._C._are_functorch_transforms_active():
            return torch_transforms.lstm(*arguments)
        return torch_ops.lstm(*arguments, tape)[:3]


class LSTM(_OnEngine, nn.RNNBase):
    """torch.nn.LSTM, computed by eigenlstm, with its options and those of `el.LSTM`.

    Arguments, inputs, outputs, shapes, names in the state_dict, initial weights from a seed and errors are those of
    torch.nn.LSTM: unbatched, ``batch_first``, packed sequences, ``hx``, ``proj_size``, dropout between layers. It runs
    on the CPU, in float32 or float64 (under autocast in the dtype of its weights).

    Parameters
    ----------
    input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size, device, dtype
        As torch.nn.LSTM has them; `dropout` must be below 1.
    **variants
        Options of `el.LSTM`, explained there: peephole, coupled_input_forget, layer_norm, activations, gate_clip,
        cell_clip, merge, residual, learned_state, input_dropout, recurrent_dropout, zoneout, weight_drop, missing.
        Those that bring parameters add them under el.LSTM's names (``peephole_l0``, ``norm_weight_l0``, ``h0_l0`` ...).

    Notes
    -----
    It is a torch.nn.RNNBase but no torch.nn.LSTM: torch.compile refuses those. Random masks are drawn with a seed from
    torch's default generator. A second derivative raises RuntimeError.
    """

    def __init__(
        self,
        input_size,
        hidden_size,
        num_layers=1,
        bias=True,
        batch_first=False,
        dropout=0.0,
        bidirectional=False,
        proj_size=0,
        device=None,
        dtype=None,
        **variants,
    ):
        sizes = input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size
        super().__init__("LSTM", *sizes, device=device, dtype=dtype)
        if dropout >= 1:
            raise ValueError(f"LSTM: dropout must be below 1, got {dropout}")
        self._add_variants(variants, _VARIANTS, device, dtype)

    get_expected_cell_size = nn.LSTM.get_expected_cell_size
    check_forward_args = nn.LSTM.check_forward_args
    permute_hidden = nn.LSTM.permute_hidden

    def forward(self, input, hx=None):
        """``output, (h_n, c_n)``, as torch.nn.LSTM."""
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hx)
        if input.dim() not in (2, 3):
            raise ValueError(f"LSTM: Expected input to be 2D or 3D, got {input.dim()}D instead")
        batch_axis = 0 if self.batch_first else 1
        batched = input.dim() == 3
        x = input if batched else input.unsqueeze(batch_axis)
        weights = self._weights()
        h0, c0 = self._checked(weights[0], x, hx, None if batched else 1)
        if x.shape[1 - batch_axis] == 0:
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        y, h, c = self._run(weights, x, h0, c0, None, not self.batch_first, self._dropout_between_layers())
        return (y, (h, c)) if batched else (y.squeeze(batch_axis), (h.squeeze(1), c.squeeze(1)))

    def _forward_packed(self, packed, hx):
        """In the order of the packed rows, longest first."""
        data, batch_sizes, order, places = packed
        h0, c0 = (None, None) if hx is None else self.permute_hidden(hx, order)
        weights = self._weights()
        _check_dtypes(weights[0], data, h0, c0)
        if hx is None:
            self.check_input(data, batch_sizes)
        else:
            self.check_forward_args(data, (h0, c0), batch_sizes)
        x, lengths = pad_packed_sequence(PackedSequence(data, batch_sizes))
        y, h, c = self._run(weights, x, h0, c0, lengths, dropout=self._dropout_between_layers())
        output = PackedSequence(pack_padded_sequence(y, lengths).data, batch_sizes, order, places)
        return output, self.permute_hidden((h, c), places)

    def _checked(self, weight, x, hx, added_axis):
        """(h0, c0) for a padded x, or torch's errors; unbatched states get `added_axis`."""
        _check_device(x, weight)
        if hx is None:
            if x.shape[-1] != self.input_size or x.dtype != weight.dtype:
                self.check_input(x, None)
            return None, None
        h0, c0 = hx[0], hx[1]
        expected = 3 if added_axis is None else 2
        if h0.dim() != expected or c0.dim() != expected:
            kind = "batched 3-D" if expected == 3 else "unbatched 2-D"
            raise RuntimeError(
                f"For {kind} input, hx and cx should also be {expected}-D but got ({h0.dim()}-D, {c0.dim()}-D) tensors"
            )
        if added_axis is not None:
            h0, c0 = h0.unsqueeze(added_axis), c0.unsqueeze(added_axis)
        self.check_forward_args(x, (h0, c0), None)
        _check_dtypes(x, h0, c0)
        return h0, c0

    def _dropout_between_layers(self):
        return self.dropout if self.num_layers > 1 else 0.0

    def _sizes(self):
        names = "input_size", "hidden_size", "num_layers", "bias", "bidirectional", "proj_size"
        return {name: getattr(self, name) for name in names}

    @staticmethod
    def _own_name(name):
        return name


class LSTMCell(_OnEngine, nn.LSTMCell):
    """torch.nn.LSTMCell, computed by eigenlstm, with its options and some of those of `el.LSTM`.

    Arguments, inputs, outputs, names in the state_dict, initial weights from a seed and errors are those of
    torch.nn.LSTMCell. For long sequences `LSTM` is faster by far: a cell starts anew at every step.

    Parameters
    ----------
    input_size, hidden_size, bias, device, dtype
        As torch.nn.LSTMCell has them.
    **variants
        Options of `el.LSTM`, explained there: peephole, coupled_input_forget, layer_norm, activations, gate_clip,
        cell_clip, zoneout. Their parameters have el.LSTM's names without ``_l0``.
    """

    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None, **variants):
        super().__init__(input_size, hidden_size, bias, device, dtype)
        self._add_variants(variants, _CELL_VARIANTS, device, dtype)

    def forward(self, input, hx=None):
        """``h_1, c_1``, as torch.nn.LSTMCell."""
        if input.dim() not in (1, 2):
            raise ValueError(f"LSTMCell: Expected input to be 1D or 2D, got {input.dim()}D instead")
        batched = input.dim() == 2
        x = input if batched else input.unsqueeze(0)
        h0 = c0 = None
        if hx is not None:
            for index, value in enumerate(hx):
                if value.dim() not in (1, 2):
                    raise ValueError(f"LSTMCell: Expected hx[{index}] to be 1D or 2D, got {value.dim()}D instead")
            h0, c0 = hx if batched else (hx[0].unsqueeze(0), hx[1].unsqueeze(0))
        weights = self._weights()
        self._check(weights[0], x, h0, c0)
        if h0 is not None:
            h0, c0 = h0.unsqueeze(0), c0.unsqueeze(0)
        _, h, c = self._run(weights, x.unsqueeze(0), h0, c0)
        return (h.squeeze(0), c.squeeze(0)) if batched else (h.squeeze(0).squeeze(0), c.squeeze(0).squeeze(0))

    def _check(self, weight, x, h0, c0):
        """Torch's errors, in its words."""
        _check_device(x, weight)
        if x.shape[1] != self.input_size:
            raise RuntimeError(f"input has inconsistent input_size: got {x.shape[1]} expected {self.input_size}")
        for index, value in enumerate((h0, c0)):
            if value is None:
                continue
            if value.shape[0] != x.shape[0]:
                raise RuntimeError(
                    f"Input batch size {x.shape[0]} doesn't match hidden{index} batch size {value.shape[0]}"
                )
            if value.dim() != 2 or value.shape[1] != self.hidden_size:
                width = value.shape[1] if value.dim() > 1 else 1
                raise RuntimeError(
                    f"hidden{index} has inconsistent hidden_size: got {width}, expected {self.hidden_size}"
                )
        _check_dtypes(weight, x, h0, c0)

    def _sizes(self):
        return {"input_size": self.input_size, "hidden_size": self.hidden_size, "bias": self.bias}

    @staticmethod
    def _own_name(name):
        return name.removesuffix("_l0")


_DRAWING = frozenset(("input_dropout", "recurrent_dropout", "zoneout", "weight_drop"))
_is_exporting = getattr(torch.compiler, "is_exporting", torch.compiler.is_compiling)  # is_exporting: since PyTorch 2.7


def _runs_line_by_line(x):
    """Whether x holds values to compute with now, and nothing traces, compiles, transforms or watches operators."""
    return not (
        torch.compiler.is_compiling()
        or type(x) is not torch.Tensor
        and type(x) is not nn.Parameter
        or not x.is_cpu
        or torch._C._are_functorch_transforms_active()
        or torch._C._get_tracing_state() is not None
        or torch._C._len_torch_dispatch_stack() > 0
    )


def _check_device(x, weight):
    if x.is_cpu and weight.is_cpu:
        return
    if x.device != weight.device:
        raise RuntimeError(
            "Input and parameter tensors are not at the same device, "
            f"found input tensor at {x.device} and parameter tensor at {weight.device}"
        )
    if x.device.type != "meta":
        raise RuntimeError(f"eigenlstm computes on the CPU; input and weights are on {x.device}")


def _check_dtypes(x, *others):
    for other in others:
        if other is not None and other.dtype != x.dtype and not torch.is_autocast_enabled("cpu"):
            raise RuntimeError(f"input, hidden state and weights must have one dtype, got {x.dtype} and {other.dtype}")
