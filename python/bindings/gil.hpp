// The GIL, given up for the length of a native call and taken for the interrupt check.
//
// When the interpreter shuts down while a daemon thread is in a call, CPython before 3.14 ends that thread where it
// asks for the GIL again, by pthread_exit: glibc then unwinds the stack through our frames, and a destructor that must
// not throw would end the whole process (SIGABRT). CPython 3.14 lets such a thread hang instead, and so do these
// classes: the process ends without it.
#pragma once

#include <pybind11/pybind11.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace eigenlstm_python {

/// Set by Py_AtExit: the interpreter has freed what a thread would look at to learn that it must end.
inline std::atomic<bool> interpreter_is_gone{false};

[[noreturn]] inline void sleep_for_ever() {
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

/// Runs f, which asks for the GIL. If the interpreter ends this thread there, it sleeps until the process is gone.
template <class F>
auto or_sleep_for_ever(F&& f) {
  if (interpreter_is_gone.load(std::memory_order_relaxed)) sleep_for_ever();
  try {
    return f();
  } catch (...) {  // the unwinding of pthread_exit, which must not leave this handler: that would be an abort
    sleep_for_ever();
  }
}

/// Gives the GIL up for its lifetime.
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

/// Holds the GIL for its lifetime.
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
