// Shows that a real-time thread may run the steps of a stream: a million steps make no allocation, take no lock and
// make no system call. The process runs under seccomp, so the kernel would kill it at its first system call. All calls
// of the library to malloc, free and the mutexes are counted: the linker's --wrap (CMakeLists.txt) directs them here.
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "eigenlstm/isa.hpp"
#include "eigenlstm/model_stream.hpp"

static long calls = 0;  // of functions that a real-time thread must not use

#define COUNTED(type, name, parameters, arguments) \
  extern "C" type __real_##name parameters;        \
  extern "C" type __wrap_##name parameters {       \
    ++calls;                                       \
    return __real_##name arguments;                \
  }
COUNTED(void*, malloc, (std::size_t n), (n))
COUNTED(void*, calloc, (std::size_t n, std::size_t size), (n, size))
COUNTED(void*, realloc, (void* p, std::size_t n), (p, n))
COUNTED(void*, aligned_alloc, (std::size_t alignment, std::size_t n), (alignment, n))
COUNTED(int, posix_memalign, (void** p, std::size_t alignment, std::size_t n), (p, alignment, n))
COUNTED(void, free, (void* p), (p))
struct Mutex;
COUNTED(int, pthread_mutex_lock, (Mutex * m), (m))
COUNTED(int, pthread_mutex_trylock, (Mutex * m), (m))
#undef COUNTED

void* operator new(std::size_t n) {
  if (void* p = malloc(n)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept { free(p); }
void operator delete(void* p, std::size_t) noexcept { free(p); }

namespace {

constexpr long steps = 1000000;

/// In a child of its own: ends with SIGKILL at a system call, else reports the counted calls through `report`.
template <class Real, class Session>
[[noreturn]] void child(Session& session, const std::vector<Real>& x, std::vector<Real>& y, int report) {
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) _exit(77);  // from here on: only read, write and exit
  const long before = calls;
  for (long i = 0; i < steps; ++i) session.step(x.data(), y.data());
  const long made = calls - before;
  const bool written = write(report, &made, sizeof made) == sizeof made;
  syscall(SYS_exit, written && y[0] > 0 ? 0 : 1);
  std::abort();
}

template <class Real, class Session>
int prove(const char* what, Session session, eigenlstm::Index I, eigenlstm::Index O) {
  const std::vector<Real> x(std::size_t(session.batch_size() * I), Real(0.5));
  std::vector<Real> y(std::size_t(session.batch_size() * O));
  int report[2];
  if (pipe(report) != 0) return 1;
  const pid_t pid = fork();
  if (pid == 0) child(session, x, y, report[1]);
  close(report[1]);
  int status = 0;
  long made = -1;
  const bool read_back = read(report[0], &made, sizeof made) == sizeof made;
  waitpid(pid, &status, 0);
  close(report[0]);
  std::printf("%ld steps of %s: ", steps, what);
  if (WIFSIGNALED(status))
    std::printf("killed by signal %d: a system call\n", WTERMSIG(status));
  else if (WEXITSTATUS(status) == 77)
    std::printf("this system has no seccomp\n");
  else
    std::printf("no system call, %ld allocations, frees and locks\n", made);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) return 77;
  return read_back && made == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
}

template <class Real>
eigenlstm::LSTM<Real> lstm(eigenlstm::Index I, eigenlstm::Index H, eigenlstm::Index layers) {
  eigenlstm::LSTMOptions options;
  options.input_size = I;
  options.hidden_size = H;
  options.num_layers = layers;
  return eigenlstm::LSTM<Real>(options);
}

template <class Real>
std::shared_ptr<const eigenlstm::Weights<Real>> weights(const eigenlstm::LSTM<Real>& layer) {
  return layer.pack(std::vector<Real>(std::size_t(layer.num_parameters()), Real(0.1)).data(), false);
}

template <class Real>
int prove_stream(const char* what, eigenlstm::Index I, eigenlstm::Index H, eigenlstm::Index layers,
                 eigenlstm::Index B) {
  const auto layer = lstm<Real>(I, H, layers);
  return prove<Real>(what, eigenlstm::Stream<Real>(layer, weights(layer), B), I, H);
}

/// A model of every operation.
template <class Real>
int prove_model(const char* what, eigenlstm::Index B) {
  using eigenlstm::Index;
  eigenlstm::StepGraph<Real> graph(2);
  const std::vector<Real> some(10000, Real(0.1));
  const Index x = graph.input(), windows = graph.causal_conv1d(x, 5, 3, 2, some.data(), some.data());
  const auto layer = lstm<Real>(5, 8, 2);
  Index h = graph.layer_norm(graph.lstm(windows, layer, weights(layer)), some.data(), some.data(), 1e-5);
  for (const char* name : {"tanh", "gelu_tanh", "silu", "selu", "relu6", "softplus", "softmax", "log_softmax"})
    h = graph.activation(h, eigenlstm::layer_activation(name));
  const Index head = graph.linear(graph.concat({h, graph.shift(h, 1)}), 70, some.data(), some.data());
  const Index product = graph.multiply({graph.slice(head, 3, 2), graph.affine(x, some.data(), some.data())});
  graph.add({graph.activation(product, eigenlstm::layer_activation("exponential")), x});
  return prove<Real>(what, eigenlstm::ModelStream<Real>(graph, B), 2, 2);
}

}  // namespace

int main() {
  std::printf("ISA: %s\n", eigenlstm::isa());
  for (int result :
       {prove_stream<float>("an LSTM of 8", 1, 8, 1, 1), prove_stream<float>("two LSTMs of 16", 3, 16, 2, 1),
        prove_stream<double>("an LSTM of 8 in float64, 3 rows", 1, 8, 1, 3), prove_model<float>("a model", 1),
        prove_model<double>("a model in float64, 2 rows", 2)})
    if (result != 0) return result;
  return 0;
}
