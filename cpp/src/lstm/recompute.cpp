// Gates that the tape does not keep, computed again. All h of the steps before are known, so the steps of a chunk need
// not wait for each other: they are the rows of one product.
#include "lstm/backward.hpp"

namespace eigenlstm {
namespace {

/// Rows that one call of the kernel takes.
constexpr Index block_rows = 96;

/// Rows from `row` on, up to `limit`, whose states before lie as far apart as the rows themselves: those of step s, and
/// of the steps after it while no row ends.
Index run_end(const Rows& rows, Index first_step, Index s, Index limit) {
  Index end = rows.offset(s + 1);
  for (Index next = s + 1; s > first_step && end < limit && rows.active(next - 1) == rows.active(s - 1); ++next)
    end = rows.offset(next + 1);
  return std::min(end, limit);
}

}  // namespace

template <class Real>
Index recompute_scratch(const Padded<Real>& p) {
  const Index z = p.whole_rows ? block_rows * p.gates() : std::max(z_rows(block_rows, p.panels) * 4 * p.L, p.gates());
  return block_rows * (p.I + 2 * p.row + p.h_row) + z;
}

template <class Real>
void recompute_gates(const DirectionBackward<Real>& d, const Chunk& chunk, Range part, const GateValues<Real>& values,
                     Real* scratch) {
  const Padded<Real>& p = d.p;
  Real *c = scratch, *h = c + block_rows * p.row, *h_in = h + block_rows * p.row, *x = h_in + block_rows * p.h_row,
       *z = x + block_rows * p.I;
  const Index end = chunk.first_row + part.end;
  for (Index row = chunk.first_row + part.begin, s = chunk.s0; row < end;) {
    while (d.rows.offset(s + 1) <= row) ++s;
    const Index position = row - d.rows.offset(s);
    const Index n = run_end(d.rows, d.steps.begin, s, std::min(end, row + block_rows)) - row;
    const bool masked = d.recurrent != nullptr;
    for (Index r = row, step = s; r < row + n; ++step) {
      const Index first = r - d.rows.offset(step), last = std::min(d.rows.active(step), row + n - d.rows.offset(step));
      d.input.gather(step, first, last, d.reverse, x + (r - row) * p.I);
      if (masked)
        multiply_rows(last - first, p.P, d.h_before(step) + first * p.h_row, p.h_row, d.recurrent + first * p.h_row,
                      p.h_row, h_in + (r - row) * p.h_row, p.h_row);
      r += last - first;
    }
    StepArgs<Real> args = step_args(p, d.weights.forward.data(), 0, p.panels);
    args.rows = n;
    args.x = x;
    args.x_row = p.I;
    args.h_prev = masked ? h_in : d.h_before(s) + position * p.h_row;
    args.h_prev_row = p.h_row;
    args.c_prev = d.c_before(s) + position * p.row;
    args.z = z;
    args.z_panel = n == 1 || p.whole_rows ? n * 4 * p.L : 0;
    args.c = c;
    args.h = h;
    args.c_prev_row = args.c_row = args.h_row = p.row;
    StepVariant<Real> variant{};
    variant.cell = &d.weights.cell;
    values.store_to(args, variant, 0, row, p.L);
    step_cell(d.weights, args, variant);
    row += n;
  }
}

#define EIGENLSTM_INSTANTIATE(Real)                      \
  template Index recompute_scratch(const Padded<Real>&); \
  template void recompute_gates(const DirectionBackward<Real>&, const Chunk&, Range, const GateValues<Real>&, Real*);
EIGENLSTM_INSTANTIATE(float)
EIGENLSTM_INSTANTIATE(double)
#undef EIGENLSTM_INSTANTIATE

}  // namespace eigenlstm
