// dW, dR and db of a chunk of steps, from its dz: of the batch, or of every row by itself.
#include "backward.hpp"

namespace eigenlstm {
namespace {

/// Writes the inputs of step s at `position` to row `row` of the wide panels. `staged`: I values.
template <class Real>
void stage_row(const DirectionBackward<Real>& d, Index s, Index position, const ChunkRows<Real>& chunk, Index row, Real* staged) {
  const Index width = 4 * d.p.L;
  const auto spread = [&](const Real* from, Index n, Real* panels) {
    for (Index column = 0; column < n; column += width) {
      Real* to = panels + column / width * chunk.rows * width + row * width;
      const Index used = std::min(width, n - column);
      std::copy_n(from + column, used, to);
      std::fill(to + used, to + width, Real(0));
    }
  };
  d.input.gather(s, position, position + 1, d.reverse, staged);
  spread(staged, d.p.I, chunk.x);
  spread(d.h_before(s) + position * d.p.row, d.p.H, chunk.h);
}

/// dweight (4H, n) += dz^T inputs, for one gate of one panel of units; inputs in wide panels.
template <class Real>
void add_weight_gradient(const Padded<Real>& p, Index panel, Index gate, const ChunkRows<Real>& chunk, const Real* inputs, Index n,
                         Real* dweight) {
  const auto& table = kernels<Real>();
  const Index L = p.L, width = 4 * L, units = std::min(L, p.H - panel * L), whole = n / L;
  const Real* dz = chunk.dz + panel * chunk.rows * width + gate * L;
  Real* out = dweight + (gate * p.H + panel * L) * n;
  if (whole > 0)
    table.gemm({units, whole, chunk.rows, dz, 1, width, 0, chunk.rows, inputs, chunk.rows * width, out, width, n, GemmArgs<Real>::add});
  if (n % L == 0) return;
  alignas(64) Real tail[64 / sizeof(Real) * (64 / sizeof(Real))];  // the columns that fill no vector, summed aside
  const Real* last = inputs + whole / 4 * chunk.rows * width + whole % 4 * L;
  table.gemm({units, 1, chunk.rows, dz, 1, width, 0, chunk.rows, last, 0, tail, width, L, GemmArgs<Real>::zero});
  for (Index u = 0; u < units; ++u)
    for (Index j = whole * L; j < n; ++j) out[u * n + j] += tail[u * L + j - whole * L];
}

}  // namespace

template <class Real>
void stage_inputs(const DirectionBackward<Real>& d, Index row_begin, Index row_limit, const Chunk& chunk, const ChunkRows<Real>& rows, Real* staged) {
  for (Index s = chunk.s0; s < chunk.s1; ++s) {
    const Index row_end = std::min(row_limit, d.rows.active(s));
    for (Index position = row_begin; position < row_end; ++position)
      stage_row(d, s, position, rows, d.rows.offset(s) - chunk.first_row + position, staged);
  }
}

template <class Real>
void parameter_gradients(const DirectionBackward<Real>& d, Range items, const ChunkRows<Real>& chunk, Real* dparameters) {
  const Padded<Real>& p = d.p;
  for (Index item = items.begin; item < items.end; ++item) {
    const Index panel = item / 4, gate = item % 4;
    add_weight_gradient(p, panel, gate, chunk, chunk.x, p.I, dparameters + d.shape.weight_ih);
    add_weight_gradient(p, panel, gate, chunk, chunk.h, p.H, dparameters + d.shape.weight_hh);
    if (d.shape.bias < 0) continue;
    alignas(64) Real sum[64 / sizeof(Real)] = {};
    kernels<Real>().sum_rows(chunk.rows, chunk.dz + panel * chunk.rows * 4 * p.L + gate * p.L, 4 * p.L, 1, sum);
    for (Index u = 0; u < std::min(p.L, p.H - panel * p.L); ++u) dparameters[d.shape.bias + gate * p.H + panel * p.L + u] += sum[u];
  }
}

template <class Real>
void row_gradients(const DirectionBackward<Real>& d, Index row_begin, Index row_end, const Chunk& chunk, const Real* dz, const ChunkRows<Real>& own,
                   Real* staged) {
  const Padded<Real>& p = d.p;
  const Index width = 4 * p.L;
  for (Index position = row_begin; position < row_end; ++position) {
    ChunkRows<Real> row = own;
    row.rows = std::min(chunk.s1, d.rows.length(position)) - chunk.s0;
    if (row.rows <= 0) return;  // rows are sorted: those after it are no longer
    for (Index s = chunk.s0; s < chunk.s0 + row.rows; ++s) {
      stage_row(d, s, position, row, s - chunk.s0, staged);
      const Real* from = dz + (d.rows.offset(s) - chunk.first_row + position) * width;
      for (Index panel = 0; panel < p.panels; ++panel)
        std::copy_n(from + panel * chunk.rows * width, width, row.dz + (panel * row.rows + s - chunk.s0) * width);
    }
    parameter_gradients(d, {0, 4 * p.panels}, row, d.dparameters + d.rows.batch_row(position) * d.num_parameters);
  }
}

#define EIGENLSTM_INSTANTIATE(Real)                                                                                                             \
  template void stage_inputs(const DirectionBackward<Real>&, Index, Index, const Chunk&, const ChunkRows<Real>&, Real*);                         \
  template void parameter_gradients(const DirectionBackward<Real>&, Range, const ChunkRows<Real>&, Real*);                                       \
  template void row_gradients(const DirectionBackward<Real>&, Index, Index, const Chunk&, const Real*, const ChunkRows<Real>&, Real*);
EIGENLSTM_INSTANTIATE(float)
EIGENLSTM_INSTANTIATE(double)
#undef EIGENLSTM_INSTANTIATE

}  // namespace eigenlstm
