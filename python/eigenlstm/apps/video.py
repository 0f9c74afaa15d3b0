"""Video: which digit moves through the noise? An LSTM reads a clip frame by frame.

    python -m eigenlstm.apps.video                                        scikit-learn's digits, set moving
    python -m eigenlstm.apps.video --clips FOLDER                         yours: FOLDER/wave/a.gif, FOLDER/nod/b.mp4
    python -m eigenlstm.apps.video --load video.safetensors --clip a.gif

A digit of 8 by 8 pixels crosses a field of 16 by 16 and bounces off its edges, under noise as strong as the digit, so
that hardly any single frame can be read. The digits are split into a training, a validation and a test part before they
are set moving; those of the training part move differently each time. imageio reads GIFs by itself, and MP4 and other
films with a plugin (pip install "imageio[ffmpeg]" or "imageio[pyav]").
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

import eigenlstm as el
from eigenlstm.apps import _common

SIDE, FRAMES, NOISE = 16, 16, 0.5  # pixels of a frame's side; frames of a clip; deviation of the noise, ink being 1
FEATURES, HIDDEN, BATCH, PEAK = 128, 96, 16, 2e-3  # of a frame; of each direction; clips; the largest learning rate
OWN = {
    "--clips": "train on the labelled clips in this folder: FOLDER/label/clip.gif",
    "--clip": "with --load: the clip to classify",
}


def main(arguments=None):
    given = _common.application(
        "eigenlstm.apps.video",
        __doc__,
        80,
        6,
        arguments,
        data="the same as --clips",
        own=OWN,
        needs="--clip FILE",
        splits=True,
    )
    if given.load:
        return watch(given)
    folder = given.clips or given.data
    train, valid, test, names = labelled(Path(folder), given.split) if folder else digits(given.quick, given.split)
    model = build(train.side, len(names), given.seed)
    print(
        f"{train.count:,} clips to train on an epoch, {len(valid[1]):,} to validate with, {len(test[1]):,} to test on\n"
    )
    print(model.summary(), "\n")
    batches = -(-train.count // BATCH)
    started = time.process_time()
    history = model.fit(
        train.batches(given.seed, given.epochs),
        loss=el.losses.CrossEntropy(label_smoothing=0.05),
        optimizer=el.Adam(),
        epochs=given.epochs,
        steps_per_epoch=batches,
        clip_norm=1.0,
        validation_data=valid,
        metrics=["accuracy"],
        callbacks=[el.schedule(el.schedules.one_cycle(PEAK, steps=given.epochs * batches))],
        ema=1 - 1 / batches,  # over about an epoch
        seed=given.seed,
        comm=given.comm,
    )
    seconds = _common.on_rank_0(given, time.process_time() - started)

    logits = model.predict(test[0])
    scores = {"accuracy": float((logits.argmax(axis=1) == test[1]).mean())}
    _common.report(given, scores, baselines(train, test), seconds)
    scale = json.dumps([float(test[0].mean()), float(test[0].std())])  # a file's clip is brought to it
    about = {"names": json.dumps(names), "side": str(train.side), "scale": scale}
    model.save(given.out / "video.safetensors", about)
    draw(given.out / "video.png", model, test, names, train.side, history)
    print(f"\nwritten: {given.out / 'video.png'}\n         {given.out / 'video.safetensors'}")
    return scores


class Moving:
    """Pictures (N, 8, 8) of labels y, set moving anew for each epoch."""

    side = SIDE

    def __init__(self, pictures, y, count):
        self.pictures, self.y, self.count = pictures, y, count

    def batches(self, seed, epochs):
        rng = np.random.default_rng(seed)
        noise = rng.standard_normal(1 << 22, np.float32)  # to draw it anew for each clip takes longer than to read it
        for _ in range(epochs * -(-self.count // BATCH)):
            chosen = rng.integers(0, len(self.y), BATCH)
            yield clips(self.pictures[chosen], rng, noise), self.y[chosen]

    def sample(self, count):
        """So many clips, and their labels."""
        rng = np.random.default_rng(1)
        chosen = rng.integers(0, len(self.y), count)
        return clips(self.pictures[chosen], rng), self.y[chosen]


class Filmed:
    """Clips x, a list of (T, side²), of labels y."""

    def __init__(self, x, y, side):
        self.x, self.y, self.side, self.count = x, y, side, len(y)

    def batches(self, seed, epochs):
        rng = np.random.default_rng(seed)
        for _ in range(epochs):
            order = rng.permutation(len(self.y))
            for chosen in np.split(order, range(BATCH, len(order), BATCH)):
                yield np.stack([self.x[i] for i in chosen]), self.y[chosen]

    def sample(self, count):
        return np.stack(self.x[:count]), self.y[:count]


def clips(pictures, rng, noise=None, frames=FRAMES, side=SIDE):
    """Pictures (N, P, P) as clips (N, frames, side²): each starts anywhere, moves straight on and bounces off the
    edges. Noise is laid over it: any part of the normal numbers `noise`, or fresh ones."""
    count, size = len(pictures), pictures.shape[1]
    room = side - size
    start, speed = rng.uniform(0, 2 * room, (2, 1, count)), rng.uniform(-1.5, 1.5, (2, 1, count))
    way = (start + speed * np.arange(frames)[:, None]) % (2 * room)
    row, column = np.rint(np.where(way > room, 2 * room - way, way)).astype(int)  # (frames, N): there and back again
    x = rng.standard_normal((count, frames * side * side), np.float32) if noise is None else cut(noise, count, rng)
    x = x.reshape(count, frames, side, side)
    x *= np.float32(NOISE)
    steps = np.arange(size)
    index = np.ix_(np.arange(count), np.arange(frames))
    x[
        index[0][..., None, None],
        index[1][..., None, None],
        row.T[..., None, None] + steps[:, None],
        column.T[..., None, None] + steps,
    ] += pictures[:, None]
    return x.reshape(count, frames, side * side)


def cut(noise, count, rng, length=FRAMES * SIDE * SIDE):
    """`count` parts of `noise`, each from anywhere on: (count, length)."""
    return np.stack([noise[start : start + length] for start in rng.integers(0, len(noise) - length, count)])


def digits(quick, split=0):
    print("data: 1,797 digits of 8 by 8 pixels (Alpaydin, Kaynak 1998; CC BY 4.0), of scikit-learn\n")
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        sys.exit('the digits are scikit-learn\'s: pip install "eigenlstm[apps]", or name clips by --clips')
    pictures, y = load_digits(return_X_y=True)
    pictures = (pictures.reshape(-1, 8, 8) / 16).astype(np.float32)
    rng = np.random.default_rng(split)  # the split, and how those to test on move, are the same for every --seed
    train, valid, test = np.split(rng.permutation(len(y)), [int(0.7 * len(y)), int(0.8 * len(y))])
    held = [(clips(pictures[np.repeat(part, 3)], rng), y[np.repeat(part, 3)]) for part in (valid, test)]
    return Moving(pictures[train], y[train], 640 if quick else 6400), *held, [str(digit) for digit in range(10)]


def labelled(folder, split=0):
    """Clips in subfolders that are called by what they show."""
    paths = sorted(path for path in folder.glob("*/*") if path.is_file())
    names = sorted({path.parent.name for path in paths})
    if len(paths) < 10 or len(names) < 2:
        sys.exit(f"{folder} holds {len(paths)} clips of {len(names)} labels: at least 10 of 2 are needed")
    print(f"data: {len(paths)} clips in {folder}\n")
    order = np.random.default_rng(split).permutation(len(paths))
    x = [read(paths[i]) for i in order]
    y = np.array([names.index(paths[i].parent.name) for i in order])
    held = max(1, len(paths) // 5)
    valid, test = (np.stack(x[:held]), y[:held]), (np.stack(x[held : 2 * held]), y[held : 2 * held])
    return Filmed(x[2 * held :], y[2 * held :], SIDE), valid, test, names


def read(path, frames=FRAMES, side=SIDE):
    """The clip in a file as (frames, side²): grey, made small by averages, `frames` of it evenly spread, its mean taken
    out and divided by its deviation."""
    film = shrunk(path, side)
    if len(film) < 2:
        sys.exit(f"{path} is no clip: it has one frame")
    film = film[np.rint(np.linspace(0, len(film) - 1, frames)).astype(int)]
    return ((film - film.mean()) / max(film.std(), 1e-6)).reshape(frames, side * side).astype(np.float32)


def shrunk(path, side):
    """All frames of the clip in a file, (n, side, side), grey. One frame is in memory at a time at its full size."""
    try:
        import imageio.v3 as imageio
    except ImportError:
        sys.exit('clips are read by imageio: pip install "eigenlstm[apps]"')
    film = []
    try:
        for frame in imageio.imiter(path):
            grey = frame[..., :3].mean(axis=2) if frame.ndim == 3 else frame.astype(np.float64)
            film.append(squeezed(squeezed(grey, 0, side), 1, side))
    except Exception as error:  # each of imageio's plugins raises errors of its own
        plugin = "" if path.suffix == ".gif" or not path.is_file() else '; films need pip install "imageio[ffmpeg]"'
        sys.exit(f"{_common.reason(path, error)}{plugin}")
    return np.stack(film)


def squeezed(x, axis, size):
    """`x` with `size` means of equal parts along `axis`; a pixel on a border counts for both parts."""
    length = x.shape[axis]
    edges = np.linspace(0, length, size + 1)
    places = np.arange(length)
    share = np.clip(np.minimum(edges[1:, None], places + 1) - np.maximum(edges[:-1, None], places), 0, 1)
    return np.moveaxis(np.tensordot(x, share / share.sum(axis=1, keepdims=True), (axis, 1)), -1, axis)


def build(side, classes, seed):
    return el.Sequential(
        [
            el.Linear(side * side, FEATURES, seed=seed),
            el.Activation("relu"),
            el.LSTM(FEATURES, HIDDEN, bidirectional=True, seed=seed + 1),
            el.MeanPool(),
            el.Linear(2 * HIDDEN, classes, seed=seed + 2),
        ]
    )


def baselines(train, test):
    """Logistic regression on all pixels of the clip; for moving digits, their means, looked for in each frame."""
    from sklearn.linear_model import LogisticRegression

    x, y = train.sample(min(train.count, 5000))
    found = {}
    model = LogisticRegression(C=1e-3, max_iter=200).fit(x.reshape(len(x), -1), y)
    found["logistic regression on pixels"] = model.predict(test[0].reshape(len(test[0]), -1))
    if isinstance(train, Moving):
        means = np.stack([train.pictures[train.y == digit].mean(axis=0) for digit in range(10)]).reshape(10, -1)
        frames = test[0].reshape(-1, SIDE, SIDE)
        views = np.lib.stride_tricks.sliding_window_view(frames, (8, 8), axis=(1, 2)).reshape(len(frames), -1, 64)
        fit = views @ means.T - (means**2).sum(axis=1) / 2  # the log of the likelihood at each place, up to scale
        best = np.logaddexp.reduce(fit / NOISE**2, axis=1).reshape(len(test[0]), -1, 10).sum(axis=1)
        found["mean digits, sought in each frame"] = best.argmax(axis=1)
    return {name: {"accuracy": float((told == test[1]).mean())} for name, told in found.items()}


def watch(given):
    """What the model in ``--load`` sees in ``--clip``."""
    model, about = _common.opened(given.load, "names", "side", "scale")
    names = json.loads(about["names"])
    mean, deviation = json.loads(about["scale"])
    clip = read(Path(given.clip), side=int(about["side"])) * np.float32(deviation) + np.float32(mean)
    return _common.likeliest(model.predict(clip[None])[0], names)


def draw(path, model, test, names, side, history):
    figure = _common.new_figure(13, 7)
    top, bottom = figure.subfigures(2, 1, height_ratios=[1, 1])
    x, y = test
    shown = [int(np.flatnonzero(y == label)[0]) for label in range(min(3, len(names))) if (y == label).any()]
    top.suptitle(
        "Every other frame of clips to test on, and what the model says by then",
        x=0.02,
        ha="left",
        fontsize=11,
        fontweight="bold",
    )
    axes = np.atleast_2d(top.subplots(len(shown), 8))
    for line, i in zip(axes, shown):
        for t, each in zip(range(0, FRAMES, 2), line):
            each.imshow(x[i, t].reshape(side, side), cmap="gray")
            told = int(model.predict(x[i : i + 1, : t + 1]).argmax())
            each.set_title(names[told], fontsize=9, color="#2a9d8f" if told == y[i] else "#d1495b")
            each.set_axis_off()
    curve, sure = bottom.subplots(1, 2)
    curve.plot(np.arange(1, len(history) + 1), [logs["val_accuracy"] for logs in history], color="#d1495b", lw=2)
    _common.tidy(curve, "Accuracy on validation clips", "epoch")
    seen = [(model.predict(x[:, :frames]).argmax(axis=1) == y).mean() for frames in range(1, x.shape[1] + 1)]
    sure.plot(np.arange(1, len(seen) + 1), seen, color="#30638e", lw=2, marker="o")
    _common.tidy(sure, "How many frames it takes", "frames seen", "accuracy on clips to test on")
    _common.write_figure(figure, path)


if __name__ == "__main__":
    main()
