"""Seeds: 64-bit keys, derived from one another, so that one number determines every random draw of a training run."""

import os

from .checks import integer

_MASK64 = (1 << 64) - 1


def as_seed(value, what):
    """`value` as a 64-bit key. `what` names the caller, or the caller and the argument, as in "fit: seed"."""
    if not what.endswith("seed"):
        what += ": seed"
    value = integer(value, what)
    if not 0 <= value < 2**64:
        raise ValueError(f"{what} must be an integer in 0..2**64-1, got {value}")
    return value


def mix_seed(seed, index):
    """A 64-bit key from a 64-bit seed and an index: splitmix64 (Steele, Lea, Flood 2014)."""
    z = (seed + (index + 1) * 0x9E3779B97F4A7C15) & _MASK64
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK64
    return z ^ (z >> 31)


def system_seed():
    """A 64-bit key from the operating system's source of randomness."""
    return int.from_bytes(os.urandom(8), "little")
