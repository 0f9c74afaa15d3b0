"""A language model of characters: an LSTM reads "Alice's Adventures in Wonderland" and goes on writing.

    python -m eigenlstm.apps.language_model
    python -m eigenlstm.apps.language_model --load language_model.safetensors --text "The Queen "

Trained by truncated backpropagation: the book is cut into 16 lanes that are read side by side, 64 characters between
two updates, and the state is carried over. Compared by bits per character on the last tenth of the book with smoothed
n-grams and, where PyTorch is installed, with the same model trained there from the same weights on the same batches.
"""

import json
import math
import sys
import time
from collections import Counter, defaultdict

import numpy as np

import eigenlstm as el
from eigenlstm import data
from eigenlstm.apps._common import application, new_figure, on_rank_0, opened, tidy, write_figure, write_scores
from eigenlstm.training.schedules import one_cycle

LANES, PIECE = 16, 64
EMBEDDING, HIDDEN, DROPOUT, RATE = 32, 192, 0.5, 5e-3
OWN = {"--text": "with --load: the beginning of the text, which the model continues"}


def main(arguments=None):
    given = application(
        "eigenlstm.apps.language_model",
        __doc__,
        15,
        2,
        arguments,
        own=OWN,
        needs='--text "the beginning"',
        flags={"--no-torch": "leave out the comparison with PyTorch"},
    )
    if given.load:
        return write_on(given)
    text = data.alice()[: 30_000 if given.quick else None]
    alphabet = sorted(set(text))
    codes = np.array([alphabet.index(character) for character in text])
    train, test = np.split(codes, [int(0.9 * len(codes))])
    print(f"{len(train):,} characters to train on, {len(test):,} to test on, {len(alphabet)} different ones\n")

    lanes, held_out = in_lanes(train, LANES), in_lanes(test, 1)
    steps = given.epochs * math.ceil(lanes[0].shape[1] / PIECE)
    rate = one_cycle(RATE, steps=steps)
    model = build(len(alphabet), given.seed)
    initial = model.state_dict()
    print(model.summary(), "\n")
    started, worked = time.perf_counter(), time.process_time()
    history = model.fit(
        *lanes,
        loss="cross_entropy",
        optimizer=el.Adam(),
        epochs=given.epochs,
        batch_size=LANES,
        tbptt=PIECE,
        validation_data=held_out,
        callbacks=[el.schedule(rate)],
        clip_norm=1.0,
        seed=given.seed,
        comm=given.comm,
    )
    curves = {"LSTM, eigenlstm": [bits(logs["val_loss"]) for logs in history]}
    seconds = {"LSTM, eigenlstm": time.perf_counter() - started}
    worked = on_rank_0(given, time.process_time() - worked)

    if not given.no_torch and torch_is_there():
        print("\nthe same in PyTorch …", flush=True)
        started = time.perf_counter()
        curves["LSTM, PyTorch"] = train_in_torch(
            initial, lanes, held_out, rate, given.epochs, len(alphabet), patience=3 * seconds["LSTM, eigenlstm"]
        )
        seconds["LSTM, PyTorch"] = time.perf_counter() - started

    ngrams = ngram_bits(train, test, 7, len(alphabet))
    baselines = {"characters alone": ngrams[0], f"best n-gram (n = {ngrams.argmin() + 1})": ngrams.min()}
    print("\nBits per character on the held-out tenth")
    for name, value in baselines.items():
        print(f"  {name:22} {value:.3f}")
    ours = curves["LSTM, eigenlstm"]
    for name, curve in curves.items():
        note = "" if len(curve) == len(ours) else f", then given up; ours had {ours[len(curve) - 1]:.3f} by then"
        print(f"  {name:22} {curve[-1]:.3f}   ({len(curve)} epochs in {seconds[name]:.0f} s{note})")

    scores = {name: {"bits": float(value)} for name, value in baselines.items()}
    scores |= {name: {"bits": float(curve[-1])} for name, curve in curves.items() if curve is not ours}
    write_scores(given, {"bits": float(ours[-1])}, scores, worked)

    start = "Alice "
    written = sample(model, alphabet, start, 600, np.random.default_rng(given.seed))
    print(f"\nWhat it writes after {start!r} (temperature 0.7):\n\n{written}\n")
    model.save(given.out / "language_model.safetensors", {"alphabet": json.dumps(alphabet)})
    draw(given.out / "language_model.png", curves, baselines, *surprise(model, test, alphabet))
    print(f"written: {given.out / 'language_model.png'}\n         {given.out / 'language_model.safetensors'}")
    return curves, baselines


def write_on(given):
    """What the model in ``--load`` writes after ``--text``."""
    model, about = opened(given.load, "alphabet")
    alphabet = json.loads(about["alphabet"])
    unknown = sorted(set(given.text) - set(alphabet))
    if unknown:
        sys.exit(f"the book has no {' '.join(unknown)}")
    written = sample(model, alphabet, given.text, 400, np.random.default_rng(given.seed))
    print(written)
    return written


def build(characters, seed):
    return el.Sequential(
        [
            el.Embedding(characters, EMBEDDING, seed=seed),
            el.LSTM(EMBEDDING, HIDDEN, seed=seed + 1),
            el.Dropout(DROPOUT),
            el.Linear(HIDDEN, characters, seed=seed + 2),
        ]
    )


def in_lanes(codes, lanes):
    """`codes` cut into lanes: x (lanes, T), and y, the next character of each."""
    length = (len(codes) - 1) // lanes
    return codes[: lanes * length].reshape(lanes, length), codes[1 : lanes * length + 1].reshape(lanes, length)


def bits(nats):
    return nats / math.log(2)


def sample(model, alphabet, start, length, rng, temperature=0.7):
    """`start` and `length` characters after it, drawn one by one from a streaming session."""
    embedding, lstm, _, linear = model
    stream = lstm.stream()
    written = start
    for i in range(len(start) + length - 1):
        h = stream.step(embedding(np.array([alphabet.index(written[i])])))
        if i >= len(start) - 1:
            logits = linear(h)[0].astype(np.float64) / temperature
            odds = np.exp(logits - logits.max())
            written += alphabet[rng.choice(len(alphabet), p=odds / odds.sum())]
    return written


def ngram_bits(train, test, longest, characters):
    """Bits per character of n-gram models, n = 1..longest, with Witten-Bell smoothing (Witten, Bell 1991): each falls
    back on the next shorter one, as much as its context was seen to go on in different ways."""
    counts: defaultdict[tuple, Counter] = defaultdict(Counter)
    train, test = train.tolist(), test.tolist()
    for i, character in enumerate(train):
        for n in range(min(longest, i + 1)):
            counts[tuple(train[i - n : i])][character] += 1
    totals = {context: (sum(after.values()), len(after)) for context, after in counts.items()}
    loss = np.zeros(longest)
    for i in range(longest, len(test)):
        p = 1 / characters
        for n in range(longest):
            context = tuple(test[i - n : i])
            if context in totals:
                total, kinds = totals[context]
                p = (counts[context][test[i]] + kinds * p) / (total + kinds)
            loss[n] -= math.log2(p)
    return loss / (len(test) - longest)


def torch_is_there():
    try:
        import torch  # noqa: F401
    except ImportError:
        return False
    return True


def train_in_torch(initial, lanes, held_out, rate, epochs, characters, patience):
    """The same model, weights, batches, optimiser and schedule in PyTorch; bits per character after each epoch.

    It is given up after the epoch in which `patience` seconds are over (on a busy machine it can take very long)."""
    import torch
    from torch import nn

    torch.set_num_threads(el.get_num_threads())
    torch.manual_seed(0)
    embedding, lstm = nn.Embedding(characters, EMBEDDING), nn.LSTM(EMBEDDING, HIDDEN, batch_first=True)
    dropout, linear = nn.Dropout(DROPOUT), nn.Linear(HIDDEN, characters)
    layers = nn.ModuleList([embedding, lstm, dropout, linear])
    layers.load_state_dict({name: torch.from_numpy(value) for name, value in initial.items()})
    # One of PyTorch's two biases stays zero: eigenlstm has one bias for each gate, and two would learn twice as fast.
    lstm.bias_hh_l0.requires_grad_(False)
    optimizer, loss = torch.optim.Adam(layers.parameters()), nn.CrossEntropyLoss()

    def run(x, y, state):
        h, state = lstm(embedding(x), state)
        return loss(linear(dropout(h)).flatten(0, 1), y.flatten()), state

    x, y = (torch.from_numpy(part.copy()) for part in lanes)
    curve: list[float] = []
    step, started = 0, time.perf_counter()
    while len(curve) < epochs and time.perf_counter() - started < patience:
        layers.train()
        state = None
        for start in range(0, x.shape[1], PIECE):
            value, state = run(x[:, start : start + PIECE], y[:, start : start + PIECE], state)
            state = tuple(part.detach() for part in state)
            optimizer.param_groups[0]["lr"] = rate(step)
            optimizer.zero_grad()
            value.backward()
            nn.utils.clip_grad_norm_(layers.parameters(), 1.0)
            optimizer.step()
            step += 1
        layers.eval()
        with torch.no_grad():
            x_held, y_held = (torch.from_numpy(part.copy()) for part in held_out)
            curve.append(bits(run(x_held, y_held, None)[0].item()))
    return curve


def surprise(model, test, alphabet, shown=420):
    """A passage of the held-out text and the bits that each of its characters costs the model."""
    x, y = in_lanes(test, 1)
    logits = model.predict(x)[0].astype(np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    cost = bits(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(logits)), y[0]])
    start = next(i for i in range(2000, len(test)) if alphabet[test[i]] == "\n" and alphabet[test[i + 1]] == "\n") + 2
    return "".join(alphabet[code] for code in test[start : start + shown]), cost[start - 1 : start - 1 + shown]


def draw(path, curves, baselines, passage, cost):
    figure = new_figure(13, 4.8)
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.35])
    for (name, curve), colour in zip(curves.items(), ("#d1495b", "#2b2d42")):
        left.plot(
            np.arange(1, len(curve) + 1),
            curve,
            label=f"{name}: {curve[-1]:.3f} after {len(curve)}",
            color=colour,
            lw=2,
            ls="-" if "eigen" in name else "--",
        )
    name, value = list(baselines.items())[-1]
    left.axhline(value, color="#30638e", ls=":", label=f"{name}: {value:.3f}")
    left.legend(frameon=False)
    tidy(left, "Bits per character, held-out tenth", "epoch")
    from matplotlib import colormaps

    right.set_axis_off()
    tidy(right, "What surprises the model (white: expected, red: 8 bits and more)")
    row = column = 0
    for character, bits_spent in zip(passage, cost):
        if character == "\n":
            row, column = row + 1, 0
            continue
        right.text(
            column,
            -row,
            character,
            family="monospace",
            fontsize=9.5,
            ha="center",
            va="center",
            bbox={"facecolor": colormaps["Reds"](min(bits_spent / 8, 1) * 0.8), "edgecolor": "none", "pad": 1.4},
        )
        column += 1
    right.set_xlim(-1, 76)
    right.set_ylim(-row - 0.7, 0.7)
    write_figure(figure, path)


if __name__ == "__main__":
    main()
