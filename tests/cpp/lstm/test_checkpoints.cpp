// How a batch is cut: into micro-batches of its rows, and the steps of these into chunks for the backward pass.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "lstm/checkpoints.hpp"
#include "support/random.hpp"

using eigenlstm::chunk_steps;
using eigenlstm::Index;
using eigenlstm::max_chunk_frames;
using eigenlstm::Rows;
using eigenlstm::Steps;
using eigenlstm::within;

namespace {

Rows random_rows(test::Random& random, Index B, Index T, bool ragged) {
  std::vector<Index> lengths;
  for (Index b = 0; b < B; ++b) lengths.push_back(random.whole(0, T));
  return Rows(B, T, ragged ? lengths.data() : nullptr);
}

}  // namespace

TEST_CASE(
    "micro-batches have each row of the batch once, and at every step as many rows as one another, give or take one") {
  test::Random random(2);
  for (Index B : {1, 5, 16, 33})
    for (Index T : {0, 1, 9})
      for (bool ragged : {false, true})
        for (Index n : {1, 2, 4}) {
          if (n > B) continue;
          const Rows rows = random_rows(random, B, T, ragged);
          std::vector<Index> length(std::size_t(B), -1);  // of each batch row
          Index total = 0;
          for (Index k = 0; k < n; ++k) {
            const Rows part = rows.micro_batch(k, n);
            for (Index position = 0; position < part.batch_size(); ++position) {
              Index& of_row = length[std::size_t(part.batch_row(position))];
              CHECK(of_row == -1);
              of_row = part.length(position);
              if (position > 0) CHECK(part.length(position) <= part.length(position - 1));
            }
            Index before = 0;
            for (Index s = 0; s < T; ++s) {
              CHECK(part.first_frame(s) == before);
              CHECK(std::abs(part.active(s) - rows.active(s) / n) <= 1);
              for (Index position = 0; position < part.batch_size(); ++position)
                CHECK((position < part.active(s)) == (part.length(position) > s));
              before += part.active(s);
            }
            CHECK(part.first_frame(T) == before);
            CHECK(part.num_frames() == before);
            CHECK(part.time_steps() == T);
            total += before;
          }
          CHECK(total == rows.num_frames());
          for (Index position = 0; position < B; ++position)
            CHECK(length[std::size_t(rows.batch_row(position))] == rows.length(position));
        }
}

TEST_CASE("chunks cover all steps in turn with about equally many frames; those of a few steps are cut from them") {
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
          const Index n = B < 70 ? 1 : B / 70;
          const std::vector<Steps> all = chunk_steps(rows, n, per_row);
          Index total = 0;
          for (Index s = 0; s < rows.steps(); ++s) total += (rows.active(s) + n - 1) / n;
          const Index even = total / std::max<Index>(1, (total + max_chunk_frames - 1) / max_chunk_frames);
          Index step = 0;
          for (const Steps& chunk : all) {
            CHECK(chunk.begin == step);
            CHECK(chunk.end > step);
            if (per_row || B == 1) CHECK(chunk.end == std::min(step + max_chunk_frames, rows.steps()));
            for (Index k = 0; k < n && !per_row && B > 1; ++k) {
              const Rows part = rows.micro_batch(k, n);
              const Index in_chunk = part.first_frame(chunk.end) - part.first_frame(chunk.begin),
                          steps = chunk.end - chunk.begin, most = (B + n - 1) / n;
              CHECK(in_chunk <= even + most);
              CHECK(in_chunk >=
                    even - most - steps);  // at each step, a micro-batch may have one row less than the largest
            }
            step = chunk.end;
          }
          CHECK(step == rows.steps());
          const Index begin = random.whole(0, rows.steps()), end = random.whole(begin, rows.steps());
          std::vector<Steps> part;
          for (const Steps& chunk : all)
            if (chunk.begin < end && begin < chunk.end)
              part.push_back({std::max(begin, chunk.begin), std::min(end, chunk.end)});
          if (begin == end) part.clear();
          const std::vector<Steps> got = within(all, {begin, end});
          CHECK(std::equal(got.begin(), got.end(), part.begin(), part.end(),
                           [](const Steps& a, const Steps& b) { return a.begin == b.begin && a.end == b.end; }));
        }
}
