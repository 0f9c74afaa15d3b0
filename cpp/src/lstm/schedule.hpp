// How the members of a team share the work of one layer. No result depends on it.
#pragma once

#include <algorithm>

#include "kernels/ranges.hpp"
#include "lstm/layer_sizes.hpp"
#include "lstm/rows.hpp"

namespace eigenlstm {

/// Members split units rather than rows if there are at most rows_per_member rows for each (rounded down) and R has at
/// least so many bytes: each then reads its part of R at a step instead of all of it, but also what the others have
/// computed of every row, and waits for them.
struct UnitSplit {
  Index rows_per_member, bytes;
};
constexpr UnitSplit too_few_rows{1, 1 << 17};
constexpr UnitSplit forward_units{16, 1 << 19};
constexpr UnitSplit backward_units{8, 1 << 21};  // members read dz there, four times as much as h

/// Members form groups, one per direction where there are enough; the members of a group split rows, or units.
struct Schedule {
  int groups = 1;          // that run different directions at the same time
  int members = 1;         // of a group
  bool by_units = false;   // members split the units and all work on every row: a barrier every step
  Index split_panels = 1;  // units are split at multiples of so many panels

  static Schedule choose(int size, const LayerWork& layer, Index directions, const Rows& rows,
                         const UnitSplit& worthwhile, Index split_panels) {
    Schedule s;
    s.split_panels = split_panels;
    s.groups = directions == 2 && size % 2 == 0 ? 2 : 1;
    s.members = size / s.groups;
    const Index B = rows.active(0), pieces = ceil_div(layer.panels, split_panels);
    const auto splits = [&](const UnitSplit& split) {
      return !layer.whole_rows && layer.recurrent_bytes >= split.bytes && B / s.members <= split.rows_per_member;
    };
    const bool few = B / s.members <= too_few_rows.rows_per_member;
    // nobody has more than a quarter more than the average
    const bool even = 4 * ceil_div(pieces, s.members) * s.members <= 5 * pieces;
    s.by_units = s.members > 1 && (splits(too_few_rows) ? pieces > 1 : splits(worthwhile) && even);
    if (s.by_units)
      s.members = int(std::min<Index>(s.members, pieces));
    else if (few)
      s.members = int(std::max<Index>(1, std::min<Index>(s.members, B / 2)));
    return s;
  }
  int team() const { return groups * members; }
};

/// What one member of a team does within a layer: these directions, rows and panels.
struct Assignment {
  Index first_direction = 0, direction_stride = 1;
  Index row_begin = 0, row_end = 0;      // positions
  Index panel_begin = 0, panel_end = 0;  // panels of L units
  int group = 0;
};

inline Assignment assign(const Schedule& s, int m, const Rows& rows, Index panels) {
  const int group = m % s.groups, member = m / s.groups;
  Assignment a;
  a.first_direction = a.group = group;
  a.direction_stride = s.groups;
  a.row_end = rows.batch_size();
  a.panel_end = panels;
  if (s.by_units) {
    const Range units = share(ceil_div(panels, s.split_panels), member, s.members);
    a.panel_begin = units.begin * s.split_panels;
    a.panel_end = std::min(panels, units.end * s.split_panels);
  } else {
    a.row_begin = rows.split(member, s.members);
    a.row_end = rows.split(member + 1, s.members);
  }
  return a;
}

}  // namespace eigenlstm
