// Sums over a row in an order that vectors of any width can follow: values a cache line apart are added in turn, as one
// vector of a whole line would add them; then the halves of that line to each other, until one value is left.
#pragma once

#include "kernels/simd.hpp"
#include "kernels/table.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

template <class Real>
constexpr int vectors_per_line = int(cache_line<Real> / lanes<Real>);

/// f(v, slot) for the vectors v < n of a row; slot, a constant, is the vector's place in its line.
template <class Real, class F>
[[gnu::always_inline]] inline void for_vectors(Index n, F&& f) {
  constexpr int width = vectors_per_line<Real>;
  Index v = 0;
  for (; v + width <= n; v += width) unroll<width>([&](auto slot) EIGENLSTM_INLINED { f(v + slot, slot); });
  unroll<width - 1>([&](auto slot) EIGENLSTM_INLINED {
    if (v + slot < n) f(v + slot, slot);
  });
}

/// The sums of the values of each place in a line. Values past the end of a row must be 0.
template <class Real>
struct LineSum {
  using V = Vec<Real>;
  V at[vectors_per_line<Real>];

  LineSum() {
    for (V& sum : at) sum = set1<V>(Real(0));
  }
  Real total() const {
    constexpr Index line = cache_line<Real>;
    Real sums[line];
    for (Index i = 0; i < vectors_per_line<Real>; ++i) store(sums + i * lanes<Real>, at[i]);
    for (Index half = line / 2; half > 0; half /= 2)
      for (Index i = 0; i < half; ++i) sums[i] += sums[i + half];
    return sums[0];
  }
};

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
