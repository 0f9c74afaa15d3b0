// Random values for the tests, the same in every run.
#pragma once

#include <cstddef>
#include <random>
#include <vector>

namespace test {

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}

  double real(double low = -1, double high = 1) { return std::uniform_real_distribution<double>(low, high)(engine_); }
  std::ptrdiff_t whole(std::ptrdiff_t low, std::ptrdiff_t high) {
    return std::uniform_int_distribution<std::ptrdiff_t>(low, high)(engine_);
  }

  template <class Real>
  std::vector<Real> vector(std::ptrdiff_t n, double scale = 1) {
    std::vector<Real> values(static_cast<std::size_t>(n));
    for (Real& value : values) value = Real(real(-scale, scale));
    return values;
  }

 private:
  std::mt19937 engine_;
};

}  // namespace test
