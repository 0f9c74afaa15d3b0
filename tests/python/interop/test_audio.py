"""Amplifiers of other programs: every format against NumPy in float64, written and read again, and what is refused."""

import copy
import json
import tracemalloc
from pathlib import Path

import audio_case
import numpy as np
import pytest

import eigenlstm as el

CASES = Path(__file__).resolve().parents[4] / "shared" / "cases" / "audio"
SILENCE = 2000  # of the .nam files of audio_case, whose rate is 4 kHz


def of_nam(**options):
    return lambda rng: audio_case.nam(rng, **options), lambda d, x: audio_case.play_nam(d, x, SILENCE), ".nam"


def of_guitarml(**options):
    return lambda rng: audio_case.guitarml(rng, **options), audio_case.play_guitarml, ".json"


def of_rtneural(*arguments):
    return lambda rng: audio_case.rtneural(rng, *arguments), audio_case.play_rtneural, ".json"


def of_aidax(**options):
    return lambda rng: audio_case.aidax(rng, **options), audio_case.play_rtneural, ".aidax"


def of_torch(**options):
    return lambda rng: audio_case.torch_state(rng, **options), audio_case.play_torch_state, ".json"


DEEP = (
    ("activation", 2, "tanh"), ("dense", 3, "linear"), ("time-distributed-dense", 5, "relu"), ("lstm", 4, "tanh"), ("lstm", 3, "tanh"), ("dense", 4, "elu"),
    ("dense", 3, "softmax"), ("dense", 2, "sigmoid"), ("activation", 2, "tanh"), ("dense", 1, "tanh"),
)  # fmt: skip
KINDS = {
    "NAM": of_nam(),
    "NAM of three layers": of_nam(hidden=5, layers=3),
    "NAM of two inputs and outputs": of_nam(inputs=2, outputs=2),
    "GuitarML": of_guitarml(),
    "GuitarML with knobs": of_guitarml(inputs=3, hidden=5),
    "GuitarML of two layers without skip": of_guitarml(layers=2, skip=0),
    "GuitarML without bias": of_guitarml(bias=False),
    "RTNeural": of_rtneural(),
    "RTNeural of many layers": of_rtneural(2, DEEP),
    "a state_dict of PyTorch": of_torch(),
    "a state_dict of PyTorch without biases": of_torch(inputs=2, bias=False),
    "AIDA-X": of_aidax(),
    "AIDA-X with a knob, without skip": of_aidax(inputs=2, skip=0),
}


def file_of(folder, document, name="amp"):
    path = folder / name
    path.write_text(json.dumps(document))
    return path


@pytest.fixture(params=KINDS, ids=lambda name: name.replace(" ", "_"))
def kind(request):
    return KINDS[request.param]


def signal(inputs, n=300):
    x = np.random.default_rng(1).uniform(-1, 1, (n, inputs))
    x[:, 1:] = np.linspace(0.2, 0.7, inputs - 1) if inputs > 1 else 0  # knobs that stand still
    return x


def test_a_player_gives_what_numpy_gives_in_float64(kind, tmp_path):
    make, play, _ = kind
    document = make(np.random.default_rng(0))
    amp = el.audio.load(file_of(tmp_path, document), dtype="float64")
    x = signal(amp.inputs)
    expected = play(document, x)
    amp.knobs = x[0, 1:]
    blocks = [amp.process(np.ascontiguousarray(block[:, 0])) for block in np.split(x, [1, 3, 40, 41, 200])]
    assert np.abs(np.concatenate(blocks).reshape(expected.shape) - expected).max() < 1e-12
    amp.reset()
    assert np.abs(amp.process(x).reshape(expected.shape) - expected).max() < 1e-12  # knobs as inputs of every sample


def test_what_is_written_sounds_the_same_to_the_bit(kind, tmp_path):
    make, _, suffix = kind
    for dtype in ("float32", "float64"):
        document = make(np.random.default_rng(0))
        first = el.audio.load(file_of(tmp_path, document), dtype=dtype)
        x = signal(first.inputs).astype(dtype)
        expected = first.process(x)
        form = {} if first.format != "GuitarML" else {"format": "GuitarML"}
        for path, options in ((tmp_path / f"again{suffix}", form), (tmp_path / "ours.safetensors", {})):
            first.save(path, **options)
            again = el.audio.load(path, dtype=dtype)
            assert np.array_equal(again.process(x), expected)
            assert again.sample_rate == first.sample_rate
            written = "RTNeural" if first.format == "PyTorch" else first.format
            assert again.format == ("eigenlstm" if options != form or path.suffix == ".safetensors" else written)
            if first.format != "AIDA-X":
                assert again.metadata == first.metadata


def test_float32_is_near_float64(kind, tmp_path):
    make, play, _ = kind
    document = make(np.random.default_rng(2))
    amp = el.audio.load(file_of(tmp_path, document))
    x = signal(amp.inputs)
    expected = play(document, x)
    assert amp.dtype == np.float32
    assert np.abs(amp.process(x.astype(np.float32)).reshape(expected.shape) - expected).max() < 2e-6


@pytest.mark.skipif(not CASES.exists(), reason="the files of RTNeural and NAM are not beside this checkout")
@pytest.mark.parametrize("name", ["lstm", "lstm_1d"])
def test_rtneural_s_own_files_and_numbers(name):
    x, y = (np.loadtxt(CASES / f"{name}_{letter}_python.csv") for letter in "xy")
    assert np.abs(el.audio.load(CASES / f"{name}.json").process(x.astype(np.float32)) - y).max() < 1e-6
    assert np.abs(el.audio.load(CASES / f"{name}.json", dtype="float64").process(x) - y).max() < 1e-6


@pytest.mark.skipif(not CASES.exists(), reason="the files of RTNeural and NAM are not beside this checkout")
def test_nam_s_own_file_against_numpy():
    document = json.loads((CASES / "lstm.nam").read_text())
    amp = el.audio.load(CASES / "lstm.nam", dtype="float64")
    assert (amp.format, amp.sample_rate, amp.metadata["gear_make"]) == ("NAM", 48000, "Darkglass Electronics")
    x = signal(1)
    assert np.abs(amp.process(x[:, 0]) - audio_case.play_nam(document, x, 24_000)[:, 0]).max() < 1e-12


# -- the player ------------------------------------------------------------------------------------


def test_reset_knobs_and_out(tmp_path):
    document = audio_case.nam(np.random.default_rng(0))
    amp = el.audio.load(file_of(tmp_path, document), dtype="float64")
    x = signal(1)[:, 0]
    first = amp.process(x)
    amp.reset()
    assert np.array_equal(amp.process(x), first)
    amp.reset(prewarm=False)
    assert np.abs(amp.process(x) - audio_case.play_nam(document, x[:, None], 0)[:, 0]).max() < 1e-12
    amp.reset()
    out = x.copy()
    assert amp.process(out, out) is out and np.array_equal(out, first)  # in place

    amp = el.audio.load(file_of(tmp_path, audio_case.guitarml(np.random.default_rng(0), inputs=3)))
    x = x.astype(np.float32)
    assert amp.knobs.tolist() == [0, 0]
    amp.knobs = [0.25, 1]
    moved = amp.process(x)
    amp.knobs[0] = 5  # a copy
    assert amp.knobs.tolist() == [0.25, 1]
    amp.knobs = [0, 0]
    amp.reset()
    assert np.abs(amp.process(x) - moved).max() > 1e-3
    for wrong, error in (([0.5], ValueError), ([0.5, 1.5], ValueError), ([0.5, np.nan], ValueError), ("a", TypeError)):
        with pytest.raises(error, match="Player.knobs"):
            amp.knobs = wrong


@pytest.mark.parametrize(
    "block, out, error, match",
    [
        (np.zeros(4), None, TypeError, "block must have dtype float32, got float64"),
        (np.zeros((4, 2), "f4"), None, ValueError, r"block must have shape \(n,\) or \(n, 1\), got \(4, 2\)"),
        (np.float32(1), None, ValueError, "block must have shape"),
        (np.zeros(4, "f4"), np.zeros(4), TypeError, "out must be an array of float32, got float64"),
        (np.zeros(4, "f4"), np.zeros(5, "f4"), ValueError, r"out must have shape \(4,\), got \(5,\)"),
        (np.zeros(4, "f4"), np.zeros(8, "f4")[::2], ValueError, "out must be contiguous"),
    ],
)
def test_wrong_blocks_change_nothing(block, out, error, match, tmp_path):
    amp = el.audio.load(file_of(tmp_path, audio_case.guitarml(np.random.default_rng(0))))
    x = signal(1)[:, 0].astype(np.float32)
    expected = amp.process(x)
    amp.reset()
    amp.process(x[:100])
    with pytest.raises(error, match=f"Player.process: {match}"):
        amp.process(block, out)
    assert np.array_equal(amp.process(x[100:]), expected[100:])


def test_any_model_that_sees_no_later_sample_can_be_played(tmp_path):
    model = el.Sequential([el.LSTM(1, 6, 2, seed=0), el.Dropout(0.1), el.Linear(6, 1, seed=1)])
    causal = el.Sequential([el.Conv1D(1, 4, 3, padding="causal", dilation=2), el.LSTM(4, 6), el.Linear(6, 1)])
    for each in (model, causal):
        amp = el.audio.Player(each, sample_rate=8000)
        x = signal(1)[:, 0].astype(np.float32)
        y = np.concatenate([amp.process(x[:100]), amp.process(x[100:])])
        assert np.array_equal(y, each.predict(x[None, :, None])[0, :, 0])
    for refused, match in (
        (el.Sequential([el.LSTM(1, 6, bidirectional=True), el.Linear(12, 1)]), "a bidirectional LSTM needs the end"),
        (el.Sequential([el.LSTM(1, 6), el.Last(), el.Linear(6, 1)]), "of the same steps"),
        (
            el.Sequential([el.Conv1D(1, 6, 3), el.LSTM(6, 6), el.Linear(6, 1)]),
            "with padding=.same. it sees later steps",
        ),
    ):
        with pytest.raises(ValueError, match=match):
            el.audio.Player(refused)


def test_a_million_samples_allocate_nothing_that_stays_or_grows(tmp_path):
    amp = el.audio.load(file_of(tmp_path, audio_case.guitarml(np.random.default_rng(0), inputs=2)))
    block, out = np.full(64, 0.25, np.float32), np.empty(64, np.float32)
    amp.process(block, out)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(15_625):
        amp.process(block, out)
    now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert now - before < 500 and peak - before < 2000  # views of the two arrays


# -- what can't be written ---------------------------------------------------------------------------


def chain(*layers):
    return el.Sequential(list(layers))


@pytest.mark.parametrize(
    "layers, form, match",
    [
        ([el.LSTM(1, 3, peephole=True), el.Linear(3, 1)], "NAM", "its LSTM has peephole"),
        ([el.LSTM(1, 3), el.Linear(3, 2), el.Linear(2, 1)], "NAM", "one LSTM with a Linear behind it"),
        ([el.LSTM(1, 3), el.Linear(3, 1), el.Activation("relu")], "GuitarML", "one LSTM with a Linear behind it"),
        ([el.LSTM(1, 3), el.LayerNorm(3), el.Linear(3, 1)], "RTNeural", "a LayerNorm stands in it"),
        ([el.LSTM(1, 3), el.Linear(3, 1), el.Activation("softplus")], "RTNeural", "has no softplus"),
    ],
)
def test_what_a_format_has_no_place_for_is_refused_and_nothing_written(layers, form, match, tmp_path):
    with pytest.raises(ValueError, match=rf"can't be written as {form}: .*{match}"):
        el.audio.save(chain(*copy.deepcopy(layers)), tmp_path / "x", format=form)
    assert not (tmp_path / "x").exists()


def test_skips_gains_and_states_where_they_have_no_place(tmp_path):
    amp = el.audio.load(file_of(tmp_path, audio_case.aidax(np.random.default_rng(0))))
    for form, match in (("NAM", "no skip"), ("RTNeural", "neither a skip nor gains"), ("GuitarML", "no gains")):
        with pytest.raises(ValueError, match=match):
            amp.save(tmp_path / "x", format=form)
    nam = el.audio.load(file_of(tmp_path, audio_case.nam(np.random.default_rng(0))))
    with pytest.raises(ValueError, match="starts at zero"):
        nam.save(tmp_path / "x.json")
    with pytest.raises(ValueError, match="format must be given"):
        nam.save(tmp_path / "x.wav")


def test_nam_s_trainers_write_the_state_after_silence(tmp_path):
    model = chain(el.LSTM(1, 3, 2, seed=0, dtype="float64"), el.Linear(3, 1, seed=1, dtype="float64"))
    el.audio.save(model, tmp_path / "x.nam")
    flat = np.array(json.loads((tmp_path / "x.nam").read_text())["weights"])
    y, (h, c) = model[0](np.zeros((1, 48_000, 1)))
    assert np.array_equal(flat[60:66], np.concatenate([h[0, 0], c[0, 0]]))


# -- what is refused ---------------------------------------------------------------------------------

RNG = np.random.default_rng(3)
NAM, GUITARML, AIDAX = audio_case.nam(RNG), audio_case.guitarml(RNG), audio_case.aidax(RNG, test=64)
TORCH = audio_case.torch_state(RNG)


def altered(document, *path, to):
    document = copy.deepcopy(document)
    at = document
    for key in path[:-1]:
        at = at[key]
    if to is KeyError:
        del at[path[-1]]
    else:
        at[path[-1]] = to
    return document


@pytest.mark.parametrize(
    "document, match",
    [
        (altered(NAM, "architecture", to="WaveNet"), "architecture is 'WaveNet'"),
        (altered(NAM, "config", to=KeyError), "config is missing"),
        (altered(NAM, "config", "hidden_size", to=10**9), r"config.hidden_size must be a whole number .* got 1000000000"),
        (altered(NAM, "config", "hidden_size", to=True), "config.hidden_size must be a whole number"),
        (altered(NAM, "config", "hidden_size", to=4), r"weights must have 109 numbers for 1 inputs, 1 layers of 4 units"),
        (altered(NAM, "config", "num_layers", to=0), "config.num_layers must be a whole number from 1 to 64, got 0"),
        (altered(NAM, "config", "in_channels", to=2), "config.in_channels must be input_size, 1, got 2"),
        (altered(NAM, "weights", 5, to="x"), r'weights\[5\] must be a number, got "x"'),
        (altered(NAM, "weights", 5, to=1e300), "weights has a value that is too large for float32"),
        (altered(NAM, "sample_rate", to=1e30), "sample_rate must be a number from 1000 to 1e.06"),
        (altered(NAM, "metadata", to=[1]), "metadata must be an object, got a list of 1"),
        (altered(GUITARML, "model_data", "unit_type", to="GRU"), "model_data.unit_type is 'GRU'"),
        (altered(GUITARML, "model_data", "skip", to=2), "model_data.skip must be 0 or the 1 of output_size"),
        (altered(GUITARML, "state_dict", "lin.weight", to=KeyError), "state_dict.lin.weight is missing"),
        (altered(GUITARML, "state_dict", "rec.x", to=[1]), "state_dict must have 6 tensors, got 7"),
        (altered(GUITARML, "state_dict", "rec.weight_hh_l0", 7, to=[1, 2]), r"state_dict.rec.weight_hh_l0\[7\] must have 3 numbers, got"),
        (altered(AIDAX, "layers", 0, "type", to="gru"), r"layers\[0\].type is 'gru'"),
        (altered(AIDAX, "layers", 0, "shape", to=[None, None, 5]), r"layers\[0\].weights\[0\]\[0\] must have 20 numbers"),
        (altered(AIDAX, "layers", 1, "activation", to="prelu"), r"layers\[1\].activation is 'prelu'"),
        (altered(AIDAX, "layers", 1, "weights", to=[]), r"layers\[1\].weights must be a list of at least 1"),
        (altered(AIDAX, "layers", 1, "weights", to=[1, 2, 3]), r"layers\[1\].weights must be a kernel and perhaps a bias"),
        (altered(TORCH, "lstm.weight_hh_l0", to=[[1.0]] * 3), "lstm.weight_hh_l0 is that of a GRU"),
        (altered(TORCH, "lstm2.weight_hh_l0", to=[[1.0]]), "lstm2.weight_hh_l0 is that of an RNN without gates"),
        (altered(TORCH, "lstm2.weight_hh_l1", to=KeyError), "lstm2.weight_hh_l1 is missing"),
        (altered(TORCH, "dense.weight", to=KeyError), "the file must have one Linear behind its LSTMs, got 0"),
        (altered(TORCH, "out.weight", to=[1]), "the file must have one Linear behind its LSTMs, got 2"),
        (altered(TORCH, "lstm.weight_hr_l0", to=[1]), "lstm.weight_hr_l0 belongs to no LSTM and no Linear"),
        (altered(TORCH, "lstm.weight_ih_l0_reverse", to=[1]), "lstm.weight_ih_l0_reverse belongs to no LSTM and no Linear"),
        (altered(AIDAX, "layers", to=AIDAX["layers"][:0]), "layers must be a list of at least 1"),
        (altered(AIDAX, "in_skip", to=2), "in_skip must be a whole number from 0 to 1, got 2"),
        (altered(AIDAX, "in_gain", to=1e9), "in_gain must be a number from -120 to 120"),
        (altered(AIDAX, "output_batch", to=KeyError), "output_batch is missing"),
        (altered(AIDAX, "output_batch", 5, to=0.9), r"output_batch fails as a test of the model: sample 5 is .* must be 0.9"),
        (altered(AIDAX, "in_skip", to=0), "output_batch fails as a test"),
        (altered(AIDAX, "metadata", "samplerate", to="fast"), "metadata.samplerate must be a sample rate"),
        ([1], "is no amplifier that can be read: .* this is no object"),
        ({"a": 1}, "is no amplifier that can be read: .* this is an object with 'a'"),
    ],
)  # fmt: skip
def test_hostile_files_name_file_and_key(document, match, tmp_path):
    path = file_of(tmp_path, document, "hostile.json")
    with pytest.raises(el.FileError, match=f"hostile.json: {match}"):
        el.audio.load(path)


def test_broken_texts_and_what_is_no_file_of_text(tmp_path):
    for text in (b"", b"{", b'{"a": NaN}', b"\xff\xfe", b'{"a": 1, "a": 2}', b"[" * 100_000):
        (tmp_path / "x").write_bytes(text)
        with pytest.raises(el.FileError, match="x: its content is not valid JSON"):
            el.audio.load(tmp_path / "x")
    el.save(el.LSTM(1, 3), tmp_path / "lstm")
    with pytest.raises(el.FileError, match="model must be a Model or a Sequential, got LSTM"):
        el.audio.load(tmp_path / "lstm")
    with open(tmp_path / "large", "wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(el.FileError, match="bytes; 67108864 are allowed"):
        el.audio.load(tmp_path / "large")
