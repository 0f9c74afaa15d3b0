// The gradients of the parameters from a chunk of steps: of the batch, or of every row by itself.
#include "lstm/backward.hpp"

namespace eigenlstm {
namespace {

/// h with rows of this many bytes or more is staged even if it is in the tape: see staged_columns().
constexpr Index wide_row_bytes = 1024;

/// The h that R multiplied in the chunk, where they lie in the tape frame by frame, ready to be multiplied; otherwise
/// null.
template <class Real>
const Real* h_in_place(const DirectionBackward<Real>& d, const Chunk& chunk) {
  const bool rows_stay = chunk.s0 > d.steps.begin && d.rows.active(chunk.s0 - 1) == d.rows.active(chunk.s1 - 1);
  return rows_stay && d.recurrent_mask == nullptr && d.p.P * Index(sizeof(Real)) < wide_row_bytes ? d.h_before(chunk.s0)
                                                                                                  : nullptr;
}

/// The n values of one frame to their place in `data` (see staged_columns).
template <class Real>
void stage_frame(const Padded<Real>& p, Index n, const Real* values, Index frame, Index frames, Real* data) {
  const auto to = staged_columns<Real>(p, n, data, frames);
  const Index width = 4 * p.L;
  for (Index column = 0; column < n; column += width)
    std::copy_n(values + column, std::min(width, n - column),
                data + column / width * to.panel_stride + frame * to.k_stride);
}

/// The inputs of step s at positions [begin, end) to the chunk's x, from frame `frame` on.
template <class Real>
void stage_x(const DirectionBackward<Real>& d, Index s, Index begin, Index end, Index frame,
             const ChunkArrays<Real>& chunk, Real* scratch) {
  const Index I = d.p.I, stride = staged_columns<Real>(d.p, I, chunk.x, chunk.frames).k_stride;
  const bool one_panel = I <= 4 * d.p.L;
  for (Index position = begin; position < end; ++position, ++frame) {
    d.input.gather(s, position, position + 1, d.reverse, one_panel ? chunk.x + frame * stride : scratch);
    if (!one_panel) stage_frame(d.p, I, scratch, frame, chunk.frames, chunk.x);
  }
}

/// Likewise the h_prev that R multiplied in step s, to the chunk's h.
template <class Real>
void stage_h(const DirectionBackward<Real>& d, Index s, Index begin, Index end, Index frame,
             const ChunkArrays<Real>& chunk, Real* scratch) {
  const Index P = d.p.P, stride = d.p.h_stride;
  for (Index position = begin; position < end; ++position, ++frame) {
    const Real* from = d.h_before(s) + position * stride;
    if (d.recurrent_mask != nullptr) {
      multiply_rows(1, P, from, 0, d.recurrent_mask + position * stride, 0, scratch, 0);
      from = scratch;
    }
    stage_frame(d.p, P, from, frame, chunk.frames, chunk.h);
  }
}

/// out += left^T right for the last `columns` columns of right, which fill no vector. The product is computed the other
/// way round, in vectors of left: frames of n <= 4 L values, left_stride apart. out_of(u) is the place of the sums of
/// left's value u. Each sum gets the bits that it would have in a whole vector.
template <class Real, class OutOf>
void add_last_columns(Index frames, Index n, const Real* left, Index left_stride, Index columns, const Real* right,
                      Index right_stride, OutOf out_of) {
  const Index L = kernels<Real>().lanes, width = 4 * L;
  alignas(64) Real sums[64 / sizeof(Real) * 4 * (64 / sizeof(Real))];  // less than L rows of 4 L
  GemmArgs<Real> product;
  product.rows = columns;
  product.vectors = ceil_div(n, L);
  product.K = frames;
  product.a = {right, 1, right_stride};
  product.b = {left, width, left_stride};
  product.c = {sums, width, width};
  product.start = GemmArgs<Real>::add;
  for (Index u = 0; u < product.vectors * L; ++u)
    for (Index j = 0; j < columns; ++j) sums[j * width + u] = u < n ? out_of(u)[j] : Real(0);
  kernels<Real>().gemm(product);
  for (Index u = 0; u < n; ++u)
    for (Index j = 0; j < columns; ++j) out_of(u)[j] = sums[j * width + u];
}

/// Gates whose gradients are summed at once: all gates of blocks [block, block + blocks), or gates [gate, gate + gates)
/// of one block.
struct GateRange {
  Index block, blocks, gate, gates;
};

/// The first range of `items` (item = 4 block + gate), of at most `most_blocks` blocks.
inline GateRange first_range(Range items, Index most_blocks) {
  const Index block = items.begin / 4, gate = items.begin % 4, whole = (items.end - items.begin) / 4;
  if (gate > 0 || whole == 0) return {block, 1, gate, std::min(4 - gate, items.end - items.begin)};
  return {block, ceil_div(whole, ceil_div(whole, most_blocks)), 0, 4};
}

/// dz of a range, transposed, as the rows of W and R are ordered: [gate][unit]. It is used in place, or with
/// transposes_dz() written to `columns`. `sums` += the sum over frames, in the order of dz.
template <class Real>
typename GemmArgs<Real>::Left gate_rows(const Padded<Real>& p, const GateRange& range, Index frames, const Real* dz,
                                        Real* columns, Real* sums) {
  constexpr Index frames_at_once = 32;  // these stay in L1 for the sums
  const auto& table = kernels<Real>();
  const Index end = range.block + range.blocks, units = p.units_of_blocks(range.block, end), whole_blocks = units / p.U;
  const Index size = 4 * p.U * (range.blocks - 1) + range.gates * p.dz_gate_stride(end - 1);
  const Index stride = columns_stride<Real>(frames), column = p.first_column(range.block, range.gate);
  const bool transposes = transposes_dz(p);
  for (Index frame = 0; frame < frames; frame += frames_at_once) {
    const Index n = std::min(frames_at_once, frames - frame);
    const Real* const from = dz + frame * p.dz_stride;
    if (transposes) {
      table.transpose_gates(n, whole_blocks, range.gates, from + column, p.dz_stride, columns + frame, units * stride,
                            stride);
      if (whole_blocks < range.blocks)  // the gates of the last block are closer together
        for (Index gate = 0; gate < range.gates; ++gate)
          table.transpose(n, units - whole_blocks * p.U, from + p.first_column(end - 1, range.gate + gate), p.dz_stride,
                          columns + (gate * units + whole_blocks * p.U) * stride + frame, stride);
    }
    table.sum_rows(n, from + column, p.dz_stride, ceil_div(size, p.L), sums);
  }
  if (!transposes)  // first_range() gave one block, whose gates have no gaps
    return {dz + column, 1, p.dz_stride};
  return {columns, stride, 1};
}

/// db of a range from the sums of gate_rows().
template <class Real>
void add_bias_gradient(const Padded<Real>& p, const GateRange& range, const Real* sums, Real* out) {
  for (Index block = range.block; block < range.block + range.blocks; ++block, sums += 4 * p.U)
    for (Index gate = 0; gate < range.gates; ++gate)
      for (Index u = 0; u < p.units_of_blocks(block, block + 1); ++u)
        out[(range.gate + gate) * p.H + block * p.U + u] += sums[gate * p.dz_gate_stride(block) + u];
}

/// dW or dR of a range: out (4H, columns) += left right. `left`: from gate_rows(). `right`: (frames, columns), in
/// panels or frame by frame.
template <class Real>
void add_weight_gradient(const Padded<Real>& p, const GateRange& range, Index frames, const Real* dz,
                         const typename GemmArgs<Real>::Left& left, Index columns,
                         const typename GemmArgs<Real>::Right& right, Real* out) {
  const Index width = 4 * p.L, whole = columns / p.L * p.L,
              units = p.units_of_blocks(range.block, range.block + range.blocks);
  GemmArgs<Real> product;
  product.rows = range.gates * units;
  product.vectors = whole / p.L;
  product.K = frames;
  product.a = left;
  product.b = right;
  product.c = {out + (range.gate * p.H + range.block * p.U) * columns, width, columns, p.H * columns, units};
  product.start = GemmArgs<Real>::add;
  kernels<Real>().gemm(product);
  if (whole == columns) return;
  for (Index block = range.block; block < range.block + range.blocks; ++block) {
    const Index stride = p.dz_gate_stride(block), n = range.gates * stride;
    for (Index first = 0; first < n; first += width)
      add_last_columns(frames, std::min(width, n - first), dz + p.first_column(block, range.gate) + first, p.dz_stride,
                       columns - whole, right.data + whole / width * right.panel_stride + whole % width, right.k_stride,
                       [&](Index u) {
                         const Index row =
                             (range.gate + (first + u) / stride) * p.H + block * p.U + (first + u) % stride;
                         return out + row * columns + whole;
                       });
  }
}

/// out[u] += the sum over frames, `stride` apart, of a vector of units.
template <class Real>
void add_sum(Index frames, Index units, const Real* values, Index stride, Real* out) {
  alignas(64) Real sum[64 / sizeof(Real)] = {};
  kernels<Real>().sum_rows(frames, values, stride, 1, sum);
  for (Index u = 0; u < units; ++u) out[u] += sum[u];
}

/// The gradients of those parameters of a block that belong to single units: peepholes and layer normalisation.
template <class Real>
void add_terms(const DirectionBackward<Real>& d, Index block, const ChunkArrays<Real>& chunk, Real* dparameters) {
  const Padded<Real>& p = d.p;
  const DirectionShape& shape = d.shape;
  const CellVariant<Real>& cell = d.weights.cell;
  const Index stride = cell.terms * p.L, panels_end = std::min(p.panels, (block + 1) * p.U / p.L);
  const auto add = [&](Index term, Index parameter, Index gate) {
    for (Index panel = block * p.U / p.L; parameter >= 0 && panel < panels_end; ++panel)
      add_sum(chunk.frames, p.units_of(panel, panel + 1), chunk.terms + panel * chunk.frames * stride + term * p.L,
              stride, dparameters + parameter + gate * p.H + panel * p.L);
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

/// dW_hr of a projection h_new = W_hr m: the rows that belong to `items`.
template <class Real>
void add_projection_gradient(const DirectionBackward<Real>& d, Range items, const ChunkArrays<Real>& chunk,
                             Real* dparameters) {
  const Padded<Real>& p = d.p;
  const Index width = 4 * p.L, n = chunk.frames, all = 4 * p.blocks, vectors = p.outputs / p.L;
  const Index begin = vectors * items.begin / all * p.L,
              end = std::max(begin, std::min(p.P, vectors * items.end / all * p.L));
  const Index whole = p.H / p.L * p.L, last = whole / width;  // the panel of m with the columns that fill no vector
  Real* const out = dparameters + d.shape.weight_hr;
  GemmArgs<Real> product;
  product.rows = end - begin;
  product.vectors = whole / p.L;
  product.K = n;
  product.a = {chunk.dh_new + begin, 1, p.h_stride};
  product.b = {chunk.m, n * width, width};
  product.c = {out + begin * p.H, width, p.H};
  product.start = GemmArgs<Real>::add;
  kernels<Real>().gemm(product);
  for (Index unit = begin; whole < p.H && unit < end; unit += width)
    add_last_columns(n, std::min(width, end - unit), chunk.dh_new + unit, p.h_stride, p.H - whole,
                     chunk.m + last * width * n + whole % width, width,
                     [&](Index u) { return out + (unit + u) * p.H + whole; });
}

}  // namespace

template <class Real>
void locate_inputs(const DirectionBackward<Real>& d, const Chunk& chunk, ChunkArrays<Real>& arrays) {
  const Padded<Real>& p = d.p;
  const Real* const h = h_in_place(d, chunk);
  arrays.x_columns = staged_columns<Real>(p, p.I, arrays.x, arrays.frames);
  arrays.h_columns = h != nullptr ? typename GemmArgs<Real>::Right{h, 4 * p.L, p.h_stride}
                                  : staged_columns<Real>(p, p.P, arrays.h, arrays.frames);
}

template <class Real>
void stage_inputs(const DirectionBackward<Real>& d, Index row_begin, Index row_limit, const Chunk& chunk,
                  const ChunkArrays<Real>& arrays, Real* scratch) {
  const bool stages_h = h_in_place(d, chunk) == nullptr;
  for (Index s = chunk.s0; s < chunk.s1; ++s) {
    const Index row_end = std::min(row_limit, d.rows.active(s));
    const Index frame = d.rows.first_frame(s) - chunk.first_frame + row_begin;
    stage_x(d, s, row_begin, row_end, frame, arrays, scratch);
    if (stages_h) stage_h(d, s, row_begin, row_end, frame, arrays, scratch);
  }
}

template <class Real>
void parameter_gradients(const DirectionBackward<Real>& d, Range items, const ChunkArrays<Real>& chunk,
                         Real* dparameters, Real* dmasked, Real* scratch) {
  const Padded<Real>& p = d.p;
  const Index n = chunk.frames;
  for (Range rest = items; rest.begin < rest.end;) {
    const GateRange range = first_range(rest, transposes_dz(p) ? blocks_at_once(p) : 1);
    // Without a bias the sums are not needed; they take next to no time.
    alignas(64) Real sums[most_blocks_at_once * 4 * 64 / sizeof(Real)] = {};
    const auto left = gate_rows(p, range, n, chunk.dz, scratch, sums);
    if (d.shape.bias >= 0 && !d.shape.normalised()) add_bias_gradient(p, range, sums, dparameters + d.shape.bias);
    add_weight_gradient(p, range, n, chunk.dz, left, p.I, chunk.x_columns, dparameters + d.shape.weight_ih);
    add_weight_gradient(p, range, n, chunk.dz, left, p.P, chunk.h_columns, dmasked + d.shape.weight_hh);
    rest.begin += range.blocks * range.gates;
  }
  for (Index item = items.begin; item < items.end && chunk.terms != nullptr; ++item)
    if (item % 4 == 0) add_terms(d, item / 4, chunk, dparameters);
  if (d.shape.projected()) add_projection_gradient(d, items, chunk, dparameters);
}

template <class Real>
void row_gradients(const DirectionBackward<Real>& d, Index row_begin, Index row_end, const Chunk& chunk,
                   const ChunkArrays<Real>& batch, const ChunkArrays<Real>& own, Real* scratch) {
  const Padded<Real>& p = d.p;
  const Index width = 4 * p.L, terms = d.weights.cell.terms * p.L;
  for (Index position = row_begin; position < row_end; ++position) {
    ChunkArrays<Real> row = own;
    row.frames = std::min(chunk.s1, d.rows.length(position)) - chunk.s0;
    if (row.frames <= 0) return;  // rows are sorted: those after it are no longer
    row.x_columns = staged_columns<Real>(p, p.I, own.x, row.frames);
    row.h_columns = staged_columns<Real>(p, p.P, own.h, row.frames);
    for (Index s = chunk.s0; s < chunk.s0 + row.frames; ++s) {
      const Index from = d.rows.first_frame(s) - chunk.first_frame + position, to = s - chunk.s0;
      const auto copy = [&](const Real* all, Index panels, Index n, Real* out) {
        for (Index panel = 0; all != nullptr && panel < panels; ++panel)
          std::copy_n(all + (panel * batch.frames + from) * n, n, out + (panel * row.frames + to) * n);
      };
      stage_x(d, s, position, position + 1, to, row, scratch);
      stage_h(d, s, position, position + 1, to, row, scratch);
      std::copy_n(batch.dz + from * p.dz_stride, p.dz_stride, row.dz + to * p.dz_stride);
      copy(batch.terms, p.panels, terms, row.terms);
      copy(batch.dh_new, 1, p.h_stride, row.dh_new);
      copy(batch.m, p.column_panels(p.H), width, row.m);
    }
    const Index b = d.rows.batch_row(position);
    parameter_gradients(d, {0, 4 * p.blocks}, row, d.dparameters + b * d.num_parameters,
                        d.dmasked + b * d.num_parameters, scratch);
  }
}

#define EIGENLSTM_INSTANTIATE(Real)                                                                                 \
  template void locate_inputs(const DirectionBackward<Real>&, const Chunk&, ChunkArrays<Real>&);                    \
  template void stage_inputs(const DirectionBackward<Real>&, Index, Index, const Chunk&, const ChunkArrays<Real>&,  \
                             Real*);                                                                                \
  template void parameter_gradients(const DirectionBackward<Real>&, Range, const ChunkArrays<Real>&, Real*, Real*,  \
                                    Real*);                                                                         \
  template void row_gradients(const DirectionBackward<Real>&, Index, Index, const Chunk&, const ChunkArrays<Real>&, \
                              const ChunkArrays<Real>&, Real*);
EIGENLSTM_INSTANTIATE(float)
EIGENLSTM_INSTANTIATE(double)
#undef EIGENLSTM_INSTANTIATE

}  // namespace eigenlstm
