"""Overfitting: a model learns a small data set with none and with each of the usual remedies, and draws the losses.

    python -m eigenlstm.apps.overfitting

2,000 film snippets of eigenlstm.apps.sentiment are soon known by heart: the training loss goes on falling while the
loss of held-out snippets rises. Each remedy is tried alone, then four of them together. Early stopping looks at a
validation part; the scores are those of a test part.
"""

import time

import numpy as np

import eigenlstm as el
from eigenlstm.apps import _common, _download, sentiment

SNIPPETS, SIZE, HIDDEN, BATCH, RATE = 2000, 64, 64, 32, 2e-3  # to train on; of words; of each direction; rows

# Each remedy: arguments of the LSTM, of `fit`, and whether dropout goes before the output
REMEDIES = {
    "nothing": {},
    "dropout": {"drop": 0.5},
    "variational dropout": {"lstm": {"input_dropout": 0.3, "recurrent_dropout": 0.3}},
    "zoneout": {"lstm": {"zoneout": 0.15}},
    "weight drop": {"lstm": {"weight_drop": 0.5}},
    "weight decay": {"decay": 0.1},
    "early stopping": {"stop": True},
    "augmentation": {"hide": 0.2},
    "weight averaging": {"average": True},
}
TOGETHER = {"drop": 0.5, "hide": 0.2, "average": True, "stop": True}


def main(arguments=None):
    given = _common.application(
        "eigenlstm.apps.overfitting",
        __doc__,
        12,
        4,
        arguments,
        data="the sdist of vaderSentiment, if you have fetched it yourself",
        loads=False,
    )
    task = snippets(given)
    print(f"{len(task['train'][0]):,} snippets to train on, {len(task['test'][0]):,} to test on\n")
    scores, curves, seconds = {}, {}, 0.0
    for name, remedy in {**REMEDIES, "four together": TOGETHER}.items():
        started = time.process_time()
        model, curves[name] = learn(task, remedy, given.epochs, given.seed, comm=given.comm)
        seconds += time.process_time() - started
        scores[name] = measured(model, *task["test"])
        print(f"  {name:22} loss {scores[name]['loss']:.4f}  sign right {scores[name]['accuracy']:.4f}", flush=True)
    seconds = _common.on_rank_0(given, seconds)
    together = scores.pop("four together")
    _common.report(given, together, scores, seconds)
    draw(given.out / "overfitting.png", curves)
    print(f"\nwritten: {given.out / 'overfitting.png'}")
    return together


def snippets(given):
    """Rows and how positive they are, to train on, to validate with and to test on; how many words, and the unknown
    one."""
    texts, ratings = sentiment.snippets(_download.fetch(sentiment.DATA, given.data))
    train, valid, test = sentiment.split(len(texts), quick=False)
    train, valid = train[: 400 if given.quick else SNIPPETS], valid[:1000]
    tokenizer = el.text.WordTokenizer.train([texts[i] for i in train], lower=True)
    rows, y = tokenizer.encode_batch(texts), sentiment.positive(ratings)[:, None]
    parts = {"train": train, "valid": valid, "test": test[:1000] if given.quick else test}
    made = {name: ([rows[i] for i in part], y[part]) for name, part in parts.items()}
    return {**made, "words": len(tokenizer.vocabulary), "unknown": tokenizer.vocabulary.unknown_id}


def learn(task, remedy, epochs, seed, verbose=0, comm=None):
    """The model that was trained with `remedy`, and the losses of its epochs, in training and held out."""
    lstm = el.LSTM(SIZE, HIDDEN, bidirectional=True, seed=seed + 1, **remedy.get("lstm", {}))
    embedding = el.Embedding(task["words"], SIZE, init_scale=0.3, seed=seed)
    drop = [el.Dropout(remedy["drop"])] if "drop" in remedy else []
    model = el.Sequential([embedding, lstm, el.MeanPool(), *drop, el.Linear(2 * HIDDEN, 1, seed=seed + 2)])
    batches = -(-len(task["train"][0]) // BATCH)
    history = model.fit(
        *task["train"],
        loss="bce",
        optimizer=el.AdamW(RATE, weight_decay=remedy.get("decay", 0.0)),
        epochs=epochs,
        batch_size=BATCH,
        clip_norm=1.0,
        validation_data=task["valid"],
        augment=el.text.WordDropout(remedy["hide"], task["unknown"]) if "hide" in remedy else None,
        callbacks=[el.early_stopping(patience=2)] if "stop" in remedy else [],
        ema=1 - 1 / batches if "average" in remedy else None,
        seed=seed,
        verbose=verbose,
        comm=comm,
    )
    return model, {key: [logs[key] for logs in history] for key in ("loss", "val_loss")}


def measured(model, rows, y):
    """The loss, and the share of the signs that are right."""
    logits = model.predict(rows).astype(np.float64)
    loss = np.logaddexp(0, logits) - y * logits
    return {"loss": float(loss.mean()), "accuracy": float(((logits > 0) == (y > 0.5)).mean())}


def draw(path, curves):
    figure = _common.new_figure(14, 7.5)
    panels = figure.subplots(2, 5, sharex=True, sharey=True).flat
    plain = curves["nothing"]["val_loss"]
    for axes, (name, curve) in zip(panels, curves.items()):
        epochs = np.arange(1, len(plain) + 1)
        axes.plot(epochs, plain, color="#d1495b", lw=1, ls=":")
        axes.plot(epochs[: len(curve["loss"])], curve["loss"], color="#8d99ae", lw=2, label="training, masks on")
        axes.plot(epochs[: len(curve["loss"])], curve["val_loss"], color="#d1495b", lw=2, label="held out")
        best = int(np.argmin(curve["val_loss"]))
        axes.plot(best + 1, curve["val_loss"][best], "o", color="#d1495b")
        axes.text(best + 1, curve["val_loss"][best] - 0.05, f"{curve['val_loss'][best]:.3f}", ha="center", fontsize=9)
        _common.tidy(axes, name, "epoch", "loss")
    panels = list(figure.axes)
    panels[0].legend(frameon=False, fontsize=9, loc="upper left")
    lowest = min(min(curve["loss"]) for curve in curves.values())
    panels[0].set_ylim(0.9 * lowest, 1.1 * max(plain))
    panels[0].set_xticks(range(2, len(plain) + 1, 2))
    _common.write_figure(figure, path)


if __name__ == "__main__":
    main()
