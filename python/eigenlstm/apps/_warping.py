"""Speech without learning: the recordings that are nearest by dynamic time warping."""

import numpy as np

import eigenlstm as el

PENALTIES = (0.0, 4.0, 8.0)  # what one more word in a string may cost


def baseline(parts, quick):
    """Error rates of nearest neighbours; the cost of a further word is chosen on the validation strings. With `quick`
    one recording in five is compared with one in five."""
    every = 5 if quick else 1
    templates, words = (part[::every] for part in parts["templates"])

    def wer(name, penalty, most=None):
        rows, said = parts[name]
        heard = [" ".join(words[i] for i in nearest(x, templates, penalty)) for x in rows[:most]]
        return el.metrics.measure("wer", said[:most], heard)

    chosen = min(PENALTIES, key=lambda penalty: wer("valid", penalty, 40))
    error = wer("test", chosen)
    rows, said = (part[::every] for part in parts["single"])
    right = [words[nearest(x, templates, np.inf)[0]] == text for x, text in zip(rows, said)]
    return {"wer": error, "wer_lexicon": error, "single": float(np.mean(right))}


def nearest(x, templates, penalty):
    """Which `templates`, said one after the other, are nearest to `x` (T, F): a list of indices.

    Dynamic time warping in one pass over x, all templates at once (Ney 1984): a step of x stays at a frame of a
    template, or goes one or two frames on; where a template ends, any may begin, for `penalty`. With ``penalty=inf`` x
    is one template.
    """
    frames, ends = np.concatenate(templates), np.cumsum([len(one) for one in templates])
    first, last = np.append(0, ends[:-1]), ends - 1
    second = np.minimum(first + 1, last)
    square = (x**2).sum(1)[:, None] + (frames**2).sum(1) - 2 * x @ frames.T
    distance = np.sqrt(np.maximum(square, 0))
    cost, since = np.full(len(frames), np.inf, np.float32), np.zeros(len(frames), np.int32)
    entry, endings = 0.0, []
    for t, local in enumerate(distance):
        one, two = np.roll(cost, 1), np.roll(cost, 2)
        one[first], two[first], two[second] = entry, np.inf, np.inf
        from_one, from_two = np.roll(since, 1), np.roll(since, 2)
        from_one[first] = t
        best = np.minimum(np.minimum(cost, one), two)
        since = np.where(best == one, from_one, np.where(best == two, from_two, since))
        cost = best + local
        word = cost[last].argmin()
        entry = cost[last[word]] + penalty
        endings.append((int(word), int(since[last[word]])))
    found: list[int] = []
    t = len(x)
    while t > 0:
        word, t = endings[t - 1]
        found.insert(0, word)
    return found
