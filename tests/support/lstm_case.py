"""One configuration of `el.LSTM` with random weights and inputs, run by the layer and by the oracle."""

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

import eigenlstm as el
from reference.gradcheck import relative_error
from reference.lstm import lstm_backward, lstm_forward
from reference.random_params import random_params

# of the largest value of each array: (outputs, gradients)
TOLERANCE = {"float32": (1e-5, 1e-4), "float64": (1e-13, 1e-12)}


@dataclass(frozen=True)
class Case:
    B: int = 4
    T: int = 5
    I: int = 3
    H: int = 5
    num_layers: int = 1
    bidirectional: bool = False
    bias: bool = True
    dtype: str = "float32"
    time_major: bool = False
    state: bool = False
    ragged: bool = False
    dstate: bool = True
    seed: int = 0

    def __str__(self):
        sizes = f"B{self.B}-T{self.T}-I{self.I}-H{self.H}"
        flags = [name for name in ("bidirectional", "time_major", "state", "ragged") if getattr(self, name)]
        return "-".join([sizes, f"x{self.num_layers}", self.dtype, *flags, *([] if self.bias else ["no_bias"])])


def random_cases(B, T, I, H, **options):
    """Cases of up to 3 layers with any combination of the other fields; sizes from 1 to the given ones.

    `options` are strategies for further fields, or in place of those of this function.
    """
    sizes = {name: st.integers(1, most) for name, most in (("B", B), ("T", T), ("I", I), ("H", H))}
    flags = {name: st.booleans() for name in ("bidirectional", "time_major", "state", "ragged")}
    others = {"num_layers": st.integers(1, 3), "dtype": st.sampled_from(["float32", "float64"])}
    return st.builds(Case, **{**sizes, **flags, **others, "seed": st.integers(0, 999), **options})


class Run:
    """The layer, its inputs and its upstream gradients, all drawn from the case's seed."""

    def __init__(self, case):
        self.case = case
        rng = np.random.default_rng(case.seed)
        kind = dict(num_layers=case.num_layers, bidirectional=case.bidirectional, bias=case.bias)
        # about 1/sqrt(H), as trained weights are: sums of order one for every size
        scale = 0.8 / np.sqrt(max(case.H, case.I)) if max(case.H, case.I) > 4 else 0.4
        self.lstm = el.LSTM(case.I, case.H, **kind, dtype=case.dtype, time_major=case.time_major, seed=0)
        self.params = {
            name: value.astype(case.dtype)
            for name, value in random_params(rng, case.I, case.H, scale=scale, **kind).items()
        }
        set_params(self.lstm, self.params)

        D = 2 if case.bidirectional else 1
        states = (case.num_layers * D, case.B, case.H)
        normal = lambda *shape: rng.standard_normal(shape).astype(case.dtype)
        self.x = normal(case.B, case.T, case.I)
        self.state = (normal(*states) * np.dtype(case.dtype).type(0.5), normal(*states)) if case.state else None
        self.lengths = rng.integers(0, case.T, case.B, endpoint=True) if case.ragged else None
        self.dy = normal(case.B, case.T, D * case.H)
        self.dstate = (normal(*states), normal(*states)) if case.dstate else None

    def layout(self, a):
        """Batch-major (B, T, …) as the layer takes it; also the other way round."""
        return a.transpose(1, 0, 2) if self.case.time_major else a

    def infer(self):
        y, (h, c) = self.lstm(self.layout(self.x), state=self.state, lengths=self.lengths)
        return self.layout(y), h, c

    def forward(self):
        y, (h, c), tape = self.lstm.forward(self.layout(self.x), state=self.state, lengths=self.lengths)
        return self.layout(y), h, c, tape

    def backward(self, tape):
        """dict name -> gradient, of x, h0, c0 and every parameter, from zeroed gradients."""
        self.lstm.zero_grad()
        dx, (dh0, dc0) = self.lstm.backward(tape, self.layout(self.dy), self.dstate)
        grads = {name: grad.copy() for name, grad in self.lstm.grads.items()}
        return {"dx": self.layout(dx), "dh0": dh0, "dc0": dc0, **grads}

    def everything(self):
        """All outputs and gradients by name."""
        y, h, c, tape = self.forward()
        return {"y": y, "h": h, "c": c, **self.backward(tape)}

    def oracle(self):
        y, (h, c), tape = lstm_forward(self.x, self.params, self.state, self.lengths)
        dx, (dh0, dc0), grads = lstm_backward(tape, self.dy, self.dstate)
        return {"y": y, "h": h, "c": c, "dx": dx, "dh0": dh0, "dc0": dc0, **grads}


def set_params(lstm, params):
    views = lstm.params
    assert set(views) == set(params), set(views) ^ set(params)
    for name, value in params.items():
        views[name][...] = value


def check_against_oracle(case):
    """Forward in inference and training, and every gradient, against the oracle."""
    run = Run(case)
    expected = run.oracle()
    inferred = dict(zip("yhc", run.infer()))
    got = run.everything()
    assert set(got) == set(expected)
    for name, value in expected.items():
        tolerance = TOLERANCE[case.dtype][name not in "yhc"]
        assert got[name].dtype == case.dtype, name
        assert relative_error(got[name], value) < tolerance, name
        if name in inferred:
            assert_same_bits(inferred[name], got[name], name)


def assert_same_bits(got, expected, what=""):
    """Equal to the last bit, the sign of zero included."""
    got, expected = np.ascontiguousarray(got), np.ascontiguousarray(expected)
    assert got.dtype == expected.dtype and got.shape == expected.shape, what
    if got.tobytes() != expected.tobytes():
        differ = np.count_nonzero(got.view(f"u{got.itemsize}") != expected.view(f"u{got.itemsize}"))
        raise AssertionError(f"{what}: {differ} of {got.size} values differ in their bits")


def assert_all_same_bits(got, expected, what=""):
    assert set(got) == set(expected)
    for name in expected:
        assert_same_bits(got[name], expected[name], f"{what} {name}")
