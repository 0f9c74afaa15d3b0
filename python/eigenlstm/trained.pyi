from . import model_stream as _stream
from .graph import Input
from .training import fit as _fit

class Trained:
    inputs: dict[str, Input] | None
    stochastic: bool
    fit = _fit.fit
    evaluate = _fit.evaluate
    predict = _fit.predict
    stream = _stream.stream
