"""What models have and layers do not: training, evaluation, prediction, streams of whole models."""

from .model_stream import stream
from .training.fit import evaluate, fit, predict


class Trained:
    """What `Sequential` and `Model` share: groups of layers that have a forward, and can be fitted.

    ``_run(x, lengths, training, seed, states)`` gives ``y, tape, states``, the states of the recurrent layers in and
    out.
    """

    def _check_carried(self, where):
        """Refuse to cut sequences into pieces, or to go on with their states, where that makes no sense."""

    def _head_layer(self):
        """The last layer, where what it takes and gives is all that follows from the others; else None."""
        return None

    def _check_outputs(self, where):
        """Refuse what takes one output, where there are several."""

    inputs = None  # dict name -> Input, where there are several
    _evaluation = None  # (loss, metrics) of the last fit: the defaults of evaluate

    @property
    def stochastic(self):
        """Whether some layer draws random numbers in training."""
        return any(layer.stochastic for layer in self.layers)

    fit, evaluate, predict, stream = fit, evaluate, predict, stream

    def _kept(self):
        return {**super()._kept(), "evaluation": _of_names(self._evaluation)}

    def _take_along(self, kept):
        super()._take_along(kept)
        self._evaluation = kept["evaluation"]


def _of_names(evaluation):
    """`evaluation` if a pickle can hold it: names, losses and metrics of this package, functions of a module; else
    None.
    """
    loss, metrics = evaluation or (None, ())
    return evaluation if all(map(_has_a_name, (loss, *metrics))) else None


def _has_a_name(value):
    if value is None or isinstance(value, str):
        return True
    if hasattr(value, "__qualname__"):
        return "<" not in value.__qualname__
    return type(value).__module__.startswith("eigenlstm.") and not any(map(callable, vars(value).values()))
