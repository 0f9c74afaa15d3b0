// A layer behind C functions, so that several builds of the core can be loaded into one process and called by turns
// (__main__.py).
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <exception>
#include <memory>

#include "../micro/on_lines.hpp"
#include "eigenlstm/lstm.hpp"
#include "eigenlstm/threads.hpp"
#include "support/random.hpp"  // tests/cpp

namespace {

using eigenlstm::Index;

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

struct Work {
  virtual ~Work() = default;
  virtual void run(double* times) = 0;
  virtual Index size(Index part) const = 0;
  virtual void answer(Index part, double* out) const = 0;
};

template <class Real>
class Layer : public Work {
 public:
  Layer(Index T, Index B, Index I, Index H, bool train)
      : T(T),
        B(B),
        I(I),
        H(H),
        train(train),
        random(1),
        lstm(options(I, H)),
        parameters(drawn(lstm.num_parameters(), 0.1)),
        x(drawn(T * B * I)),
        dy(drawn(T * B * H)),
        y(zeros(T * B * H)),
        h(zeros(B * H)),
        c(zeros(B * H)),
        dx(zeros(T * B * I)),
        dh(zeros(B * H)),
        dc(zeros(B * H)),
        gradients(zeros(lstm.num_parameters())),
        weights(lstm.pack(parameters.data(), train)) {}

  /// times[0]: seconds of the forward pass, in training with the packing of the weights; times[1]: of the backward
  /// pass.
  void run(double* times) override {
    std::fill_n(gradients.data(), gradients.size(), Real(0));
    const double start = seconds();
    std::unique_ptr<eigenlstm::Tape<Real>> tape;
    if (train) weights = lstm.pack(parameters.data(), true);
    lstm.forward(weights, B, T, {x.data(), T * I, I, 1}, nullptr, {}, {y.data(), T * H, H, 1}, {h.data(), c.data()},
                 train ? &tape : nullptr);
    const double between = seconds();
    times[0] = between - start;
    if (!train) return;
    lstm.backward(*tape, {dy.data(), T * H, H, 1}, {}, {dx.data(), T * I, I, 1}, {dh.data(), dc.data()},
                  gradients.data());
    times[1] = seconds() - between;
  }

  Index size(Index part) const override { return answers()[part]->size(); }
  void answer(Index part, double* out) const override {
    std::copy_n(answers()[part]->data(), answers()[part]->size(), out);
  }

 private:
  static eigenlstm::LSTMOptions options(Index I, Index H) {
    eigenlstm::LSTMOptions options;
    options.input_size = I;
    options.hidden_size = H;
    return options;
  }
  using Buffer = eigenlstm::Buffer<Real>;
  static Buffer zeros(Index n) {
    Buffer buffer(n);  // (no Buffer::zeros: older revisions have none)
    std::fill_n(buffer.data(), n, Real(0));
    return buffer;
  }
  Buffer drawn(Index n, double scale = 1) { return bench::on_lines(random.vector<Real>(n, scale)); }
  std::array<const Buffer*, 7> answers() const { return {&y, &h, &c, &dx, &dh, &dc, &gradients}; }

  Index T, B, I, H;
  bool train;
  test::Random random;
  eigenlstm::LSTM<Real> lstm;
  Buffer parameters, x, dy, y, h, c, dx, dh, dc, gradients;
  std::shared_ptr<const eigenlstm::Weights<Real>> weights;
};

}  // namespace

#define EIGENLSTM_EXPORT extern "C" [[gnu::visibility("default")]]

/// Null, and words on stderr, where it fails.
EIGENLSTM_EXPORT void* make(std::ptrdiff_t T, std::ptrdiff_t B, std::ptrdiff_t I, std::ptrdiff_t H, int float64,
                            int train, int threads) try {
  eigenlstm::set_num_threads(threads);
  if (float64) return static_cast<Work*>(new Layer<double>(T, B, I, H, train));
  return static_cast<Work*>(new Layer<float>(T, B, I, H, train));
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return nullptr;
}
/// False, and words on stderr, where it fails.
EIGENLSTM_EXPORT bool run(void* layer, double* times) try {
  static_cast<Work*>(layer)->run(times);
  return true;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return false;
}
/// Of parts 0 to 6: y, h, c, dx, dh0, dc0, the gradients of the parameters.
EIGENLSTM_EXPORT std::ptrdiff_t answer_size(void* layer, std::ptrdiff_t part) {
  return static_cast<Work*>(layer)->size(part);
}
EIGENLSTM_EXPORT void answer(void* layer, std::ptrdiff_t part, double* out) {
  static_cast<Work*>(layer)->answer(part, out);
}
EIGENLSTM_EXPORT void destroy(void* layer) { delete static_cast<Work*>(layer); }
