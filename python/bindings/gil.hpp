// The GIL, which is released during a native call and acquired for the check for interrupts.
//
// What happens if the interpreter shuts down while a daemon thread is in a call? CPython before 3.14 ends that thread
// by pthread_exit when it asks for the GIL again. glibc then unwinds the stack through our frames, and the first
// destructor that must not throw would abort the whole process. CPython 3.14 lets such a thread hang instead. These
// classes do the same with any version: the thread sleeps, and the process ends without it.
#pragma once

#include <pybind11/pybind11.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace eigenlstm_python {

/// Set by Py_AtExit, after which a thread must not look at the interpreter's state any more: it has been freed.
inline std::atomic<bool> interpreter_is_gone{false};

[[noreturn]] inline void sleep_for_ever() {
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

/// Runs f, which acquires the GIL. If the interpreter would end this thread there, it sleeps until the process ends.
template <class F>
auto or_sleep_for_ever(F&& f) {
  if (interpreter_is_gone.load(std::memory_order_relaxed)) sleep_for_ever();
  try {
    return f();
  } catch (...) {  // the unwinding of pthread_exit, which would abort the process if it left this handler
    sleep_for_ever();
  }
}

/// Releases the GIL during its lifetime.
class ReleasedGil {
 public:
  ReleasedGil() : state_(PyEval_SaveThread()) {}
  ~ReleasedGil() {
    or_sleep_for_ever([this] { PyEval_RestoreThread(state_); });
  }
  ReleasedGil(const ReleasedGil&) = delete;
  ReleasedGil& operator=(const ReleasedGil&) = delete;

 private:
  PyThreadState* state_;
};

/// Holds the GIL during its lifetime.
class HeldGil {
 public:
  HeldGil() : state_(or_sleep_for_ever([] { return PyGILState_Ensure(); })) {}
  ~HeldGil() { PyGILState_Release(state_); }
  HeldGil(const HeldGil&) = delete;
  HeldGil& operator=(const HeldGil&) = delete;

 private:
  PyGILState_STATE state_;
};

}  // namespace eigenlstm_python
