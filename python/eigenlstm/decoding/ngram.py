"""N-gram language models: how probable a token is after the n − 1 before it."""

import math
from collections import Counter, defaultdict

from ..atomic_files import write_atomically
from ..checks import positive_int
from ..safetensors_files import FileError

START, END, UNKNOWN = "<s>", "</s>", "<unk>"
_FACTOR = 0.4  # of stupid back-off
_COMMENT = "unseen contexts back off by "
_LOG_10 = math.log(10)


class NGram:
    """A language model of counted n-grams: `train` one, or `load` a file in ARPA's format.

    >>> model = NGram.train([["one", "two"], ["one", "three"]], order=2)
    >>> log_p, state = model.score(model.start, "one")
    >>> round(math.exp(log_p), 3)
    0.725

    Tokens are hashable: words, or the integer labels of a decoder. Logarithms are natural ones.

    Parameters
    ----------
    order : int
        n: a token is predicted from the n − 1 before it.
    log_probabilities, log_backoffs : dict tuple -> float
        Of n-grams that were seen, and of contexts: what is added where the longer n-gram was not seen.
    unseen : float
        What is added for a context that was not seen either.
    """

    def __init__(self, order, log_probabilities, log_backoffs, unseen=0.0):
        self.order = positive_int(order, "NGram: order")
        if (UNKNOWN,) not in log_probabilities or (END,) not in log_probabilities:
            raise ValueError(f"NGram: log_probabilities must hold ({UNKNOWN!r},) and ({END!r},)")
        self._log_p, self._backoff, self._unseen = log_probabilities, log_backoffs, unseen

    @classmethod
    def train(cls, sequences, *, order=3, smoothing="kneser_ney"):
        """The model of the n-grams in `sequences`.

        Parameters
        ----------
        sequences : iterable of sequences of tokens
        order : int
        smoothing : "kneser_ney" or "stupid_backoff"
            "kneser_ney": interpolated, one discount n₁ / (n₁ + 2 n₂) an order (Ney, Essen, Kneser 1994; 1/2 where no
            n-gram of the order occurs once, or none twice); probabilities add up to 1, with a share for unknown
            tokens. "stupid_backoff": relative frequencies, 0.4 times those of the shorter n-gram where there are none
            (Brants et al. 2007); scores, no probabilities; an unknown token counts as one that occurred once.
        """
        positive_int(order, "NGram.train: order")
        if smoothing not in ("kneser_ney", "stupid_backoff"):
            raise ValueError(f"NGram.train: smoothing must be 'kneser_ney' or 'stupid_backoff', got {smoothing!r}")
        counts = [Counter() for _ in range(order + 1)]
        for sequence in sequences:
            if isinstance(sequence, str):
                raise TypeError(f"NGram.train: sequences must hold sequences of tokens, got the str {sequence!r}")
            _count(tuple(sequence), order, counts)
        if not counts[1]:
            raise ValueError("NGram.train: there are no sequences")
        return _kneser_ney(order, counts) if smoothing == "kneser_ney" else _stupid_backoff(order, counts)

    @property
    def start(self):
        """The state before the first token of a sequence."""
        return (START,)[: self.order - 1]

    def score(self, state, token):
        """``(log p, state)``: of `token` after `state`, and the state after it. A state is a tuple of tokens."""
        if (token,) not in self._log_p:
            token = UNKNOWN
        log_p, context = 0.0, state
        while context + (token,) not in self._log_p:
            log_p += self._backoff.get(context, self._unseen)
            context = context[1:]
        return log_p + self._log_p[context + (token,)], (state + (token,))[
            -(self.order - 1) :
        ] if self.order > 1 else ()

    def finish(self, state):
        """log p that the sequence ends after `state`."""
        return self.score(state, END)[0]

    def log_probability(self, sequence):
        """log p of a whole sequence, its end included."""
        state, total = self.start, 0.0
        for token in sequence:
            log_p, state = self.score(state, token)
            total += log_p
        return total + self.finish(state)

    def perplexity(self, sequences):
        """exp of the mean of −log p over all tokens of `sequences` and their ends."""
        total, count = 0.0, 0
        for sequence in sequences:
            total, count = total - self.log_probability(sequence), count + len(sequence) + 1
        return math.exp(total / count) if count else math.nan

    # -- files ----------------------------------------------------------------------------------

    def save(self, path):
        """Write the model to `path` in ARPA's format: text, logarithms to base 10. Tokens are written by `str`."""
        grams = [[] for _ in range(self.order + 1)]
        for gram, log_p in self._log_p.items():
            grams[len(gram)].append((gram, log_p))
        if (START,) in self._backoff and (START,) not in self._log_p:
            grams[1].append(((START,), -99 * _LOG_10))  # as is the custom: never predicted
        lines = [f"{_COMMENT}{self._unseen / _LOG_10!r}", "", "\\data\\"]
        lines += [f"ngram {n}={len(grams[n])}" for n in range(1, self.order + 1)]
        for n in range(1, self.order + 1):
            lines += ["", f"\\{n}-grams:"]
            for gram, log_p in grams[n]:
                text = " ".join(map(str, gram))
                if len(text.split()) != n:
                    raise ValueError(f"NGram.save: tokens must be without spaces, got {gram!r}")
                backoff = f"\t{self._backoff[gram] / _LOG_10!r}" if gram in self._backoff else ""
                lines.append(f"{log_p / _LOG_10!r}\t{text}{backoff}")
        write_atomically(path, "\n".join([*lines, "", "\\end\\", ""]).encode())

    @classmethod
    def load(cls, path, *, token=str):
        """The model in the ARPA file `path`; `token` makes tokens of its words, such as ``int``.

        ``FileError`` where it is no such file.
        """
        with open(path, encoding="utf-8", errors="strict") as file:
            try:
                return cls(*_read_arpa(file, token))
            except (ValueError, KeyError, IndexError) as error:
                raise FileError(f"{path}: is not a language model in ARPA's format: {error}") from None


def _count(sequence, order, counts):
    """Add the 1- to `order`-grams of a sequence between its start and its end."""
    tokens = (START, *sequence, END)
    for n in range(1, order + 1):
        counts[n].update(tokens[i : i + n] for i in range(len(tokens) - n + 1))


def _kneser_ney(order, counts):
    log_p, backoff, p = {}, {}, {}
    uniform = 1 / (len(counts[1]) - ((START,) in counts[1]) + 1)  # of all tokens, the end and the unknown one
    p[(UNKNOWN,)] = None
    for n in range(1, order + 1):
        adjusted = _continuations(counts, n, order)
        adjusted.pop((START,), None)
        discount = _discount(adjusted)
        total, kinds = defaultdict(int), Counter()
        for gram, count in adjusted.items():
            total[gram[:-1]] += count
            kinds[gram[:-1]] += 1
        share = {context: discount * kinds[context] / total[context] for context in total}
        if n == 1:
            p[(UNKNOWN,)] = share[()] * uniform
        else:
            backoff.update((context, math.log(value)) for context, value in share.items())
        for gram, count in adjusted.items():
            lower = uniform if n == 1 else p[gram[1:]]
            p[gram] = (count - discount) / total[gram[:-1]] + share[gram[:-1]] * lower
    log_p = {gram: math.log(value) for gram, value in p.items()}
    return NGram(order, log_p, backoff)


def _continuations(counts, n, order):
    """Counts of n-grams; below the highest order, of the tokens seen before them (none comes before a start)."""
    if n == order:
        return Counter(counts[n])
    adjusted = Counter(gram[1:] for gram in counts[n + 1])
    adjusted.update({gram: count for gram, count in counts[n].items() if gram[0] == START})
    return adjusted


def _discount(counts):
    once, twice = (sum(1 for count in counts.values() if count == n) for n in (1, 2))
    return once / (once + 2 * twice) if once and twice else 0.5


def _stupid_backoff(order, counts):
    tokens = sum(counts[1].values()) - counts[1][(START,)]
    log_p = {(UNKNOWN,): -math.log(tokens)}
    for n in range(1, order + 1):
        for gram, count in counts[n].items():
            if gram != (START,):
                log_p[gram] = math.log(count / (tokens if n == 1 else counts[n - 1][gram[:-1]]))
    contexts = {gram for n in range(1, order) for gram in counts[n]}
    return NGram(order, log_p, dict.fromkeys(contexts, math.log(_FACTOR)), math.log(_FACTOR))


def _read_arpa(lines, token):
    """The arguments of `NGram` in the lines of an ARPA file."""
    special = {START, END, UNKNOWN}
    log_p, backoff, unseen, sizes, n = {}, {}, 0.0, {}, 0
    for line in map(str.strip, lines):
        if line.startswith(_COMMENT):
            unseen = float(line[len(_COMMENT) :]) * _LOG_10
        elif line == "\\end\\":
            break
        elif line.endswith("-grams:") and line.startswith("\\"):
            n = int(line[1 : -len("-grams:")])
        elif n == 0 and line.startswith("ngram "):
            key, _, size = line[len("ngram ") :].partition("=")
            sizes[int(key)] = int(size)
        elif n and line:
            fields = line.split()
            gram = tuple(word if word in special else token(word) for word in fields[1 : n + 1])
            if not n + 1 <= len(fields) <= n + 2:
                raise ValueError(f"{line!r} is no {n}-gram")
            value = float(fields[0]) * _LOG_10
            if not value <= 0 or len(fields) == n + 2 and math.isnan(float(fields[n + 1])):
                raise ValueError(f"{line!r} has a probability above 1")
            if gram != (START,):
                log_p[gram] = value
            if len(fields) == n + 2:
                backoff[gram] = float(fields[n + 1]) * _LOG_10
    else:
        raise ValueError("\\end\\ is missing")
    found = Counter(len(gram) for gram in log_p)
    found[1] += (START,) in backoff
    if any(found[n] != size for n, size in sizes.items()) or not sizes:
        raise ValueError(f"claims {sizes} n-grams, has {dict(found)}")
    return max(sizes), log_p, backoff, unseen
