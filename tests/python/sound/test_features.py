"""Features of sound: librosa's and HTK's numbers, each against its own reference in float64."""

import doctest
import json

import numpy as np
import pytest

import eigenlstm as el
from eigenlstm.sound import MFCC, LogMel, deltas, features, framing, mel_filters, normalize, pre_emphasis, resampling

RATE = 8000


def tone(seconds=0.7, rate=RATE, dtype=np.float64, seed=0):
    """A gliding tone in noise, with silence in the middle."""
    t = np.arange(int(seconds * rate)) / rate
    signal = 0.5 * np.sin(2 * np.pi * (300 + 900 * t) * t) + 0.05 * np.random.default_rng(seed).standard_normal(len(t))
    signal[len(t) // 3 : len(t) // 2] = 0
    return signal.astype(dtype)


def relative_error(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("module", [features, framing, resampling])
def test_the_examples_of_the_docstrings_are_true(module):
    assert doctest.testmod(module, extraglobs={"np": np}).failed == 0


LIBROSA = [(np.float64, 1e-7), (np.float32, 1e-5)]  # its filters are float32
SIZES = [
    {},
    {"n_fft": 512, "hop_length": 160, "n_mels": 40},
    {"n_fft": 512, "win_length": 400, "hop_length": 100, "n_mels": 26, "fmin": 60.0, "fmax": 3800.0},
    {"n_fft": 301, "win_length": 200, "hop_length": 77, "n_mels": 12, "top_db": None},
]


@pytest.mark.parametrize("dtype, tolerance", LIBROSA)
@pytest.mark.parametrize("sizes", SIZES)
def test_log_mel_is_librosa_s(sizes, dtype, tolerance):
    librosa = pytest.importorskip("librosa", reason="the oracle")
    signal = tone(dtype=dtype)
    options = {name: value for name, value in sizes.items() if name != "top_db"}
    power = librosa.feature.melspectrogram(y=signal.astype(np.float64), sr=RATE, **options)
    expected = librosa.power_to_db(power, top_db=sizes.get("top_db", 80.0)).T
    found = LogMel(RATE, **sizes)(signal)
    assert found.shape == expected.shape and found.dtype == dtype
    assert relative_error(found, expected) < tolerance


@pytest.mark.parametrize("dtype, tolerance", LIBROSA)
@pytest.mark.parametrize("options", [{}, {"n_mfcc": 13, "lifter": 22}, {"n_mfcc": 40, "n_mels": 40, "n_fft": 400}])
def test_mfcc_is_librosa_s(options, dtype, tolerance):
    librosa = pytest.importorskip("librosa", reason="the oracle")
    signal = tone(dtype=dtype)
    expected = librosa.feature.mfcc(y=signal.astype(np.float64), sr=RATE, **options).T
    found = MFCC(RATE, **options)(signal)
    assert found.shape == expected.shape and found.dtype == dtype
    assert relative_error(found, expected) < tolerance


@pytest.mark.parametrize("rate, n_fft, n_mels", [(8000, 256, 20), (16000, 512, 64), (22050, 2048, 128)])
def test_filters_are_librosa_s(rate, n_fft, n_mels):
    librosa = pytest.importorskip("librosa", reason="the oracle")
    expected = librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=n_mels, dtype=np.float64)
    assert relative_error(mel_filters(rate, n_fft, n_mels), expected) < 1e-12


def htk_mfcc(signal, rate, size, hop, n_fft, channels, coefficients, lifter):
    """HTK Book, chapter 5, sample by sample: WINDOWSIZE, TARGETRATE, NUMCHANS, NUMCEPS, CEPLIFTER; MFCC_0."""
    mel = lambda f: 1127 * np.log(1 + f / 700)  # noqa: E731
    centres = mel(rate / 2) * np.arange(channels + 2) / (channels + 1)
    rows, logs = [], []
    for start in range(0, len(signal) - size + 1, hop):
        s = [32768 * x for x in signal[start : start + size]]
        s = [s[0] * (1 - 0.97)] + [s[n] - 0.97 * s[n - 1] for n in range(1, size)]
        s = [x * (0.54 - 0.46 * np.cos(2 * np.pi * n / (size - 1))) for n, x in enumerate(s)]
        energy = np.zeros(channels)
        for k in range(1, n_fft // 2):  # neither the constant nor the highest bin
            value = abs(sum(x * np.exp(-2j * np.pi * k * n / n_fft) for n, x in enumerate(s)))
            where = mel(k * rate / n_fft)
            for channel in range(channels):
                low, middle, high = centres[channel : channel + 3]
                if low < where <= middle:
                    energy[channel] += value * (where - low) / (middle - low)
                elif middle < where < high:
                    energy[channel] += value * (high - where) / (high - middle)
        log = np.log(np.maximum(energy, 1))
        cepstra = [
            np.sqrt(2 / channels) * sum(log[j] * np.cos(np.pi * i / channels * (j + 0.5)) for j in range(channels))
            for i in range(coefficients)
        ]
        lifted = [c * (1 + lifter / 2 * np.sin(np.pi * i / lifter)) if lifter else c for i, c in enumerate(cepstra)]
        rows.append([*lifted[1:], cepstra[0]])
        logs.append(log)
    return np.array(rows), np.array(logs)


@pytest.mark.parametrize("dtype, tolerance", [(np.float64, 1e-10), (np.float32, 1e-5)])
@pytest.mark.parametrize("options", [{}, {"n_mels": 20, "n_mfcc": 9, "lifter": 0, "win_length": 128, "hop_length": 50}])
def test_mfcc_is_htk_s(options, dtype, tolerance):
    signal = tone(0.06, dtype=dtype)
    size, hop = options.get("win_length", 200), options.get("hop_length", 80)
    expected, logs = htk_mfcc(
        signal.astype(np.float64),
        RATE,
        size,
        hop,
        256 if size == 200 else 128,
        # Fmt: skip
        options.get("n_mels", 26),
        options.get("n_mfcc", 13),
        options.get("lifter", 22),
    )
    found = MFCC(RATE, convention="htk", **options)(signal)
    assert found.shape == expected.shape and relative_error(found, expected) < tolerance
    sizes = {name: value for name, value in options.items() if name not in ("n_mfcc", "lifter")}
    assert relative_error(LogMel(RATE, convention="htk", **sizes)(signal), logs) < tolerance


@pytest.mark.parametrize("convention", ["librosa", "htk"])
def test_the_same_bits_on_any_number_of_threads(convention):
    mfcc, signal = MFCC(RATE, convention=convention, n_mels=40), tone(3.0)
    el.set_num_threads(1)
    once = mfcc(signal)
    el.set_num_threads(2)
    assert np.array_equal(mfcc(signal), once)


@pytest.mark.parametrize("convention", ["librosa", "htk"])
def test_the_config_gives_the_same_numbers(convention):
    mfcc = MFCC(RATE, convention=convention, n_mels=24, n_mfcc=12, fmin=40, top_db=None)
    again = MFCC.from_config(json.loads(json.dumps(mfcc.config())))
    assert np.array_equal(again(tone()), mfcc(tone())) and repr(again) == repr(mfcc)


def test_features_are_saved_with_the_model(tmp_path):
    mfcc = MFCC(RATE, convention="htk", n_mels=24, n_mfcc=12)
    el.save(el.LSTM(12, 4), tmp_path / "m.safetensors", metadata={"sound": mfcc.to_json()})
    mfcc.save(tmp_path / "mfcc.json")
    for name in ("m.safetensors", "mfcc.json"):
        again = el.sound.load(tmp_path / name)
        assert again == mfcc and np.array_equal(again(tone()), mfcc(tone()))
    (tmp_path / "bad.json").write_text(mfcc.to_json().replace('"n_mels":24', '"n_mels":-1'))
    with pytest.raises(el.FileError, match="bad.json: .* cannot be built: MFCC: n_mels must be at least 1"):
        el.sound.load(tmp_path / "bad.json")


def test_signals_shorter_than_a_frame():
    assert MFCC(RATE, convention="htk")(np.zeros(199)).shape == (0, 13)
    assert MFCC(RATE, convention="htk")(np.zeros(200)).shape == (1, 13)
    assert LogMel(RATE)(np.zeros(3)).shape == (1, 128)


# -- from frame to frame ------------------------------------------------------------------------


@pytest.mark.parametrize("width", [3, 5, 9])
def test_deltas_are_librosa_s_and_htk_s(width):
    librosa = pytest.importorskip("librosa", reason="the oracle")
    values = np.random.default_rng(0).standard_normal((30, 4))
    assert relative_error(deltas(values, width), librosa.feature.delta(values.T, width=width, mode="nearest").T) < 1e-12
    slope = np.array([0.5, -2.0])
    line = np.arange(20)[:, None] * slope
    assert np.allclose(deltas(line, width)[width // 2 : -(width // 2)], slope)
    assert deltas(values[:1].astype("f"), width).tolist() == [[0, 0, 0, 0]]
    assert deltas(values[:0]).shape == (0, 4)


def test_pre_emphasis_is_a_filter():
    signal = pytest.importorskip("scipy.signal", reason="the oracle")
    x = tone()
    assert np.allclose(pre_emphasis(x, 0.9), signal.lfilter([1, -0.9], [1], x), atol=1e-15)
    assert np.array_equal(pre_emphasis(np.stack([x, -x]))[1], pre_emphasis(-x))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normalized_features_have_mean_0_and_deviation_1(dtype):
    values = (3 + 2 * np.random.default_rng(0).standard_normal((50, 3))).astype(dtype)
    values[:, 1] = 14.62  # a constant is one, however it was rounded
    out = normalize(values)
    assert out.dtype == dtype and not out[:, 1].any()
    assert np.allclose(out.mean(0), 0, atol=1e-6) and np.allclose(out[:, [0, 2]].std(0), 1, atol=1e-6)
    assert np.allclose(normalize(values, variance=False)[:, 0], values[:, 0] - values[:, 0].mean(), atol=1e-5)
    assert normalize(values[:0]).shape == (0, 3)


@pytest.mark.parametrize(
    "error, message, make",
    [
        (ValueError, "LogMel: convention must be 'librosa' or 'htk'", lambda: LogMel(RATE, convention="kaldi")),
        (TypeError, "LogMel: sample_rate must be an integer", lambda: LogMel(8000.0)),
        (ValueError, "win_length must be at most n_fft 100, got 200", lambda: LogMel(RATE, n_fft=100, win_length=200)),
        (ValueError, "0 <= fmin < fmax <= 4000.0", lambda: LogMel(RATE, fmax=5000.0)),
        (ValueError, "of 128 lies between two", lambda: LogMel(RATE, n_fft=128)),
        (ValueError, "top_db must be positive", lambda: LogMel(RATE, top_db=0)),
        (ValueError, "n_mfcc must be at most n_mels 26, got 27", lambda: MFCC(RATE, convention="htk", n_mfcc=27)),
        (TypeError, "lifter must be an integer", lambda: MFCC(RATE, lifter=2.5)),
        (TypeError, "MFCC: signal must have dtype float32 or float64, got int16", lambda: MFCC(RATE)(np.zeros(9, np.int16))),
        (ValueError, r"MFCC: signal must have shape \(n,\)", lambda: MFCC(RATE)(np.zeros((9, 2)))),
        (ValueError, "MFCC: signal must be finite", lambda: MFCC(RATE)(np.array([0, np.nan]))),
        (ValueError, "width must be odd", lambda: deltas(np.zeros((3, 1)), 4)),
        (ValueError, r"deltas: features must have shape \(T, F\)", lambda: deltas(np.zeros(3))),
    ],
)  # fmt: skip
def test_refusals(error, message, make):
    with pytest.raises(error, match=message):
        make()
