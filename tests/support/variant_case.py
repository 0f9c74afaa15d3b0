"""An `el.LSTM` with any variants, random weights and inputs, run by the layer and by the oracle with the masks that its
seed gives.
"""

from dataclasses import dataclass, field

import numpy as np
from lstm_case import Case, assert_same_bits, set_params

import eigenlstm as el
from eigenlstm import _core
from reference.gradcheck import relative_error
from reference.lstm import lstm_backward, lstm_forward, options
from reference.random_params import random_params

SEED = 0x1234_5678_9ABC_DEF0
DROPOUT, INPUT, RECURRENT, ZONEOUT_H, ZONEOUT_C, WEIGHT = range(6)  # as in cpp/src/lstm/masks.hpp


@dataclass(frozen=True)
class VariantCase(Case):
    H: object = 5
    dtype: str = "float64"
    training: bool = True  # masks apply
    nans: bool = False
    scale: float = 0.4
    options: dict = field(default_factory=dict)

    def __str__(self):
        return (
            "-".join(f"{k}={v}" for k, v in self.options.items())
            + f"-B{self.B}-T{self.T}-H{self.H}x{self.num_layers}-{self.dtype}"
        )

    def get(self, name, default=None):
        return self.options.get(name, default)


def pair(zoneout):
    return tuple(zoneout) if isinstance(zoneout, (tuple, list)) else (zoneout, zoneout)


def keep_mask(kind, index, rows, T, n, p, dtype):
    """(rows, T, n): row b draws from stream kind << 56 | index << 40 | b, each step from a block of four values on."""
    width = -(-n // 4) * 4
    draws = [_core.dropout_mask(SEED, kind << 56 | index << 40 | b, (T, width), p, dtype)[:, :n] for b in range(rows)]
    return np.array(draws, np.float64).reshape(rows, T, n)


class VariantRun:
    def __init__(self, case):
        self.case = case
        rng = np.random.default_rng(case.seed)
        chosen = dict(case.options)
        self.lstm = el.LSTM(
            case.I,
            case.H,
            case.num_layers,
            bidirectional=case.bidirectional,
            bias=case.bias,
            dtype=case.dtype,
            time_major=case.time_major,
            seed=0,
            **chosen,
        )
        self.widths, self.dropouts = self.lstm._widths, self.lstm._options.dropouts
        self.D = 1 + case.bidirectional
        P = chosen.get("proj_size", 0)
        self.outputs = [P or h for h in self.widths]
        reads = 2 * case.I if chosen.get("missing") == "mask" else case.I
        scale = case.scale * min(1, 2 / np.sqrt(max(*self.widths, reads)))
        params = random_params(
            rng,
            reads,
            list(self.widths),
            bidirectional=case.bidirectional,
            bias=case.bias,
            P=[P] * len(self.widths),
            peephole=chosen.get("peephole", False),
            layer_norm=chosen.get("layer_norm", False),
            learned_state=chosen.get("learned_state", False),
            merge=chosen.get("merge", "concat"),
            scale=scale,
        )
        self.params = {name: value.astype(case.dtype) for name, value in params.items()}
        set_params(self.lstm, self.params)
        normal = lambda *shape: rng.standard_normal(shape).astype(case.dtype)
        self.x = normal(case.B, case.T, case.I)
        if case.nans:
            self.x[rng.random(self.x.shape) < 0.3] = np.nan
        states = lambda: (
            [normal(case.B, p) for p in self.outputs for _ in range(self.D)],
            [normal(case.B, h) for h in self.widths for _ in range(self.D)],
        )
        self.state = states() if case.state else None
        self.dstate = states() if case.dstate else None
        self.lengths = rng.integers(0, case.T, case.B, endpoint=True) if case.ragged else None
        features = self.outputs[-1] * (self.D if chosen.get("merge", "concat") == "concat" else 1)
        self.dy = normal(case.B, case.T, features)

    def layout(self, a):
        return a.transpose(1, 0, 2) if self.case.time_major else a

    def given(self, state):
        """A state as the layer takes it: stacked where the widths allow."""
        if state is None or len(set(self.widths)) > 1:
            return state
        return tuple(np.stack(part) for part in state)

    def infer(self):
        y, (h, c) = self.lstm(self.layout(self.x), state=self.given(self.state), lengths=self.lengths)
        return {"y": self.layout(y), **named("h", h), **named("c", c)}

    def forward(self, **how):
        y, (h, c), tape = self.lstm.forward(
            self.layout(self.x), state=self.given(self.state), lengths=self.lengths, seed=SEED, **how
        )
        return {"y": self.layout(y), **named("h", h), **named("c", c)}, tape

    def backward(self, tape):
        self.lstm.zero_grad()
        dx, (dh0, dc0) = self.lstm.backward(tape, self.layout(self.dy), self.given(self.dstate))
        return {
            "dx": self.layout(dx),
            **named("dh0", dh0),
            **named("dc0", dc0),
            **{n: g.copy() for n, g in self.lstm.grads.items()},
        }

    def everything(self, **how):
        outputs, tape = self.forward(**how)
        return {**outputs, **self.backward(tape)}

    def masks(self):
        """What the oracle multiplies by, drawn as the layer draws it."""
        case, D, masks = self.case, self.D, {}
        features = [case.I * (2 if case.get("missing") == "mask" else 1)]
        features += [p * (D if case.get("merge", "concat") == "concat" else 1) for p in self.outputs]
        draw = lambda kind, index, rows, T, n, p: keep_mask(kind, index, rows, T, n, p, case.dtype)
        for k, (H, P) in enumerate(zip(self.widths, self.outputs)):
            seen = np.ones((case.B, 1, features[k]))
            if case.get("input_dropout"):
                seen = seen * draw(INPUT, k, case.B, 1, features[k], case.get("input_dropout"))
            if k and self.dropouts[k - 1]:
                seen = seen * draw(DROPOUT, k - 1, case.B, case.T, features[k], self.dropouts[k - 1])
            for d, suffix in enumerate([f"l{k}", f"l{k}_reverse"][:D]):
                index = k * D + d
                masks[f"input_{suffix}"] = seen
                if case.get("recurrent_dropout"):
                    masks[f"recurrent_{suffix}"] = draw(RECURRENT, index, case.B, 1, P, case.get("recurrent_dropout"))[
                        :, 0
                    ]
                if case.get("weight_drop"):
                    masks[f"weight_{suffix}"] = draw(WEIGHT, index, 4 * H, 1, P, case.get("weight_drop"))[:, 0]
                zone_h, zone_c = pair(case.get("zoneout", 0.0))
                if zone_h:
                    masks[f"zoneout_h_{suffix}"] = (draw(ZONEOUT_H, index, case.B, case.T, P, zone_h) == 0).astype(
                        float
                    )
                if zone_c:
                    masks[f"zoneout_c_{suffix}"] = (draw(ZONEOUT_C, index, case.B, case.T, H, zone_c) == 0).astype(
                        float
                    )
        return masks

    def oracle(self, training):
        case = self.case
        chosen = {
            name: case.options[name]
            for name in ("coupled_input_forget", "merge", "residual", "missing", "reverse")
            if name in case.options
        }
        if chosen.get("missing") == "propagate":
            del chosen["missing"]
        for name in ("gate_clip", "cell_clip"):
            if case.get(name) is not None:
                chosen[name] = case.options[name]
        if "activations" in case.options:
            each = (
                case.options["activations"] if len(case.options["activations"]) == 2 else [case.options["activations"]]
            )
            chosen["activations"], *second = (tuple(map(known, three)) for three in each)
            if second:
                chosen["second_activations"] = second[0]
        chosen["zoneout"] = pair(case.get("zoneout", 0.0))
        if training:
            chosen["masks"] = self.masks()
        y, (h, c), tape = lstm_forward(self.x, self.params, self.state, self.lengths, options(**chosen))
        outputs = {"y": y, **named("h", h), **named("c", c)}
        if not training:
            return outputs
        dx, (dh0, dc0), grads = lstm_backward(tape, self.dy, self.dstate)
        return {**outputs, "dx": dx, **named("dh0", dh0), **named("dc0", dc0), **grads}


def known(activation):
    """Keras 3's hard_sigmoid as the oracle calls it."""
    return ("hard_sigmoid", 1 / 6, 0.5) if activation == "hard_sigmoid_keras3" else activation


def named(name, parts):
    """{"h[0]": …}: one entry a layer and direction, whatever the widths."""
    return {f"{name}[{i}]": part for i, part in enumerate(parts)}


def check_against_oracle(case, outputs=None, gradients=None):
    """Forward in inference and training, and every gradient, of a full tape and a light one."""
    run = VariantRun(case)
    outputs = outputs or (2e-5 if case.dtype == "float32" else 1e-12)
    gradients = gradients or (3e-4 if case.dtype == "float32" else 1e-10)
    for name, value in run.oracle(False).items():
        assert relative_error(run.infer()[name], value) < outputs, f"inference {name}"
    got, expected = run.everything(), run.oracle(True)
    assert set(got) == set(expected), set(got) ^ set(expected)
    for name, value in expected.items():
        assert got[name].dtype == case.dtype, name
        error = relative_error(got[name], value)
        assert error < (outputs if name[:2] in ("y", "h[", "c[") else gradients), f"{name}: {error}"
    for name, value in run.everything(memory="light").items():
        assert_same_bits(value, got[name], f"light {name}")
    if case.T > 1 and case.B:
        tape = run.forward(memory="light")[1]
        for name, value in run.everything(memory=max(tape.nbytes - 1, 1 << 20)).items():
            assert_same_bits(value, got[name], f"limited {name}")
    return run


VARIANTS = {
    "peephole": dict(peephole=True),
    "coupled": dict(coupled_input_forget=True),
    "coupled peephole": dict(coupled_input_forget=True, peephole=True),
    "gate clip": dict(gate_clip=0.5, peephole=True),
    "cell clip": dict(cell_clip=0.3, peephole=True),
    "activations": dict(activations=("hard_sigmoid", "softsign", "elu")),
    "zoneout": dict(zoneout=(0.2, 0.4)),
    "zoneout h": dict(zoneout=(0.3, 0.0)),
    "zoneout c": dict(zoneout=(0.0, 0.3)),
    "zoneout clip": dict(zoneout=0.3, cell_clip=0.3, peephole=True),
    "projection": dict(proj_size=3),
    "projection zoneout": dict(proj_size=2, zoneout=(0.3, 0.2)),
    "layer norm": dict(layer_norm=True),
    "layer norm peephole": dict(layer_norm=True, peephole=True, proj_size=2),
    "recurrent dropout": dict(recurrent_dropout=0.4),
    "input dropout": dict(input_dropout=0.4),
    "weight drop": dict(weight_drop=0.4),
    "learned state": dict(learned_state=True),
    "forward fill": dict(missing="forward_fill"),
    "mask": dict(missing="mask"),
    "error": dict(missing="error"),
}
