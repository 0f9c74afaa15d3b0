"""Derives the constants of cpp/src/kernels/math.hpp (needs mpmath; prints C++).

e^r = 1 + r h(r) on |r| <= ln(2)/2, with h(r) = 1 + c_2 r + ... + c_d r^(d-1). The fit minimises the largest
relative error of r h(r) as e^r - 1, which bounds that of e^r too. h(0) = 1 keeps tanh(x) = x for tiny x.

Lawson's algorithm (reweighted least squares, in 200 bits) gives the minimax polynomial. Its coefficients are
rounded one by one from c_2 on, each time fitting the remaining ones again, so that these make up for the rounding.
"""

import mpmath as mp

mp.mp.prec = 200
HALF_RANGE = mp.log(2) / 2 * mp.mpf("1.001")  # the reduction rounds: r may exceed ln(2)/2 by a hair
POINTS = [HALF_RANGE * mp.cos(mp.pi * (i + mp.mpf(1) / 2) / 100) for i in range(100)]


def rounded(value, bits):
    """value rounded to a significand of so many bits."""
    if value == 0:
        return value
    scale = mp.mpf(2) ** (bits - 1 - mp.floor(mp.log(abs(value), 2)))
    return mp.nint(value * scale) / scale


def error(coefficients, r):
    """Relative error of r h(r) as e^r - 1."""
    return r * sum(c * r**k for k, c in enumerate(coefficients)) / mp.expm1(r) - 1


def fit(fixed, terms, iterations=30):
    """The minimax coefficients of h that go on from the fixed ones."""
    free = range(len(fixed), terms)
    rows = [[r ** (k + 1) / mp.expm1(r) for k in free] for r in POINTS]
    target = [-error(fixed, r) for r in POINTS]
    weights = [mp.mpf(1)] * len(POINTS)
    best = None
    for _ in range(iterations):
        normal = mp.matrix(len(free), len(free))
        right = mp.matrix(len(free), 1)
        for row, y, w in zip(rows, target, weights):
            for i, a in enumerate(row):
                right[i] += w * a * y
                for j, b in enumerate(row):
                    normal[i, j] += w * a * b
        solution = list(mp.lu_solve(normal, right))
        errors = [abs(mp.fdot(row, solution) - y) for row, y in zip(rows, target)]
        if best is None or max(errors) < best[0]:
            best = max(errors), solution
        weights = [w * e for w, e in zip(weights, errors)]
        total = mp.fsum(weights)
        weights = [w / total for w in weights]
    return best[1]


def derive(name, bits, terms, reduction_bits):
    coefficients = [mp.mpf(1)]
    while len(coefficients) < terms:
        coefficients.append(rounded(fit(coefficients, terms)[0], bits))
    worst = max(abs(error(coefficients, r)) for r in POINTS) * mp.mpf(2) ** bits
    worst_exp = max(abs(error(coefficients, r) * -mp.expm1(-r)) for r in POINTS) * mp.mpf(2) ** bits
    digits = 9 if bits == 24 else 17
    suffix = "f" if bits == 24 else ""
    ln2_hi = rounded(mp.log(2), reduction_bits)
    ln2_lo = rounded(mp.log(2) - ln2_hi, bits)
    text = [mp.nstr(c, digits, min_fixed=-4) + suffix for c in coefficients[1:]]
    print(f"{name}: e^r - 1 within {mp.nstr(worst, 3)}, e^r within {mp.nstr(worst_exp, 3)}, times 2^-{bits}")
    print(f"  log2_e = {mp.nstr(rounded(1 / mp.log(2), bits), digits)}{suffix}")
    print(f"  ln2_hi = {mp.nstr(ln2_hi, digits)}{suffix}  ({reduction_bits} bits)")
    print(f"  ln2_lo = {mp.nstr(ln2_lo, digits)}{suffix}")
    print("  c = {" + ", ".join(text) + "}")


if __name__ == "__main__":
    # n ln2_hi must be exact without a fused multiply-add: bits of n (8, 11) + reduction_bits <= bits.
    derive("float", bits=24, terms=6, reduction_bits=16)
    derive("double", bits=53, terms=11, reduction_bits=42)
