#include "eigenlstm/random.hpp"

#include <doctest/doctest.h>

#include "eigenlstm/fingerprint.hpp"
#include "support/same_bits.hpp"

using test::Index;
using test::same_for_any_threads;

TEST_CASE("Philox4x32-10 gives Random123's known answers") {
  std::uint32_t words[4];
  eigenlstm::random_bits(0x299F31D0A4093822u, 0x0370734413198A2Eu, 0x85A308D3243F6A88u, words);
  CHECK(words[0] == 0xD16CFE09u);
  CHECK(words[1] == 0x94FDCCEBu);
  CHECK(words[2] == 0x5001E420u);
  CHECK(words[3] == 0x24126EA1u);
}

TEST_CASE("a uniform value depends on seed, substream and index alone") {
  std::vector<double> whole(1000), part(100);
  eigenlstm::random_uniform(1, 2, 0, 1000, whole.data());
  eigenlstm::random_uniform(1, 2, 333, 100, part.data());
  CHECK(std::vector<double>(whole.begin() + 333, whole.begin() + 433) == part);
}

TEST_CASE_TEMPLATE("a dropout mask is the uniform values against p, on any number of threads", Real, float, double) {
  const Index n = 1'300'003;
  CHECK(same_for_any_threads([=] {
    std::vector<Real> mask(n);
    eigenlstm::dropout_mask(7, 3, n, 0.25, mask.data());
    return mask;
  }));
  std::vector<Real> mask(n);
  std::vector<float> uniform(n);
  eigenlstm::dropout_mask(7, 3, n, 0.25, mask.data());
  eigenlstm::random_uniform(7, 3, 0, n, uniform.data());
  Index wrong = 0;
  for (Index i = 0; i < n; ++i) wrong += mask[i] != (uniform[i] < 0.25f ? Real(0) : Real(1 / 0.75));
  CHECK(wrong == 0);
}

TEST_CASE("the fingerprint sees every byte and the length") {
  std::vector<unsigned char> data(200, 1);
  const std::uint64_t before = eigenlstm::fingerprint(data.data(), data.size());
  CHECK(eigenlstm::fingerprint(data.data(), 199) != before);
  for (unsigned char& byte : data) {
    byte ^= 0x80;
    CHECK(eigenlstm::fingerprint(data.data(), data.size()) != before);
    byte ^= 0x80;
  }
  CHECK(eigenlstm::fingerprint(data.data(), data.size()) == before);
}
