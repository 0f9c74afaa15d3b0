"""Promise 1 between instruction sets: all with fused multiply-add give the same bits, each in a process of its own.

tests/cpp/lstm/print_hashes.cpp does the same with the core alone, and can be built for Arm.
"""

import json

import pytest
from processes import python

import eigenlstm as el

WORKER = """
    import hashlib
    import json
    import numpy as np
    import eigenlstm as el
    from variant_case import VariantCase, VariantRun

    def digest(*arrays):
        sha = hashlib.sha256()
        for array in map(np.asarray, arrays):
            sha.update(np.where(np.isnan(array), np.nan, array).astype(array.dtype).tobytes())  # the payload of NaN doesn't count
        return sha.hexdigest()

    hashes = {}
    for options in [{}, dict(peephole=True, layer_norm=True), dict(proj_size=7, coupled_input_forget=True, cell_clip=0.5),
                    dict(zoneout=0.2, weight_drop=0.2, missing="mask"), dict(activations=("hard_sigmoid", "softsign", "softplus"))]:
        for shape in [dict(B=1, T=300, I=3, H=21), dict(B=130, T=5, I=20, H=40), dict(B=5, T=7, I=66, H=100, ragged=True, state=True)]:
            for dtype in ("float32", "float64"):
                case = VariantCase(options=options, nans="missing" in options, dtype=dtype, **shape)
                hashes[str(case) + str(shape)] = digest(*VariantRun(case).everything().values())
    rng = np.random.default_rng(0)
    for dtype in ("float32", "float64"):
        logits, labels = rng.standard_normal((40, 37)).astype(dtype), rng.integers(0, 37, 40)
        hashes["cross_entropy-" + dtype] = digest(*el.losses.CrossEntropy(label_smoothing=0.1)(logits, labels))
        frames, target = rng.standard_normal((3, 20, 9)).astype(dtype), rng.integers(1, 9, (3, 6))
        hashes["ctc-" + dtype] = digest(*el.ctc.CTC()(frames, target))
        for loss in (el.losses.MSE(), el.losses.Huber(0.5), el.losses.BCE()):
            p, t = rng.standard_normal((61, 7)).astype(dtype), rng.random((61, 7)).astype(dtype)
            hashes[type(loss).__name__ + dtype] = digest(*loss(p, t))
        x = rng.standard_normal((70, 9, 3)).astype(dtype)
        model = el.Sequential([el.LSTM(3, 27, dtype=dtype, dropout=0.0, recurrent_dropout=0.1, seed=1), el.Last(),
                               el.Linear(27, 2, dtype=dtype, seed=2)])
        model.fit(x, x[:, -1, :2], loss="mse", optimizer=el.Adam(1e-2), epochs=2, batch_size=32, clip_norm=1.0, seed=3, verbose=0)
        hashes["fit-" + dtype] = digest(model.flat_params, model.predict(x))
    print(json.dumps(hashes))
"""


def test_every_instruction_set_with_fused_multiply_add_gives_the_same_bits():
    fused = [isa for isa in el.info()["available_isas"] if isa != "sse4.2"]
    if len(fused) < 2:
        pytest.skip(f"this processor has no two instruction sets with fused multiply-add: {fused}")
    runs = {}
    for isa in fused:
        result = python(WORKER, EIGENLSTM_ISA=isa)
        assert result.returncode == 0, result.stderr
        runs[isa] = json.loads(result.stdout)
        assert len(runs[isa]) == 42
    first = runs[fused[0]]
    for isa in fused[1:]:
        assert [name for name in first if runs[isa][name] != first[name]] == []
