// The matrix product of the kernel table, compared with plain loops: every shape of a tile, every way to start a sum, A
// stored by rows and by columns.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "eigenlstm/isa.hpp"
#include "kernels/table.hpp"
#include "support/random.hpp"

using eigenlstm::GemmArgs;
using eigenlstm::Index;
using eigenlstm::kernels;

namespace {

/// One multiply-add with the rounding of this instruction set: SSE4.2 rounds twice, all others once.
template <class Real>
Real madd(Real a, Real b, Real c) {
  static const bool fused = std::string(eigenlstm::isa()) != "sse4.2";
  if (fused) return std::fma(a, b, c);
  const volatile Real product = a * b;  // volatile, so that the compiler does not fuse it with the addition
  return product + c;
}

/// How the operands are stored.
struct Layout {
  bool a_by_columns = false;
  Index split = std::numeric_limits<Index>::max();  // A in two pieces
  bool b_row_major = false;
  Index c_inner = std::numeric_limits<Index>::max();
};

template <class Real>
struct Problem {
  using Args = GemmArgs<Real>;
  static constexpr Index margin = 3;  // values before and after every row of C, which must not change

  Problem(Index rows, Index vectors, Index K, Layout layout, typename Args::Start start, unsigned seed)
      : a(left(rows, std::min(K, layout.split), layout, seed)),
        a2(left(rows, std::max<Index>(0, K - layout.split), layout, seed + 1)) {
    test::Random random(seed + 2);
    const Index L = kernels<Real>().lanes, width = 4 * L, panels = (vectors + 3) / 4;
    const Index b_stride = layout.b_row_major ? panels * width + L : width;
    const Index b_panel = layout.b_row_major ? width : (K + 1) * width + 8;
    b = random.vector<Real>(layout.b_row_major ? (K + 1) * b_stride : panels * b_panel);  // its first row is the bias
    const Index c_stride = width + margin, c_inner = std::min(layout.c_inner, rows + 1),
                c_block = c_inner * c_stride + 2;
    const Index c_panel = (rows / c_inner + 1) * c_block + 7;
    c = random.vector<Real>(panels * c_panel);
    g.rows = rows;
    g.vectors = vectors;
    g.K = K;
    g.a = a.args;
    g.b = {b.data() + b_stride, b_panel, b_stride};
    g.c = {c.data(), c_panel, c_stride, c_block, layout.c_inner};
    g.start = start;
    g.a2 = a2.args;
    g.split = layout.split;
    g.hints.backwards = seed % 2 == 1;
  }

  struct Left {
    std::vector<Real> values;
    typename Args::Left args;
    Real operator()(Index r, Index k) const { return values[r * args.row_stride + k * args.k_stride]; }
  };
  static Left left(Index rows, Index K, Layout layout, unsigned seed) {
    Left a;
    a.args = {nullptr, layout.a_by_columns ? 1 : K + 2, layout.a_by_columns ? rows + 1 : 1};
    a.values = test::Random(seed).vector<Real>((rows + 1) * (K + 2));
    a.args.data = a.values.data();
    return a;
  }

  /// The expected C: each output is one chain of multiply-adds over ascending k. With `add`, K may be summed in blocks,
  /// so the sum is computed in double and compared within a tolerance.
  template <class Sum>
  std::vector<Sum> expected() const {
    const Index L = kernels<Real>().lanes, width = 4 * L;
    std::vector<Sum> result(c.begin(), c.end());
    for (Index r = 0; r < g.rows; ++r)
      for (Index n = 0; n < g.vectors * L; ++n) {
        const Index at = n / width * g.c.panel_stride + r / g.c.group_rows * g.c.group_stride +
                         r % g.c.group_rows * g.c.row_stride + n % width;
        const Real* column = g.b.data + n / width * g.b.panel_stride + n % width;
        Sum sum = g.start == Args::bias ? Sum(column[-g.b.k_stride]) : g.start == Args::chain ? result[at] : Sum(0);
        for (Index k = 0; k < g.K; ++k)
          sum = madd(Sum(k < g.split ? a(r, k) : a2(r, k - g.split)), Sum(column[k * g.b.k_stride]), sum);
        result[at] = g.start == Args::add ? result[at] + sum : sum;
      }
    return result;
  }

  Left a, a2;
  Args g;
  std::vector<Real> b, c;
};

template <class Real>
void check(Problem<Real>& problem) {
  using Args = GemmArgs<Real>;
  const Args& g = problem.g;
  CAPTURE(g.rows);
  CAPTURE(g.vectors);
  CAPTURE(g.K);
  CAPTURE(g.a.k_stride);
  CAPTURE(g.split);
  CAPTURE(g.b.k_stride);
  CAPTURE(g.c.group_rows);
  CAPTURE(int(g.start));
  if (g.start == Args::add) {
    const std::vector<double> expected = problem.template expected<double>();
    kernels<Real>().gemm(g);
    double worst = 0;
    for (std::size_t j = 0; j < expected.size(); ++j)
      worst = std::max(worst, std::abs(double(problem.c[j]) - expected[j]));
    CHECK(worst <= (sizeof(Real) == 4 ? 1e-6 : 2e-15) * std::sqrt(double(g.K + 1)) * 4);
  } else {
    const std::vector<Real> expected = problem.template expected<Real>();
    kernels<Real>().gemm(g);
    CHECK(std::memcmp(expected.data(), problem.c.data(), expected.size() * sizeof(Real)) == 0);
  }
}

}  // namespace

TEST_CASE_TEMPLATE("gemm: each output is one chain in the order of k, whatever the shape", Real, float, double) {
  using Args = GemmArgs<Real>;
  unsigned seed = 0;
  const Index most_rows = std::max<Index>(17, 2 * kernels<Real>().tile_rows + 2);
  for (Index rows = 1; rows <= most_rows; ++rows)
    for (Index vectors : {1, 2, 3, 4, 5, 7, 8, 11, 12, 17, 24})
      for (Index K : {0, 1, 2, 9, 33})
        for (auto start : {Args::zero, Args::bias, Args::chain, Args::add}) {
          Problem<Real> plain(rows, vectors, K, {}, start, ++seed);
          check(plain);
        }
}

TEST_CASE_TEMPLATE("gemm: A by rows and by columns", Real, float, double) {
  using Args = GemmArgs<Real>;
  unsigned seed = 0;
  for (Index rows : {1, 2, 3, 5, 8, 13})
    for (Index vectors : {1, 4, 6, 9})
      for (Index K : {1, 8, 48, 70})
        for (bool by_columns : {false, true})
          for (auto start : {Args::zero, Args::bias, Args::chain, Args::add}) {
            Problem<Real> either(rows, vectors, K, {by_columns}, start, ++seed);
            check(either);
          }
}

TEST_CASE_TEMPLATE("gemm: a long K is blocked without changing a bit", Real, float, double) {
  using Args = GemmArgs<Real>;
  unsigned seed = 0;
  for (Index rows : {1, 2, 4, 7, 8, 20})
    for (Index K : {300, 700, 1500})
      for (Layout layout : {Layout{}, Layout{true}, Layout{true, 290}, Layout{false, 7, true}})
        for (auto start : {Args::zero, Args::bias, Args::chain, Args::add}) {
          Problem<Real> deep(rows, 9, K, layout, start, ++seed);
          check(deep);
        }
}

TEST_CASE_TEMPLATE("gemm: what is added to a row has the same bits, whatever the other rows are", Real, float, double) {
  for (Index rows : {2, 3, 7, 20})
    for (Index K : {300, 700, 1500}) {
      Problem<Real> all(rows, 6, K, {true, 290}, GemmArgs<Real>::add, 1);
      const std::vector<Real> before = all.c;
      kernels<Real>().gemm(all.g);
      std::vector<Real> alone = before;
      for (Index r = 0; r < rows; ++r) {
        GemmArgs<Real> row = all.g;
        row.rows = 1;
        row.a.data += r * row.a.row_stride;
        row.a2.data += r * row.a2.row_stride;
        row.c.data = alone.data() + (all.g.c.data - all.c.data()) + r * row.c.row_stride;
        kernels<Real>().gemm(row);
      }
      CHECK(std::memcmp(alone.data(), all.c.data(), alone.size() * sizeof(Real)) == 0);
    }
}

TEST_CASE_TEMPLATE("gemm: rows of C in blocks", Real, float, double) {
  using Args = GemmArgs<Real>;
  unsigned seed = 0;
  for (Index rows : {1, 2, 5, 12, 32})
    for (Index c_inner : {1, 2, 3, 8, 40})
      for (Index vectors : {1, 4, 9})
        for (bool a_by_columns : {false, true})
          for (auto start : {Args::zero, Args::bias, Args::chain, Args::add}) {
            Layout layout{a_by_columns};
            layout.c_inner = c_inner;
            Problem<Real> blocks(rows, vectors, 70, layout, start, ++seed);
            check(blocks);
          }
}

TEST_CASE_TEMPLATE("gemm: blocks of C in one product have the bits of products of their own", Real, float, double) {
  Layout layout{true};
  layout.c_inner = 8;
  Problem<Real> all(32, 4, 700, layout, GemmArgs<Real>::add, 1);
  std::vector<Real> apart = all.c;
  for (Index block = 0; block < 4; ++block) {
    GemmArgs<Real> g = all.g;
    g.rows = 8;
    g.a.data += block * 8 * g.a.row_stride;
    g.c = {apart.data() + block * g.c.group_stride, g.c.panel_stride, g.c.row_stride};
    kernels<Real>().gemm(g);
  }
  kernels<Real>().gemm(all.g);
  CHECK(std::memcmp(apart.data(), all.c.data(), apart.size() * sizeof(Real)) == 0);
}

TEST_CASE_TEMPLATE("gemm: A in two pieces, and a row-major B", Real, float, double) {
  using Args = GemmArgs<Real>;
  unsigned seed = 0;
  for (Index rows : {1, 2, 7, 12, 16, 31})
    for (Index vectors : {1, 4, 9, 12})
      for (Index K : {1, 8, 40})
        for (Index split : {Index(0), Index(1), Index(5), Index(8), K})
          for (bool b_row_major : {false, true})
            for (auto start : {Args::zero, Args::bias, Args::chain, Args::add}) {
              ++seed;
              Problem<Real> pieces(rows, vectors, K, {seed % 3 == 0, split, b_row_major}, start, seed);
              check(pieces);
            }
}

TEST_CASE_TEMPLATE("gemm: prefetching changes no result", Real, float, double) {
  using Args = GemmArgs<Real>;
  unsigned seed = 0;
  const std::vector<Real> memory(4096);
  const std::vector<eigenlstm::PrefetchRegion<Real>> soon{{memory.data(), 3, 7, 64},
                                                          {memory.data(), 1, 1, 0},
                                                          {memory.data(), 5, 1, 64},
                                                          {memory.data(), 7, 5, 512},
                                                          {memory.data(), 1, 70, 0}};
  for (Index rows : {Index(1), Index(2), kernels<Real>().tile_rows, Index(15), 9 * kernels<Real>().tile_rows + 1})
    for (Index vectors : {3, 8, 9})
      for (Index K : {0, 1, 40, 1100})
        for (Layout layout : {Layout{}, Layout{true}, Layout{false, 9}})
          for (auto start : {Args::zero, Args::bias, Args::chain, Args::add}) {
            Problem<Real> ahead(rows, vectors, K, layout, start, ++seed);
            ahead.g.hints.soon = soon.data();
            ahead.g.hints.num_soon = Index(soon.size());
            check(ahead);
          }
}

TEST_CASE_TEMPLATE("gemm: no rows, no columns", Real, float, double) {
  for (auto [rows, vectors] : {std::pair<Index, Index>{0, 4}, {3, 0}, {1, 0}, {0, 0}}) {
    Problem<Real> none(rows, vectors, 5, {}, GemmArgs<Real>::zero, 1);
    const std::vector<Real> before = none.c;
    kernels<Real>().gemm(none.g);
    CHECK(none.c == before);
  }
}

TEST_CASE_TEMPLATE("transpose: sizes with every remainder; nothing outside the result is written", Real, float,
                   double) {
  const Index L = kernels<Real>().lanes;
  for (Index rows : {Index(1), L - 1, L, L + 1, 2 * L + 3})
    for (Index columns : {Index(1), L - 1, L, L + 1, 2 * L + 3}) {
      const Index in_stride = columns + 2, out_stride = rows + 3;
      const std::vector<Real> in = test::Random(1).vector<Real>(rows * in_stride);
      std::vector<Real> out(columns * out_stride, Real(7));
      kernels<Real>().transpose(rows, columns, in.data(), in_stride, out.data(), out_stride);
      bool right = true;
      for (Index c = 0; c < columns; ++c)
        for (Index r = 0; r < out_stride; ++r)
          right = right && out[c * out_stride + r] == (r < rows ? in[r * in_stride + c] : Real(7));
      CHECK(right);
    }
}

TEST_CASE_TEMPLATE("transpose_gates: dz by gates and columns, sizes with every remainder; nothing outside is written",
                   Real, float, double) {
  const Index L = kernels<Real>().lanes, U = eigenlstm::cache_line<Real>;
  for (Index rows : {Index(1), L - 1, L, 2 * L + 3})
    for (Index blocks : {0, 1, 3})
      for (Index gates : {1, 3, 4}) {
        const Index in_stride = blocks * 4 * U + 2, out_stride = rows + 3,
                    out_gate_stride = (blocks * U + 1) * out_stride;
        const std::vector<Real> in = test::Random(1).vector<Real>(rows * in_stride);
        std::vector<Real> expected(4 * out_gate_stride, Real(7)), out = expected;
        for (Index r = 0; r < rows; ++r)
          for (Index unit = 0; unit < blocks * U; ++unit)
            for (Index gate = 0; gate < gates; ++gate)
              expected[gate * out_gate_stride + unit * out_stride + r] =
                  in[r * in_stride + unit / U * 4 * U + gate * U + unit % U];
        kernels<Real>().transpose_gates(rows, blocks, gates, in.data(), in_stride, out.data(), out_gate_stride,
                                        out_stride);
        CHECK(out == expected);
      }
}
