"""Applications on real data that ships with the package; each prints what it did beside a baseline and draws a picture.

- ``python -m eigenlstm.apps.forecast``: a day of electricity demand, with quantiles
- ``python -m eigenlstm.apps.classify``: who speaks? sequences of unequal length
- ``python -m eigenlstm.apps.language_model``: characters of a book; samples text
"""
