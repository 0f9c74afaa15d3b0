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

_Array = np.ndarray  # a name of this module: a call of a small LSTM takes 2 us, and each look-up counts

# By dtype, since making the name of a dtype takes 3 us.
_CORES = {np.dtype(np.float32): _core.LSTMFloat32, np.dtype(np.float64): _core.LSTMFloat64}
_TAPES = {np.dtype(np.float32): _core.TapeFloat32, np.dtype(np.float64): _core.TapeFloat64}


class LSTM(ForeignWeights, Layer):
    """Long short-term memory with any number of layers, in one direction or both.

    Sources: Hochreiter, Schmidhuber 1997; Gers et al. 2000 for the forget gate. A step t computes, where the 4H rows of
    each weight hold the gates ``[i, f, g, o]`` in this order:

        i, f, o = sigmoid(W x_t + R h_{t-1} + b)        g = tanh(W x_t + R h_{t-1} + b)
        c_t = f * c_{t-1} + i * g                       h_t = o * tanh(c_t)

    The options below can be combined wherever that makes sense, and all of them have exact gradients.

    Sizes: B rows in a batch, T steps, I inputs, H hidden units, P = `proj_size` (H without a projection), D directions.

    Parameters
    ----------
    input_size : int
        I.
    hidden_size : int or list of int
        H, one for all layers or one for each: ``[256, 128]`` makes two layers, and `num_layers` need not be given.
        Each layer after the first takes the outputs of the layer before it.
    num_layers : int
    bias : bool
        Whether there is a bias b.
    bidirectional : bool
        Adds a second direction, which starts at the end of each row (at its own end where rows differ in length).
    dropout : float or list of float
        Probability p of dropping an output of a layer on its way to the next one, in training; the others are scaled
        by 1 / (1 - p). A list has a probability for each layer, and 0 for the last.
    proj_size : int
        P, less than H: what would be h is projected, h_t = W_hr (o * tanh(c_t)) (Sak et al. 2014). 0: no projection.
    time_major : bool
        x and y are (T, B, ...) instead of (B, T, ...).
    dtype : "float32" or "float64"
        Of the parameters and of every array in and out. Nothing is cast silently.
    init : "default" or "torch"
        "default": W and W_hr are Glorot uniform, W as a matrix of (I, 4H) (Glorot, Bengio 2010), R is orthogonal (Saxe
        et al. 2014), and the bias is zero except for `forget_bias`. "torch": all of them are uniform in ±1/sqrt(H), as
        in torch.nn.LSTM. Parameters that an option below adds start so that the option has no effect at first.
    forget_bias : float
        Initial bias of the forget gate; by default 1 (Jozefowicz et al. 2015). With "torch" it is added to the bias
        that is drawn, and is 0 by default.
    seed : int or None
        Seed of the initial parameters, and of the random masks in calls that are given no seed.
    peephole : bool
        The gates also read the cell, each unit its own: i and f read c_{t-1}, o reads c_t (Gers, Schmidhuber 2000; as
        in ONNX and TensorFlow).
    coupled_input_forget : bool
        f = 1 - i (CIFG in Greff et al. 2017; ONNX's input_forget). The forget gate's parameters exist but are not used.
    layer_norm : bool
        Layer normalisation (Ba et al. 2016), with epsilon 1e-5: of W x + R h, for each gate over its H units, with a
        gain and before b is added; and of c_t where h is made from it, with a gain and a bias (the state c itself is
        not normalised).
    reverse : bool
        The only direction runs from the end of each row to its start; y keeps the order of time, and h and c are the
        state after step 0 (ONNX's "reverse"). Such a layer can't stream.
    activations : (gates, candidate, output), or one such triple for each of the two directions
        The functions of i, f and o, of g, and of c_t where h is made from it; ``("sigmoid", "tanh", "tanh")`` if not
        given. Each is a name, or (name, alpha) or (name, alpha, beta) where the function has parameters. Default values
        are in parentheses; the definitions are those of ONNX:

            sigmoid  tanh  linear  relu  softsign  softplus  hard_swish
            leaky_relu (0.01)         x, or alpha x where x < 0
            elu (1)                   x, or alpha (e^x - 1) where x < 0
            thresholded_relu (1)      x, or 0 where x <= alpha
            affine (1, 0)             alpha x + beta
            scaled_tanh (1, 1)        alpha tanh(beta x)
            hard_sigmoid (0.2, 0.5)   alpha x + beta within 0 and 1: the slope of ONNX and Keras 2
            hard_sigmoid_keras3 (1/6, 0.5)   the same with the slope of Keras 3 and PyTorch

    gate_clip : float or None
        The arguments of the activations of gates and candidate are clipped to ±gate_clip (ONNX's clip).
    cell_clip : float or None
        c_t is clipped to ±cell_clip (as in TensorFlow and cuDNN). No gradient passes where either of the two clips.
    merge : "concat", "sum", "mean" or "mul"
        How the outputs of the two directions are combined: side by side, or unit by unit (as in Keras's Bidirectional,
        which calls the mean "ave").
    residual : bool
        From the second layer on, the input of a layer is added to its output; both must have the same size.
    learned_state : bool
        h0 and c0 are parameters, which are used in calls without `state`.
    input_dropout, recurrent_dropout : float
        Variational dropout (Gal, Ghahramani 2016) in training: each row has one mask for all steps and gates, scaled by
        1 / (1 - p); `input_dropout` is applied to the input of each layer, `recurrent_dropout` to the h_{t-1} that R
        multiplies. (Keras has `dropout` and `recurrent_dropout`, the latter with a mask for each gate.)
    zoneout : float or (h, c)
        Probability that a unit keeps its h_{t-1}, and its c_{t-1}, in training; inference uses the expected value. h_t
        is made from c_t as it is before zoneout (Krueger et al. 2017).
    weight_drop : float
        Probability of dropping an entry of R in training; the others are scaled by 1 / (1 - p). There is one mask for
        a call (DropConnect, as in AWD-LSTM: Merity et al. 2018).
    missing : "propagate", "error", "forward_fill" or "mask"
        What becomes of NaN in x. "propagate": all results of that row are NaN from then on. "error": a ValueError.
        "forward_fill": the last value of that row and feature in this call, or 0 before the first. "mask": 0, and I
        further inputs are 1 where x was NaN; W has 2I columns then, while x keeps I features.

    Notes
    -----
    Parameters (see `params`) of each layer k; those of a reverse direction have ``_reverse`` behind their names:

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
    Four sequences of up to 50 steps with 8 features; the first of them again, step by step; and gradients by hand:

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
        For an option of the wrong type or out of range, and for options that make no sense together; says why.

    Notes
    -----
    The results for a row are the same to the last bit for any number of threads, in any batch and any order of the
    rows, if time is cut into pieces and the state handed on, and step by step through `stream`; inference and `forward`
    agree likewise. (With ``missing="forward_fill"``, only `stream` remembers values from one call to the next.)
    Truncated backpropagation through k steps (Williams, Peng 1990): call `forward` on pieces of k steps, each with the
    state that the previous one returned, and `backward` on the tape of each piece without `dstate`. To truncate
    nothing, pass the ``(dh0, dc0)`` of each piece as `dstate` to the piece before it. A random mask depends on the seed
    of the call, on the layer, and on the row's place in the batch.
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
        from .lstm_options import LSTMOptions  # imported here, so that `import eigenlstm` stays quick

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

        P is proj_size, or H without a projection. y is (B, T, P) if `merge` combines the directions unit by unit. If
        the layers differ in width, h and c are lists of num_layers*D arrays (B, P) and (B, H), in this order: layer 0,
        its reverse direction, layer 1, ...

        Parameters
        ----------
        x : array of the layer's dtype, (B, T, I), or (T, B, I) with ``time_major``
            It may have any strides and is not copied. T = 0 and B = 0 are allowed.
        state : (h0, c0) or None
            Initial state, in the shapes of (h, c). None, for both or for one of them, means zeros, or the learned state
            with `learned_state`.
        lengths : integers (B,) or None
            Number of steps of each row, from 0 to T, in any order. After its last step, y is zero for a row, and its
            state stays as it is.
        trace : bool
            True: returns ``y, (h, c), trace``, with the gates and the cell at every step (`Trace`).

        Raises
        ------
        TypeError for a wrong dtype; ValueError for a wrong shape or length and, with ``missing="error"``, for NaN in
        x within the lengths.
        """
        if type(x) is not _Array and isinstance(x, Value):
            return x._trace.call(self, (x,), state=state, lengths=lengths)
        if trace:
            y, h, c, tape = self._run(x, state, lengths, True, for_backward=False)
            from .trace import of_tape

            return y, (h, c), of_tape(self, tape, lengths)
        y, h, c = self._run(x, state, lengths, False)
        return y, (h, c)

    def forward(self, x, state=None, lengths=None, training=True, seed=None, *, memory="full"):
        """Like a call, and returns the tape for `backward`, too: ``y, (h, c), tape``.

        The tape keeps a copy of x and of the weights. Whatever is changed later, `backward` gives the gradients of this
        call, as often as it is asked. With ``training=False`` the tape is None.

        Parameters
        ----------
        seed : int, 64 bits, or None
            Seed of the random masks (dropout, input_dropout, recurrent_dropout, zoneout, weight_drop), if there are
            any. None: one is drawn from the generator of the layer.
        memory : "full", "light" or int
            What the tape keeps of every step. "full": h, c and the gates, which are 6H values. "light": h and c, a
            third of that; `backward` computes the gates again. A number of bytes: the limit of ``tape.nbytes``, for any
            T; the tape is full or light if that fits, or else it keeps the states at some steps, and `backward` runs
            forward again from one of them to the next. The gradients are the same to the last bit (but see `backward`
            for ``per_row``). ``tape.nbytes`` counts what the tape keeps and the longest piece that `backward` computes
            again. It leaves out x (and what `missing` makes of it), the masks of `input_dropout` and
            `recurrent_dropout`, and the partial sums of the gradients, at most a quarter of a full tape.
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
        """Backpropagation, from gradients with respect to y and the final state: ``dx, (dh0, dc0)``; adds to `grads`.

        Parameters
        ----------
        tape : what `forward` returned
        dy : array in the shape of y, or None for zeros
        dstate : (dh, dc) or None
            Gradients with respect to the final state, in its shapes; None, for both or for one, means zeros. The result
            (dh0, dc0) has these shapes, too, whether the initial state was given, zero, or learned (in that case its
            sum over the rows is added to `grads` as well).
        need_dx : bool
            False: dx is not computed, and None is returned for it.
        per_row : bool
            True: returns ``dx, (dh0, dc0), grads`` with the gradients of each row by itself, dict name -> (B, ...), as
            differential privacy and influence functions need them; nothing is added to `grads`. They are to the last
            bit what a call with that row alone would give, except for random masks, which depend on the place in the
            batch, and up to rounding where `memory` made the tape keep only some steps.
        """
        if not isinstance(tape, _TAPES[self._dtype]):
            raise TypeError(
                f"LSTM.backward: tape must come from forward of a {self._dtype} LSTM with training=True, "
                f"got {type(tape).__name__}"
            )
        dh, dc = as_state(dstate, self._dtype, self._uniform, "LSTM.backward", "dstate", "d{}")
        if dy is not None:
            dy = as_array(dy, self._dtype, "LSTM.backward", "dy")
        need_dx = flag(need_dx, "LSTM.backward: need_dx")
        per_row = flag(per_row, "LSTM.backward: per_row")
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
        """A streaming session: ``s.step(x_t, out=None)`` takes a step (batch_size, I), returns (batch_size, P), and
        keeps the state for the next one.

        ``s.state`` is a copy of (h, c), of shapes (num_layers, batch_size, P) and (num_layers, batch_size, H), or lists
        of arrays if the layers differ in width; assigning to it copies the values in. ``s.reset()`` sets it to zero, or
        to the learned state, and ``s.fork()`` makes an independent copy of the session. The session keeps the weights
        as they are now. A step with `out` allocates nothing, takes no lock and makes no system call; a session may be
        used by one thread at a time. With ``missing="forward_fill"`` it remembers the last values of x until `reset`;
        with ``"error"``, NaN is a ValueError and changes nothing. ValueError for an LSTM with a reverse direction.
        """
        return self._core.stream(self._weights(False), positive_int(batch_size, "LSTM.stream: batch_size"))

    def _stream_into(self, graph, x):
        return graph.lstm(x, self._core, self._weights(False))

    def _run(self, x, state, lengths, with_tape, seed=None, memory="full", for_backward=True):
        if type(x) is not _Array or x.dtype is not self._dtype:  # else it is what as_input would give
            x = as_input(x, self._dtype, self.missing, "LSTM.forward")
        if with_tape and for_backward:
            x = np.array(x)  # a copy for the tape, which is small beside the gates that the tape keeps
        h0 = c0 = None
        if state is not None:
            h0, c0 = as_state(state, self._dtype, self._uniform, "LSTM.forward", "state", "{}0")
        if lengths is not None:
            if x.ndim != 3:
                raise ValueError(f"LSTM.forward: x must have 3 axes, got shape {x.shape}")
            lengths = as_lengths(lengths, x.shape[self.time_major], x.shape[1 - self.time_major], "LSTM.forward")
        weights = self._weights(with_tape and for_backward, seed)
        return self._core.forward(weights, x, h0, c0, lengths, self.time_major, with_tape, seed, memory)

    @property
    def _uniform(self):
        """Whether all layers have the same width, so that h and c are one array each."""
        return isinstance(self.hidden_size, int)

    def _weights(self, for_backward, seed=None):
        """The parameters as they are now, packed. With weight drop, each call in training packs its own."""
        if seed is not None and self.weight_drop > 0:
            return self._core.pack(self._flat_params, for_backward, seed)
        version = self._store.version()
        packed = self._packed
        if packed is None or packed[0] != version or (for_backward and not packed[1]):
            packed = self._packed = None  # so that their memory is free before the new ones are packed
            packed = self._packed = version, for_backward, self._core.pack(self._flat_params, for_backward)
        return packed[2]

    def _bind(self, store, offset):
        super()._bind(store, offset)
        self._packed = None
