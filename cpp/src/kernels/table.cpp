// The kernels of one ISA: compiled once for each, with its flags and in its own namespace (cpp/CMakeLists.txt).
#include "kernels/table.hpp"

#include "kernels/gemm/pack.hpp"
#include "kernels/lstm/step.hpp"
#include "kernels/map.hpp"
#include "kernels/training/training.hpp"
#include "kernels/variants.hpp"

#define EIGENLSTM_STRING_(x) #x
#define EIGENLSTM_STRING(x) EIGENLSTM_STRING_(x)

namespace eigenlstm {
namespace EIGENLSTM_ISA {

template void gemm(const GemmArgs<float>&);
template void gemm(const GemmArgs<double>&);

namespace {

template <class Real>
void map_sigmoid(const Real* x, Real* y, Index n) {
  map(x, y, n, [](Vec<Real> v) { return sigmoid(v); });
}
template <class Real>
void map_tanh(const Real* x, Real* y, Index n) {
  map(x, y, n, [](Vec<Real> v) { return tanh(v); });
}
template <class Real>
void map_exp(const Real* x, Real* y, Index n) {
  map(x, y, n, [](Vec<Real> v) { return exp(v); });
}

template <class Real>
void sum_rows(Index rows, const Real* x, Index x_stride, Index vectors, Real* sum) {
  constexpr Index L = lanes<Real>;
  const auto sum_vectors = [&](auto n) EIGENLSTM_INLINED {  // side by side: one waits for its last addition
    Vec<Real> total[n];
    unroll<n>([&](auto v) EIGENLSTM_INLINED { total[v] = set1<Vec<Real>>(Real(0)); });
    for (Index r = 0; r < rows; ++r)
      unroll<n>([&](auto v) EIGENLSTM_INLINED { total[v] = add(total[v], load(x + r * x_stride + v * L)); });
    unroll<n>([&](auto v) EIGENLSTM_INLINED { store(sum + v * L, add(load(sum + v * L), total[v])); });
    x += n * L, sum += n * L, vectors -= n;
  };
  while (vectors >= 4) sum_vectors(std::integral_constant<int, 4>{});
  while (vectors > 0) sum_vectors(std::integral_constant<int, 1>{});
}

/// 12 independent chains of FMAs in registers.
template <class Real>
Real fma_peak(Index iterations) {
  using V = Vec<Real>;
  V acc[12];
  for (int i = 0; i < 12; ++i) acc[i] = set1<V>(Real(i));
  V a = set1<V>(Real(0.999)), b = set1<V>(Real(0.001));
  for (Index n = 0; n < iterations; ++n) {
    pin(a);
    for (int i = 0; i < 12; ++i) acc[i] = madd(acc[i], a, b);
  }
  V total = acc[0];
  for (int i = 1; i < 12; ++i) total = add(total, acc[i]);
  return Eigen::internal::predux(total);
}

template <class Real>
constexpr KernelTable<Real> make_table() {
  KernelTable<Real> table{};
  table.lanes = lanes<Real>;
  table.tile_rows = tile_rows;
  table.gemm = gemm<Real>;
  table.step_forward = step_forward<Real>;
  table.step_backward = step_backward<Real>;
  table.step_forward_variant = step_forward_variant<Real>;
  table.step_backward_variant = step_backward_variant<Real>;
  table.sigmoid = map_sigmoid<Real>;
  table.tanh = map_tanh<Real>;
  table.activate = activate_values<Real>;
  table.exp = map_exp<Real>;
  table.sum_rows = sum_rows<Real>;
  table.transpose = transpose<Real>;
  table.transpose_gates = transpose_gates<Real>;
  table.pack_gates = pack_gates<Real>;
  table.pack_rows = pack_rows<Real>;
  table.pack_transposed = pack_transposed<Real>;
  table.copy_past_caches = copy_past_caches<Real>;
  table.fma_peak = fma_peak<Real>;
  table.training = training_table<Real>();
  return table;
}

}  // namespace

const Kernels& table() {
  static constexpr Kernels kernels = {EIGENLSTM_STRING(EIGEN_WORLD_VERSION) "." EIGENLSTM_STRING(
                                          EIGEN_MAJOR_VERSION) "." EIGENLSTM_STRING(EIGEN_MINOR_VERSION),
                                      make_table<float>(), make_table<double>()};
  return kernels;
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
