// The micro-kernel on panels that are in cache: W x + R h for a batch and for one row, and dW = dz^T x.
#include <cmath>

#include "kernels/table.hpp"
#include "measure.hpp"
#include "support/random.hpp"

namespace {

using eigenlstm::GemmArgs;
using eigenlstm::Index;
using eigenlstm::kernels;

/// C (rows, vectors * L) = A (rows, K) B. `a_by_columns`: A is stored by columns, as dz is for dW.
template <class Real>
void product(benchmark::State& state, Index rows, Index columns, Index K, bool a_by_columns) {
  const Index L = kernels<Real>().lanes, width = 4 * L, vectors = eigenlstm::ceil_div(columns, L),
              panels = (vectors + 3) / 4;
  test::Random random(1);
  const auto a_values = bench::on_lines(random.vector<Real>(rows * K)),
             b_values = bench::on_lines(random.vector<Real>(panels * K * width));
  const eigenlstm::Buffer<Real> result(panels * rows * width);
  const Real *a = a_values.data(), *b = b_values.data();
  Real* const c = result.data();
  GemmArgs<Real> args;
  args.rows = rows;
  args.vectors = vectors;
  args.K = K;
  args.a = {a, a_by_columns ? 1 : K, a_by_columns ? rows : 1};
  args.b = {b, K * width, width};
  args.c = {c, rows * width, width};
  kernels<Real>().gemm(args);
  for (Index r = 0; r < rows; r += std::max<Index>(1, rows / 7))
    for (Index n = 0; n < vectors * L; ++n) {
      double sum = 0;
      for (Index k = 0; k < K; ++k)
        sum += double(a[a_by_columns ? k * rows + r : r * K + k]) *
               double(b[n / width * K * width + k * width + n % width]);
      const double error = std::abs(sum - double(c[n / width * rows * width + r * width + n % width]));
      if (!(error <= (sizeof(Real) == 4 ? 1e-6 : 1e-14) * std::sqrt(double(K)) * 4))
        return state.SkipWithError("wrong product");
    }
  for (auto _ : state) {
    kernels<Real>().gemm(args);
    benchmark::ClobberMemory();
  }
  bench::report<Real>(state, 2.0 * double(rows) * double(vectors * L) * double(K));
}

template <class Real>
void register_products() {
  const auto add = [](const std::string& name, Index rows, Index columns, Index K, bool a_by_columns) {
    const std::string title = "gemm/" + std::string(bench::dtype<Real>) + "/" + name + "/" + std::to_string(rows) +
                              "x" + std::to_string(columns) + "x" + std::to_string(K);
    benchmark::RegisterBenchmark(title.c_str(), product<Real>, rows, columns, K, a_by_columns);
  };
  for (Index H : {64, 128, 256}) {
    add("batch", 48, 4 * H, H, false);
    add("one_row", 1, 4 * H, H, false);
    add("gradient", 16, H, 256, true);
  }
  for (Index rows : {2, 3, 6, 7, 12, 13}) add("few_rows", rows, 256, 64, false);
}

}  // namespace

int main(int argc, char** argv) {
  register_products<float>();
  register_products<double>();
  return bench::main(argc, argv);
}
