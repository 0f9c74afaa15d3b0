"""Who is speaking? A bidirectional LSTM recognises nine speakers by two vowels.

    python -m eigenlstm.apps.classify
    python -m eigenlstm.apps.classify --load classify.safetensors --frames mine.csv

Data: Japanese Vowels (Kudo, Toyama, Shimbo 1999; UCI, CC BY 4.0): 270 utterances to train on and 370 to test on, each
of 7 to 29 frames of 12 cepstral coefficients. The sequences keep their lengths: `fit` and `predict` take lists.
"""

import json
import sys
import time
import warnings

import numpy as np

import eigenlstm as el
from eigenlstm import data
from eigenlstm.apps._common import (
    application,
    likeliest,
    new_figure,
    on_rank_0,
    opened,
    reason,
    tidy,
    write_figure,
    write_scores,
)

OWN = {"--frames": "with --load: an utterance as comma-separated values, 12 coefficients on each line"}


def main(arguments=None):
    given = application(
        "eigenlstm.apps.classify",
        __doc__,
        40,
        6,
        arguments,
        own=OWN,
        needs="--frames FILE, the coefficients of an utterance",
    )
    if given.load:
        return listen(given)
    (x_train, y_train), (x_test, y_test) = data.japanese_vowels()
    print(
        f"{len(x_train)} utterances to train on, {len(x_test)} to test on, of {min(map(len, x_test))} to "
        f"{max(map(len, x_test))} frames, by {y_test.max() + 1} speakers\n"
    )
    baselines = {
        "nearest mean frame of a speaker": nearest_centroid(x_train, y_train, x_test),
        "nearest mean frame of an utterance": nearest_neighbour(x_train, y_train, x_test),
    }

    frames = np.concatenate(x_train)
    scale = np.stack([frames.mean(axis=0), frames.std(axis=0)])
    x_train, x_test = standardise(x_train, x_test)
    model = el.Sequential(
        [
            el.LSTM(12, 32, bidirectional=True, seed=given.seed),
            el.MeanPool(),
            el.Dropout(0.3),
            el.Linear(64, 9, seed=given.seed + 1),
        ]
    )
    print(model.summary(), "\n")
    started = time.process_time()
    history = model.fit(
        x_train,
        y_train,
        loss=el.losses.CrossEntropy(label_smoothing=0.1),
        optimizer=el.Adam(3e-3),
        epochs=given.epochs,
        batch_size=16,
        metrics=["accuracy"],
        clip_norm=1.0,
        seed=given.seed,
        comm=given.comm,
    )
    seconds = on_rank_0(given, time.process_time() - started)
    predicted = model.predict(x_test).argmax(axis=1)

    print("\nAccuracy on the test utterances")
    for name, guess in {**baselines, "LSTM": predicted}.items():
        print(f"  {name:36} {(guess == y_test).mean():.3f}   ({(guess != y_test).sum():3d} of {len(y_test)} wrong)")
    heard = accuracy_by_frames(model, x_test, y_test)
    enough = int(np.argmax(heard >= 0.9)) + 1
    if heard.max() >= 0.9:
        print(f"\n{enough} frames ({enough * 6.4:.0f} ms) are enough for 9 of 10 right")

    shares = {name: {"accuracy": float((guess == y_test).mean())} for name, guess in baselines.items()}
    write_scores(given, {"accuracy": float((predicted == y_test).mean())}, shares, seconds)
    model.save(given.out / "classify.safetensors", {"speakers": "9", "scale": json.dumps(scale.tolist())})
    best = max((guess == y_test).mean() for guess in baselines.values())
    draw(given.out / "classify.png", y_test, predicted, heard, history, best)
    print(f"\nwritten: {given.out / 'classify.png'}\n         {given.out / 'classify.safetensors'}")
    return float((predicted == y_test).mean())


def listen(given):
    """The speaker, from 1, whom the model in ``--load`` hears in ``--frames``."""
    model, about = opened(given.load, "speakers", "scale")
    mean, deviation = np.array(json.loads(about["scale"]), np.float32)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # of an empty file
            x = np.loadtxt(given.frames, np.float32, delimiter=",", ndmin=2)
    except (OSError, ValueError, UserWarning) as error:
        sys.exit(f"--frames: {reason(given.frames, error).partition(';')[0]}")
    if x.shape[1] != len(mean):
        sys.exit(f"{given.frames} has {x.shape[1]} values on a line, expected {len(mean)}")
    if not np.isfinite(x).all():
        sys.exit(f"{given.frames} has values that are not finite")
    logits = model.predict([(x - mean) / deviation])[0]
    speaker = likeliest(logits, [f"speaker {i + 1}" for i in range(len(logits))])
    return int(speaker.removeprefix("speaker "))


def standardise(x_train, x_test):
    """Both with the mean and deviation of the training frames taken out."""
    frames = np.concatenate(x_train)
    mean, scale = frames.mean(axis=0), frames.std(axis=0)
    return [(x - mean) / scale for x in x_train], [(x - mean) / scale for x in x_test]


def mean_frames(x):
    return np.stack([row.mean(axis=0) for row in x])


def nearest_neighbour(x_train, y_train, x_test):
    """Baseline: the speaker of the training utterance whose mean frame is nearest."""
    distance = ((mean_frames(x_test)[:, None] - mean_frames(x_train)) ** 2).sum(axis=2)
    return y_train[distance.argmin(axis=1)]


def nearest_centroid(x_train, y_train, x_test):
    """Baseline: the speaker whose mean frame is nearest."""
    means = mean_frames(x_train)
    centroids = np.stack([means[y_train == speaker].mean(axis=0) for speaker in range(9)])
    return ((mean_frames(x_test)[:, None] - centroids) ** 2).sum(axis=2).argmin(axis=1)


def accuracy_by_frames(model, x, y):
    """The accuracy when only the first 1, 2, … frames of each utterance are heard."""
    return np.array(
        [
            (model.predict([row[:frames] for row in x]).argmax(axis=1) == y).mean()
            for frames in range(1, max(map(len, x)) + 1)
        ]
    )


def draw(path, true, predicted, heard, history, baseline):
    figure = new_figure(13, 4.2)
    left, middle, right = figure.subplots(1, 3)
    counts = np.zeros((9, 9), int)
    np.add.at(counts, (true, predicted), 1)
    left.imshow(counts / counts.sum(axis=1, keepdims=True), cmap="Blues", vmin=0, vmax=1)
    for i, j in np.argwhere(counts):
        left.text(j, i, counts[i, j], ha="center", va="center", fontsize=9, color="white" if i == j else "#d1495b")
    left.set_xticks(range(9), range(1, 10))
    left.set_yticks(range(9), range(1, 10))
    tidy(left, f"Test utterances: {(true == predicted).mean():.1%} right", "speaker by the LSTM", "true speaker")
    middle.plot(np.arange(1, len(heard) + 1) * 6.4, heard, color="#d1495b", lw=2, label="LSTM")
    middle.axhline(baseline, color="#30638e", ls="--", lw=1.2, label="best baseline, whole utterance")
    middle.set_ylim(0, 1.02)
    middle.legend(frameon=False, loc="lower right")
    tidy(middle, "How soon the speaker is known", "milliseconds heard", "accuracy")
    epochs = [logs["epoch"] for logs in history]
    right.plot(epochs, [logs["loss"] for logs in history], color="#2b2d42", label="loss")
    right.plot(epochs, [1 - logs["accuracy"] for logs in history], color="#8d99ae", label="share wrong")
    right.set_yscale("log")
    right.legend(frameon=False)
    tidy(right, "Training (with dropout)", "epoch")
    write_figure(figure, path)


if __name__ == "__main__":
    main()
