// The gradients of the parameters from a chunk of steps: of the batch, or of every row by itself.
#include "lstm/backward.hpp"

namespace eigenlstm {
namespace {

/// h whose rows have so many bytes is staged even where it stands in the tape: see staged_columns().
constexpr Index wide_row_bytes = 1024;

/// Where the h before the chunk's steps stand in the tape row by row, ready to be multiplied; else null.
template <class Real>
const Real* h_in_place(const DirectionBackward<Real>& d, const Chunk& chunk) {
  const bool rows_stay = chunk.s0 > d.steps.begin && d.rows.active(chunk.s0 - 1) == d.rows.active(chunk.s1 - 1);
  return rows_stay && d.recurrent == nullptr && d.p.P * Index(sizeof(Real)) < wide_row_bytes ? d.h_before(chunk.s0)
                                                                                             : nullptr;
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
void stage_x(const DirectionBackward<Real>& d, Index s, Index begin, Index end, Index row, const ChunkRows<Real>& chunk,
             Real* scratch) {
  const Index I = d.p.I, row_distance = staged_columns<Real>(d.p, I, chunk.x, chunk.rows).row;
  const bool one_panel = I <= 4 * d.p.L;
  for (Index position = begin; position < end; ++position, ++row) {
    d.input.gather(s, position, position + 1, d.reverse, one_panel ? chunk.x + row * row_distance : scratch);
    if (!one_panel) stage_row(d.p, I, scratch, row, chunk.rows, chunk.x);
  }
}

/// Likewise to its h: what R multiplies.
template <class Real>
void stage_h(const DirectionBackward<Real>& d, Index s, Index begin, Index end, Index row, const ChunkRows<Real>& chunk,
             Real* scratch) {
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

/// out += left^T right for columns that fill no vector, the other way round: by vectors of left, `rows` rows of n <= 4
/// L values that are left_row apart. `out_of(u)` is where those of left's value u go, or null: nowhere.
template <class Real, class OutOf>
void add_last_columns(Index rows, Index n, const Real* left, Index left_row, Index columns, const Real* right,
                      Index right_row, OutOf out_of) {
  const Index L = kernels<Real>().lanes, width = 4 * L;
  alignas(64) Real sums[64 / sizeof(Real) * 4 * (64 / sizeof(Real))];  // less than L rows of 4 L
  kernels<Real>().gemm({columns,
                        ceil_div(n, L),
                        rows,
                        {right, 1, right_row},
                        {left, width, left_row},
                        {sums, width, width},
                        GemmArgs<Real>::zero});
  for (Index u = 0; u < n; ++u) {
    Real* const out = out_of(u);
    for (Index j = 0; out != nullptr && j < columns; ++j) out[j] += sums[j * width + u];
  }
}

/// Where in a row of dz an item begins, one gate of a panel.
template <class Real>
Index first_column(const Padded<Real>& p, Index item) {
  return item / 4 * 4 * p.L + item % 4 * p.dz_gate_distance(item / 4);
}

/// Items that are summed at once: all gates of panels [panel, panel + panels), or of one panel gates [gate, gate +
/// gates).
struct GateBlock {
  Index panel, panels, gate, gates;
};

/// The first block of `items`, of at most so many panels.
inline GateBlock first_block(Range items, Index most_panels) {
  const Index panel = items.begin / 4, gate = items.begin % 4, whole = (items.end - items.begin) / 4;
  if (gate > 0 || whole == 0) return {panel, 1, gate, std::min(4 - gate, items.end - items.begin)};
  return {panel, ceil_div(whole, ceil_div(whole, most_panels)), 0, 4};
}

/// dz of a block as the rows of W and R stand, [gate][unit]: where it is, or if transposes_dz(), in `columns`. `sums`
/// += the sum over rows, in the order of dz.
template <class Real>
typename GemmArgs<Real>::Left gate_rows(const Padded<Real>& p, const GateBlock& block, Index rows, const Real* dz,
                                        Real* columns, Real* sums) {
  constexpr Index rows_at_once = 32;  // in L1 for the sums
  const auto& table = kernels<Real>();
  const Index end = block.panel + block.panels, units = p.units_of(block.panel, end),
              whole = units / p.L;  // whole panels
  const Index size = 4 * p.L * (block.panels - 1) + block.gates * p.dz_gate_distance(end - 1),
              row_distance = columns_row<Real>(rows);
  const Index column = first_column(p, 4 * block.panel + block.gate);
  const bool transposes = transposes_dz(p);
  for (Index row = 0; row < rows; row += rows_at_once) {
    const Index n = std::min(rows_at_once, rows - row);
    const Real* const dz_rows = dz + row * p.dz_row;
    if (transposes) {
      table.transpose_gates(n, whole, block.gates, dz_rows + column, p.dz_row, columns + row, units * row_distance,
                            row_distance);
      if (whole < block.panels)  // the gates of the last panel stand closer
        for (Index gate = 0; gate < block.gates; ++gate)
          table.transpose(n, units - whole * p.L, dz_rows + first_column(p, 4 * (end - 1) + block.gate + gate),
                          p.dz_row, columns + (gate * units + whole * p.L) * row_distance + row, row_distance);
    }
    table.sum_rows(n, dz_rows + column, p.dz_row, ceil_div(size, p.L), sums);
  }
  if (!transposes)
    return {dz + column, 1, p.dz_row};  // first_block() gave one panel, and its gates have no gaps
  return {columns, row_distance, 1};
}

/// db of a block from the sums of gate_rows().
template <class Real>
void add_bias_gradient(const Padded<Real>& p, const GateBlock& block, const Real* sums, Real* out) {
  for (Index panel = block.panel; panel < block.panel + block.panels; ++panel, sums += 4 * p.L)
    for (Index gate = 0; gate < block.gates; ++gate)
      for (Index u = 0; u < p.units_of(panel, panel + 1); ++u)
        out[(block.gate + gate) * p.H + panel * p.L + u] += sums[gate * p.dz_gate_distance(panel) + u];
}

/// dW or dR of a block: out (4H, columns) += left right. `left`: from gate_rows(). `right`: (rows, columns), in panels
/// or row by row.
template <class Real>
void add_weight_gradient(const Padded<Real>& p, const GateBlock& block, Index rows, const Real* dz,
                         const typename GemmArgs<Real>::Left& left, Index columns,
                         const typename ChunkRows<Real>::Columns& right, Real* out) {
  const Index width = 4 * p.L, whole = columns / p.L * p.L, units = p.units_of(block.panel, block.panel + block.panels);
  kernels<Real>().gemm({block.gates * units,
                        whole / p.L,
                        rows,
                        left,
                        right,
                        {out + (block.gate * p.H + block.panel * p.L) * columns, width, columns, p.H * columns, units},
                        GemmArgs<Real>::add});
  if (whole == columns) return;
  for (Index panel = block.panel; panel < block.panel + block.panels; ++panel) {
    const Index distance = p.dz_gate_distance(panel);
    add_last_columns(rows, block.gates * distance, dz + first_column(p, panel * 4 + block.gate), p.dz_row,
                     columns - whole, right.data + whole / width * right.panel + whole % width, right.row,
                     [&](Index u) {
                       const Index row = (block.gate + u / distance) * p.H + panel * p.L + u % distance;
                       return u % distance < p.units_of(panel, panel + 1) ? out + row * columns + whole : nullptr;
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
  const Index row = cell.terms * p.L, units = p.units_of(panel, panel + 1);
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
void stage_inputs(const DirectionBackward<Real>& d, Index row_begin, Index row_limit, const Chunk& chunk,
                  ChunkRows<Real>& rows, Real* scratch) {
  const Padded<Real>& p = d.p;
  const Real* const h = h_in_place(d, chunk);
  for (Index s = chunk.s0; s < chunk.s1; ++s) {
    const Index row_end = std::min(row_limit, d.rows.active(s)), row = d.rows.offset(s) - chunk.first_row + row_begin;
    stage_x(d, s, row_begin, row_end, row, rows, scratch);
    if (h == nullptr) stage_h(d, s, row_begin, row_end, row, rows, scratch);
  }
  rows.x_columns = staged_columns<Real>(p, p.I, rows.x, rows.rows);
  rows.h_columns = h != nullptr ? typename ChunkRows<Real>::Columns{h, 4 * p.L, p.h_row}
                                : staged_columns<Real>(p, p.P, rows.h, rows.rows);
}

template <class Real>
void parameter_gradients(const DirectionBackward<Real>& d, Range items, const ChunkRows<Real>& chunk, Real* dparameters,
                         Real* dmasked, Real* scratch) {
  const Padded<Real>& p = d.p;
  const Index width = 4 * p.L, n = chunk.rows;
  for (Range rest = items; rest.begin < rest.end;) {
    const GateBlock block = first_block(rest, transposes_dz(p) ? panels_at_once : 1);
    alignas(64) Real sums[panels_at_once * 4 * 64 / sizeof(Real)] = {};
    const auto left = gate_rows(p, block, n, chunk.dz, scratch,
                                sums);  // without a bias the sums are for nothing, and take next to none of the time
    if (d.shape.bias >= 0 && !d.shape.normalised()) add_bias_gradient(p, block, sums, dparameters + d.shape.bias);
    add_weight_gradient(p, block, n, chunk.dz, left, p.I, chunk.x_columns, dparameters + d.shape.weight_ih);
    add_weight_gradient(p, block, n, chunk.dz, left, p.P, chunk.h_columns, dmasked + d.shape.weight_hh);
    rest.begin += block.panels * block.gates;
  }
  for (Index item = items.begin; item < items.end && chunk.terms != nullptr; ++item)
    if (item % 4 == 0) add_terms(d, item / 4, chunk, dparameters);
  if (!d.shape.projected()) return;
  const Index all = 4 * p.panels, vectors = p.outputs / p.L;
  const Index begin = vectors * items.begin / all * p.L,
              end = std::max(begin, std::min(p.P, vectors * items.end / all * p.L));
  const Index whole = p.H / p.L * p.L,
              last = whole / width;  // the wide panel of m with the columns that fill no vector
  Real* const out = dparameters + d.shape.weight_hr;
  kernels<Real>().gemm({end - begin,
                        whole / p.L,
                        n,
                        {chunk.dh_new + begin, 1, p.h_row},
                        {chunk.m, n * width, width},
                        {out + begin * p.H, width, p.H},
                        GemmArgs<Real>::add});
  for (Index unit = begin; whole < p.H && unit < end; unit += width)
    add_last_columns(n, std::min(width, end - unit), chunk.dh_new + unit, p.h_row, p.H - whole,
                     chunk.m + last * width * n + whole % width, width,
                     [&](Index u) { return out + (unit + u) * p.H + whole; });
}

template <class Real>
void row_gradients(const DirectionBackward<Real>& d, Index row_begin, Index row_end, const Chunk& chunk,
                   const ChunkRows<Real>& batch, const ChunkRows<Real>& own, Real* scratch) {
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
    parameter_gradients(d, {0, 4 * p.panels}, row, d.dparameters + b * d.num_parameters,
                        d.dmasked + b * d.num_parameters, scratch);
  }
}

#define EIGENLSTM_INSTANTIATE(Real)                                                                                \
  template void stage_inputs(const DirectionBackward<Real>&, Index, Index, const Chunk&, ChunkRows<Real>&, Real*); \
  template void parameter_gradients(const DirectionBackward<Real>&, Range, const ChunkRows<Real>&, Real*, Real*,   \
                                    Real*);                                                                        \
  template void row_gradients(const DirectionBackward<Real>&, Index, Index, const Chunk&, const ChunkRows<Real>&,  \
                              const ChunkRows<Real>&, Real*);
EIGENLSTM_INSTANTIATE(float)
EIGENLSTM_INSTANTIATE(double)
#undef EIGENLSTM_INSTANTIATE

}  // namespace eigenlstm
