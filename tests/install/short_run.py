"""A little of everything that reaches the compiled module, for runs under a sanitizer."""

import numpy as np

import eigenlstm as el

rng = np.random.default_rng(0)


def values(*shape, dtype="float32"):
    return rng.standard_normal(shape).astype(dtype)


def lstm(B, T, I, H, dtype="float32", **kind):
    layer = el.LSTM(I, H, dtype=dtype, seed=0, **kind)
    x = values(*((T, B, I) if kind.get("time_major") else (B, T, I)), dtype=dtype)
    lengths = rng.integers(0, T + 1, B)
    for ragged in (None, lengths):
        y, state, tape = layer.forward(x, lengths=ragged)
        assert np.array_equal(y, layer(x, lengths=ragged)[0])
        dx, _ = layer.backward(tape, values(*y.shape, dtype=dtype), state)
        assert np.isfinite(dx).all() and np.isfinite(layer.flat_grads).all()
    layer(x[..., ::-1], state=state)  # any strides


for threads in (1, 2, 3):
    el.set_num_threads(threads)
    lstm(5, 7, 3, 17)
    lstm(1, 40, 4, 160)
    lstm(40, 6, 9, 33, num_layers=2, bidirectional=True)
    lstm(3, 5, 2, 8, dtype="float64", time_major=True, bias=False)
lstm(0, 4, 3, 5)
lstm(2, 0, 3, 5)

stream = el.LSTM(3, 20, num_layers=2).stream(batch_size=2)
for _ in range(10):
    stream.step(values(2, 3))
fork = stream.fork()
fork.state = stream.state
stream.reset()

for loss, head, target in [
    ("mse", 2, values(50, 2)),
    ("cross_entropy", 4, rng.integers(0, 4, 50)),
    ("bce", 1, np.float32(rng.integers(0, 2, (50, 1)))),
]:
    model = el.Sequential(
        [el.LSTM(3, 12, seed=0), el.LayerNorm(12), el.Dropout(0.3), el.Last(), el.Linear(12, head, seed=1)]
    )
    for optimizer in (el.SGD(1e-2, momentum=0.9), el.Adam(1e-3), el.RMSprop(1e-3), el.Adagrad(1e-2)):
        history = model.fit(
            values(50, 9, 3), target, loss=loss, optimizer=optimizer, epochs=2, batch_size=16, seed=0, verbose=0
        )
        assert np.isfinite(history[-1]["loss"])

logits, labels = values(2, 12, 5), np.array([[1, 2, 2], [3, 1, -1]])
loss, dlogits = el.losses.CTC()(logits, labels, lengths=[12, 7])
assert np.isfinite(loss) and np.isfinite(dlogits).all()
el.ctc.beam_search(logits, beam_width=4)
print("ok")
