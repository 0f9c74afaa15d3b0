"""An LSTM's weights as others name and order them; `interop` does the work and is imported when it is needed."""


class ForeignWeights:
    """The part of `LSTM` that takes and gives weights under PyTorch's names, or as matrices of each gate."""

    @classmethod
    def from_state_dict(cls, mapping, prefix="", *, dtype=None, **options):
        """An LSTM with the weights of a torch.nn.LSTM or LSTMCell, its sizes and options inferred from their names and
        shapes.

        Parameters
        ----------
        mapping : dict of arrays
            As ``torch_module.state_dict()``, ``lstm.state_dict()`` or ``safetensors.numpy.load_file`` give it: NumPy
            arrays or tensors of 16, 32 or 64 bits, under torch.nn.LSTM's names (with ``bias_ih`` and ``bias_hh``, which
            are added), under those of torch.nn.LSTMCell (``weight_ih`` without ``_l0``), or under those of `params`
            (with one bias, peepholes, gains, states).
        prefix : str
            What the names of this LSTM start with in a mapping of a whole model, as in ``"encoder.rnn."``. All that
            starts so must belong to the LSTM.
        dtype : "float32", "float64" or None
            Of the LSTM. None: that of the arrays, float32 for those of half precision.
        **options
            What the arrays do not tell: `time_major`, `dropout`, `activations`, `merge`, `missing`, `seed` ... as in
            the constructor.

        Returns
        -------
        LSTM
            Batch-major unless ``time_major=True`` is given, whatever the source was.

        Raises
        ------
        TypeError, ValueError
            Before anything is built, naming the entry: for what is missing, left over or of another shape, for weights
            of a GRU, for arrays of integers, and for several dtypes without `dtype`.
        """
        from ..interop import state_dict

        return state_dict.build_lstm(cls, mapping, prefix, dtype, options)

    @classmethod
    def from_gates(cls, weights, biases=None, *, hidden_first=True, dtype=None, **options):
        """An LSTM of one layer from the textbook's layout: for each gate one matrix on the concatenation [h, x].

        Parameters
        ----------
        weights : mapping with the keys i, f, g, o
            The matrix of each gate, (H, H + I), or (H + I, H) where the row [h, x] is multiplied from the left. g is
            the candidate, which many texts call c.
        biases : mapping with the same keys, or None
            H values each: (H,), (H, 1) or (1, H). None: no bias is added.
        hidden_first : bool
            Whether the concatenation is [h, x], or else [x, h].
        dtype : "float32", "float64" or None
            None: that of the arrays.
        options
            Further options of `LSTM` that need no parameters of their own.

        Raises
        ------
        TypeError, ValueError
            For arrays that don't fit together, naming the one, with what was expected and what came.

        >>> weights = {gate: np.zeros((4, 4 + 3), np.float32) for gate in "ifgo"}  # on [h, x]: H = 4, I = 3
        >>> biases = {gate: np.zeros(4, np.float32) for gate in "ifgo"}
        >>> lstm = el.LSTM.from_gates(weights, biases)
        >>> lstm.hidden_size, lstm.input_size
        (4, 3)
        """
        from ..interop import gates

        return gates.from_gates(cls, weights, biases, hidden_first, dtype, options)

    def state_dict(self):
        """Copies of the parameters under torch.nn.LSTM's names: the bias as ``bias_ih_l{k}``, with zeros as
        ``bias_hh_l{k}``.
        """
        from ..interop import state_dict

        return state_dict.to_torch(self._param_views)

    def _state_specs(self, state):
        from ..interop import state_dict

        return state_dict.accepted_specs(self._specs, state)

    def _canonical_state(self, state):
        from ..interop import state_dict

        return state_dict.from_torch(self._specs, state)
