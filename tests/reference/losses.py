"""Losses of single values as the papers write them, float64, without derivatives: those come from
`gradcheck.central_differences`. `weighted_mean` is the reduction."""

import numpy as np


def mse(p, y):
    return (p - y) ** 2


def mae(p, y):
    return np.abs(p - y)


def huber(p, y, delta):
    d = np.abs(p - y)
    return np.where(d <= delta, d**2 / 2, delta * (d - delta / 2))


def bce(x, y, pos_weight=1.0):
    probability = 1 / (1 + np.exp(-x))
    return -pos_weight * y * np.log(probability) - (1 - y) * np.log(1 - probability)


def quantile(p, y, q):
    return np.where(y >= p, q * (y - p), (1 - q) * (p - y))


def gaussian_nll(mean, log_var, y):
    """Without log(2 pi) / 2."""
    variance = np.exp(log_var)
    return np.log(variance) / 2 + (y - mean) ** 2 / (2 * variance)


def poisson_nll(log_rate, y):
    """Without log(y!)."""
    rate = np.exp(log_rate)
    return rate - y * np.log(rate)


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def cross_entropy(x, labels, class_weight=None, smoothing=0.0):
    """(N, C), (N,) -> loss (N,) and weight of each row (N,)."""
    C = x.shape[1]
    w = np.ones(C) if class_weight is None else class_weight
    target = (1 - smoothing) * np.eye(C)[labels] + smoothing / C
    return -(target * w * np.log(softmax(x))).sum(axis=-1), w[labels]


def weighted_mean(loss, weight):
    weight = np.broadcast_to(weight, loss.shape)
    return (weight * loss).sum() / weight.sum()
