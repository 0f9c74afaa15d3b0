"""CTC by its definition: the sum over all paths that spell the labels, one after the other. Tiny sizes only."""

import itertools

import numpy as np


def spell(path, blank=0):
    """The labels that are left when runs become one and blanks go away."""
    return tuple(c for c, _ in itertools.groupby(path) if c != blank)


def labellings(logits, blank=0):
    """dict labels -> probability, for logits (T, C)."""
    p = np.exp(logits - logits.max(axis=-1, keepdims=True))
    p /= p.sum(axis=-1, keepdims=True)
    found = {}
    for path in itertools.product(range(p.shape[1]), repeat=len(p)):
        labels = spell(path, blank)
        found[labels] = found.get(labels, 0) + np.prod([p[t, c] for t, c in enumerate(path)])
    return found


def loss(logits, labels, blank=0):
    probability = labellings(logits, blank).get(tuple(labels), 0.0)
    return -np.log(probability) if probability > 0 else np.inf
