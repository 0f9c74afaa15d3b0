"""Images: an LSTM reads a picture line by line and recognises what it shows.

    python -m eigenlstm.apps.images                            Fashion-MNIST where it is found, else small digits
    python -m eigenlstm.apps.images --data FOLDER                       with the four files of MNIST's format (idx)
    python -m eigenlstm.apps.images --load images.safetensors --picture shoe.png

A step is a row of the picture and the column of the same number beside it, so that one LSTM reads it downwards and
across. In training, clothes are mirrored at random and other pictures moved by a pixel or two; parameters are averaged
over about an epoch; clothes are classified by the mean score of the picture and its mirror image. Fashion-MNIST is
70,000 pictures of clothes of 28 by 28 pixels (Xiao et al. 2017, MIT), in Debian's package dataset-fashion-mnist; the
digits are scikit-learn's, 1,797 of 8 by 8. Baseline: the five nearest neighbours.
"""

import gzip
import json
import sys
import time
import zlib
from pathlib import Path

import numpy as np

import eigenlstm as el
from eigenlstm.apps import _common

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
CLOTHES = ["T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot"]
BATCH, PEAK, HIDDEN = 64, 4e-3, 96  # pictures; the largest learning rate; of each direction
FILES = "a folder with the four files of MNIST, train-images-idx3-ubyte.gz and so on"
OWN = {"--picture": "with --load: the picture to classify, light on a dark background, of any size"}


def main(arguments=None):
    given = _common.application(
        "eigenlstm.apps.images",
        __doc__,
        20,
        2,
        arguments,
        data=FILES,
        own=OWN,
        needs="--picture FILE",
    )
    if given.load:
        return look(given)
    (x, y), (x_test, y_test), names = pictures(given)
    valid = len(x) // 12
    size = x.shape[1]
    print(f"{len(x) - valid:,} pictures to train on, {valid:,} to validate with, {len(x_test):,} to test on\n")
    model = build(size, len(names), given.seed)
    print(model.summary(), "\n")
    batches = -(-(len(x) - valid) // BATCH)
    started = time.process_time()
    history = model.fit(
        lines(x[valid:]),
        y[valid:],
        loss=el.losses.CrossEntropy(label_smoothing=0.05),
        optimizer=el.Adam(),
        epochs=given.epochs,
        batch_size=BATCH,
        clip_norm=1.0,
        validation_data=(lines(x[:valid]), y[:valid]),
        metrics=["accuracy"],
        augment=mirrored if names == CLOTHES else moved,
        callbacks=[el.schedule(el.schedules.one_cycle(PEAK, steps=given.epochs * batches))],
        ema=1 - 1 / batches,
        seed=given.seed,
        comm=given.comm,
    )
    seconds = _common.on_rank_0(given, time.process_time() - started)

    logits = judged(model, x_test, names)
    scores = {"accuracy": float((logits.argmax(axis=1) == y_test).mean())}
    baselines = {"5 nearest neighbours": {"accuracy": float((neighbours(x, y, x_test) == y_test).mean())}}
    _common.report(given, scores, baselines, seconds)
    model.save(given.out / "images.safetensors", {"names": json.dumps(names), "size": str(size)})
    draw(given.out / "images.png", x_test, y_test, logits, names, history)
    print(f"\nwritten: {given.out / 'images.png'}\n         {given.out / 'images.safetensors'}")
    return scores


def pictures(given):
    """``(x, y)`` to train on and to test on, x (N, S, S) from 0 to 1, and the names of the classes."""
    folder = given.data or (DEBIAN if DEBIAN.exists() else None)
    if folder is None:
        x, y = small_digits()
        order = np.random.default_rng(0).permutation(len(x))
        train, test = np.split(order, [int(0.8 * len(x))])
        return (x[train], y[train]), (x[test], y[test]), [str(digit) for digit in range(10)]
    print(f"data: {folder}" + (" (Fashion-MNIST, Zalando SE, MIT)" if folder == DEBIAN else "") + "\n")
    parts = [
        (idx(folder / f"{part}-images-idx3-ubyte") / np.float32(255), idx(folder / f"{part}-labels-idx1-ubyte"))
        for part in ("train", "t10k")
    ]
    most = (4000, 500) if given.quick else (None, None)
    parts = [(x[:count], y[:count].astype(np.int64)) for (x, y), count in zip(parts, most)]
    return *parts, CLOTHES if folder == DEBIAN else [str(label) for label in range(10)]


def small_digits():
    print("data: 1,797 digits of 8 by 8 pixels (Alpaydin, Kaynak 1998; CC BY 4.0), of scikit-learn\n")
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        sys.exit('the digits are scikit-learn\'s: pip install "eigenlstm[apps]", or name other pictures by --data')
    x, y = load_digits(return_X_y=True)
    return (x.reshape(-1, 8, 8) / 16).astype(np.float32), y.astype(np.int64)


def idx(path):
    """The array in a file of MNIST's format, uint8, as it is or as .gz."""
    packed = path.with_name(path.name + ".gz")
    if not (packed.exists() or path.exists()):
        sys.exit(f"{packed} is not there")
    try:
        data = gzip.decompress(packed.read_bytes()) if packed.exists() else path.read_bytes()
        rank = data[3]
        shape = np.frombuffer(data, ">u4", rank, 4).astype(int)
        whole = data[:3] == b"\0\0\x08" and len(data) == 4 + 4 * rank + shape.prod()
    except (OSError, EOFError, zlib.error, IndexError, ValueError):  # a damaged .gz, or too short for its head
        whole = False
    if not whole:
        sys.exit(f"{path} is no whole idx file of bytes")
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


def lines(x):
    """Pictures (N, S, S) as sequences (N, S, 2 S): step t is row t and column t."""
    return np.concatenate([x, x.transpose(0, 2, 1)], axis=2)


def moved(batch, rng):
    """The batch with each picture moved by up to a fourteenth of its size (at least one pixel) and filled up with
    black.
    """
    x = batch["x"][:, :, : batch["x"].shape[1]]
    size = x.shape[1]
    most = max(1, size // 14)
    padded = np.pad(x, ((0, 0), (most, most), (most, most)))
    views = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))
    down, right = rng.integers(0, 2 * most + 1, (2, len(x)))
    return {**batch, "x": lines(views[np.arange(len(x)), down, right])}


def mirrored(batch, rng):
    """The batch with each picture left as it is or mirrored, by chance."""
    x = batch["x"][:, :, : batch["x"].shape[1]]
    turned = rng.random(len(x)) < 0.5
    return {**batch, "x": lines(np.where(turned[:, None, None], x[:, :, ::-1], x))}


def judged(model, x, names):
    """The logits of pictures (N, S, S); of clothes, the mean with those of their mirror images."""
    logits = model.predict(lines(x))
    return (logits + model.predict(lines(x[:, :, ::-1]))) / 2 if names == CLOTHES else logits


def build(size, classes, seed):
    return el.Sequential(
        [
            el.LSTM(2 * size, HIDDEN, bidirectional=True, seed=seed),
            el.MaxPool(),
            el.Dropout(0.3),
            el.Linear(2 * HIDDEN, classes, seed=seed + 1),
        ]
    )


def neighbours(x, y, x_test, k=5):
    """The commonest class among the `k` nearest pictures; of several equally common ones, the smallest."""
    x, x_test = x.reshape(len(x), -1), x_test.reshape(len(x_test), -1)
    square, found = (x**2).sum(axis=1), []
    for part in np.array_split(x_test, -(-len(x_test) // 250)):
        near = np.argpartition(square - 2 * (part @ x.T), k, axis=1)[:, :k]
        found += [np.bincount(row).argmax() for row in y[near]]
    return np.array(found)


def look(given):
    """What the model in ``--load`` sees in ``--picture``."""
    from matplotlib import image

    model, about = _common.opened(given.load, "names", "size")
    names, size = json.loads(about["names"]), int(about["size"])
    try:
        pixels = np.asarray(image.imread(given.picture), np.float32)
    except (OSError, ValueError) as error:
        sys.exit(f"--picture: {_common.reason(given.picture, error)}")
    pixels = pixels[..., :3].mean(axis=2) if pixels.ndim == 3 else pixels
    pixels /= max(pixels.max(), 1e-6)
    if min(pixels.shape) < size:
        sys.exit(f"{given.picture} is smaller than {size} by {size} pixels")
    edges = [np.linspace(0, length, size + 1).astype(int)[:-1] for length in pixels.shape]
    sums = np.add.reduceat(np.add.reduceat(pixels, edges[0], axis=0), edges[1], axis=1)
    counts = np.diff([*edges[0], pixels.shape[0]])[:, None] * np.diff([*edges[1], pixels.shape[1]])
    return _common.likeliest(judged(model, (sums / counts)[None].astype(np.float32), names)[0], names)


def draw(path, x, y, logits, names, history):
    figure = _common.new_figure(13, 7)
    left, right = figure.subfigures(1, 2, width_ratios=[1, 1.1])
    table = np.zeros((len(names), len(names)))
    predicted = logits.argmax(axis=1)
    np.add.at(table, (y, predicted), 1)
    curve, axes = left.subplots(2, 1, height_ratios=[1, 2.4])
    curve.plot(np.arange(1, len(history) + 1), [logs["val_accuracy"] for logs in history], color="#d1495b", lw=2)
    _common.tidy(curve, "Accuracy on validation pictures", "epoch")
    axes.imshow(np.sqrt(table / np.maximum(table.sum(axis=1, keepdims=True), 1)), cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names, rotation=60)
    axes.set_yticks(range(len(names)), names)
    _common.tidy(axes, "What is taken for what", "the model", "the truth")
    wrong = np.flatnonzero(predicted != y)
    worst = wrong[np.argsort(logits[wrong, y[wrong]] - logits[wrong].max(axis=1))][:20]
    right.suptitle("Where it is surest and wrong", x=0.02, ha="left", fontsize=11, fontweight="bold")
    for axes, i in zip(right.subplots(4, 5).flat, worst):
        axes.imshow(x[i], cmap="gray")
        axes.set_title(f"{names[predicted[i]]}, not {names[y[i]]}", fontsize=7.5)
    for axes in right.axes:
        axes.set_axis_off()
    _common.write_figure(figure, path)


if __name__ == "__main__":
    main()
