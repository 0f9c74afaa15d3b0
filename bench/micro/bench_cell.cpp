// The cell by itself, on tiles that stay in L1: forward, forward with the gates kept as in training, and backward. The
// matrix products are empty (no inputs, no recurrent weights). The rate is in cells a second; a cell is one unit of one
// row.
#include <cmath>

#include "kernels/table.hpp"
#include "measure.hpp"
#include "support/random.hpp"

namespace {

using eigenlstm::Index;
using eigenlstm::kernels;

constexpr Index rows = 16;

/// A panel of L units for 16 rows.
template <class Real>
struct Tile {
  Tile() {
    test::Random random(1);
    weights = eigenlstm::Buffer<Real>::zeros(4 * L);
    z = bench::on_lines(random.vector<Real>(rows * 4 * L, 3));
    c_prev = bench::on_lines(random.vector<Real>(rows * L, 2));
    c = eigenlstm::Buffer<Real>(rows * L);
    h = eigenlstm::Buffer<Real>(rows * L);
    gates = eigenlstm::Buffer<Real>(rows * 4 * L);
  }

  void forward(bool keep) {
    eigenlstm::StepArgs<Real> step{};
    step.rows = rows;
    step.panels = 1;
    step.last_gate_stride = L;
    step.weights = weights.data();
    step.weights_panel_stride = 4 * L;
    step.z = z.data();
    step.h_prev = c_prev.data();
    step.c_prev = c_prev.data();
    step.c = c.data();
    step.h = h.data();
    step.h_prev_stride = step.c_prev_stride = step.c_stride = step.h_stride = L;
    step.gates = keep ? gates.data() : nullptr;
    kernels<Real>().step_forward(step);
  }

  bool right() const {
    const double tolerance = sizeof(Real) == 4 ? 2e-6 : 4e-15;
    for (Index r = 0; r < rows; ++r)
      for (Index u = 0; u < L; ++u) {
        const auto gate = [&](Index g) { return double(z.data()[r * 4 * L + g * L + u]); };
        const double expected =
            test::sigmoid(gate(1)) * double(c_prev.data()[r * L + u]) + test::sigmoid(gate(0)) * std::tanh(gate(2));
        if (!(std::abs(double(c.data()[r * L + u]) - expected) <= tolerance)) return false;
        if (!(std::abs(double(h.data()[r * L + u]) - test::sigmoid(gate(3)) * std::tanh(expected)) <= tolerance))
          return false;
      }
    return true;
  }

  const Index L = kernels<Real>().lanes;
  eigenlstm::Buffer<Real> weights, z, c_prev, c, h, gates;
};

template <class Real>
void forward(benchmark::State& state, bool keep) {
  Tile<Real> tile;
  tile.forward(keep);
  if (!tile.right()) return state.SkipWithError("wrong cell");
  for (auto _ : state) {
    tile.forward(keep);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * rows * tile.L);
  state.SetLabel(eigenlstm::isa());
}

template <class Real>
void backward(benchmark::State& state) {
  Tile<Real> tile;
  tile.forward(true);
  const Index L = tile.L;
  test::Random random(2);
  const auto values = [&] { return bench::on_lines(random.vector<Real>(rows * L)); };
  const eigenlstm::Buffer<Real> dy = values(), dh = values(), dc_in = values(), dc(rows * L), dz(rows * 4 * L);
  std::copy_n(dc_in.data(), dc_in.size(), dc.data());
  eigenlstm::StepBackwardArgs<Real> step{};
  step.rows = rows;
  step.panels = 1;
  step.last_gate_stride = L;
  step.gates = tile.gates.data();
  step.c_prev = tile.c_prev.data();
  step.c = tile.c.data();
  step.dy = dy.data();
  step.dh = dh.data();
  step.dc = dc.data();
  step.dz = dz.data();
  step.dz_stride = 4 * L;
  step.c_prev_stride = step.c_stride = step.dy_stride = step.dh_stride = step.dc_stride = L;
  kernels<Real>().step_backward(step);
  for (Index r = 0; r < rows; ++r)
    for (Index u = 0; u < L; ++u) {
      const auto gate = [&](Index g) { return double(tile.gates.data()[r * 4 * L + g * L + u]); };
      const double tanh_c = std::tanh(double(tile.c.data()[r * L + u])),
                   d = double(dy.data()[r * L + u]) + double(dh.data()[r * L + u]);
      const double dcell = d * gate(3) * (1 - tanh_c * tanh_c) + double(dc_in.data()[r * L + u]);
      const double expected[] = {dcell * gate(2) * gate(0) * (1 - gate(0)),
                                 dcell * double(tile.c_prev.data()[r * L + u]) * gate(1) * (1 - gate(1)),
                                 dcell * gate(0) * (1 - gate(2) * gate(2)), d * tanh_c * gate(3) * (1 - gate(3))};
      for (Index g = 0; g < 4; ++g)
        if (!(std::abs(double(dz.data()[r * 4 * L + g * L + u]) - expected[g]) <= (sizeof(Real) == 4 ? 4e-6 : 1e-14)))
          return state.SkipWithError("wrong gradient");
    }
  for (auto _ : state) {
    kernels<Real>().step_backward(step);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * rows * L);
  state.SetLabel(eigenlstm::isa());
}

template <class Real>
void register_cells() {
  const std::string type = bench::dtype<Real>;
  benchmark::RegisterBenchmark(("cell_forward/" + type).c_str(), forward<Real>, false);
  benchmark::RegisterBenchmark(("cell_forward_keeping_gates/" + type).c_str(), forward<Real>, true);
  benchmark::RegisterBenchmark(("cell_backward/" + type).c_str(), backward<Real>);
}

}  // namespace

int main(int argc, char** argv) {
  register_cells<float>();
  register_cells<double>();
  return bench::main(argc, argv);
}
