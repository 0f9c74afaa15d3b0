"""Promise 1 for a few rows, which the kernels multiply in tiles of many shapes: as in a batch, so alone. On each instruction set."""

import pytest
from processes import python

import eigenlstm as el

WORKER = """
    import numpy as np
    import eigenlstm as el

    el.set_num_threads(1)
    rng = np.random.default_rng(0)
    for dtype in ("float32", "float64"):
        for I, H, T in [(5, 21, 3), (40, 64, 2), (900, 72, 2), (3, 272, 7)]:
            layer = el.LSTM(I, H, dtype=dtype, seed=1)
            x, dy = rng.standard_normal((17, T, I)).astype(dtype), rng.standard_normal((17, T, H)).astype(dtype)

            def run(rows):
                y, state, tape = layer.forward(x[rows])
                return layer(x[rows])[0], y, layer.backward(tape, dy[rows])[0]

            alone = [run(slice(b, b + 1)) for b in range(17)]
            for B in range(2, 18):
                for name, together, each in zip(("inference", "y", "dx"), run(slice(B)), zip(*alone)):
                    apart = np.concatenate(each[:B])
                    assert together.shape == apart.shape
                    assert together.tobytes() == apart.tobytes(), (name, dtype, I, H, B)
"""


@pytest.mark.parametrize("isa", el.info()["available_isas"])
def test_up_to_17_rows_have_the_bits_that_each_has_alone(isa):
    result = python(WORKER, EIGENLSTM_ISA=isa)
    assert result.returncode == 0, result.stderr
