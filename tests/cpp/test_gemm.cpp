// The matrix product of the kernel table: every shape of tile, every start, plain and blocked A, against loops.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "eigenlstm/isa.hpp"
#include "kernels/table.hpp"
#include "random.hpp"

using eigenlstm::GemmArgs;
using eigenlstm::Index;
using eigenlstm::kernels;

namespace {

/// One multiply-add as this ISA does it: SSE4.2 alone rounds twice.
template <class Real>
Real madd(Real a, Real b, Real c) {
  static const bool fused = std::string(eigenlstm::isa()) != "sse4.2";
  if (fused) return std::fma(a, b, c);
  const volatile Real product = a * b;  // volatile: not to be fused by the compiler
  return product + c;
}

template <class Real>
struct Problem {
  using Args = GemmArgs<Real>;
  static constexpr Index margin = 3;  // values around every row of C, which must stay as they are

  Problem(Index rows, Index vectors, Index K, Index a_inner, bool a_by_columns, typename Args::Start start, unsigned seed) : g{} {
    test::Random random(seed);
    const Index L = kernels<Real>().lanes, width = 4 * L, panels = (vectors + 3) / 4;
    const Index blocks = K == 0 ? 1 : (K + a_inner - 1) / a_inner;
    g.rows = rows;
    g.vectors = vectors;
    g.K = K;
    g.a_inner = a_inner;
    g.a_row = a_by_columns ? 1 : a_inner + 2;
    g.a_k = a_by_columns ? rows + 1 : 1;
    const Index block = a_by_columns ? g.a_k * a_inner : g.a_row * rows;
    g.a_block = block + 5;
    a = random.vector<Real>(blocks * g.a_block + 1);
    g.b_panel = (K + 1) * width + 8;  // its first row is the bias
    b = random.vector<Real>(panels * g.b_panel);
    g.c_row = width + margin;
    g.c_panel = rows * g.c_row + 7;
    c = random.vector<Real>(panels * g.c_panel);
    g.start = start;
    g.a = a.data();
    g.b = b.data() + width;
    g.c = c.data();
    g.backwards = seed % 2 == 1;
  }

  /// What C must be: one chain for each output, k ascending. `add` may sum K in blocks, so it is compared in double.
  template <class Sum>
  std::vector<Sum> expected() const {
    const Index L = kernels<Real>().lanes, width = 4 * L;
    std::vector<Sum> result(c.begin(), c.end());
    for (Index r = 0; r < g.rows; ++r)
      for (Index n = 0; n < g.vectors * L; ++n) {
        const Index at = n / width * g.c_panel + r * g.c_row + n % width;
        const Real* column = g.b + n / width * g.b_panel + n % width;
        Sum sum = g.start == Args::bias ? Sum(column[-width]) : g.start == Args::chain ? result[at] : Sum(0);
        for (Index k = 0; k < g.K; ++k)
          sum = madd(Sum(g.a[r * g.a_row + k / g.a_inner * g.a_block + k % g.a_inner * g.a_k]), Sum(column[k * width]), sum);
        result[at] = g.start == Args::add ? result[at] + sum : sum;
      }
    return result;
  }

  Args g;
  std::vector<Real> a, b, c;
};

template <class Real>
void check(Problem<Real>& problem) {
  using Args = GemmArgs<Real>;
  const Args& g = problem.g;
  CAPTURE(g.rows);
  CAPTURE(g.vectors);
  CAPTURE(g.K);
  CAPTURE(g.a_inner);
  CAPTURE(int(g.start));
  if (g.start == Args::add) {
    const std::vector<double> expected = problem.template expected<double>();
    kernels<Real>().gemm(g);
    double worst = 0;
    for (std::size_t j = 0; j < expected.size(); ++j) worst = std::max(worst, std::abs(double(problem.c[j]) - expected[j]));
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
  const Index most_rows = 2 * kernels<Real>().tile_rows + 2;
  for (Index rows = 1; rows <= most_rows; ++rows)
    for (Index vectors : {1, 2, 3, 4, 5, 7, 8, 11, 12, 17, 24})
      for (Index K : {0, 1, 2, 9, 33})
        for (auto start : {Args::zero, Args::bias, Args::chain, Args::add}) {
          Problem<Real> plain(rows, vectors, K, std::max<Index>(K, 1), false, start, ++seed);
          check(plain);
        }
}

TEST_CASE_TEMPLATE("gemm: A by columns, and A in blocks of columns", Real, float, double) {
  using Args = GemmArgs<Real>;
  unsigned seed = 0;
  for (Index rows : {1, 2, 3, 5, 8, 13})
    for (Index vectors : {1, 4, 6, 9})
      for (Index K : {1, 8, 48, 70})
        for (Index inner : {1, 3, 16, 48, 100})
          for (bool by_columns : {false, true})
            for (auto start : {Args::zero, Args::bias, Args::chain, Args::add}) {
              Problem<Real> blocked(rows, vectors, K, inner, by_columns, start, ++seed);
              check(blocked);
            }
}

TEST_CASE_TEMPLATE("gemm: K beyond what L1 holds is blocked without changing a bit", Real, float, double) {
  using Args = GemmArgs<Real>;
  unsigned seed = 0;
  for (Index rows : {1, 2, 7, 20})
    for (Index K : {300, 700, 1500})
      for (Index inner : {K, Index(64)})
        for (auto start : {Args::zero, Args::bias, Args::chain, Args::add}) {
          Problem<Real> deep(rows, 9, K, inner, false, start, ++seed);
          check(deep);
        }
}

TEST_CASE_TEMPLATE("gemm: no rows, no columns", Real, float, double) {
  for (auto [rows, vectors] : {std::pair<Index, Index>{0, 4}, {3, 0}, {1, 0}, {0, 0}}) {
    Problem<Real> none(rows, vectors, 5, 5, false, GemmArgs<Real>::zero, 1);
    const std::vector<Real> before = none.c;
    kernels<Real>().gemm(none.g);
    CHECK(none.c == before);
  }
}
