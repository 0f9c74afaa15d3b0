// Work cut into pieces. always_inline: the linker may not merge functions of kernels for different instruction sets.
#pragma once

#include <cstddef>

namespace eigenlstm {

/// a / b, rounded up.
[[gnu::always_inline]] constexpr std::ptrdiff_t ceil_div(std::ptrdiff_t a, std::ptrdiff_t b) { return (a + b - 1) / b; }

/// Items [begin, end).
struct Range {
  std::ptrdiff_t begin, end;
};

/// The items of n that piece i of `pieces` gets: contiguous, and as even as possible (7 in 2 pieces = 3 + 4).
[[gnu::always_inline]] constexpr Range share(std::ptrdiff_t n, std::ptrdiff_t i, std::ptrdiff_t pieces) {
  if (pieces == 1) return {0, n};  // spares a short product the divisions
  return {n * i / pieces, n * (i + 1) / pieces};
}

}  // namespace eigenlstm
