"""Losses of training, and the maths that they share. ``help(el.losses.losses)`` lists them."""

from ..did_you_mean import attributes_of
from .base import Loss, LossSum
from .class_weights import ClassWeighted, class_weights
from .ctc import CTC
from .heads import CRF, HeadLoss, LinearCrossEntropy
from .losses import BCE, MAE, MSE, NSE, CrossEntropy, Elementwise, GaussianNLL, Huber, PoissonNLL, Quantile, get
from .signals import DC, ESR, Combined

__all__ = [
    "BCE",
    "CRF",
    "CTC",
    "Combined",
    "DC",
    "ESR",
    "MAE",
    "MSE",
    "NSE",
    "ClassWeighted",
    "CrossEntropy",
    "Elementwise",
    "GaussianNLL",
    "HeadLoss",
    "Huber",
    "LinearCrossEntropy",
    "Loss",
    "LossSum",
    "PoissonNLL",
    "Quantile",
    "class_weights",
    "get",
]
__getattr__ = attributes_of(__name__, "el.losses", __all__)
