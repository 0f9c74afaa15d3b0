// How many threads a call may use, and how the caller interrupts one.
#pragma once

#include <stdexcept>

namespace eigenlstm {

/// The most threads that a call may use, including the calling one. By default that is EIGENLSTM_NUM_THREADS if it is
/// set, otherwise the number of CPUs that this process may run on, or the quota of its control group, rounded up, if
/// that is less. Small work uses fewer threads. Results never depend on the number. The other threads belong to the
/// library. If the system wakes them on the CPU of the calling thread, they are kept off that CPU from then on (by
/// pthread_setaffinity_np, on the library's threads only), within the CPUs of the process, if it has one for each.
int num_threads();

/// Sets that number. Throws std::invalid_argument unless 1 <= n <= 1024.
void set_num_threads(int n);

/// Thrown by a call that the function given to set_interrupt_check stopped. The outputs of the call are unspecified.
struct Interrupted {};

/// Thrown in a forked child by a call with several threads, if the interrupt check has forked: the other threads of the
/// call don't exist in the child. The outputs of the call are unspecified there. (In the parent the call continues.)
struct Forked : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Registers a function that long calls call about every 50 ms, on the calling thread, to ask whether to stop.
/// Null (the default): they never ask. The Python module uses it for Ctrl-C.
void set_interrupt_check(bool (*check)());

}  // namespace eigenlstm
