// The chunks of the backward pass.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "checkpoints.hpp"
#include "random.hpp"

using eigenlstm::chunk_steps;
using eigenlstm::Index;
using eigenlstm::max_chunk;
using eigenlstm::Rows;
using eigenlstm::Steps;

namespace {

Rows random_rows(test::Random& random, Index B, Index T, bool ragged) {
  std::vector<Index> lengths;
  for (Index b = 0; b < B; ++b) lengths.push_back(random.whole(0, T));
  return Rows(B, T, ragged ? lengths.data() : nullptr);
}

}  // namespace

TEST_CASE("chunks cover all steps in turn, about as many rows each, and those of some steps are cut out of these") {
  test::Random random(1);
  for (Index B : {1, 2, 23, 70, 511, 512, 513, 1200})
    for (Index T : {0, 1, 60, 511, 512, 513, 1500})
      for (bool ragged : {false, true})
        for (bool per_row : {false, true}) {
          CAPTURE(B);
          CAPTURE(T);
          CAPTURE(ragged);
          CAPTURE(per_row);
          const Rows rows = random_rows(random, B, T, ragged);
          const std::vector<Steps> all = chunk_steps(rows, {0, rows.steps()}, per_row);
          const Index even = rows.total() / std::max<Index>(1, (rows.total() + max_chunk - 1) / max_chunk);
          Index step = 0;
          for (const Steps& chunk : all) {
            CHECK(chunk.begin == step);
            CHECK(chunk.end > step);
            if (per_row || B == 1) CHECK(chunk.end == std::min(step + max_chunk, rows.steps()));
            else CHECK(std::abs(rows.offset(chunk.end) - rows.offset(chunk.begin) - even) <= B);
            step = chunk.end;
          }
          CHECK(step == rows.steps());
          const Index begin = random.whole(0, rows.steps()), end = random.whole(begin, rows.steps());
          std::vector<Steps> part;
          for (const Steps& chunk : all)
            if (chunk.begin < end && begin < chunk.end) part.push_back({std::max(begin, chunk.begin), std::min(end, chunk.end)});
          if (begin == end) part.clear();
          const std::vector<Steps> got = chunk_steps(rows, {begin, end}, per_row);
          CHECK(std::equal(got.begin(), got.end(), part.begin(), part.end(),
                           [](const Steps& a, const Steps& b) { return a.begin == b.begin && a.end == b.end; }));
        }
}
