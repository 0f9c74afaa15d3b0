// Prints a hash of the bits of each of many calls: layers of random shapes and variants forward, step by step and
// backward; losses; small training loops. tests/cpp/same_hashes.py compares what instruction sets print.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "eigenlstm/ctc.hpp"
#include "eigenlstm/isa.hpp"
#include "eigenlstm/linear.hpp"
#include "eigenlstm/losses.hpp"
#include "eigenlstm/lstm.hpp"
#include "eigenlstm/optimisers.hpp"
#include "eigenlstm/threads.hpp"
#include "support/core.hpp"
#include "support/random.hpp"

namespace {

using namespace eigenlstm;
using test::Random;

/// FNV-1a over the bits of values. All NaN count as one: their payload is no promise.
class Hash {
 public:
  template <class Real>
  Hash& operator<<(const std::vector<Real>& values) {
    for (Real value : values) *this << value;
    return *this;
  }
  template <class Real, class = std::enable_if_t<std::is_floating_point_v<Real>>>
  Hash& operator<<(Real value) {
    if (std::isnan(value)) value = std::numeric_limits<Real>::quiet_NaN();
    unsigned char bytes[sizeof(Real)];
    std::memcpy(bytes, &value, sizeof(Real));
    for (unsigned char byte : bytes) hash_ = (hash_ ^ byte) * 1099511628211u;
    return *this;
  }
  void print(const std::string& name) const { std::printf("%s %016llx\n", name.c_str(), hash_); }

 private:
  unsigned long long hash_ = 14695981039346656037u;
};

template <class Real>
std::string named(const char* what, int number) {
  return std::string(what) + (sizeof(Real) == 4 ? "-float32-" : "-float64-") + std::to_string(number);
}

LSTMOptions random_options(Random& random, int number) {
  // One after the other: compilers differ in the order in which they evaluate arguments.
  const Index I = random.whole(1, number % 5 == 0 ? 90 : 20);
  LSTMOptions o = test::model(I, random.whole(1, number % 7 == 0 ? 90 : 40));
  const auto now_and_then = [&] { return number >= 6 && random.real(0, 1) < 0.25; };
  if (now_and_then()) o.num_layers = 2, o.residual = now_and_then();
  if (now_and_then()) o.bidirectional = true, o.merge = Merge(random.whole(0, 3));
  if (o.residual && o.merge == Merge::concat) o.residual = false;
  o.bias = !now_and_then();
  if (now_and_then()) o.proj_size = (o.hidden_size + 1) / 2;
  o.cell.peephole = now_and_then();
  o.cell.coupled_input_forget = now_and_then();
  o.cell.layer_norm = now_and_then();
  if (now_and_then()) o.cell.gate_clip = 0.7;
  if (now_and_then()) o.cell.cell_clip = 0.6;
  if (now_and_then()) o.cell.zoneout_h = o.cell.zoneout_c = 0.2;
  if (now_and_then()) o.cell.candidate = activation("softsign"), o.cell.output = activation("softplus");
  if (now_and_then()) o.cell.gate = activation("hard_sigmoid"), o.cell.output = activation("elu");
  o.learned_state = now_and_then();
  if (now_and_then()) o.recurrent_dropout = o.input_dropout = 0.2;
  if (now_and_then()) o.weight_drop = 0.2;
  if (now_and_then()) o.missing = Missing::mask;
  return o;
}

/// The sums over rows and steps of some are cut into several parts.
struct Sizes {
  Index B, T;
};
Sizes random_sizes(Random& random, int number) {
  if (number % 4 == 1) return {random.whole(100, 260), random.whole(3, 6)};
  if (number % 4 == 2) return {random.whole(1, 3), random.whole(260, 600)};
  return {random.whole(1, 12), random.whole(1, 40)};
}

template <class Real>
void layer(int number) {
  Random random(unsigned(1000 + number));
  const LSTM<Real> lstm(random_options(random, number));
  const LSTMOptions& o = lstm.options();
  const Sizes sizes = random_sizes(random, number);
  const Index B = sizes.B, T = sizes.T;  // lambdas of C++17 capture no structured bindings
  const std::uint64_t seed = 5;
  const Index F = o.features(o.num_layers - 1), h_size = B * lstm.state_h_size(), c_size = B * lstm.state_c_size();
  const std::vector<Real> parameters = random.vector<Real>(lstm.num_parameters(), 0.5),
                          x = random.vector<Real>(B * T * o.input_size, 2), dy = random.vector<Real>(B * T * F),
                          h0 = random.vector<Real>(h_size), c0 = random.vector<Real>(c_size);
  std::vector<Index> lengths;
  for (Index b = 0; b < B && number % 3 == 0; ++b) lengths.push_back(random.whole(0, T));
  const std::string name = named<Real>("layer", number);
  std::vector<Real> y(B * T * F), h(h_size), c(c_size);
  const auto call = [&](std::unique_ptr<Tape<Real>>* tape, std::optional<std::uint64_t> masks, Memory memory) {
    lstm.forward(lstm.pack(parameters.data(), tape != nullptr, masks), B, T,
                 test::batch_major(x.data(), T, o.input_size), lengths.empty() ? nullptr : lengths.data(),
                 {h0.data(), c0.data()}, test::batch_major(y.data(), T, F), {h.data(), c.data()}, tape, masks, memory);
    Hash hash;
    return hash << y << h << c;
  };
  call(nullptr, {}, {}).print(name + "/inference");
  for (const auto kind : {Memory::full, Memory::light})
    for (const bool per_row : {false, true}) {
      if (per_row && (kind == Memory::light || B > 20)) continue;
      std::unique_ptr<Tape<Real>> tape;
      Hash hash = call(&tape, seed, {kind});
      std::vector<Real> dx(x.size()), dparameters((per_row ? B : 1) * lstm.num_parameters());
      lstm.backward(*tape, test::batch_major(dy.data(), T, F), {}, test::batch_major(dx.data(), T, o.input_size),
                    {h.data(), c.data()}, dparameters.data(), per_row);
      (hash << dx << h << c << dparameters)
          .print(name + (per_row                 ? "/per_row"
                         : kind == Memory::light ? "/light"
                                                 : "/backward"));
    }
  if (o.looks_ahead()) return;
  Stream<Real> stream(lstm, lstm.pack(parameters.data(), false), B);
  Hash steps;
  for (Index t = 0; t < std::min<Index>(T, 5); ++t) {
    std::vector<Real> x_t(x.begin() + t * B * o.input_size, x.begin() + (t + 1) * B * o.input_size), y_t(B * F);
    stream.step(x_t.data(), y_t.data());
    steps << y_t;
  }
  steps.print(name + "/stream");
}

template <class Real>
void losses(int number) {
  Random random(unsigned(2000 + number));
  const Index n = random.whole(1, 3000), C = random.whole(2, 70), T = random.whole(8, 30), S = 4;
  for (int loss = 0; loss < 7; ++loss) {
    const Index pair = ElementLoss(loss) == ElementLoss::gaussian_nll ? 2 : 1;
    const std::vector<Real> p = random.vector<Real>(n * pair, 3), t = random.vector<Real>(n, 1),
                            w = random.vector<Real>(n, 1), half = {Real(0.5)};
    std::vector<Real> dp(p.size());
    const double value = element_loss<Real>(ElementLoss(loss), n, pair, p.data(), t.data(), w.data(), n, half.data(), 1,
                                            1 / double(n), dp.data());
    (Hash() << value << dp).print(named<Real>("loss", 10 * number + loss));
  }
  const std::vector<Real> logits = random.vector<Real>(n * C, 4);
  std::vector<Real> dlogits(logits.size());
  std::vector<std::int64_t> labels(n), targets(S), lengths{std::int64_t(T)}, target_lengths{std::int64_t(S)};
  for (auto& label : labels) label = random.whole(0, C - 1);
  for (auto& label : targets) label = random.whole(1, C - 1);
  const double value =
      cross_entropy<Real>(n, C, logits.data(), labels.data(), nullptr, nullptr, {0.1, -100, true}, dlogits.data());
  (Hash() << value << dlogits).print(named<Real>("cross_entropy", number));
  const Index frames = std::min(T, n);
  lengths[0] = frames;
  if (frames < 2 * S) return;
  double scale = 0.5, loss = 0;
  std::vector<Real> dframes(frames * C);
  ctc<Real>(1, frames, C, S, logits.data(), targets.data(), lengths.data(), target_lengths.data(), 0, &scale, &loss,
            dframes.data());
  (Hash() << loss << dframes).print(named<Real>("ctc", number));
}

/// An LSTM and a linear layer learn, a few steps.
template <class Real>
void training(int number) {
  Random random(unsigned(3000 + number));
  const Index B = random.whole(20, 90), T = 12, I = 3, H = random.whole(5, 70), O = random.whole(1, 20);
  const LSTM<Real> lstm(test::model(I, H, 1 + number % 2));
  const Index n = lstm.num_parameters(), all = n + O * H + O;
  std::vector<Real> parameters = random.vector<Real>(all, 0.3), y(B * T * H), p(B * T * O), dp(p.size()), dy(y.size());
  std::vector<Real> states[] = {std::vector<Real>(all), std::vector<Real>(all)};
  const std::vector<Real> x = random.vector<Real>(B * T * I), t = random.vector<Real>(B * T * O);
  Hash hash;
  for (int step = 1; step <= 4; ++step) {
    std::unique_ptr<Tape<Real>> tape;
    Real *const w = parameters.data() + n, *const b = w + O * H;
    std::vector<Real> gradients(all);
    lstm.forward(lstm.pack(parameters.data(), true), B, T, test::batch_major(x.data(), T, I), nullptr, {},
                 test::batch_major(y.data(), T, H), {}, &tape);
    linear_forward<Real>(B * T, H, O, y.data(), w, b, p.data());
    hash << element_loss<Real>(ElementLoss::mse, B * T * O, 1, p.data(), t.data(), nullptr, 0, nullptr, 0,
                               1 / double(B * T * O), dp.data());
    linear_backward<Real>(B * T, H, O, y.data(), w, dp.data(), gradients.data() + n, gradients.data() + n + O * H,
                          dy.data());
    lstm.backward(*tape, test::batch_major<const Real>(dy.data(), T, H), {}, {}, {}, gradients.data());
    hash << norm<Real>(all, gradients.data());
    Update<Real> u;
    u.n = all, u.lr = 0.01, u.weight_decay = 0.001, u.params = parameters.data(), u.grads = gradients.data();
    u.state0 = states[0].data();
    if (number % 4 == 0) update(Sgd{0.9, 0, true}, step, u);
    if (number % 4 == 1) u.state1 = states[1].data(), update(Adam{}, step, u);
    if (number % 4 == 2) update(RmsProp{}, step, u);
    if (number % 4 == 3) update(Adagrad{}, step, u);
  }
  (hash << parameters).print(named<Real>("training", number));
}

template <class Real>
void print_all() {
  for (int number = 0; number < 40; ++number) layer<Real>(number);
  for (int number = 0; number < 4; ++number) losses<Real>(number);
  for (int number = 0; number < 8; ++number) training<Real>(number);
}

}  // namespace

int main() {
  std::fprintf(stderr, "%s\n", isa());
  set_num_threads(2);
  print_all<float>();
  print_all<double>();
}
