// The gradients of the parameters from a chunk of steps: of the batch, or of every row by itself.
#include "backward.hpp"

namespace eigenlstm {
namespace {

/// h whose rows have so many bytes is staged even where it stands in the tape: see staged_columns().
constexpr Index wide_row_bytes = 2048;

/// Where the h before the chunk's steps stand in the tape row by row, ready to be multiplied; else null.
template <class Real>
const Real* h_in_place(const DirectionBackward<Real>& d, const Chunk& chunk) {
  const bool rows_stay = chunk.s0 > d.steps.begin && d.rows.active(chunk.s0 - 1) == d.rows.active(chunk.s1 - 1);
  return rows_stay && d.recurrent == nullptr && d.p.P * Index(sizeof(Real)) < wide_row_bytes ? d.h_before(chunk.s0) : nullptr;
}

/// One row of n values to its place in `data`, which staged_columns() tells.
template <class Real>
void stage_row(const Padded<Real>& p, Index n, const Real* values, Index row, Index rows, Real* data) {
  const auto to = staged_columns<Real>(p, n, data, rows);
  const Index width = 4 * p.L;
  for (Index column = 0; column < n; column += width)
    std::copy_n(values + column, std::min(width, n - column), data + column / width * to.panel + row * to.row);
}

/// To row `row` of the chunk's x and on: the inputs of step s at positions [begin, end).
template <class Real>
void stage_x(const DirectionBackward<Real>& d, Index s, Index begin, Index end, Index row, const ChunkRows<Real>& chunk, Real* scratch) {
  const Index I = d.p.I, row_distance = staged_columns<Real>(d.p, I, chunk.x, chunk.rows).row;
  const bool one_panel = I <= 4 * d.p.L;
  for (Index position = begin; position < end; ++position, ++row) {
    d.input.gather(s, position, position + 1, d.reverse, one_panel ? chunk.x + row * row_distance : scratch);
    if (!one_panel) stage_row(d.p, I, scratch, row, chunk.rows, chunk.x);
  }
}

/// Likewise to its h: what R multiplies.
template <class Real>
void stage_h(const DirectionBackward<Real>& d, Index s, Index begin, Index end, Index row, const ChunkRows<Real>& chunk, Real* scratch) {
  const Index P = d.p.P, distance = d.p.h_row;
  for (Index position = begin; position < end; ++position, ++row) {
    const Real* from = d.h_before(s) + position * distance;
    if (d.recurrent != nullptr) {
      multiply_rows(1, P, from, 0, d.recurrent + position * distance, 0, scratch, 0);
      from = scratch;
    }
    stage_row(d.p, P, from, row, chunk.rows, chunk.h);
  }
}

/// out += left right: n rows of `rows` values by as many of whole vectors, at most 4.
template <class Real>
void add_product(Index rows, Index n, const typename GemmArgs<Real>::Left& left, Index vectors, const Real* right, Index right_row,
                 const typename GemmArgs<Real>::Result& out) {
  const Index width = 4 * kernels<Real>().lanes;
  kernels<Real>().gemm({n, vectors, rows, left, {right, width, right_row}, out, GemmArgs<Real>::add});
}

/// out += left^T right for columns that fill no vector, the other way round: by vectors of left, `rows` rows of n <= 4 L values that are left_row
/// apart. `out_of(u)` is where those of left's value u go, or null: nowhere.
template <class Real, class OutOf>
void add_last_columns(Index rows, Index n, const Real* left, Index left_row, Index columns, const Real* right, Index right_row, OutOf out_of) {
  const Index L = kernels<Real>().lanes, width = 4 * L;
  alignas(64) Real sums[64 / sizeof(Real) * 4 * (64 / sizeof(Real))];  // less than L rows of 4 L
  kernels<Real>().gemm({columns, ceil_div(n, L), rows, {right, 1, right_row}, {left, width, left_row}, {sums, width, width}, GemmArgs<Real>::zero});
  for (Index u = 0; u < n; ++u) {
    Real* const out = out_of(u);
    for (Index j = 0; out != nullptr && j < columns; ++j) out[j] += sums[j * width + u];
  }
}

/// Where in a row of dz an item begins, one gate of a panel.
template <class Real>
Index first_column(const Padded<Real>& p, Index item) { return item / 4 * 4 * p.L + item % 4 * p.gate_distance(item / 4); }

/// dW or dR of `items`: out (4H, columns) += dz^T right. `dz_columns`: dz of these items, transposed. (A tile that takes it as it stands uses
/// 12 bytes of each cache line that a k brings: three rows of floats.) `right`: (rows, columns), in panels or row by row.
template <class Real>
void add_weight_gradient(const Padded<Real>& p, Range items, Index rows, const Real* dz, const Real* dz_columns, Index columns,
                         const typename ChunkRows<Real>::Columns& right, Real* out) {
  const Index width = 4 * p.L, whole = columns / p.L * p.L, dz_row = columns_row<Real>(rows);
  const auto right_at = [&](Index column) { return right.data + column / width * right.panel + column % width; };
  for (Index column = 0; column < whole; column += width)
    for (Index item = items.begin, next; item < items.end; item = next) {
      const Index panel = item / 4, gate = item % 4, units = p.units_of(panel), distance = p.gate_distance(panel);
      next = units == distance ? std::min(items.end, 4 * (panel + 1)) : item + 1;  // gates side by side are rows one after the other
      add_product<Real>(rows, (next - item) * units, {dz_columns + (first_column(p, item) - first_column(p, items.begin)) * dz_row, dz_row},
                        std::min(width, whole - column) / p.L, right_at(column), right.row,
                        {out + (gate * p.H + panel * p.L) * columns + column, width, columns, p.H * columns, units});
    }
  for (Index item = items.begin, end; whole < columns && item < items.end; item = end) {
    const Index panel = item / 4, gate = item % 4, distance = p.gate_distance(panel);
    end = std::min(items.end, 4 * (panel + 1));
    add_last_columns(rows, (end - item) * distance, dz + first_column(p, item), p.dz_row, columns - whole, right_at(whole), right.row,
                     [&](Index u) {
                       const Index row = (gate + u / distance) * p.H + panel * p.L + u % distance;
                       return u % distance < p.units_of(panel) ? out + row * columns + whole : nullptr;
                     });
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
  const Index row = cell.terms * p.L, units = p.units_of(panel);
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
void stage_inputs(const DirectionBackward<Real>& d, Index row_begin, Index row_limit, const Chunk& chunk, ChunkRows<Real>& rows, Real* scratch) {
  const Padded<Real>& p = d.p;
  const Real* const h = h_in_place(d, chunk);
  for (Index s = chunk.s0; s < chunk.s1; ++s) {
    const Index row_end = std::min(row_limit, d.rows.active(s)), row = d.rows.offset(s) - chunk.first_row + row_begin;
    stage_x(d, s, row_begin, row_end, row, rows, scratch);
    if (h == nullptr) stage_h(d, s, row_begin, row_end, row, rows, scratch);
  }
  rows.x_columns = staged_columns<Real>(p, p.I, rows.x, rows.rows);
  rows.h_columns = h != nullptr ? typename ChunkRows<Real>::Columns{h, 4 * p.L, p.h_row} : staged_columns<Real>(p, p.P, rows.h, rows.rows);
}

template <class Real>
void parameter_gradients(const DirectionBackward<Real>& d, Range items, const ChunkRows<Real>& chunk, Real* dparameters, Real* dmasked,
                         Real* scratch) {
  const Padded<Real>& p = d.p;
  const Index width = 4 * p.L, n = chunk.rows;
  for (Index begin = items.begin, end; begin < items.end; begin = end) {
    end = std::min(items.end, (begin / 4 + panels_at_once) * 4);
    const Index first = first_column(p, begin), last = first_column(p, end - 1) + p.gate_distance((end - 1) / 4);
    kernels<Real>().transpose(n, last - first, chunk.dz + first, p.dz_row, scratch, columns_row<Real>(n));
    add_weight_gradient(p, {begin, end}, n, chunk.dz, scratch, p.I, chunk.x_columns, dparameters + d.shape.weight_ih);
    add_weight_gradient(p, {begin, end}, n, chunk.dz, scratch, p.P, chunk.h_columns, dmasked + d.shape.weight_hh);
  }
  for (Index item = items.begin; d.shape.bias >= 0 && !d.shape.normalised() && item < items.end; ++item) {
    const Index panel = item / 4, gate = item % 4;
    add_sum(n, p.units_of(panel), chunk.dz + first_column(p, item), p.dz_row, dparameters + d.shape.bias + gate * p.H + panel * p.L);
  }
  for (Index item = items.begin; item < items.end && chunk.terms != nullptr; ++item)
    if (item % 4 == 0) add_terms(d, item / 4, chunk, dparameters);
  if (!d.shape.projected()) return;
  const Index all = 4 * p.panels, vectors = p.outputs / p.L;
  const Index begin = vectors * items.begin / all * p.L, end = std::min(p.P, vectors * items.end / all * p.L);
  const Index whole = p.H / p.L * p.L, last = whole / width;  // the wide panel of m with the columns that fill no vector
  Real* const out = dparameters + d.shape.weight_hr;
  for (Index column = 0; column < whole; column += width)
    for (Index unit = begin; unit < end; unit += p.L)
      add_product<Real>(n, std::min(p.L, end - unit), {chunk.dh_new + unit, 1, p.h_row}, std::min(width, whole - column) / p.L, chunk.m + column * n,
                        width, {out + unit * p.H + column, width, p.H});
  for (Index unit = begin; whole < p.H && unit < end; unit += width)
    add_last_columns(n, std::min(width, end - unit), chunk.dh_new + unit, p.h_row, p.H - whole, chunk.m + last * width * n + whole % width, width,
                     [&](Index u) { return out + (unit + u) * p.H + whole; });
}

template <class Real>
void row_gradients(const DirectionBackward<Real>& d, Index row_begin, Index row_end, const Chunk& chunk, const ChunkRows<Real>& batch,
                   const ChunkRows<Real>& own, Real* scratch) {
  const Padded<Real>& p = d.p;
  const Index width = 4 * p.L, terms = d.weights.cell.terms * p.L;
  for (Index position = row_begin; position < row_end; ++position) {
    ChunkRows<Real> row = own;
    row.rows = std::min(chunk.s1, d.rows.length(position)) - chunk.s0;
    if (row.rows <= 0) return;  // rows are sorted: those after it are no longer
    row.x_columns = staged_columns<Real>(p, p.I, own.x, row.rows);
    row.h_columns = staged_columns<Real>(p, p.P, own.h, row.rows);
    for (Index s = chunk.s0; s < chunk.s0 + row.rows; ++s) {
      const Index from = d.rows.offset(s) - chunk.first_row + position, to = s - chunk.s0;
      const auto copy = [&](const Real* all, Index panels, Index n, Real* out) {
        for (Index panel = 0; all != nullptr && panel < panels; ++panel)
          std::copy_n(all + (panel * batch.rows + from) * n, n, out + (panel * row.rows + to) * n);
      };
      stage_x(d, s, position, position + 1, to, row, scratch);
      stage_h(d, s, position, position + 1, to, row, scratch);
      std::copy_n(batch.dz + from * p.dz_row, p.dz_row, row.dz + to * p.dz_row);
      copy(batch.terms, p.panels, terms, row.terms);
      copy(batch.dh_new, 1, p.h_row, row.dh_new);
      copy(batch.m, p.wide_panels(p.H), width, row.m);
    }
    const Index b = d.rows.batch_row(position);
    parameter_gradients(d, {0, 4 * p.panels}, row, d.dparameters + b * d.num_parameters, d.dmasked + b * d.num_parameters, scratch);
  }
}

#define EIGENLSTM_INSTANTIATE(Real)                                                                                \
  template void stage_inputs(const DirectionBackward<Real>&, Index, Index, const Chunk&, ChunkRows<Real>&, Real*); \
  template void parameter_gradients(const DirectionBackward<Real>&, Range, const ChunkRows<Real>&, Real*, Real*,   \
                                    Real*);                                                                        \
  template void row_gradients(const DirectionBackward<Real>&, Index, Index, const Chunk&, const ChunkRows<Real>&, const ChunkRows<Real>&, Real*);
EIGENLSTM_INSTANTIATE(float)
EIGENLSTM_INSTANTIATE(double)
#undef EIGENLSTM_INSTANTIATE

}  // namespace eigenlstm
