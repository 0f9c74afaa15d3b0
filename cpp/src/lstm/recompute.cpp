// Gates that a light tape does not keep, computed again. All h are known, so the steps of a chunk need not wait for
// each other: they are rows of one product.
#include "lstm/backward.hpp"

namespace eigenlstm {
namespace {

/// Frames that one call of the kernel takes.
constexpr Index frames_at_once = 96;

/// The end of the frames whose previous states lie as far apart as the frames themselves, up to `limit`: those of step
/// s, and of the steps after it while no row ends.
Index uniform_end(const Rows& rows, Index first_step, Index s, Index limit) {
  Index end = rows.first_frame(s + 1);
  for (Index next = s + 1; s > first_step && end < limit && rows.active(next - 1) == rows.active(s - 1); ++next)
    end = rows.first_frame(next + 1);
  return std::min(end, limit);
}

}  // namespace

template <class Real>
Index recompute_scratch(const Padded<Real>& p) {
  const Index z =
      p.whole_rows ? frames_at_once * p.gates() : std::max(z_rows(frames_at_once, p.panels) * 4 * p.L, p.gates());
  return frames_at_once * (p.I + 2 * p.c_stride + p.h_stride) + z;
}

template <class Real>
void recompute_gates(const DirectionBackward<Real>& d, const Chunk& chunk, Range frames, const GateValues<Real>& values,
                     Real* scratch) {
  const Padded<Real>& p = d.p;
  Real *c = scratch, *h = c + frames_at_once * p.c_stride, *h_in = h + frames_at_once * p.c_stride,
       *x = h_in + frames_at_once * p.h_stride, *z = x + frames_at_once * p.I;
  const Index end = chunk.first_frame + frames.end;
  for (Index frame = chunk.first_frame + frames.begin, s = chunk.s0; frame < end;) {
    while (d.rows.first_frame(s + 1) <= frame) ++s;
    const Index position = frame - d.rows.first_frame(s);
    const Index n = uniform_end(d.rows, d.steps.begin, s, std::min(end, frame + frames_at_once)) - frame;
    const bool masked = d.recurrent_mask != nullptr;
    for (Index from = frame, step = s; from < frame + n; ++step) {
      const Index first = from - d.rows.first_frame(step),
                  last = std::min(d.rows.active(step), frame + n - d.rows.first_frame(step));
      d.input.gather(step, first, last, d.reverse, x + (from - frame) * p.I);
      if (masked)
        multiply_rows(last - first, p.P, d.h_before(step) + first * p.h_stride, p.h_stride,
                      d.recurrent_mask + first * p.h_stride, p.h_stride, h_in + (from - frame) * p.h_stride,
                      p.h_stride);
      from += last - first;
    }
    StepArgs<Real> args = step_args(p, d.weights.forward.data(), 0, p.panels);
    args.rows = n;
    args.x = x;
    args.x_stride = p.I;
    args.h_prev = masked ? h_in : d.h_before(s) + position * p.h_stride;
    args.h_prev_stride = p.h_stride;
    args.c_prev = d.c_before(s) + position * p.c_stride;
    args.z = z;
    args.z_panel_stride = z_panel_stride(p, d.weights, n);
    args.c = c;
    args.h = h;
    args.c_prev_stride = args.c_stride = args.h_stride = p.c_stride;
    StepVariant<Real> variant{};
    variant.cell = &d.weights.cell;
    values.store_to(args, variant, 0, frame, p.L);
    step_cell(d.weights, args, variant);
    frame += n;
  }
}

#define EIGENLSTM_INSTANTIATE(Real)                      \
  template Index recompute_scratch(const Padded<Real>&); \
  template void recompute_gates(const DirectionBackward<Real>&, const Chunk&, Range, const GateValues<Real>&, Real*);
EIGENLSTM_INSTANTIATE(float)
EIGENLSTM_INSTANTIATE(double)
#undef EIGENLSTM_INSTANTIATE

}  // namespace eigenlstm
