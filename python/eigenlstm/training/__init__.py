"""Training: `fit` and what it is made of: batches, optimisers, schedules, metrics, callbacks, the progress that is
shown.
"""
