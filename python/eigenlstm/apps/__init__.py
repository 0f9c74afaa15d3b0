"""Applications on real data; each prints its scores beside those of baselines, draws a picture and saves its model.

On data that ship with the package:

- ``python -m eigenlstm.apps.forecast``: a day of electricity demand, with quantiles
- ``python -m eigenlstm.apps.classify``: who speaks? sequences of unequal length
- ``python -m eigenlstm.apps.language_model``: characters of a book; samples text

On data that pip fetches once (``pip install "eigenlstm[apps]"``):

- ``python -m eigenlstm.apps.speech``: strings of spoken digits, or words of your own, written down
- ``python -m eigenlstm.apps.sentiment``: how good did they find the film?
- ``python -m eigenlstm.apps.tagging``: the parts of an address, and names in Japanese sentences
- ``python -m eigenlstm.apps.translation``: messages of programs, from English to French
- ``python -m eigenlstm.apps.video``: which digit moves through the noise? also clips of your own
- ``python -m eigenlstm.apps.overfitting``: the usual remedies, drawn
- ``python -m eigenlstm.apps.images``: clothes or digits, read line by line; needs a folder of files or scikit-learn
"""
