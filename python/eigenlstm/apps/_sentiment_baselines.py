"""Sentiment without an LSTM: VADER's rules, and logistic regression on TF-IDF weights."""

import importlib.util
import sys
import tempfile
from pathlib import Path

from eigenlstm.apps import _download

STRENGTHS = (1, 3, 10, 30)  # of the inverse regularisation


def vader(archive, texts):
    """VADER's compound scores, by its own code out of the sdist, whose checksum was compared."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("vaderSentiment.py", "vader_lexicon.txt", "emoji_utf8_lexicon.txt"):
            (Path(folder) / name).write_bytes(_download.member(archive, f"3.3.2/vaderSentiment/{name}"))
        spec = importlib.util.spec_from_file_location("vaderSentiment", Path(folder) / "vaderSentiment.py")
        assert spec is not None and spec.loader is not None  # the name ends in .py
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        analyzer = module.SentimentIntensityAnalyzer()
    return [analyzer.polarity_scores(text)["compound"] for text in texts]


def regression(train, valid, test):
    """Logits of the texts in `test`; the parts are ``(texts, ratings)``. Regularisation is chosen on `valid`."""
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        sys.exit('the baseline needs scikit-learn: pip install "eigenlstm[apps]"')
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    x, x_valid = vectorizer.fit_transform(train[0]), vectorizer.transform(valid[0])
    fitted = [LogisticRegression(C=C, max_iter=1000).fit(x, train[1] > 0) for C in STRENGTHS]
    best = max(fitted, key=lambda one: one.score(x_valid, valid[1] > 0))
    return best.decision_function(vectorizer.transform(test[0]))
