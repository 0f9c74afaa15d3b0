#include "eigenlstm/audio.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>

namespace eigenlstm::audio {
namespace {

constexpr Index block = 256;     // samples for which inputs are put together at a time
constexpr Index most = 1 << 16;  // inputs or outputs

template <class Real>
const StepGraph<Real>& checked(const StepGraph<Real>& graph) {
  if (graph.takes_integers()) throw std::invalid_argument("Player: the model must take samples, it takes integers");
  for (const Index size : {graph.size(graph.input()), graph.size(graph.output())})
    if (size > most)
      throw std::invalid_argument("Player: the model must have at most " + std::to_string(most) +
                                  " inputs and outputs, got " + std::to_string(size));
  return graph;
}

}  // namespace

template <class Real>
struct Player<Real>::Impl {
  Impl(const StepGraph<Real>& graph, Description described)
      : description(std::move(described)),
        stream(checked(graph), 1),
        inputs(stream.input_size()),
        outputs(stream.output_size()),
        in_factor(static_cast<Real>(std::pow(10.0, description.in_gain / 20))),
        out_factor(static_cast<Real>(std::pow(10.0, description.out_gain / 20))),
        x(block * inputs),
        start(stream.state_size()) {
    if (description.prewarm < 0) throw std::invalid_argument("Player: prewarm must be at least 0");
    std::vector<Real> silence(block * outputs);
    for (Index done = 0; done < description.prewarm; done += block)
      stream.process(x.data(), std::min(block, description.prewarm - done), silence.data());
    stream.get_state(start.data());
  }

  Description description;
  ModelStream<Real> stream;
  Index inputs, outputs;
  Real in_factor, out_factor;
  std::vector<Real> x;      // (block, inputs): samples and, beside each of them, the knobs
  std::vector<Real> start;  // the state after the silence
};

template <class Real>
Player<Real>::Player(const StepGraph<Real>& graph, Description description)
    : impl_(std::make_unique<Impl>(graph, std::move(description))) {}
template <class Real>
Player<Real>::Player(Player&&) noexcept = default;
template <class Real>
Player<Real>& Player<Real>::operator=(Player&&) noexcept = default;
template <class Real>
Player<Real>::~Player() = default;

template <class Real>
const Description& Player<Real>::description() const {
  return impl_->description;
}

template <class Real>
Index Player<Real>::knobs() const {
  return impl_->inputs - 1;
}

template <class Real>
Index Player<Real>::outputs() const {
  return impl_->outputs;
}

template <class Real>
Real Player<Real>::knob(Index k) const {
  if (k < 0 || k >= knobs()) throw std::invalid_argument("Player.knob: there is no such knob");
  return impl_->x[1 + k];
}

template <class Real>
void Player<Real>::set_knob(Index k, Real position) {
  if (k < 0 || k >= knobs()) throw std::invalid_argument("Player.set_knob: there is no such knob");
  if (!(position >= 0 && position <= 1)) throw std::invalid_argument("Player.set_knob: position must be from 0 to 1");
  for (Index t = 0; t < block; ++t) impl_->x[t * impl_->inputs + 1 + k] = position;
}

template <class Real>
void Player<Real>::process(const Real* x, Index n, Real* y) {
  Impl& p = *impl_;
  if (p.inputs == 1 && p.in_factor == 1) {
    p.stream.process(x, n, y);
  } else {
    for (Index done = 0; done < n; done += block) {
      const Index count = std::min(block, n - done);
      for (Index t = 0; t < count; ++t) p.x[t * p.inputs] = x[done + t] * p.in_factor;
      p.stream.process(p.x.data(), count, y + done * p.outputs);
    }
  }
  if (p.out_factor != 1)
    for (Index t = 0; t < n * p.outputs; ++t) y[t] *= p.out_factor;
}

template <class Real>
void Player<Real>::reset() {
  impl_->stream.set_state(impl_->start.data());
}

template class Player<float>;
template class Player<double>;

}  // namespace eigenlstm::audio
