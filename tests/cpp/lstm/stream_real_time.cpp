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
#include <new>
#include <vector>

#include "eigenlstm/isa.hpp"
#include "eigenlstm/lstm.hpp"

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

/// Runs in a child process. A system call ends it with SIGKILL; otherwise it writes the number of counted calls to the
/// file descriptor `report`.
template <class Real>
[[noreturn]] void child(eigenlstm::Index I, eigenlstm::Index H, eigenlstm::Index layers, eigenlstm::Index B,
                        int report) {
  eigenlstm::LSTMOptions options;
  options.input_size = I;
  options.hidden_size = H;
  options.num_layers = layers;
  const eigenlstm::LSTM<Real> lstm(options);
  const std::vector<Real> parameters(lstm.num_parameters(), Real(0.1)), x(B * I, Real(0.5));
  std::vector<Real> y(B * H);
  eigenlstm::Stream<Real> stream(lstm, lstm.pack(parameters.data(), false), B);
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) _exit(77);  // from now on, only read, write and exit are allowed
  const long before = calls;
  for (long i = 0; i < steps; ++i) stream.step(x.data(), y.data());
  const long made = calls - before;
  const bool written = write(report, &made, sizeof made) == sizeof made;
  syscall(SYS_exit, written && y[0] > 0 ? 0 : 1);
  std::abort();
}

template <class Real>
int prove(eigenlstm::Index I, eigenlstm::Index H, eigenlstm::Index layers, eigenlstm::Index B) {
  int report[2];
  if (pipe(report) != 0) return 1;
  const pid_t pid = fork();
  if (pid == 0) child<Real>(I, H, layers, B, report[1]);
  close(report[1]);
  int status = 0;
  long made = -1;
  const bool read_back = read(report[0], &made, sizeof made) == sizeof made;
  waitpid(pid, &status, 0);
  close(report[0]);
  std::printf("%ld steps of I %td H %td, %td layers, B %td: ", steps, I, H, layers, B);
  if (WIFSIGNALED(status))
    std::printf("killed by signal %d: a system call\n", WTERMSIG(status));
  else if (WEXITSTATUS(status) == 77)
    std::printf("this system has no seccomp\n");
  else
    std::printf("no system call, %ld allocations, frees and locks\n", made);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) return 77;
  return read_back && made == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
}

}  // namespace

int main() {
  std::printf("ISA: %s\n", eigenlstm::isa());
  for (int result : {prove<float>(1, 8, 1, 1), prove<float>(3, 16, 2, 1), prove<double>(1, 8, 1, 3)})
    if (result != 0) return result;
  return 0;
}
