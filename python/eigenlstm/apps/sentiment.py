"""Sentiment: a bidirectional LSTM rates snippets of film reviews like twenty readers did.

    python -m eigenlstm.apps.sentiment
    python -m eigenlstm.apps.sentiment --load sentiment.safetensors --text "not a bad film at all"

The lexicon of VADER knows how positive or negative 7,500 words are. Their values become the first number of the words'
embeddings before training begins, including those of words that the training snippets lack. The model learns the other
words, and how words act on each other; the mean of five models that were trained from different seeds is the result,
and is saved as one model. Baselines: VADER's own rules, and logistic regression on the TF-IDF weights of
words and pairs of words.
"""

import copy
import sys
import time

import numpy as np

import eigenlstm as el
from eigenlstm.apps import _common, _download, _sentiment_baselines

DATA = _download.Package(
    "vaderSentiment",
    "3.3.2",
    "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
    "10,605 rated film snippets and a lexicon (Hutto, Gilbert 2014; MIT); snippets by Pang, Lee 2005",
    source=True,
)
SIZE, HIDDEN, BATCH, PEAK = 64, 64, 32, 3e-3  # of embeddings, of each direction; rows; the first learning rate
MEMBERS = 5  # models whose logits are averaged
SENTENCES = (  # ours, for the picture
    "a warm, funny and moving film with a wonderful cast",
    "two hours of noise without a single idea",
    "not a bad film, but not a good one either",
    "the book was brilliant; the film is dull",
    "it never bored me for a minute",
    "too long, too loud, and far too pleased with itself",
)
OWN = {"--text": "with --load: the sentence to rate"}


def main(arguments=None):
    given = _common.application(
        "eigenlstm.apps.sentiment",
        __doc__,
        8,
        2,
        arguments,
        data="the sdist of vaderSentiment, if you have fetched it yourself",
        own=OWN,
        needs='--text "a sentence"',
        splits=True,
    )
    if given.load:
        return rate(given)
    archive = _download.fetch(DATA, given.data)
    texts, ratings = snippets(archive)
    train, valid, test = split(len(texts), given.quick, given.split)
    tokenizer, valences = words(archive, [texts[i] for i in train])
    members = [build(tokenizer, valences, 1000 * given.seed + 10 * i) for i in range(1 if given.quick else MEMBERS)]
    print(f"{len(train):,} snippets to train on, {len(test):,} to test on; {len(valences):,} words with a valence\n")
    print(members[0].summary(), "\n")

    rows = tokenizer.encode_batch(texts)
    started = time.process_time()
    for number, member in enumerate(members):
        history = member.fit(
            [rows[i] for i in train],
            positive(ratings[train])[:, None],
            loss=el.losses.BCE(),
            optimizer=el.Adam(PEAK),
            epochs=given.epochs,
            batch_size=BATCH,
            clip_norm=1.0,
            validation_data=([rows[i] for i in valid], positive(ratings[valid])[:, None]),
            augment=el.text.WordDropout(0.1, tokenizer.vocabulary.unknown_id),
            callbacks=[el.schedule(el.schedules.cosine(PEAK, steps=given.epochs * -(-len(train) // BATCH)))],
            seed=1000 * given.seed + number,
            comm=given.comm,
        )
    model = committee(members)
    seconds = _common.on_rank_0(given, time.process_time() - started)

    logits = model.predict([rows[i] for i in test])[:, 0]
    scores = scored(logits, ratings[test])
    parts = [([texts[i] for i in part], ratings[part]) for part in (train, valid, test)]
    baselines = {
        "VADER": scored(_sentiment_baselines.vader(archive, parts[2][0]), ratings[test]),
        "TF-IDF, logistic regression": scored(_sentiment_baselines.regression(*parts), ratings[test]),
    }
    _common.report(given, scores, baselines, seconds)
    model.save(given.out / "sentiment.safetensors", {"tokenizer": tokenizer.to_json()})
    draw(given.out / "sentiment.png", model, tokenizer, history, logits, ratings[test])
    print(f"\nwritten: {given.out / 'sentiment.png'}\n         {given.out / 'sentiment.safetensors'}")
    return scores


def snippets(archive):
    """The texts and their mean ratings, from -4 to 4."""
    inner = _download.member(archive, "hutto_ICWSM_2014.tar.gz")
    lines = _download.member(inner, "movieReviewSnippets_GroundTruth.txt").decode().splitlines()
    _, ratings, texts = zip(*(line.split("\t") for line in lines))
    return list(texts), np.array(ratings, np.float64)


def split(count, quick, number=0):
    """Indices to train on, to validate with and to test on: the same for every ``--seed``."""
    order = np.random.default_rng(number).permutation(count)
    train, valid, test = np.split(order, [int(0.7 * count), int(0.8 * count)])
    return (train[:1500], valid[:300], test[:500]) if quick else (train, valid, test)


def positive(ratings):
    """How surely a snippet of such a rating is positive: what the model is to say, and more than yes or no."""
    return (1 / (1 + np.exp(-ratings))).astype(np.float32)


def words(archive, texts):
    """The tokenizer of the words that are twice in `texts` or have a valence, and these valences (word -> -4 to 4)."""
    lines = _download.member(archive, "vaderSentiment/vader_lexicon.txt").decode().splitlines()
    valences = {word: float(valence) for word, valence, *_ in (line.split("\t") for line in lines) if word.isalpha()}
    known = el.text.WordTokenizer.train(texts, lower=True, min_count=2).vocabulary.tokens
    tokens = [*known, *(word for word in valences if word not in set(known))]
    return el.text.WordTokenizer(el.text.Vocabulary(tokens), lower=True), valences


def build(tokenizer, valences, seed):
    tokens = tokenizer.vocabulary.tokens
    embedding = el.Embedding(len(tokens), SIZE, seed=seed)
    ((name, weights),) = embedding.state_dict().items()
    weights = 0.3 * weights
    weights[:, 0] = [valences.get(token, 0.0) for token in tokens]
    embedding.load_state_dict({name: weights})
    return el.Sequential(
        [
            embedding,
            el.Dropout(0.3),
            el.LSTM(SIZE, HIDDEN, bidirectional=True, seed=seed + 1),
            el.MeanPool(),
            el.Dropout(0.5),
            el.Linear(2 * HIDDEN, 1, seed=seed + 2),
        ]
    )


def committee(members):
    """One model whose logit is the mean of those of `members`: each brings its share in its output layer."""
    members = copy.deepcopy(members)  # a layer is in one model
    for member in members:
        shares = {name: value / len(members) for name, value in member[-1].state_dict().items()}
        member[-1].load_state_dict(shares)

    def rate(text):
        logits = [member(text) for member in members]
        return sum(logits[1:], logits[0])

    return el.Model(rate, text=el.Input((None,), "int64"))


def scored(values, ratings):
    """Share of the signs that are right, and the correlation with the ratings."""
    values = np.asarray(values, np.float64)
    return {
        "accuracy": float(((values > 0) == (ratings > 0)).mean()),
        "correlation": float(np.corrcoef(values, ratings)[0, 1]),
    }


def rate(given):
    """What the model in ``--load`` thinks of ``--text``: the probability that it is positive."""
    model, _ = _common.opened(given.load, "tokenizer")
    tokenizer = el.text.load(given.load)
    ids = tokenizer.encode(given.text)
    if not len(ids):
        sys.exit("--text holds no word")
    probability = float(1 / (1 + np.exp(-np.asarray(model.predict([ids]))[0, 0])))
    print(f"{probability:.2f} positive")
    for word, effect in zip(tokenizer.tokenize(given.text), effects(model, tokenizer, given.text)):
        print(f"  {effect:+6.2f}  {word}")
    return probability


def effects(model, tokenizer, text):
    """By how much each word raises the logit: the logit, less that with the word made unknown."""
    ids = tokenizer.encode(text)
    without = [np.where(np.arange(len(ids)) == i, tokenizer.vocabulary.unknown_id, ids) for i in range(len(ids))]
    return np.asarray(model.predict([ids]))[0, 0] - model.predict(without)[:, 0]


def draw(path, model, tokenizer, history, logits, ratings):
    figure = _common.new_figure(13, 8)
    grid = figure.add_gridspec(2, 2, height_ratios=[1, 1.1])
    curve, cloud, text = (figure.add_subplot(cell) for cell in (grid[0, 0], grid[0, 1], grid[1, :]))
    for key, label, colour in (("loss", "training", "#8d99ae"), ("val_loss", "validation", "#d1495b")):
        curve.plot(np.arange(1, len(history) + 1), [logs[key] for logs in history], label=label, color=colour, lw=2)
    curve.legend(frameon=False)
    _common.tidy(curve, "Loss", "epoch")
    cloud.scatter(ratings, logits, s=6, alpha=0.35, color="#30638e", lw=0)
    _common.tidy(cloud, "Held-out snippets", "rating by twenty readers", "logit of the model")
    text.set_axis_off()
    _common.tidy(text, "What each word adds (red: negative, blue: positive)")
    from matplotlib import colormaps

    for line, sentence in enumerate(SENTENCES):
        x = 0.0
        for word, effect in zip(tokenizer.tokenize(sentence), effects(model, tokenizer, sentence)):
            shade = colormaps["RdBu"](0.5 + float(np.clip(effect / 6, -0.5, 0.5)))
            box = {"facecolor": shade, "edgecolor": "none", "pad": 1.5, "alpha": 0.7}
            text.text(x, -line, word, family="monospace", fontsize=9.5, bbox=box, va="center")
            x += len(word) + 1.5
    text.set_xlim(0, 118)
    text.set_ylim(-len(SENTENCES), 1)
    _common.write_figure(figure, path)


if __name__ == "__main__":
    main()
