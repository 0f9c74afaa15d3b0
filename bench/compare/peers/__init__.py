"""One file a library: ``setup(threads) -> versions`` and ``lstm(work, **options) -> Timed`` (or a choice)."""
