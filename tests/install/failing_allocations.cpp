// Preloaded into a Python process: the Nth allocation that the compiled module asks for fails, as it would where memory
// is short.
//
// Only calls from within the module's own code count, by their return address: what Python and NumPy do when an
// allocation fails is their affair. Links against glibc's own names of the functions that it replaces.
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <new>

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

static std::uintptr_t begin, end;
static long left = -1;  // allocations until the one that fails; negative: none does
static long seen;

/// From now on the allocation `n` (from 1) of the code in [from, to) fails, once.
__attribute__((visibility("default"))) void fail_allocation(std::uintptr_t from, std::uintptr_t to, long n) {
  begin = from, end = to, seen = 0;
  __atomic_store_n(&left, n, __ATOMIC_SEQ_CST);
}
/// How many there were since.
__attribute__((visibility("default"))) long allocations() {
  __atomic_store_n(&left, -1, __ATOMIC_SEQ_CST);
  return seen;
}

static bool fails(void* caller) {
  const auto address = reinterpret_cast<std::uintptr_t>(caller);
  if (address < begin || address >= end) return false;
  __atomic_fetch_add(&seen, 1, __ATOMIC_SEQ_CST);
  return __atomic_load_n(&left, __ATOMIC_SEQ_CST) > 0 && __atomic_sub_fetch(&left, 1, __ATOMIC_SEQ_CST) == 0;
}

void* malloc(std::size_t n) { return fails(__builtin_return_address(0)) ? nullptr : __libc_malloc(n); }
void* calloc(std::size_t n, std::size_t size) {
  return fails(__builtin_return_address(0)) ? nullptr : __libc_calloc(n, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t n) {
  return fails(__builtin_return_address(0)) ? nullptr : __libc_memalign(alignment, n);
}
int posix_memalign(void** p, std::size_t alignment, std::size_t n) {
  if (fails(__builtin_return_address(0))) return ENOMEM;
  *p = __libc_memalign(alignment, n);
  return *p == nullptr ? ENOMEM : 0;
}
}

void* operator new(std::size_t n) {
  void* p = fails(__builtin_return_address(0)) ? nullptr : __libc_malloc(n);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}
void* operator new[](std::size_t n) {
  void* p = fails(__builtin_return_address(0)) ? nullptr : __libc_malloc(n);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}
