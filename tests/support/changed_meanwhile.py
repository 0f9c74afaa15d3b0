"""An array that another thread changes while it is in use."""

import contextlib
import threading
import time


def changed_meanwhile(array, values, call, seconds=1.5):
    """Calls `call` while another thread writes each of `values` into `array` in turn; whatever it raises must be an
    ordinary error.
    """
    stop = threading.Event()

    def change():
        while not stop.is_set():
            for value in values:
                array[...] = value

    thread = threading.Thread(target=change)
    thread.start()
    try:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            with contextlib.suppress(ValueError):
                call()
    finally:
        stop.set()
        thread.join()
