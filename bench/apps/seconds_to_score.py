"""How many processor seconds a score takes: eigenlstm.apps.sentiment here, in PyTorch and in Keras.

    python -m bench.apps.seconds_to_score --out FOLDER

The same snippets, model, loss, schedule and epochs; batches of rows of like length, padded within a batch. After each
epoch the correlation with the ratings of the held-out snippets is measured; that takes no time of the training.
"""

import time
from pathlib import Path

import numpy as np
import torch

import eigenlstm as el
from bench.apps import sentiment_torch, twin
from eigenlstm.apps import _common, _download, sentiment

SCORE = 0.65  # the correlation that is to be reached


def main():
    given = twin.options(__doc__.split("\n")[0], 8, out=Path("."))
    archive = _download.fetch(sentiment.DATA, given.data)
    texts, ratings = sentiment.snippets(archive)
    train, _, test = sentiment.split(len(texts), given.quick, given.split)
    tokenizer, valences = sentiment.words(archive, [texts[i] for i in train])
    rows = tokenizer.encode_batch(texts)
    steps = given.epochs * -(-len(train) // sentiment.BATCH)
    model = sentiment.build(tokenizer, valences, given.seed)
    (embedding,) = model[0].state_dict().values()
    task = {
        "model": model,
        "embedding": embedding.copy(),  # where all three begin
        "x": [rows[i] for i in train],
        "y": sentiment.positive(ratings[train]),
        "test": [rows[i] for i in test],
        "ratings": ratings[test],
        "rate": el.schedules.cosine(sentiment.PEAK, steps=steps),
        "augment": el.text.WordDropout(0.1, tokenizer.vocabulary.unknown_id),
    }
    curves = {"eigenlstm": ours(task, given), "PyTorch": pytorch(task, given), "Keras": keras(task, given)}
    for name, curve in curves.items():
        reached = next((f"{seconds:.1f} s" for seconds, score in curve if score >= SCORE), "not reached")
        print(f"{name:10} {curve[-1][0]:6.1f} s in all, correlation {curve[-1][1]:.3f}; {SCORE}: {reached}")
    draw(given.out / "seconds_to_score.png", curves)


def correlation(values, task):
    return sentiment.scored(values, task["ratings"])["correlation"]


def ours(task, given):
    """``(processor seconds, correlation)`` after each epoch."""
    model, curve, spent = task["model"], [], [0.0]

    def watch(run):
        stopped = time.process_time()
        curve.append((stopped - started - spent[0], correlation(model.predict(task["test"])[:, 0], task)))
        spent[0] += time.process_time() - stopped

    started = time.process_time()
    model.fit(
        task["x"],
        task["y"][:, None],
        loss="bce",
        optimizer=el.Adam(sentiment.PEAK),
        epochs=given.epochs,
        batch_size=sentiment.BATCH,
        clip_norm=1.0,
        augment=task["augment"],
        callbacks=[el.schedule(task["rate"]), watch],
        seed=given.seed,
    )
    return curve


def pytorch(task, given):
    model, curve = sentiment_torch.Sentiment(task["embedding"].copy()), []

    def watch(seconds):
        model.eval()
        with torch.no_grad():
            values = torch.cat([model(*twin.ragged([row])) for row in task["test"]]).numpy()
        curve.append((seconds, correlation(values, task)))

    twin.train(
        model,
        sentiment_torch.loss,
        {"x": task["x"], "y": list(task["y"])},
        epochs=given.epochs,
        size=sentiment.BATCH,
        rate=task["rate"],
        seed=given.seed,
        augment=task["augment"],
        watch=watch,
    )
    return curve


def keras(task, given):
    """Steps are compiled for each length of a batch, so lengths are rounded up to multiples of eight; padding is
    masked."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(given.seed)
    model = keras.Sequential(
        [
            layers.Embedding(*task["embedding"].shape, mask_zero=True),
            layers.Dropout(0.3),
            layers.Bidirectional(layers.LSTM(sentiment.HIDDEN, return_sequences=True)),
            layers.GlobalAveragePooling1D(),
            layers.Dropout(0.5),
            layers.Dense(1),
        ]
    )
    model.build((None, None))
    model.layers[0].set_weights([task["embedding"]])
    adam = keras.optimizers.Adam(sentiment.PEAK, epsilon=1e-8, global_clipnorm=1.0)
    model.compile(adam, keras.losses.BinaryCrossentropy(from_logits=True))

    def padded(chosen):
        x = el.text.pad(chosen)[0]
        return np.pad(x, ((0, 0), (0, -x.shape[1] % 8)))

    rng, curve, step, seconds = np.random.default_rng(given.seed), [], 0, 0.0
    for epoch in range(given.epochs):
        started = time.process_time()
        for chosen in twin.batches([len(row) for row in task["x"]], sentiment.BATCH, rng):
            x = padded([task["x"][i] for i in chosen])
            noisy = task["augment"]({"x": x}, rng)["x"]
            adam.learning_rate.assign(task["rate"](step))
            model.train_on_batch(np.where(x == 0, 0, noisy), task["y"][chosen][:, None])
            step += 1
        seconds += time.process_time() - started
        values = model.predict(padded(task["test"]), batch_size=256, verbose=0)[:, 0]
        curve.append((seconds, correlation(values, task)))
        print(f"epoch {epoch + 1:3}/{given.epochs}  {seconds:.1f} s", flush=True)
    return curve


def draw(path, curves):
    figure = _common.new_figure(9, 5)
    axes = figure.subplots()
    for (name, curve), colour in zip(curves.items(), ("#d1495b", "#2b2d42", "#30638e")):
        axes.plot(*zip(*curve), color=colour, marker="o", lw=2, label=name)
    axes.axhline(SCORE, color="#8d99ae", ls=":")
    axes.set_xlim(0)
    axes.legend(frameon=False, loc="lower right")
    _common.tidy(
        axes, "Sentiment: the score beside the time that it took", "processor seconds", "correlation, held out"
    )
    _common.write_figure(figure, path)


if __name__ == "__main__":
    main()
