"""Translation: one LSTM reads a program's message in English, another writes it in French, linked by attention.

    python -m eigenlstm.apps.translation
    python -m eigenlstm.apps.translation --load translation.safetensors --text "Delete the selected files"

Both languages are cut into the same byte-pair units, and one matrix embeds and writes them. A beam search with five
hypotheses finds the best translation. The 18,000 messages come from the catalogues of seven packages; no message of the
test part is in the training part. Baselines: a translation memory, which gives the translation of the most similar
message, and a word-by-word translation by the likeliest word (IBM model 1).
"""

import logging
import sys
import time

import numpy as np

import eigenlstm as el
from eigenlstm.apps import _catalogues, _common, _download

EMBEDDING, HIDDEN, UNITS = 192, 320, 4000  # width of a unit; of the decoder; units of both languages
DROPOUT, BATCH, PEAK = 0.3, 64, 4e-3  # messages; the largest learning rate
BEAM, LONGEST = 5, 60  # hypotheses; units of a translation
OWN = {"--text": "with --load: the English message to translate"}


def main(arguments=None):
    given = _common.application(
        "eigenlstm.apps.translation",
        __doc__,
        18,
        12,
        arguments,
        data="a folder with the wheels of the seven packages, if you have fetched them yourself",
        own=OWN,
        needs='--text "a message"',
        splits=True,
    )
    if given.load:
        return say(given)
    train, valid, test = read(given)
    units = tokenizer(train, 1500 if given.quick else UNITS)
    translator = Translator(len(units.vocabulary), given.seed)
    print(f"{len(train):,} messages to train on, {len(valid):,} to validate with, {len(test):,} to test on\n")
    print(translator.model.summary(), "\n")
    started = time.process_time()
    history = translator.learn(units, train, valid, given.epochs, given.seed, comm=given.comm)
    seconds = _common.on_rank_0(given, time.process_time() - started)

    sources = [source for source, _ in test]
    print("\ntranslating …", flush=True)
    said = translator(units, sources)
    found = {
        "translation memory": _catalogues.Memory(train)(sources),
        "word by word": _catalogues.word_by_word(train, sources),
    }
    baselines = {name: scored(one, test) for name, one in found.items()}
    scores = scored(said, test)
    _common.report(given, scores, baselines, seconds)
    translator.model.save(given.out / "translation.safetensors", {"units": units.to_json()})
    draw(given.out / "translation.png", translator, units, test, said, found, history)
    print(f"\nwritten: {given.out / 'translation.png'}\n         {given.out / 'translation.safetensors'}")
    return scores


def read(given):
    """Pairs to train on, to validate with and to test on."""
    packages = _catalogues.PACKAGES[: _catalogues.QUICK] if given.quick else _catalogues.PACKAGES
    found = _catalogues.pairs(_download.fetch(package, given.data) for package in packages)
    parts = _catalogues.split(found, given.split)
    return tuple(part[:most] for part, most in zip(parts, (2000, 100, 200))) if given.quick else parts


def tokenizer(train, size):
    texts = [text for pair in train for text in pair]
    return el.text.BytePairTokenizer.train(texts, size=size, start="<s>", end="</s>")


def rows(units, pairs):
    """The model's inputs, and what it is to write."""
    target = units.encode_batch([french for _, french in pairs], end=True)
    return {"source": units.encode_batch([english for english, _ in pairs], end=True), "target": target}, target


class Translator:
    """An encoder of two directions, and a decoder that starts from its state and looks back at all its steps (Luong,
    Pham, Manning 2015)."""

    def __init__(self, size, seed):
        self.embed = el.Embedding(size, EMBEDDING, init_scale=EMBEDDING**-0.5, padding_idx=0, seed=seed)
        self.encoder = el.LSTM(EMBEDDING, HIDDEN // 2, bidirectional=True, seed=seed + 1)
        self.decoder = el.LSTM(EMBEDDING, HIDDEN, seed=seed + 2)
        self.attention = el.Attention(HIDDEN, score="general", seed=seed + 3)
        self.combine, self.output = el.Linear(2 * HIDDEN, EMBEDDING, seed=seed + 4), el.TiedLinear(self.embed)
        self.shift, self.join, self.concat = el.Shift(2), el.JoinDirections(), el.Concat()  # 2 starts a translation
        self.tanh, self.drops = el.Activation("tanh"), [el.Dropout(DROPOUT) for _ in range(3)]
        integers = el.Input((None,), "int64")
        self.model = el.Model(self._translate, source=integers, target=el.Input((None,), "int64"))

    def _translate(self, source, target):
        memory, (h, c) = self.encoder(self.drops[0](self.embed(source)))
        before = self.drops[1](self.embed(self.shift(target)))
        hidden, _ = self.decoder(before, (self.join(h), self.join(c)))
        mixed = self.concat(hidden, self.attention(hidden, memory))
        return self.output(self.drops[2](self.tanh(self.combine(mixed))))

    def learn(self, units, train, valid, epochs, seed, verbose=1, comm=None):
        (x, y), held = rows(units, train), rows(units, valid)
        batches = -(-len(y) // BATCH)
        return self.model.fit(
            x, y, loss=el.losses.LinearCrossEntropy(label_smoothing=0.1), optimizer=el.Adam(), epochs=epochs,
            batch_size=BATCH, clip_norm=1.0, ema=1 - 1 / batches, validation_data=held, seed=seed, verbose=verbose,
            callbacks=[el.schedule(el.schedules.one_cycle(PEAK, steps=epochs * batches))], comm=comm,
        )  # fmt: skip

    def _step(self, tokens, state):
        """The next units' scores: what `beam_search` asks for."""
        h, c, memory, lengths = state
        hidden, (h, c) = self.decoder(self.embed(tokens[:, None]), state=(h[None], c[None]))
        mixed = self.concat(hidden, self.attention(hidden, memory, lengths=(None, lengths)))
        return self.output(self.tanh(self.combine(mixed)))[:, 0], (h[0], c[0], memory, lengths)

    def search(self, sources, beam=BEAM, start=2, end=3):
        """The units of the best translation of each source, a list of arrays (S,)."""
        found = [np.zeros(0, np.int64)] * len(sources)
        for part in np.array_split(np.argsort([len(row) for row in sources]), -(-len(sources) // 100)):
            x, lengths = el.text.pad([sources[i] for i in part])
            memory, (h, c) = self.encoder(self.embed(x), lengths=lengths)
            state = (self.join(h)[0], self.join(c)[0], memory, lengths)
            best = el.decoding.beam_search(
                self._step, state, start=start, end=end, max_length=LONGEST, beam_width=beam, forbidden=[1]
            )
            for i, hypotheses in zip(part, best):
                found[i] = hypotheses[0].tokens
        return found

    def __call__(self, units, texts):
        return units.decode_batch(self.search(units.encode_batch(texts, end=True)))

    def weights(self, source, target):
        """How much each unit that is written looks at each that is read, (T, S)."""
        memory, (h, c) = self.encoder(self.embed(source[None]))
        before = np.concatenate([[2], target[:-1]])
        hidden, _ = self.decoder(self.embed(before[None]), state=(self.join(h), self.join(c)))
        return self.attention.weights(hidden, memory)[0]


def scored(said, pairs):
    """BLEU and chrF, as sacrebleu counts them."""
    try:
        import sacrebleu
    except ImportError:
        sys.exit('the scores are those of sacrebleu: pip install "eigenlstm[apps]"')
    logging.getLogger("sacrebleu").setLevel(logging.ERROR)  # it warns of messages that end in " ."
    right = [[french for _, french in pairs]]
    return {"bleu": sacrebleu.corpus_bleu(said, right).score, "chrf": sacrebleu.corpus_chrf(said, right).score}


def load(path):
    """The translator and its units out of a saved model's file."""
    model, _ = _common.opened(path, "units")
    units = el.text.load(path, key="units")
    translator = Translator(len(units.vocabulary), 0)
    translator.model.load_state_dict(model.state_dict())
    return translator, units


def say(given):
    """What the model in ``--load`` makes of ``--text``."""
    if not given.text.strip():
        sys.exit("--text holds no word")
    translator, units = load(given.load)
    (said,) = translator(units, [_catalogues.plain(given.text)])
    print(said)
    return said


def draw(path, translator, units, test, said, found, history):
    figure = _common.new_figure(14, 8)
    grid = figure.add_gridspec(2, 2, width_ratios=[1, 1.25], height_ratios=[1, 2])
    curve, look, text = (figure.add_subplot(cell) for cell in (grid[0, 0], grid[1, 0], grid[:, 1]))
    for key, label, colour in (("loss", "training", "#8d99ae"), ("val_loss", "validation", "#d1495b")):
        curve.plot(np.arange(1, len(history) + 1), [logs[key] for logs in history], label=label, color=colour, lw=2)
    curve.legend(frameon=False)
    _common.tidy(curve, "Loss of a unit", "epoch")
    middling = [i for i, (source, _) in enumerate(test) if 6 <= len(source.split()) <= 9 and source.isascii()]
    source = units.encode(test[middling[0]][0], end=True)
    (target,) = translator.search([source])
    target = np.append(target, 3)
    look.imshow(translator.weights(source, target), cmap="Blues", vmin=0, aspect="auto")
    names = units.vocabulary.tokens
    look.set_xticks(range(len(source)), [names[i].replace("▁", " ") for i in source], rotation=60, fontsize=8)
    look.set_yticks(range(len(target)), [names[i].replace("▁", " ") for i in target], fontsize=8)
    _common.tidy(look, "What is looked at for each unit that is written")
    text.set_axis_off()
    _common.tidy(text, "Messages that were not learned")
    lines = []
    for i in middling[1:7]:
        lines += [(test[i][0], "#2b2d42", "bold"), (f"LSTM      {said[i]}", "#d1495b", "normal")]
        lines += [(f"memory    {found['translation memory'][i]}", "#8d99ae", "normal")]
        lines += [(f"people    {test[i][1]}", "#2a9d8f", "normal"), ("", "black", "normal")]
    for place, (line, colour, weight) in enumerate(lines):
        line = line if len(line) < 84 else line[:82] + " …"
        text.text(0, -place, line, color=colour, fontsize=8.5, family="monospace", weight=weight)
    text.set_xlim(0, 1)
    text.set_ylim(-len(lines), 1)
    _common.write_figure(figure, path)


if __name__ == "__main__":
    main()
