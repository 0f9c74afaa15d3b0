"""Amplifiers trained from recordings: what is learnt, what counts, what is refused."""

import numpy as np
import pytest

import eigenlstm as el

RATE = 4000


def recordings(seconds=4.0, seed=0):
    """Noise of changing loudness, and what a filter and a clipper make of it."""
    rng = np.random.default_rng(seed)
    n = int(seconds * RATE)
    dry = (0.6 * rng.standard_normal(n) * (0.6 + 0.4 * np.sin(np.arange(n) / 300))).astype(np.float32)
    wet, low = np.empty_like(dry), 0.0
    for t, x in enumerate(dry):
        low += 0.5 * (x - low)
        wet[t] = np.tanh(2 * low) - 0.1
    return dry, wet


OPTIONS = {
    "sample_rate": RATE, "hidden_size": 8, "segment": 0.1, "burn_in": 100, "tbptt": 125, "epochs": 25, "batch_size": 8,
    "learning_rate": 0.02, "seed": 0, "verbose": 0,
}  # fmt: skip


def test_an_amplifier_is_learnt_saved_and_played(tmp_path):
    dry, wet = recordings()
    el.sound.write(tmp_path / "dry.wav", 0.3 * dry, RATE, bits=24)
    el.sound.write(tmp_path / "wet.wav", wet / 2, RATE, bits=24)
    options = {name: value for name, value in OPTIONS.items() if name != "sample_rate"}
    amp, history = el.audio.train(tmp_path / "dry.wav", tmp_path / "wet.wav", **options)
    assert amp.sample_rate == RATE and amp.metadata["validation_esr"] < 0.02
    assert history[-1]["val_loss"] < 0.1 * history[0]["val_loss"]
    new_dry, new_wet = recordings(1.0, seed=1)
    y = amp.process((0.3 * new_dry).astype(np.float32))
    assert np.square(y - new_wet / 2)[100:].sum() < 0.03 * np.square(new_wet / 2)[100:].sum()
    amp.reset()
    for name in ("amp.nam", "amp.safetensors"):
        amp.save(tmp_path / name)
        again = el.audio.load(tmp_path / name)
        assert np.abs(again.process((0.3 * new_dry).astype(np.float32)) - y).max() < 1e-5
        assert again.metadata["validation_esr"] == amp.metadata["validation_esr"]
    amp.save(tmp_path / "amp.json")


def test_a_seed_decides_all_of_it_and_options_arrive():
    dry, wet = recordings(2.0)
    options = {**OPTIONS, "epochs": 2}
    first, history = el.audio.train(dry, wet, **options)
    again, _ = el.audio.train(dry, wet, **options)
    assert np.array_equal(first.model.flat_params, again.model.flat_params)
    delayed = np.concatenate([np.zeros(7, np.float32), wet])
    shifted, _ = el.audio.train(dry, delayed, delay=7, **options)
    assert np.array_equal(first.model.flat_params, shifted.model.flat_params)
    other, logs = el.audio.train(dry, wet, loss="esr", num_layers=2, skip=True, **options)
    assert other.model.layers[0].num_layers == 2 and type(other.model.layers[-1]).__name__ == "Add"
    assert logs[0]["loss"] != history[0]["loss"]


def test_a_model_with_knobs():
    dry, wet = recordings(2.0)
    knob = np.repeat([0.0, 1.0, 0.0, 1.0], len(dry) // 4).astype(np.float32)
    amp, _ = el.audio.train(np.stack([dry, knob], axis=1), np.where(knob == 1, wet, 0.2 * wet), **OPTIONS)
    loud = []
    for position in (0, 1):
        amp.reset()
        amp.knobs = [position]
        loud.append(np.square(amp.process(dry[:1000])).mean())
    assert loud[1] > 4 * loud[0]


def test_each_sample_behind_the_first_burn_in_counts_once():
    from eigenlstm.interop.audio.training import _counted, _rows

    signal = np.arange(1000, dtype=np.float32)[:, None]
    rows, weight = _rows(signal, 150, 40), _counted(6, 190, 40)
    assert rows.shape == (6, 190, 1)
    assert np.array_equal(np.sort(rows[:, :, 0][weight > 0]), np.arange(40, 940))


def test_where_nothing_counts_nothing_is_updated():
    """A burn-in of whole pieces of truncated backpropagation: momentum alone must not move the parameters."""
    rng = np.random.default_rng(0)
    model = el.Sequential([el.LSTM(1, 4, seed=0), el.Linear(4, 1, seed=1)])
    x, y = rng.normal(size=(2, 2, 40, 1))
    weight = np.repeat(np.arange(40)[None] >= 20, 2, 0) * 1.0
    seen = []

    class Watch(el.callbacks.Callback):
        def before_step(self, run):
            seen.append(model.flat_params.copy())

    options = {"loss": "esr", "optimizer": el.Adam(0.1), "tbptt": 10, "seed": 0, "verbose": 0}
    history = model.fit(x, y, sample_weight=weight, epochs=2, callbacks=[Watch()], **options)
    assert len(seen) == 4  # two pieces of two epochs
    parameters = model.flat_params.copy()
    assert not np.array_equal(parameters, seen[-1])
    model.fit(x, y, sample_weight=0 * weight, epochs=1, **options)
    assert np.array_equal(model.flat_params, parameters)
    assert np.isfinite(history[-1]["loss"])


@pytest.mark.parametrize(
    "change, error, match",
    [
        ({"sample_rate": None}, ValueError, "sample_rate must be given with an array dry"),
        ({"wet": np.zeros(8000, "f4")}, ValueError, "wet is silent"),
        ({"wet": np.ones((8000, 2), "f4")}, ValueError, "wet must have one channel, got 2"),
        ({"wet": np.ones(4000, "f4")}, ValueError, "dry has 8000 samples, wet 4000"),
        ({"wet": np.full(8000, np.nan, "f4")}, ValueError, "wet has values that are not finite"),
        ({"delay": -1}, ValueError, "delay must be at least 0"),
        ({"burn_in": 9000}, ValueError, "are too few for a burn_in of 9000 samples"),
        ({"validation": 1.5}, ValueError, "validation between 0 and 1"),
        ({"dry": np.zeros(8000, int)}, TypeError, "dry must have dtype float32 or float64, got int64"),
        ({"epochs": 0}, ValueError, "fit: epochs must be at least 1"),
    ],
)
def test_wrong_calls_are_told(change, error, match):
    dry, wet = recordings(2.0)
    with pytest.raises(error, match=match):
        el.audio.train(**{"dry": dry, "wet": wet, **OPTIONS, **change})


def test_sample_rates_and_channels_of_files(tmp_path):
    dry, wet = recordings(1.0)
    el.sound.write(tmp_path / "dry.wav", dry, RATE)
    el.sound.write(tmp_path / "wet.wav", wet, 8000)
    with pytest.raises(ValueError, match="audio.train: dry has 4000 Hz, wet 8000 Hz"):
        el.audio.train(tmp_path / "dry.wav", tmp_path / "wet.wav")
    with pytest.raises(ValueError, match="sample_rate is 44100 Hz, .*dry.wav has 4000 Hz"):
        el.audio.train(tmp_path / "dry.wav", tmp_path / "wet.wav", sample_rate=44100)
