"""Words with tags: American addresses, Japanese sentences with names, and what is known of each word."""

import re
import xml.etree.ElementTree as tree
from dataclasses import dataclass

import numpy as np

from eigenlstm.apps import _download

ADDRESSES = _download.Package(
    "usaddress",
    "0.5.16",
    "f7e614e2489c159cf85be1b6f86edbfaf329dbeedef4d002a025757afd1ec6c6",
    "1,513 American addresses whose words are tagged (The Atlanta Journal Constitution, DataMade; MIT)",
    source=True,
)
NAMES = _download.Package(
    "hironsancorpus",
    "0.1.2",
    "9ea6a147c7f62433c19492eeaef1da846e038722e01f7c8dc40c406ee7504ae1",
    "500 Japanese sentences with named entities, cut into words by MeCab (Nakayama; MIT)",
    source=True,
)
COLUMNS = ("word", "shape", "kind", "detail")  # what is known of a word, beside its characters


@dataclass(frozen=True)
class Sentence:
    """Words, their tags, and for each word the values of `COLUMNS`."""

    words: list[str]
    tags: list[str]
    columns: list[tuple[str, str, str, str]]


def addresses(archive):
    """The labelled addresses; a tag is "I-" and the part of the address that the word belongs to."""
    root = tree.fromstring(_download.member(archive, "training/labeled.xml"))
    found = []
    for address in root:
        words = [(part.text or "").strip() for part in address]
        tags = [f"I-{part.tag}" for part in address]
        if all(words) and words:
            found.append(address_of(words, tags))
    return found


def address_of(words, tags=()):
    return Sentence(list(words), list(tags), [address_columns(word) for word in words])


def address_columns(word):
    """The word in small letters without signs around it, its shape, the signs around it, and how it ends."""
    bare = re.sub(r"^\W+|\W+$", "", word).lower() or word
    shape = re.sub(r"\d", "0", re.sub(r"[^\W\d_X]", "x", re.sub(r"[A-Z]", "X", word)))
    shape = re.sub(r"([xX])\1+", r"\1", shape)
    before, after = re.match(r"\W*", word), re.search(r"\W*$", word)
    signs = f"{before.group() if before else ''}_{after.group() if after else ''}"
    return bare if not bare.isdigit() else "0" * len(bare), shape, signs, bare[-2:]


def names(archive):
    """The sentences with entities, tagged as IOB2; columns are word, kind of characters, part of speech and its
    kind.
    """
    text = _download.member(archive, "corpus/iob_sents.txt").decode()
    blocks = [block.split("\n") for block in text.strip("\n").split("\n\n")]
    rows = [[line.split("\t") for line in block if line.strip()] for block in blocks]
    return [
        Sentence([row[0] for row in part], [row[-1] for row in part], [japanese_columns(row) for row in part])
        for part in rows
        if part
    ]


def japanese_columns(row):
    word = re.sub(r"\d", "0", row[0])
    return word, f"{row[1]}{min(len(word), 4)}", row[2], "/".join(row[3:5])


def split(sentences, quick, number=0, share=0.2):
    """Those to train on and those to test on, the same for every seed."""
    order = np.random.default_rng(number).permutation(len(sentences))
    test = int(share * len(sentences))
    train = order[test : test + 400] if quick else order[test:]
    return [sentences[i] for i in train], [sentences[i] for i in order[:test]]


def crf_features(sentence):
    """For each word its columns, its prefixes and suffixes, and those of the two words on either side, as names."""
    made = []
    for t, word in enumerate(sentence.words):
        features = {"bias": 1.0}
        for offset in range(-2, 3):
            if not 0 <= t + offset < len(sentence.words):
                features[f"{offset}:none"] = 1.0
                continue
            for column, value in zip(COLUMNS, sentence.columns[t + offset]):
                features[f"{offset}:{column}={value}"] = 1.0
        bare = sentence.columns[t][0]
        for size in (1, 2, 3):
            features[f"prefix={bare[:size]}"] = features[f"suffix={bare[-size:]}"] = 1.0
        for offset in (-1, 0):
            if t + offset >= 0 and t + offset + 1 < len(sentence.words):
                pair = (sentence.columns[t + offset][0], sentence.columns[t + offset + 1][0])
                features[f"{offset}:pair={pair}"] = 1.0
        made.append(features)
    return made


def baseline(train, test):
    """The tags of CRFsuite for the sentences in `test`: a linear chain on features made by hand."""
    import sys

    try:
        from sklearn_crfsuite import CRF
    except ImportError:
        sys.exit('the baseline needs sklearn-crfsuite: pip install "eigenlstm[apps]"')
    model = CRF(algorithm="lbfgs", c1=0.1, c2=0.01, max_iterations=100, all_possible_transitions=True)
    model.fit([crf_features(one) for one in train], [one.tags for one in train])
    return model.predict([crf_features(one) for one in test])
