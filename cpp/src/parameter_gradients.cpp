// The gradients of the parameters from a chunk of steps: of the batch, or of every row by itself.
#include "backward.hpp"

namespace eigenlstm {
namespace {

/// Where the h before the chunk's steps stand in the tape row by row, ready to be multiplied; else null.
template <class Real>
const Real* h_in_place(const DirectionBackward<Real>& d, const Chunk& chunk) {
  const bool rows_stay = chunk.s0 > d.steps.begin && d.rows.active(chunk.s0 - 1) == d.rows.active(chunk.s1 - 1);
  return rows_stay && d.recurrent == nullptr ? d.h_before(chunk.s0) : nullptr;
}

/// To row `row` of the chunk's x and on: the inputs of step s at positions [begin, end).
template <class Real>
void stage_x(const DirectionBackward<Real>& d, Index s, Index begin, Index end, Index row, const ChunkRows<Real>& chunk) {
  for (Index position = begin; position < end; ++position, ++row) {
    Real* const x = chunk.x + row * d.p.x_row();
    d.input.gather(s, position, position + 1, d.reverse, x);
    std::fill(x + d.p.I, x + d.p.x_row(), Real(0));
  }
}

/// Likewise to its h: what R multiplies.
template <class Real>
void stage_h(const DirectionBackward<Real>& d, Index s, Index begin, Index end, Index row, const ChunkRows<Real>& chunk) {
  const Index n = d.p.outputs, distance = d.p.h_row;
  for (Index position = begin; position < end; ++position, ++row) {
    const Real* const from = d.h_before(s) + position * distance;
    if (d.recurrent != nullptr) multiply_rows(1, n, from, 0, d.recurrent + position * distance, 0, chunk.h + row * distance, 0);
    else std::copy_n(from, n, chunk.h + row * distance);
  }
}

/// out += left^T right: `rows` rows of n values that are left_row apart, by as many of `columns` <= 4 L values, padded to whole vectors.
template <class Real>
void add_product(Index rows, Index n, const Real* left, Index left_row, Index columns, const Real* right, Index right_row, Real* out, Index out_row) {
  const auto& table = kernels<Real>();
  const Index L = table.lanes, width = 4 * L, vectors = ceil_div(columns, L);
  GemmArgs<Real> product{n, vectors, rows, {left, 1, left_row}, {right, width, right_row}, {out, width, out_row}, GemmArgs<Real>::add};
  if (columns == vectors * L) return table.gemm(product);
  alignas(64) Real padded[64 / sizeof(Real) * 4 * (64 / sizeof(Real))];  // n <= L rows of 4 L
  product.c = {padded, width, width};
  product.start = GemmArgs<Real>::zero;
  table.gemm(product);
  for (Index u = 0; u < n; ++u)
    for (Index j = 0; j < columns; ++j) out[u * out_row + j] += padded[u * width + j];
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
void stage_inputs(const DirectionBackward<Real>& d, Index row_begin, Index row_limit, const Chunk& chunk, ChunkRows<Real>& rows) {
  const Real* const h = h_in_place(d, chunk);
  for (Index s = chunk.s0; s < chunk.s1; ++s) {
    const Index row_end = std::min(row_limit, d.rows.active(s)), row = d.rows.offset(s) - chunk.first_row + row_begin;
    stage_x(d, s, row_begin, row_end, row, rows);
    if (h == nullptr) stage_h(d, s, row_begin, row_end, row, rows);
  }
  rows.h_before = h != nullptr ? h : rows.h;
}

template <class Real>
void parameter_gradients(const DirectionBackward<Real>& d, Range items, const ChunkRows<Real>& chunk, Real* dparameters, Real* dmasked) {
  const Padded<Real>& p = d.p;
  const Index width = 4 * p.L, n = chunk.rows;
  const auto each_item = [&](auto&& work) {  // work(dz of the units of one gate and panel, first row of the weights, rows)
    for (Index item = items.begin; item < items.end; ++item) {
      const Index panel = item / 4, gate = item % 4;
      work(chunk.dz + panel * n * width + gate * p.L, gate * p.H + panel * p.L, std::min(p.L, p.H - panel * p.L));
    }
  };
  // Some columns of x or h stay in cache for all units.
  for (Index column = 0; column < p.I; column += width)
    each_item([&](const Real* dz, Index unit, Index units) {
      add_product(n, units, dz, width, std::min(width, p.I - column), chunk.x + column, p.x_row(),
                  dparameters + d.shape.weight_ih + unit * p.I + column, p.I);
    });
  for (Index column = 0; column < p.P; column += width)
    each_item([&](const Real* dz, Index unit, Index units) {
      add_product(n, units, dz, width, std::min(width, p.P - column), chunk.h_before + column, p.h_row,
                  dmasked + d.shape.weight_hh + unit * p.P + column, p.P);
    });
  if (d.shape.bias >= 0 && !d.shape.normalised())
    each_item([&](const Real* dz, Index unit, Index units) { add_sum(n, units, dz, width, dparameters + d.shape.bias + unit); });
  for (Index item = items.begin; item < items.end && chunk.terms != nullptr; ++item)
    if (item % 4 == 0) add_terms(d, item / 4, chunk, dparameters);
  if (!d.shape.projected()) return;
  const Index all = 4 * p.panels, begin = p.P * items.begin / all, end = p.P * items.end / all;
  for (Index column = 0; column < p.H; column += width)
    for (Index unit = begin; unit < end; unit += p.L)
      add_product(n, std::min(p.L, end - unit), chunk.dh_new + unit, p.h_row, std::min(width, p.H - column), chunk.m + column * n, width,
                  dparameters + d.shape.weight_hr + unit * p.H + column, p.H);
}

template <class Real>
void row_gradients(const DirectionBackward<Real>& d, Index row_begin, Index row_end, const Chunk& chunk, const ChunkRows<Real>& batch,
                   const ChunkRows<Real>& own) {
  const Padded<Real>& p = d.p;
  const Index width = 4 * p.L, terms = d.weights.cell.terms * p.L;
  for (Index position = row_begin; position < row_end; ++position) {
    ChunkRows<Real> row = own;
    row.h_before = own.h;
    row.rows = std::min(chunk.s1, d.rows.length(position)) - chunk.s0;
    if (row.rows <= 0) return;  // rows are sorted: those after it are no longer
    for (Index s = chunk.s0; s < chunk.s0 + row.rows; ++s) {
      const Index from = d.rows.offset(s) - chunk.first_row + position, to = s - chunk.s0;
      const auto copy = [&](const Real* all, Index panels, Index n, Real* out) {
        for (Index panel = 0; all != nullptr && panel < panels; ++panel)
          std::copy_n(all + (panel * batch.rows + from) * n, n, out + (panel * row.rows + to) * n);
      };
      stage_x(d, s, position, position + 1, to, row);
      stage_h(d, s, position, position + 1, to, row);
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
  template void stage_inputs(const DirectionBackward<Real>&, Index, Index, const Chunk&, ChunkRows<Real>&);                \
  template void parameter_gradients(const DirectionBackward<Real>&, Range, const ChunkRows<Real>&, Real*, Real*);          \
  template void row_gradients(const DirectionBackward<Real>&, Index, Index, const Chunk&, const ChunkRows<Real>&, const ChunkRows<Real>&);
EIGENLSTM_INSTANTIATE(float)
EIGENLSTM_INSTANTIATE(double)
#undef EIGENLSTM_INSTANTIATE

}  // namespace eigenlstm
