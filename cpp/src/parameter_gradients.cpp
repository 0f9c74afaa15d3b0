// The gradients of the parameters from a chunk of steps: of the batch, or of every row by itself.
#include "backward.hpp"

namespace eigenlstm {
namespace {

/// n values to row `row` of wide panels.
template <class Real>
void spread(const Real* from, Index n, Index width, Index rows, Index row, Real* panels) {
  for (Index column = 0; column < n; column += width) {
    Real* to = panels + column / width * rows * width + row * width;
    const Index used = std::min(width, n - column);
    std::copy_n(from + column, used, to);
    std::fill(to + used, to + width, Real(0));
  }
}

/// Writes the inputs of step s at `position` to row `row` of the wide panels. `staged`: max(I, P) values.
template <class Real>
void stage_row(const DirectionBackward<Real>& d, Index s, Index position, const ChunkRows<Real>& chunk, Index row, Real* staged) {
  const Padded<Real>& p = d.p;
  const Real* h = d.h_before(s) + position * p.h_row;
  d.input.gather(s, position, position + 1, d.reverse, staged);
  spread(staged, p.I, 4 * p.L, chunk.rows, row, chunk.x);
  if (d.recurrent != nullptr) {
    multiply_rows(1, p.P, h, 0, d.recurrent + position * p.h_row, 0, staged, 0);
    h = staged;
  }
  spread(h, p.P, 4 * p.L, chunk.rows, row, chunk.h);
}

/// out (n, columns) += left^T right, of arrays with a row for each of the chunk's rows: left's n columns are contiguous and its rows
/// `left_row` apart, right is in wide panels.
template <class Real>
void add_product(Index rows, Index n, const Real* left, Index left_row, const Real* right, Index columns, Real* out) {
  const auto& table = kernels<Real>();
  const Index L = table.lanes, width = 4 * L, whole = columns / L;
  if (whole > 0) table.gemm({n, whole, rows, {left, 1, left_row}, {right, rows * width, width}, {out, width, columns}, GemmArgs<Real>::add});
  if (columns % L == 0) return;
  alignas(64) Real tail[64 / sizeof(Real) * (64 / sizeof(Real))];  // the columns that fill no vector, summed aside
  const Real* last = right + whole / 4 * rows * width + whole % 4 * L;
  for (Index first = 0; first < n; first += L) {
    const Index some = std::min(L, n - first);
    table.gemm({some, 1, rows, {left + first, 1, left_row}, {last, 0, width}, {tail, width, L}, GemmArgs<Real>::zero});
    for (Index u = 0; u < some; ++u)
      for (Index j = whole * L; j < columns; ++j) out[(first + u) * columns + j] += tail[u * L + j - whole * L];
  }
}

/// out[u] += the sum over rows, `row` apart, of a vector of units.
template <class Real>
void add_sum(Index rows, Index units, const Real* values, Index row, Real* out) {
  alignas(64) Real sum[64 / sizeof(Real)] = {};
  kernels<Real>().sum_rows(rows, values, row, 1, sum);
  for (Index u = 0; u < units; ++u) out[u] += sum[u];
}

/// The gradients of the parameters of single units of a panel.
template <class Real>
void add_terms(const DirectionBackward<Real>& d, Index panel, const ChunkRows<Real>& chunk, Real* dparameters) {
  const Padded<Real>& p = d.p;
  const DirectionShape& shape = d.shape;
  const CellVariant<Real>& cell = d.weights.cell;
  const Index row = cell.terms * p.L, units = std::min(p.L, p.H - panel * p.L);
  const auto add = [&](Index term, Index parameter, Index part) {
    const Real* values = chunk.terms + panel * chunk.rows * row + term * p.L;
    if (parameter >= 0) add_sum(chunk.rows, units, values, row, dparameters + parameter + part * p.H + panel * p.L);
  };
  for (Index k = 0; k < cell.norm_terms; ++k) add(k, shape.peephole, k);
  if (!shape.normalised()) return;
  add(cell.norm_terms, shape.norm_cell_weight, 0);
  add(cell.norm_terms + 1, shape.norm_cell_bias, 0);
  for (Index gate = 0; gate < 4; ++gate) {
    add(cell.norm_terms + 2 + gate, shape.norm_weight, gate);
    add(cell.norm_terms + 6 + gate, shape.bias, gate);
  }
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
void parameter_gradients(const DirectionBackward<Real>& d, Range items, const ChunkRows<Real>& chunk, Real* dparameters, Real* dmasked) {
  const Padded<Real>& p = d.p;
  const Index width = 4 * p.L, n = chunk.rows;
  for (Index item = items.begin; item < items.end; ++item) {
    const Index panel = item / 4, gate = item % 4, unit = gate * p.H + panel * p.L, units = std::min(p.L, p.H - panel * p.L);
    const Real* dz = chunk.dz + panel * n * width + gate * p.L;
    add_product(n, units, dz, width, chunk.x, p.I, dparameters + d.shape.weight_ih + unit * p.I);
    add_product(n, units, dz, width, chunk.h, p.P, dmasked + d.shape.weight_hh + unit * p.P);
    if (d.shape.bias >= 0 && !d.shape.normalised()) add_sum(n, units, dz, width, dparameters + d.shape.bias + unit);
    if (chunk.terms != nullptr && gate == 0) add_terms(d, panel, chunk, dparameters);
  }
  if (!d.shape.projected()) return;
  const Index all = 4 * p.panels, begin = p.P * items.begin / all, end = p.P * items.end / all;
  if (end > begin) add_product(n, end - begin, chunk.dh_new + begin, p.h_row, chunk.m, p.H, dparameters + d.shape.weight_hr + begin * p.H);
}

template <class Real>
void row_gradients(const DirectionBackward<Real>& d, Index row_begin, Index row_end, const Chunk& chunk, const ChunkRows<Real>& batch,
                   const ChunkRows<Real>& own, Real* staged) {
  const Padded<Real>& p = d.p;
  const Index width = 4 * p.L, terms = d.weights.cell.terms * p.L;
  for (Index position = row_begin; position < row_end; ++position) {
    ChunkRows<Real> row = own;
    row.rows = std::min(chunk.s1, d.rows.length(position)) - chunk.s0;
    if (row.rows <= 0) return;  // rows are sorted: those after it are no longer
    for (Index s = chunk.s0; s < chunk.s0 + row.rows; ++s) {
      const Index from = d.rows.offset(s) - chunk.first_row + position, to = s - chunk.s0;
      const auto copy = [&](const Real* all, Index panels, Index n, Real* out) {
        for (Index panel = 0; all != nullptr && panel < panels; ++panel)
          std::copy_n(all + (panel * batch.rows + from) * n, n, out + (panel * row.rows + to) * n);
      };
      stage_row(d, s, position, row, to, staged);
      copy(batch.dz, p.panels, width, row.dz);
      copy(batch.terms, p.panels, terms, row.terms);
      copy(batch.dh_new, 1, p.h_row, row.dh_new);
      copy(batch.m, p.wide_panels(p.H), width, row.m);
    }
    const Index b = d.rows.batch_row(position);
    parameter_gradients(d, {0, 4 * p.panels}, row, d.dparameters + b * d.num_parameters, d.dmasked + b * d.num_parameters);
  }
}

#define EIGENLSTM_INSTANTIATE(Real)                                                                                       \
  template void stage_inputs(const DirectionBackward<Real>&, Index, Index, const Chunk&, const ChunkRows<Real>&, Real*);   \
  template void parameter_gradients(const DirectionBackward<Real>&, Range, const ChunkRows<Real>&, Real*, Real*);          \
  template void row_gradients(const DirectionBackward<Real>&, Index, Index, const Chunk&, const ChunkRows<Real>&, const ChunkRows<Real>&, Real*);
EIGENLSTM_INSTANTIATE(float)
EIGENLSTM_INSTANTIATE(double)
#undef EIGENLSTM_INSTANTIATE

}  // namespace eigenlstm
