"""Graphs with LSTMs in them, in ONNX's text form, and their weights."""

import numpy as np
from onnx import helper, numpy_helper, parser


def parse(body, weights, opset=20):
    """A checked model from ONNX's text: `body` is everything after the header, `weights` become initializers."""
    model = parser.parse_model(f'<ir_version: 10, opset_import: ["" : {opset}]>\n' + body)
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in weights.items())
    return model


def lstm_weights(rng, I, H, D=1, dtype=np.float32, names="WRB"):
    """W, R and B of an LSTM node, under `names`."""
    shapes = [(D, 4 * H, I), (D, 4 * H, H), (D, 8 * H)]
    return {name: (rng.standard_normal(shape) * 0.4).astype(dtype) for name, shape in zip(names, shapes)}


def convolutions_and_lstms(rng, channels=8, H=6):
    """x (N, channels, T) through convolution, LSTM, convolution, LSTM and a matrix: y (N, T, 2)."""
    first, second = lstm_weights(rng, channels, H), lstm_weights(rng, 5, H, 2, names=["W2", "R2", "B2"])
    more = {
        "K": (rng.standard_normal((channels, channels, 3)) * 0.3).astype(np.float32),
        "K2": (rng.standard_normal((5, H, 3)) * 0.3).astype(np.float32),
        "M": rng.standard_normal((2 * H, 2)).astype(np.float32),
        "shape": np.array([0, 0, -1]),
        "one": np.array([1]),
    }
    body = f"""
    graph (float[N, {channels}, T] x) => (float[N, T, 2] y, float[1, N, {H}] h) {{
      a = Conv <pads = [1, 1]> (x, K)
      b = Relu (a)
      c = Transpose <perm = [2, 0, 1]> (b)
      Y, h = LSTM <hidden_size = {H}> (c, W, R, B)
      d = Squeeze (Y, one)
      e = Transpose <perm = [1, 2, 0]> (d)
      f = Conv <pads = [1, 1]> (e, K2)
      g = Transpose <perm = [2, 0, 1]> (f)
      Z = LSTM <hidden_size = {H}, direction = "bidirectional"> (g, W2, R2, B2)
      k = Transpose <perm = [2, 0, 1, 3]> (Z)
      l = Reshape (k, shape)
      y = MatMul (l, M)
    }}
    """
    return parse(body, {**first, **second, **more})


def chosen_by_rate(rng, I=4, H=5):
    """Two LSTMs, one of which the input `sr` chooses, in an If in an If, with state in and out."""
    narrow, wide = lstm_weights(rng, I, H), lstm_weights(rng, I, H, names=["W2", "R2", "B2"])
    body = f"""
    graph (float[T, N, {I}] x, float[2, N, {H}] state, int64 sr) => (float[T, N, {H}] y, float[2, N, {H}] stateN) {{
      wide = Equal (sr, rate)
      y, stateN = If (wide) <
        then_branch = wide_graph () => (wide_y, wide_state) {{
          wide_h, wide_c = Split <axis = 0, num_outputs = 2> (state)
          wide_Y, wide_hN, wide_cN = LSTM <hidden_size = {H}> (x, W2, R2, B2, , wide_h, wide_c)
          wide_y = Squeeze (wide_Y, one)
          wide_state = Concat <axis = 0> (wide_hN, wide_cN)
        }},
        else_branch = else_graph () => (else_y, else_state) {{
          narrow = Equal (sr, half_rate)
          else_y, else_state = If (narrow) <
            then_branch = narrow_graph () => (narrow_y, narrow_state) {{
              narrow_h, narrow_c = Split <axis = 0, num_outputs = 2> (state)
              R1 = Identity (R)
              narrow_Y, narrow_hN, narrow_cN = LSTM <hidden_size = {H}> (x, W, R1, B, , narrow_h, narrow_c)
              narrow_sum = Squeeze (narrow_Y, one)
              narrow_y = Sigmoid (narrow_sum)
              narrow_state = Concat <axis = 0> (narrow_hN, narrow_cN)
            }},
            else_branch = none_graph () => (none_y, none_state) {{
              none_state = Identity (state)
              size = Shape <start = 0, end = 2> (x)
              none_size = Concat <axis = 0> (size, width)
              none_y = ConstantOfShape (none_size)
            }}
          >
        }}
      >
    }}
    """
    numbers = {"rate": np.array(16000), "half_rate": np.array(8000), "one": np.array([1]), "width": np.array([H])}
    return parse(body, {**narrow, **wide, **numbers})


def looped(rng, I=3, H=4):
    """An LSTM in a Loop over the steps of x (N, T, I): y (T, N, H), one at a time, and its last state."""
    body = f"""
    graph (float[N, T, {I}] x, float[1, N, {H}] h0, float[1, N, {H}] c0)
        => (float[1, N, {H}] h, float[1, N, {H}] c, float[T, N, {H}] y) {{
      steps = Shape <start = 1, end = 2> (x)
      count = Squeeze (steps)
      time = Transpose <perm = [1, 0, 2]> (x)
      h, c, all = Loop (count, yes, h0, c0) <
        body = step (int64 t, bool go, float[1, N, {H}] h_in, float[1, N, {H}] c_in)
            => (bool go_on, float[1, N, {H}] h_out, float[1, N, {H}] c_out, float[N, {H}] out) {{
          go_on = Identity (go)
          x_t = Gather <axis = 0> (time, t)
          x_1 = Unsqueeze (x_t, zero)
          Y, h_out, c_out = LSTM <hidden_size = {H}> (x_1, W, R, B, , h_in, c_in)
          out = Squeeze (Y, both)
        }}
      >
      y = Relu (all)
    }}
    """
    numbers = {"yes": np.array(True), "zero": np.array([0]), "both": np.array([0, 1])}
    return parse(body, {**lstm_weights(rng, I, H), **numbers})


def weights_made(rng, I=3, H=5, dtype=np.float32):
    """An LSTM whose weights are computed from constants, as exporters leave them, and the same with plain ones."""
    plain = lstm_weights(rng, I, H, dtype=dtype)
    W, R, B = plain.values()
    made = {
        "gates": np.ascontiguousarray(W[0].T),  # (I, 4H)
        "R_long": np.concatenate([np.zeros((1, 4 * H, 2), dtype), R], axis=2),
        "R_start": np.array([2]),
        "R_end": np.array([2**31 - 1]),
        "R_axes": np.array([2]),
        "Wb": B[0, : 4 * H].astype(np.float64),
        "Rb": B[:, 4 * H :],
        "zero": np.array([0]),
    }
    kind = {np.float32: "float", np.float16: "float16"}[dtype]
    to = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    body = f"""
    graph ({kind}[T, N, {I}] x) => ({kind}[T, 1, N, {H}] Y) {{
      turned = Transpose <perm = [1, 0]> (gates)
      W = Unsqueeze (turned, zero)
      R_same = Identity (R_long)
      R = Slice (R_same, R_start, R_end, R_axes)
      Wb_cast = Cast <to = {to}> (Wb)
      Wb_row = Unsqueeze (Wb_cast, zero)
      B = Concat <axis = 1> (Wb_row, Rb)
      Y = LSTM <hidden_size = {H}> (x, W, R, B)
    }}
    """
    simple = f"graph ({kind}[T, N, {I}] x) => ({kind}[T, 1, N, {H}] Y) {{ Y = LSTM <hidden_size = {H}> (x, W, R, B) }}"
    return parse(body, made), parse(simple, plain)


def scanned(rng, backwards, I=3, H=4):
    """An LSTM in a Scan over the second axis of x (N, T, I), in either direction of time."""
    body = f"""
    graph (float[N, T, {I}] x, float[1, N, {H}] h0, float[1, N, {H}] c0)
        => (float[1, N, {H}] h, float[1, N, {H}] c, float[N, T, {H}] y) {{
      h, c, y = Scan (h0, c0, x) <
        num_scan_inputs = 1, scan_input_axes = [1], scan_input_directions = [{backwards}],
        scan_output_axes = [1], scan_output_directions = [{backwards}],
        body = step (float[1, N, {H}] h_in, float[1, N, {H}] c_in, float[N, {I}] x_t)
            => (float[1, N, {H}] h_out, float[1, N, {H}] c_out, float[N, {H}] out) {{
          x_1 = Unsqueeze (x_t, zero)
          Y, h_out, c_out = LSTM <hidden_size = {H}> (x_1, W, R, B, , h_in, c_in)
          out = Squeeze (Y, both)
        }}
      >
    }}
    """
    return parse(body, {**lstm_weights(rng, I, H), "zero": np.array([0]), "both": np.array([0, 1])})
