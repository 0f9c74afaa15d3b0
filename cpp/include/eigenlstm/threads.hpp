// How many threads a call may use, and how the caller interrupts one.
#pragma once

#include <stdexcept>

namespace eigenlstm {

/// Threads that a call may use, itself included. Default: EIGENLSTM_NUM_THREADS where set, else the CPUs that
/// this process may run on, or what its control group's quota is worth, rounded up, where that is less. Small work uses
/// fewer; results never depend on the number. The other threads are the library's own. Where the system wakes
/// them on their caller's CPU, callers keep them off it from then on (pthread_setaffinity_np, on them alone), within
/// the CPUs of the process (of its main thread), if that has one for each.
int num_threads();

/// Sets it. Throws std::invalid_argument unless 1 <= n <= 1024.
void set_num_threads(int n);

/// Thrown by a call that `set_interrupt_check`'s function stopped. The call's outputs are then unspecified.
struct Interrupted {};

/// Thrown by a call of several threads in a forked child, when the interrupt check has forked: the call's other threads
/// do not exist there. Its outputs are then unspecified. (The parent's call goes on.)
struct Forked : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Registers a function that long calls ask about every 50 ms, on the calling thread, whether to stop.
/// Null (the default): never ask. The Python module uses it for Ctrl-C.
void set_interrupt_check(bool (*check)());

}  // namespace eigenlstm
