"""From outputs of a model to what they say: greedy and beam search, CTC with a lexicon and a language model.

`beam_search` and `greedy` ask a step function for the next token, again and again: translation, captions,
generation. `CTCDecoder` reads the frames of a model trained with `eigenlstm.losses.CTC`: speech, handwriting;
`eigenlstm.ctc` has its two plain searches as functions.
"""

from .beam_search import Hypothesis, beam_search
from .ctc import CTCDecoder, CTCHypothesis, CTCStream
from .greedy import greedy
from .lexicon import Lexicon
from .ngram import NGram

__all__ = ["CTCDecoder", "CTCHypothesis", "CTCStream", "Hypothesis", "Lexicon", "NGram", "beam_search", "greedy"]
