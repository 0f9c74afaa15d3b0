// The rows of a (possibly ragged) batch in the order in which the engine runs them.
//
// Rows are sorted by length, longest first (stable), so that those still active at step s are a prefix:
//
//   position 0  x x x x x x        active(0) = 3, active(2) = 2, active(5) = 1
//   position 1  x x x x            each x is a frame: one row at one step. The frames of all steps are packed one after
//   position 2  x x                the other: first_frame(s) + position, num_frames() in all
//
// A reverse direction starts at each row's own end, so its step s has the same active rows.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

namespace eigenlstm {

using Index = std::ptrdiff_t;

class Rows {
 public:
  /// `lengths` as LSTM::forward takes them, already checked; null: B rows of T steps.
  Rows(Index B, Index T, const Index* lengths) : B_(B), T_(T), steps_(B > 0 ? T : 0), num_frames_(B * T) {
    if (lengths == nullptr || std::all_of(lengths, lengths + B, [T](Index n) { return n == T; })) return;
    order_.resize(B);
    std::iota(order_.begin(), order_.end(), Index(0));
    std::stable_sort(order_.begin(), order_.end(), [&](Index a, Index b) { return lengths[a] > lengths[b]; });
    lengths_.resize(B);
    for (Index p = 0; p < B; ++p) lengths_[p] = lengths[order_[p]];
    count_rows();
  }

  /// Micro-batch k of n <= batch_size(). Rows of equal lengths stay neighbours; of a ragged batch it gets every n-th
  /// row, so that at each step all micro-batches have the same number of rows, within one.
  Rows micro_batch(Index k, Index n) const {
    Rows some = *this;
    if (!ragged()) {
      some.first_ = first_ + B_ * k / n;
      some.B_ = B_ * (k + 1) / n - B_ * k / n;
      some.num_frames_ = some.B_ * T_;
      return some;
    }
    some.order_.clear();
    some.lengths_.clear();
    for (Index position = k; position < B_; position += n) {
      some.order_.push_back(order_[position]);
      some.lengths_.push_back(lengths_[position]);
    }
    some.B_ = Index(some.order_.size());
    some.count_rows();
    return some;
  }

  Index batch_size() const { return B_; }
  Index time_steps() const { return T_; }
  /// Steps of the longest row.
  Index steps() const { return steps_; }
  Index num_frames() const { return num_frames_; }
  bool ragged() const { return !order_.empty(); }

  /// The row of the caller's batch.
  Index batch_row(Index position) const { return ragged() ? order_[position] : first_ + position; }
  Index length(Index position) const { return ragged() ? lengths_[position] : T_; }
  Index first_frame(Index s) const { return ragged() ? first_frames_[s] : s * B_; }
  /// Rows that step s runs; 0 past the last step.
  Index active(Index s) const { return s < steps_ ? first_frame(s + 1) - first_frame(s) : 0; }
  /// The time that step s of a direction is at, for one row.
  Index time(Index s, Index position, bool reverse) const { return reverse ? length(position) - 1 - s : s; }

  /// The first position of member m of n, where members get contiguous positions with about equally many frames. No
  /// member is left without rows while there are enough: member 0 must have work in order to notice an interrupt as
  /// long as the others work.
  Index split(Index m, Index n) const {
    if (!ragged()) return B_ * m / n;
    const Index target = num_frames_ * m / n;
    Index position = 0, sum = 0;
    while (position < B_ && sum + lengths_[position] / 2 < target) sum += lengths_[position++];
    return m == n ? B_ : std::max(position, std::min(m, B_));
  }

 private:
  /// steps_, first_frames_ and num_frames_ from lengths_. (For all T steps: a micro-batch may end before its batch
  /// does, and is asked about later steps.)
  void count_rows() {
    steps_ = lengths_.front();
    first_frames_.assign(T_ + 1, 0);
    for (Index s = 0, active = B_; s < T_; ++s) {
      while (active > 0 && lengths_[active - 1] <= s) --active;
      first_frames_[s + 1] = first_frames_[s] + active;
    }
    num_frames_ = first_frames_[T_];
  }

  Index B_, T_, steps_, num_frames_, first_ = 0;
  std::vector<Index> order_, lengths_, first_frames_;
};

/// Rows of one step in the order of positions, `stride` values apart.
template <class Real>
struct StridedRows {
  const Real* data = nullptr;
  Index stride = 0;
};

}  // namespace eigenlstm
