"""The LSTM node tests of ONNX's own backend suite, through `eigenlstm.interop.onnx.backend`."""

import warnings

import pytest

pytest.importorskip("onnx", reason="the tests are onnx's")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the other operators' test data
    from onnx.backend.test.loader import load_model_tests

    CASES = {case.name: case for case in load_model_tests(kind="node") if case.name.startswith("test_lstm_")}

import numpy as np  # noqa: E402

from eigenlstm.interop.onnx import backend  # noqa: E402


def test_all_six_are_there():
    assert len(CASES) >= 6 and {"test_lstm_batchwise", "test_lstm_bidirectional", "test_lstm_reverse"} <= set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_node(name):
    case = CASES[name]
    assert backend.is_compatible(case.model) and backend.supports_device("CPU")
    runner = backend.prepare(case.model, "CPU")
    for inputs, expected in case.data_sets:
        for got, value in zip(runner.run(inputs), expected, strict=True):
            assert got.dtype == value.dtype and got.shape == value.shape
            np.testing.assert_allclose(got, value, rtol=case.rtol, atol=case.atol)
