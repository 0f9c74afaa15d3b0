#include "eigenlstm/random.hpp"

#include <algorithm>

#include "kernels/table.hpp"
#include "runtime/parallel.hpp"

namespace eigenlstm {

void random_uniform(std::uint64_t seed, std::uint64_t substream, std::uint64_t start, std::ptrdiff_t n, float* out) {
  std::uint32_t words[4];
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    const std::uint64_t index = start + std::uint64_t(i);
    if (i == 0 || index % 4 == 0) random_bits(seed, substream, index / 4, words);
    out[i] = uniform24(words[index % 4]);
  }
}

void random_uniform(std::uint64_t seed, std::uint64_t substream, std::uint64_t start, std::ptrdiff_t n, double* out) {
  std::uint32_t words[4];
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    const std::uint64_t index = start + std::uint64_t(i);
    if (i == 0 || index % 2 == 0) random_bits(seed, substream, index / 2, words);
    out[i] = uniform53(words[2 * (index % 2)], words[2 * (index % 2) + 1]);
  }
}

template <class Real>
void dropout_mask(std::uint64_t seed, std::uint64_t substream, std::ptrdiff_t n, double p, Real* mask) {
  constexpr std::ptrdiff_t task_values = 1 << 14;
  constexpr double value_work = 50;
  const std::ptrdiff_t tasks = ceil_div(n, task_values);
  for_tasks(tasks, task_threads(tasks, value_work * double(n)), [=](std::ptrdiff_t task, int) {
    const std::ptrdiff_t begin = task * task_values;
    kernels<Real>().training.random_mask(seed, substream, std::uint64_t(begin) / 4, std::min(task_values, n - begin), p,
                                         Real(0), Real(1 / (1 - p)), mask + begin);
  });
}

template void dropout_mask(std::uint64_t, std::uint64_t, std::ptrdiff_t, double, float*);
template void dropout_mask(std::uint64_t, std::uint64_t, std::ptrdiff_t, double, double*);

}  // namespace eigenlstm
