// Stores that bypass the caches write the same values as ordinary stores, and nothing outside the result.
#include <doctest/doctest.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "eigenlstm/buffer.hpp"
#include "eigenlstm/optimisers.hpp"
#include "eigenlstm/threads.hpp"
#include "kernels/table.hpp"
#include "support/core.hpp"

using namespace test;
using eigenlstm::Buffer;
using eigenlstm::kernels;

namespace {

/// n sevens.
template <class Real>
Buffer<Real> sevens(Index n) {
  Buffer<Real> buffer(n);
  std::fill_n(buffer.data(), n, Real(7));
  return buffer;
}

template <class Real>
bool same(const Buffer<Real>& a, const std::vector<Real>& b) {
  return std::equal(b.begin(), b.end(), a.data(), a.data() + a.size());
}

/// y of a layer, surrounded by sevens: step t of row b is stored at y + (b * T + t) * P + b * gap.
template <class Real>
std::vector<Real> y_of(const eigenlstm::LSTMOptions& options, Index B, Index T, Index offset, Index gap, bool tape) {
  const eigenlstm::LSTM<Real> lstm(options);
  const Index P = options.output(0), stride = T * P + gap;
  const std::vector<Real> parameters = Random(1).vector<Real>(lstm.num_parameters(), 0.3),
                          x = Random(2).vector<Real>(B * T * options.input_size);
  const Buffer<Real> all = sevens<Real>(offset + B * stride);
  std::unique_ptr<eigenlstm::Tape<Real>> kept;
  lstm.forward(lstm.pack(parameters.data(), tape), B, T, batch_major(x.data(), T, options.input_size), nullptr, {},
               {all.data() + offset, stride, P, 1}, {}, tape ? &kept : nullptr);
  std::vector<Real> y;
  y.reserve(B * T * P);
  for (Index b = 0; b < B; ++b) {
    const Real* const row = all.data() + offset + b * stride;
    y.insert(y.end(), row, row + T * P);
    if (std::any_of(row + T * P, row + stride, [](Real value) { return value != Real(7); })) y.push_back(Real(-7));
  }
  return y;
}

}  // namespace

TEST_CASE_TEMPLATE("packing, with and without caches: every gate and column is in its place", Real, float, double) {
  const Index L = kernels<Real>().lanes, width = 4 * L;
  for (bool past_caches : {false, true}) {
    for (auto [units, distance] : {std::pair<Index, Index>{L, L}, {1, L}, {L - 1, L - 1}, {1, 1}})
      for (Index K : {Index(1), L, 3 * L + 1}) {
        const Index w_gate_stride = (units + 2) * K;
        const std::vector<Real> w = Random(1).vector<Real>(4 * w_gate_stride);
        std::vector<Real> expected(K * width);
        for (Index k = 0; k < K; ++k)
          for (Index gate = 0; gate < 4; ++gate)
            for (Index unit = 0; unit < units; ++unit)
              expected[k * width + gate * distance + unit] = w[gate * w_gate_stride + unit * K + k];
        const Buffer<Real> out = sevens<Real>(K * width);
        kernels<Real>().pack_gates(units, distance, K, w.data(), w_gate_stride, out.data(), past_caches);
        CHECK(same(out, expected));
      }
    for (Index rows : {0, 1, 5})
      for (Index n : {Index(1), width - 1, width, 2 * width + 3}) {
        const Index panels = (n + width - 1) / width, panel = (rows + 1) * width;
        const std::vector<Real> w = Random(2).vector<Real>(rows * n);
        std::vector<Real> expected(panels * panel, Real(7));
        for (Index row = 0; row < rows; ++row)
          for (Index column = 0; column < panels * width; ++column)
            expected[column / width * panel + row * width + column % width] =
                column < n ? w[row * n + column] : Real(0);
        const Buffer<Real> out = sevens<Real>(panels * panel);
        kernels<Real>().pack_rows(rows, n, w.data(), out.data(), panel, past_caches);
        CHECK(same(out, expected));
      }
  }
}

TEST_CASE_TEMPLATE("zeros, in memory that was used before and in new memory", Real, float, double) {
  for (Index n : {1, 100, 1 << 20, 2'000'003}) {
    for (Index offset : {0, 1}) {
      const Buffer<Real> values = sevens<Real>(n + 2);
      eigenlstm::set_zero(n, values.data() + offset);
      CHECK(std::count(values.data(), values.data() + n + 2, Real(0)) == n);
      CHECK(std::count(values.data() + offset, values.data() + offset + n, Real(0)) == n);
    }
    const Buffer<Real> zeros = Buffer<Real>::zeros(n);  // in the memory that held sevens a moment ago
    CHECK(std::count(zeros.data(), zeros.data() + n, Real(0)) == n);
  }
}

TEST_CASE_TEMPLATE("y of many megabytes is the same at any address", Real, float, double) {
  const Index T = 64,
              B = Index(4104 * sizeof(float) / sizeof(Real));  // 16 MB with H = 16: the least work that fills them
  const auto plain = model(1, 16);
  const std::vector<Real> expected = y_of<Real>(plain, B, T, 1, 1, false);  // not aligned to cache lines
  CHECK(y_of<Real>(plain, B, T, 0, 16, true) == expected);
  const int threads = eigenlstm::num_threads();
  eigenlstm::set_num_threads(threads == 2 ? 1 : 2);
  CHECK(y_of<Real>(plain, B, T, 0, 0, false) == expected);
  eigenlstm::set_num_threads(threads);
  auto projected = model(1, 17);  // its y is copied
  projected.proj_size = 16;
  CHECK(y_of<Real>(projected, B, T, 0, 0, false) == y_of<Real>(projected, B, T, 1, 1, false));
}
