"""The LSTM layer and its streaming session."""

import numpy as np

from .. import _core
from ..checks import argument_names, as_array, as_lengths, flag, positive_int
from ..seeds import as_seed
from .base import Layer
from .lstm_state import as_input, as_state
from .lstm_weights import ForeignWeights
from .parameters import admit
from .symbolic import Value

# By dtype: to make its name takes 3 us of a call.
_CORES = {np.dtype(np.float32): _core.LSTMFloat32, np.dtype(np.float64): _core.LSTMFloat64}
_TAPES = {np.dtype(np.float32): _core.TapeFloat32, np.dtype(np.float64): _core.TapeFloat64}


class LSTM(ForeignWeights, Layer):
    """Long short-term memory: stacked, uni- or bidirectional (Hochreiter, Schmidhuber 1997; forget gate: Gers et al.
    2000).

    For each step t, with ``[i, f, g, o]`` stacked in this order in the 4H rows of every weight:

        i, f, o = sigmoid(W x_t + R h_{t-1} + b)        g = tanh(W x_t + R h_{t-1} + b)
        c_t = f * c_{t-1} + i * g                       h_t = o * tanh(c_t)

    Every option below may be combined with every other that makes sense beside it, and has exact gradients.

    Sizes: B rows, T steps, I inputs, H hidden units, P = `proj_size` or else H, D = 2 directions or 1.

    Parameters
    ----------
    input_size : int
        I.
    hidden_size : int or list of int
        H, of all layers, or of each: ``[256, 128]`` are two layers (`num_layers` need not be given). Layer k > 0 takes
        the outputs of layer k - 1.
    num_layers : int
    bias : bool
        Whether b is added.
    bidirectional : bool
        A second direction runs from each row's own end.
    dropout : float or list of float
        Probability with which, in training, each output of a layer is dropped on its way to the next, the others being
        scaled by 1 / (1 - p); a list has one for each layer, the last one 0.
    proj_size : int
        P: h = W_hr m, where m is what h would be (Sak et al. 2014, as torch.nn.LSTM). 0: none. Must be less than H.
    time_major : bool
        x and y are (T, B, ...) instead of (B, T, ...).
    dtype : "float32" or "float64"
        Of the parameters and of every array in and out. Nothing is cast silently.
    init : "default" or "torch"
        "default": W and W_hr Glorot uniform, W over the stacked (I, 4H) matrix (Glorot, Bengio 2010), R orthogonal
        (Saxe et al. 2014), bias zero but for the forget gate's `forget_bias`. "torch": these U(-1/sqrt(H), 1/sqrt(H)),
        as torch.nn.LSTM. The parameters of the options below start as if the option were not there.
    forget_bias : float
        Initial bias of the forget gate, 1 if not given (Jozefowicz et al. 2015); "torch" adds it, 0 if not given, to
        what it draws.
    seed : int or None
        Of the initial parameters, and of the masks of calls that have no seed of their own.
    peephole : bool
        The gates see the cell, unit by unit: i and f see c_{t-1}, o sees c_t (Gers, Schmidhuber 2000; as ONNX and
        TensorFlow).
    coupled_input_forget : bool
        f = 1 - i (CIFG of Greff et al. 2017; ONNX's input_forget). The forget gate's parameters are there and unused.
    layer_norm : bool
        Layer normalisation (Ba et al. 2016), with epsilon 1e-5: W x + R h of each gate by itself, over its H units,
        with a gain, b being added after it; and c_t, with a gain and a bias, on its way to h (the state c keeps the
        plain values).
    reverse : bool
        A single direction that runs from each row's own end to its start; y keeps the order of time, h and c are the
        state after step 0 (ONNX's "reverse"). It can't stream.
    activations : (gates, candidate, output), or such a triple for each of two directions
        In place of ``("sigmoid", "tanh", "tanh")``: of i, f and o; of g; of c_t on its way to h. Each is a name, or
        (name, alpha) or (name, alpha, beta) of those with parameters (with their default values; as ONNX defines them):

            sigmoid  tanh  linear  relu  softsign  softplus  hard_swish
            leaky_relu (0.01)         x, or alpha x where x < 0
            elu (1)                   x, or alpha (e^x - 1) where x < 0
            thresholded_relu (1)      x, or 0 where x <= alpha
            affine (1, 0)             alpha x + beta
            scaled_tanh (1, 1)        alpha tanh(beta x)
            hard_sigmoid (0.2, 0.5)   alpha x + beta within 0 and 1: the slope of ONNX and Keras 2
            hard_sigmoid_keras3 (1/6, 0.5)   the same with the slope of Keras 3 and PyTorch

    gate_clip : float or None
        What enters the activations of gates and candidate is clipped to [-gate_clip, gate_clip] (ONNX's clip).
    cell_clip : float or None
        c_t is clipped to [-cell_clip, cell_clip] (TensorFlow, cuDNN). Where either clips, no gradient passes.
    merge : "concat", "sum", "mean" or "mul"
        How the outputs of two directions become one: side by side, or unit by unit (Keras's Bidirectional, where mean
        is "ave").
    residual : bool
        From the second layer on, a layer's output is added to its input; both must have the same size.
    learned_state : bool
        h0 and c0 are parameters, used where `state` is not given.
    input_dropout, recurrent_dropout : float
        Variational dropout (Gal, Ghahramani 2016): one mask a row for all steps and gates, scaled by 1 / (1 - p), on
        what each layer reads, and on the h_{t-1} that R multiplies (Keras's `dropout`, and `recurrent_dropout`, which
        has a mask for each gate).
    zoneout : float or (h, c)
        Probability with which a unit keeps its h_{t-1}, its c_{t-1}, in training; inference takes the expectation. h_t
        is made from the cell before its zoneout (Krueger et al. 2017).
    weight_drop : float
        Probability with which, in training, an entry of R is dropped, the others being scaled by 1 / (1 - p): one mask
        a call (DropConnect, as AWD-LSTM: Merity et al. 2018).
    missing : "propagate", "error", "forward_fill" or "mask"
        What NaN in x is: NaN of its row from that step on; a ValueError; the last value of that row and feature in this
        call (0 before the first); or 0, with I more inputs that are 1 where x was NaN: W has 2I columns, x keeps I.

    Notes
    -----
    Parameters learned (see `params`), of each layer k, and the same with ``_reverse``:

        weight_ih_l{k}         (4H, inputs)  inputs: I (2I with missing="mask"), then D*P (P if merged)
        weight_hh_l{k}         (4H, P)
        bias_l{k}              (4H,)         bias
        weight_hr_l{k}         (P, H)        proj_size
        peephole_l{k}          (3H,)         peephole: i f o
        norm_weight_l{k}       (4H,)         layer_norm: gains of i f g o
        norm_cell_weight_l{k}, norm_cell_bias_l{k}  (H,)
        h0_l{k}, c0_l{k}       (P,), (H,)    learned_state

    Examples
    --------
    Four sequences of 50 steps and 8 features, one of them shorter; the same step by step; and gradients by hand:

    >>> lstm = el.LSTM(8, 32, num_layers=2, dropout=0.1, seed=0)
    >>> x = np.random.default_rng(0).standard_normal((4, 50, 8)).astype(np.float32)
    >>> y, (h, c) = lstm(x, lengths=[50, 20, 50, 50])
    >>> y.shape, h.shape, c.shape
    ((4, 50, 32), (2, 4, 32), (2, 4, 32))
    >>> stream = lstm.stream()
    >>> steps = [stream.step(x_t) for x_t in x[0]]
    >>> np.array_equal(steps[-1], y[0, -1])
    True
    >>> y, state, tape = lstm.forward(x)
    >>> dx, dstate = lstm.backward(tape, y)
    >>> lstm.grads["weight_hh_l0"].shape
    (128, 32)

    Raises
    ------
    TypeError, ValueError
        For an option of the wrong kind or out of range, and for options that make no sense together, with the reason.

    Notes
    -----
    Results are bitwise the same for any number of threads, any batch that a row is in, any order of the rows, any
    chunking of time with carried state (what fills a gap with ``missing="forward_fill"`` is carried by `stream` only),
    and step by step through `stream`; inference gives the bits of `forward`.
    Truncated backpropagation through k steps (Williams, Peng 1990): call `forward` on chunks of k steps, each with the
    state that the one before gave, and `backward` on each chunk's tape without `dstate`; handing ``(dh0, dc0)`` back as
    `dstate` truncates nothing. A random mask is a function of the seed of the call, the layer, and the row's place in
    the batch.
    """

    recurrent = True

    def __init__(
        self,
        input_size,
        hidden_size,
        num_layers=1,
        *,
        bias=True,
        bidirectional=False,
        dropout=0.0,
        proj_size=0,
        time_major=False,
        dtype="float32",
        init="default",
        forget_bias=None,
        seed=None,
        peephole=False,
        coupled_input_forget=False,
        layer_norm=False,
        activations=("sigmoid", "tanh", "tanh"),
        gate_clip=None,
        cell_clip=None,
        merge="concat",
        residual=False,
        learned_state=False,
        input_dropout=0.0,
        recurrent_dropout=0.0,
        zoneout=0.0,
        weight_drop=0.0,
        missing="propagate",
        reverse=False,
    ):
        from .lstm_options import LSTMOptions  # here, since an import of the package need not cost it

        self._options = options = LSTMOptions(locals())
        self._become(options.public())
        self._widths, self._variants = options.widths, options.variants
        self.stochastic = options.random
        admit(4 * max(self._widths) * (self.input_size + self.num_layers * self.num_directions))
        self._core = _CORES[options.basic["dtype"]](**options.native())
        self._packed = None  # (version of the parameters, for_backward, packed weights)
        self._build(self._core.parameters, dtype, seed)

    _fixed = frozenset(argument_names(__init__)) - {"self"}

    def _initialise(self, rng):
        from . import lstm_initial

        lstm_initial.draw(self, rng)

    @property
    def num_directions(self):
        """2 with `bidirectional`, else 1."""
        return 1 + self.bidirectional

    def config(self):
        return self._options.config()

    def input_shape(self):
        return ("T", "B", self.input_size) if self.time_major else ("B", "T", self.input_size)

    def output_shape(self, shape):
        if len(shape) != 3:
            raise ValueError(f"LSTM takes 3 axes {self.input_shape()}, got {len(shape)}")
        self._expect_features(shape, self.input_size)
        width = self.proj_size or self._widths[-1]
        return (*shape[:-1], width * (self.num_directions if self.merge == "concat" else 1))

    def state_shapes(self):
        """The shapes of h and c, the batch axis "B"; None for each where the layers' widths differ."""
        if not self._uniform:
            return None, None
        count = self.num_layers * self.num_directions
        return (count, "B", self.proj_size or self.hidden_size), (count, "B", self.hidden_size)

    # -- computation ----------------------------------------------------------------------------

    def __call__(self, x, state=None, lengths=None, *, trace=False):
        """Inference: ``x (B, T, I) -> y (B, T, D*P), (h, c)``, h (num_layers*D, B, P) and c (num_layers*D, B, H).

        P is proj_size, or H without it. y is (B, T, P) where `merge` makes one of two directions. Where the layers'
        widths differ, h and c are lists of num_layers*D arrays (B, P) and (B, H): layer 0, its reverse direction, layer
        1, ...

        Parameters
        ----------
        x : array of the layer's dtype, (B, T, I), or (T, B, I) with ``time_major``
            Any strides; not copied. T = 0 and B = 0 are allowed.
        state : (h0, c0) or None
            Initial state, of the shapes of (h, c). None, also for one of the two: zeros, or with `learned_state` what
            was learned.
        lengths : integers (B,) or None
            Steps of each row, 0..T, in any order. Past its length a row gives zeros in y and keeps its state.
        trace : bool
            True: ``y, (h, c), trace``, with the gates and the cell of every step (`Trace`).

        Raises
        ------
        TypeError for a wrong dtype, ValueError for a wrong shape or length and, with ``missing="error"``, for NaN in x
        within the lengths.
        """
        if isinstance(x, Value):
            return x._trace.call(self, (x,), state=state, lengths=lengths)
        if trace:
            y, h, c, tape = self._run(x, state, lengths, True, for_backward=False)
            from .trace import of_tape

            return y, (h, c), of_tape(self, tape, lengths)
        y, h, c = self._run(x, state, lengths, False)
        return y, (h, c)

    def forward(self, x, state=None, lengths=None, training=True, seed=None, *, memory="full"):
        """As a call, and the tape for `backward`: ``y, (h, c), tape``.

        The tape keeps a copy of x and the weights as they are now: whatever is changed later, `backward` gives the
        gradient of this forward, any number of times. ``training=False`` gives None for it.

        Parameters
        ----------
        seed : int, 64 bits, or None
            The key of the random masks (dropout, input_dropout, recurrent_dropout, zoneout, weight_drop), where there
            are any; None draws one from the layer's own.
        memory : "full", "light" or int
            What the tape keeps of every step: "full": h, c and the gates, 6H values; "light": h and c, a third of it,
            and `backward` computes the gates again. A number of bytes is a bound on ``tape.nbytes``, for any T: full or
            light where they fit, else the states at some steps, between which `backward` runs forward again, a segment
            at a time. The gradients are the same to the bit (for ``per_row`` see `backward`). ``tape.nbytes`` counts
            what the tape keeps and the segment that `backward` computes again, but not x (nor what `missing` makes of
            it), not the masks of `input_dropout` and `recurrent_dropout` and not the gradients that `backward` sums in
            parts, of up to 16 micro-batches: a quarter of a full tape at most.
        """
        if type(memory) is not str or memory != "full":
            self._options.check_memory(memory, "LSTM.forward: memory")
        if not training:
            return *self(x, state, lengths), None
        if seed is not None:
            seed = as_seed(seed, "LSTM.forward")
        elif self.stochastic:
            seed = self._next_seed()
        y, h, c, tape = self._run(x, state, lengths, True, seed, memory)
        return y, (h, c), tape

    def backward(self, tape, dy, dstate=None, *, need_dx=True, per_row=False):
        """Gradients of a scalar from those with respect to y and the final state: ``dx, (dh0, dc0)``; adds to `grads`.

        Parameters
        ----------
        tape : what `forward` gave
        dy : array, the shape of y, or None for zeros
        dstate : (dh, dc) or None
            With respect to the final state, of its shapes; either may be None for zeros. (dh0, dc0) have them too,
            whether the initial state was given, learned (`grads` has then the sum over the rows as well) or zero.
        need_dx : bool
            False: dx is not computed, None in its place.
        per_row : bool
            True: ``dx, (dh0, dc0), grads`` with each row's own gradients, dict name -> (B, ...), as differential
            privacy and influence functions need them; nothing is added to `grads`. Each is, to the bit, what that row
            alone would give (random masks apart, which depend on the place in the batch; to rounding where `memory` cut
            time into segments).
        """
        if not isinstance(tape, _TAPES[self._dtype]):
            raise TypeError(
                f"LSTM.backward: tape must come from forward of a {self._dtype} LSTM with training=True, "
                f"got {type(tape).__name__}"
            )
        dh, dc = as_state(dstate, self._dtype, self._uniform, "LSTM.backward", "dstate", "d{}")
        if dy is not None:
            dy = as_array(dy, self._dtype, "LSTM.backward", "dy")
        need_dx, per_row = (
            flag(need_dx, "LSTM.backward: need_dx"),
            flag(per_row, "LSTM.backward: per_row"),
        )
        dx, dh0, dc0, rows = self._core.backward(tape, dy, dh, dc, self._flat_grads, need_dx, per_row)
        if not per_row:
            return dx, (dh0, dc0)
        shapes = dict(self._specs)
        return (
            dx,
            (dh0, dc0),
            {name: rows[:, part].reshape(-1, *shapes[name]) for name, part in self.param_slices().items()},
        )

    def stream(self, batch_size=1):
        """A streaming session: ``s.step(x_t, out=None)`` takes (batch_size, I) and gives (batch_size, P), keeping its
        own state.

        ``s.state`` is (h, c), (num_layers, batch_size, P) and (num_layers, batch_size, H), lists of arrays where the
        layers' widths differ, copied out and in; ``s.reset()`` makes it zero, or what was learned; ``s.fork()`` is an
        independent copy. The session keeps the weights as they are now. A step allocates nothing when `out` is given,
        takes no lock and makes no system call. One session is for one thread at a time. With ``missing="forward_fill"``
        it remembers the last values of x, which `reset` forgets; with ``"error"``, NaN is a ValueError that changes
        nothing. ValueError for an LSTM with a direction that runs backwards.
        """
        return self._core.stream(self._weights(False), positive_int(batch_size, "LSTM.stream: batch_size"))

    def _stream_into(self, graph, x):
        return graph.lstm(x, self._core, self._weights(False))

    def _run(self, x, state, lengths, with_tape, seed=None, memory="full", for_backward=True):
        x = as_input(x, self._dtype, self.missing, "LSTM.forward")
        if with_tape and for_backward:
            x = np.array(x)  # the tape's own: next to the gates that it keeps, this costs little
        h0, c0 = (
            (None, None)
            if state is None
            else as_state(state, self._dtype, self._uniform, "LSTM.forward", "state", "{}0")
        )
        if lengths is not None:
            if x.ndim != 3:
                raise ValueError(f"LSTM.forward: x must have 3 axes, got shape {x.shape}")
            lengths = as_lengths(lengths, x.shape[self.time_major], x.shape[1 - self.time_major], "LSTM.forward")
        weights = self._weights(with_tape and for_backward, seed)
        return self._core.forward(weights, x, h0, c0, lengths, self.time_major, with_tape, seed, memory)

    @property
    def _uniform(self):
        """Whether all layers have one width, and a state is one array."""
        return isinstance(self.hidden_size, int)

    def _weights(self, for_backward, seed=None):
        """The packed weights of the parameters as they are now; with weight drop, training has its own each time."""
        if seed is not None and self.weight_drop > 0:
            return self._core.pack(self._flat_params, for_backward, seed)
        version = self._store.version()
        packed = self._packed
        if packed is None or packed[0] != version or (for_backward and not packed[1]):
            packed = self._packed = None  # its memory first
            packed = self._packed = version, for_backward, self._core.pack(self._flat_params, for_backward)
        return packed[2]

    def _bind(self, store, offset):
        super()._bind(store, offset)
        self._packed = None
