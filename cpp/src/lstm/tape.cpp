#include "lstm/tape.hpp"

#include <stdexcept>

namespace eigenlstm {

template <class Real>
Tape<Real>::Tape(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
template <class Real>
Tape<Real>::~Tape() = default;
template <class Real>
Index Tape<Real>::batch_size() const {
  return impl_->rows.batch_size();
}
template <class Real>
Index Tape<Real>::steps() const {
  return impl_->rows.time_steps();
}
template <class Real>
std::size_t Tape<Real>::bytes() const {
  return impl_->plan.bytes;
}

template <class Real>
void Tape<Real>::trace(Index index, Traced what, Sequence<Real> out) const {
  const Impl& tape = *impl_;
  const Index D = tape.options.directions(), gate = Index(what);
  const Padded<Real> p(direction_shape(tape.options, index / D, index % D));
  if (!tape.plan.segments.empty() || tape.plan.kept != Kept::everything)
    throw std::invalid_argument("Tape.trace: the tape must be full: of forward with memory='full'");
  for (const MicroBatch<Real>& micro : tape.micro_batches) {
    const Rows& rows = micro.rows;
    const DirectionTape<Real>& kept = micro.directions[index];
    const Real* state = what == Traced::c ? kept.c.data() : what == Traced::h ? kept.h.data() : nullptr;
    for (Index position = 0; position < rows.batch_size(); ++position) {
      for (Index s = 0; s < rows.time_steps(); ++s) {
        const bool active = s < rows.length(position);
        const Index t = active ? rows.time(s, position, tape.options.runs_backwards(index % D)) : s;
        Real* to = out.data + rows.batch_row(position) * out.batch_stride + t * out.time_stride;
        const Index frame = active ? rows.first_frame(s) + position : 0;
        for (Index u = 0; u < (what == Traced::h ? p.P : p.H); ++u) {
          const Real* from =
              state ? state + frame * (what == Traced::h ? p.h_stride : p.c_stride) + u
                    : kept.gates.data() + ((u / p.L * rows.num_frames() + frame) * 4 + gate) * p.L + u % p.L;
          to[u * out.feature_stride] = active ? *from : Real(0);
        }
      }
    }
  }
}

template class Tape<float>;
template class Tape<double>;

}  // namespace eigenlstm
