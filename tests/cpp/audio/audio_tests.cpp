// Amplifiers from files that the test writes: every format against scalar loops in double precision, what is refused,
// and that playing allocates nothing, takes no lock and makes no system call (the last part, on Linux).
#include <eigenlstm/audio.hpp>
#include <eigenlstm/isa.hpp>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <new>
#include <nlohmann/json.hpp>
#include <random>

#ifdef __linux__
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

static long calls = 0;  // of new and delete

void* operator new(std::size_t n) {
  ++calls;
  if (void* p = std::malloc(n)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept {
  ++calls;
  std::free(p);
}
void operator delete(void* p, std::size_t) noexcept {
  ++calls;
  std::free(p);
}

namespace {

using eigenlstm::audio::load;
using Json = nlohmann::json;
using Vector = std::vector<double>;
using Matrix = std::vector<Vector>;

int failures = 0;

void check(bool holds, const std::string& what) {
  if (!holds) std::printf("FAILED: %s\n", what.c_str());
  failures += !holds;
}

std::mt19937 random_bits(0);

Vector uniform(std::size_t n) {
  std::uniform_real_distribution<double> draw(-0.6, 0.6);
  Vector result(n);
  for (double& each : result) each = draw(random_bits);
  return result;
}

Matrix uniform(std::size_t rows, std::size_t columns) {
  Matrix result;
  for (std::size_t i = 0; i < rows; ++i) result.push_back(uniform(columns));
  return result;
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

/// One layer over all steps: w (4H, I), r (4H, H), b (4H), gates i f g o.
Matrix lstm(const Matrix& x, const Matrix& w, const Matrix& r, const Vector& b, Vector h, Vector c) {
  const std::size_t H = h.size();
  Matrix y;
  for (const Vector& step : x) {
    Vector z = b;
    for (std::size_t row = 0; row < 4 * H; ++row) {
      for (std::size_t i = 0; i < step.size(); ++i) z[row] += w[row][i] * step[i];
      for (std::size_t i = 0; i < H; ++i) z[row] += r[row][i] * h[i];
    }
    for (std::size_t i = 0; i < H; ++i) {
      c[i] = sigmoid(z[H + i]) * c[i] + sigmoid(z[i]) * std::tanh(z[2 * H + i]);
      h[i] = sigmoid(z[3 * H + i]) * std::tanh(c[i]);
    }
    y.push_back(h);
  }
  return y;
}

double dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

Matrix transposed(const Matrix& a) {
  Matrix result(a[0].size(), Vector(a.size()));
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t j = 0; j < a[0].size(); ++j) result[j][i] = a[i][j];
  return result;
}

std::string written(const Json& document) {
  const std::string path = "audio_tests.json";
  std::ofstream(path) << document;
  return path;
}

/// The file's player gives `expected` for the first values of x, in blocks of any lengths, and again after a reset.
void check_plays(const char* what, const Json& document, const Matrix& x, const Vector& expected) {
  const std::string path = written(document);
  auto amp = load<double>(path);
  auto single = load<float>(path);
  const eigenlstm::Index n = static_cast<eigenlstm::Index>(x.size());
  Vector input, y(x.size());
  for (const Vector& step : x) input.push_back(step[0]);
  const std::vector<float> input32(input.begin(), input.end());
  std::vector<float> y32(x.size());
  for (eigenlstm::Index k = 0; k < amp.knobs(); ++k) {
    amp.set_knob(k, x[0][static_cast<std::size_t>(k) + 1]);
    single.set_knob(k, static_cast<float>(x[0][static_cast<std::size_t>(k) + 1]));
  }
  for (int round = 0; round < 2; ++round) {
    for (eigenlstm::Index start = 0, size = 1; start < n; start += size, size = size * 3 + 1)
      amp.process(input.data() + start, std::min(size, n - start), y.data() + start);
    double worst = 0;
    for (std::size_t t = 0; t < x.size(); ++t) worst = std::max(worst, std::abs(y[t] - expected[t]));
    check(worst < 1e-12, std::string(what) + ": differs by " + std::to_string(worst * 1e12) + "e-12");
    amp.reset();
  }
  y32 = input32;
  single.process(y32.data(), n, y32.data());  // in place
  double worst = 0;
  for (std::size_t t = 0; t < x.size(); ++t) worst = std::max(worst, std::abs(y32[t] - expected[t]));
  check(worst < 5e-6, std::string(what) + ", float: differs by " + std::to_string(worst));
}

Matrix signal(std::size_t n, const Vector& knobs) {
  Matrix x = uniform(n, 1);
  for (Vector& step : x) step.insert(step.end(), knobs.begin(), knobs.end());
  return x;
}

void test_nam() {
  const std::size_t H = 5, silence = 1000;
  Vector weights;
  Matrix y(silence, Vector(1, 0.0));
  const Matrix x = signal(700, {});
  y.insert(y.end(), x.begin(), x.end());
  for (const std::size_t I : {std::size_t(1), H}) {
    const Matrix w = uniform(4 * H, I), r = uniform(4 * H, H);
    const Vector b = uniform(4 * H), h = uniform(H), c = uniform(H);
    for (std::size_t row = 0; row < 4 * H; ++row) {
      weights.insert(weights.end(), w[row].begin(), w[row].end());
      weights.insert(weights.end(), r[row].begin(), r[row].end());
    }
    for (const Vector* each : {&b, &h, &c}) weights.insert(weights.end(), each->begin(), each->end());
    y = lstm(y, w, r, b, h, c);
  }
  const Vector head = uniform(H);
  weights.insert(weights.end(), head.begin(), head.end());
  weights.push_back(0.25);
  Vector expected;
  for (std::size_t t = silence; t < y.size(); ++t) expected.push_back(dot(head, y[t]) + 0.25);
  const Json config = {{"input_size", 1}, {"hidden_size", H}, {"num_layers", 2}};
  check_plays("NAM", {{"architecture", "LSTM"}, {"config", config}, {"weights", weights}, {"sample_rate", 2000}}, x,
              expected);
}

Json guitarml(const Matrix& w, const Matrix& r, const Vector& b, const Vector& head, int inputs) {
  const Vector zero(b.size(), 0.0);
  Json data = {{"unit_type", "LSTM"}, {"input_size", inputs}, {"output_size", 1}, {"skip", 1}};
  data["hidden_size"] = head.size();
  Json state = {{"rec.weight_ih_l0", w}, {"rec.weight_hh_l0", r}, {"rec.bias_ih_l0", b}, {"rec.bias_hh_l0", zero}};
  state["lin.weight"] = Matrix{head};
  state["lin.bias"] = Vector{-0.125};
  return {{"model_data", data}, {"state_dict", state}};
}

void test_guitarml() {
  const std::size_t H = 6;
  const Matrix w = uniform(4 * H, 3), r = uniform(4 * H, H), x = signal(900, {0.25, 1.0});
  const Vector b = uniform(4 * H), head = uniform(H);
  const Matrix y = lstm(x, w, r, b, Vector(H), Vector(H));
  Vector expected;
  for (std::size_t t = 0; t < x.size(); ++t) expected.push_back(dot(head, y[t]) - 0.125 + x[t][0]);
  check_plays("GuitarML", guitarml(w, r, b, head, 3), x, expected);
}

Json aidax(bool good) {
  const std::size_t H = 4;
  const Matrix w = uniform(4 * H, 1), r = uniform(4 * H, H), kernel = uniform(H, 1);
  const Vector b = uniform(4 * H);
  const Json first = {{"type", "lstm"},
                      {"activation", "tanh"},
                      {"shape", {nullptr, nullptr, H}},
                      {"weights", {transposed(w), transposed(r), b}}};
  const Json second = {
      {"type", "dense"}, {"activation", "tanh"}, {"shape", {nullptr, nullptr, 1}}, {"weights", {kernel, Vector{0.5}}}};
  Json document = {{"in_shape", {nullptr, nullptr, 1}}, {"layers", {first, second}}, {"in_skip", 1}};
  document["in_gain"] = -6.0;
  document["out_gain"] = 3.0;
  const auto play = [&](const Matrix& x, double before, double after) {
    Matrix louder = x;
    for (Vector& step : louder) step[0] *= before;
    Vector result;
    const Matrix y = lstm(louder, w, r, b, Vector(H), Vector(H));
    for (std::size_t t = 0; t < x.size(); ++t)
      result.push_back((std::tanh(dot(transposed(kernel)[0], y[t]) + 0.5) + louder[t][0]) * after);
    return result;
  };
  const Matrix x = signal(600, {});
  Vector given, expected = play(x, 1, 1);
  for (const Vector& step : x) given.push_back(step[0]);
  if (!good) expected[5] += 0.01;
  document["input_batch"] = given;
  document["output_batch"] = expected;
  if (good) check_plays("AIDA-X", document, x, play(x, std::pow(10, -0.3), std::pow(10, 0.15)));
  return document;
}

void check_refused(const Json& document, const char* text) {
  const std::string path = written(document);
  try {
    load<float>(path);
    check(false, std::string("loaded, but ") + text);
  } catch (const eigenlstm::audio::FileError& error) {
    check(std::string(error.what()).find(text) != std::string::npos, std::string(error.what()) + " | " + text);
  }
}

void test_refusals() {
  const std::size_t H = 3;
  const Json good = guitarml(uniform(4 * H, 1), uniform(4 * H, H), uniform(4 * H), uniform(H), 1);
  const auto changed = [&](const char* pointer, const Json& value) {
    Json document = good;
    document[Json::json_pointer(pointer)] = value;
    return document;
  };
  check_refused(changed("/model_data/unit_type", "GRU"), "model_data.unit_type: is 'GRU'");
  check_refused(changed("/model_data/hidden_size", 1e9), "model_data.hidden_size: must be a whole number");
  check_refused(changed("/model_data/hidden_size", 4), "state_dict.rec.weight_ih_l0: must have 16 rows");
  check_refused(changed("/model_data/output_size", 2), "model_data.skip: must be 0 or the 2 of output_size");
  check_refused(changed("/state_dict/rec.weight_hh_l0/2/1", "x"),
                "state_dict.rec.weight_hh_l0[2][1]: must be a number");
  check_refused(changed("/state_dict/lin.bias", {1e300}), "state_dict.lin.bias[0]: is too large");
  check_refused(changed("/state_dict/lin.weight", nullptr), "state_dict: \"lin.weight\" is missing");
  check_refused(changed("/state_dict/more", {1.0}), "state_dict: must have 6 tensors, got 7");
  check_refused({{"architecture", "WaveNet"}}, "architecture: is 'WaveNet'");
  check_refused({{"architecture", "LSTM"},
                 {"config", {{"input_size", 1}, {"hidden_size", 2}, {"num_layers", 1}}},
                 {"weights", {1, 2, 3}}},
                "weights: must have 39 numbers");
  check_refused(aidax(false), "output_batch: fails as a test of the model: sample 5");
  check_refused(Json::array({1}), "is no amplifier that can be read");
  Json deep = 1;
  for (int i = 0; i < 100; ++i) deep = Json::array({deep});
  check_refused(deep, "nested deeper than 64");
  std::ofstream("audio_tests.json") << "{\"a\": ";
  try {
    load<float>("audio_tests.json");
    check(false, "loaded half a text");
  } catch (const eigenlstm::audio::FileError&) {
  }
}

/// A million samples, with knobs turned and a reset in between.
[[maybe_unused]] int play_long(const std::string& path) {
  auto amp = load<float>(path);
  std::vector<float> x(64, 0.25f), y(64);
#ifdef __linux__
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) return 77;  // from here on: only read, write and exit
#endif
  const long before = calls;
  for (int i = 0; i < 15'625; ++i) {
    amp.set_knob(i % 2, 0.5f);
    if (i == 5000) amp.reset();
    amp.process(x.data(), 64, y.data());
  }
  return calls == before && std::isfinite(y[0]) ? 0 : 1;
}

void test_real_time() {
#if defined(__linux__) && !defined(__SANITIZE_THREAD__)  // whose own thread would make system calls in the child
  const std::size_t H = 8;
  const std::string path = written(guitarml(uniform(4 * H, 3), uniform(4 * H, H), uniform(4 * H), uniform(H), 3));
  const pid_t pid = fork();
  if (pid == 0) {
    const int result = play_long(path);
    syscall(SYS_exit, result);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  check(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77),
        WIFSIGNALED(status) ? "playing made a system call" : "playing allocated");
#endif
}

}  // namespace

int main() {
  std::printf("ISA: %s\n", eigenlstm::isa());
  test_nam();
  test_guitarml();
  aidax(true);
  test_refusals();
  test_real_time();
  std::remove("audio_tests.json");
  std::printf(failures ? "%d failures\n" : "all amplifiers play\n", failures);
  return failures ? 1 : 0;
}
