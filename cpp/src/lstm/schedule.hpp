// How the members of a team share the work of one layer. Nothing here changes a bit of the results.
#pragma once

#include "lstm/rows.hpp"
#include "lstm/weights.hpp"
#include "runtime/parallel.hpp"
#include "runtime/team.hpp"

namespace eigenlstm {

/// Multiply-adds of one layer's forward pass (all directions).
inline double layer_work(const DirectionShape& shape, Index directions, const Rows& rows) {
  return double(directions) * 4.0 * double(shape.hidden_size) * double(shape.input_size + shape.output_size) *
         double(rows.num_frames());
}

/// That of the layer that has most.
inline double largest_layer_work(const LSTMOptions& options, const Rows& rows) {
  double most = 0;
  for (Index layer = 0; layer < options.num_layers; ++layer)
    most = std::max(most, layer_work(direction_shape(options, layer, 0), options.directions(), rows));
  return most;
}

/// Of R.
template <class Real>
Index recurrent_bytes(const Padded<Real>& p) {
  return p.P * p.gates() * Index(sizeof(Real));
}

/// Where members split the units of a layer rather than the rows: for at most so many rows a member (rounded down), and
/// R of so many bytes at least. Each then reads its part of R at a step, not all of it, but what the others have made
/// of every row, and waits for them.
struct UnitSplit {
  Index rows_per_member, bytes;
};
constexpr UnitSplit too_few_rows{1, 1 << 17};
constexpr UnitSplit forward_units{16, 1 << 19};
constexpr UnitSplit backward_units{8, 1 << 21};  // members read dz there, four times as much as h

/// Members form groups, one per direction where there are enough; the members of a group split rows, or units.
struct Schedule {
  int groups = 1;         // groups that run different directions at the same time
  int members = 1;        // of a group
  bool by_units = false;  // members share the rows and split the units: a barrier every step
  Index part_panels = 1;  // the units, at multiples of so many panels

  template <class Real>
  static Schedule choose(int size, const Padded<Real>& p, Index directions, const Rows& rows,
                         const UnitSplit& worthwhile, Index part_panels) {
    Schedule s;
    s.part_panels = part_panels;
    s.groups = directions == 2 && size % 2 == 0 ? 2 : 1;
    s.members = size / s.groups;
    const Index B = rows.active(0), parts = ceil_div(p.panels, part_panels);
    const auto splits = [&](const UnitSplit& split) {
      return !p.whole_rows && recurrent_bytes(p) >= split.bytes && B / s.members <= split.rows_per_member;
    };
    const bool few = B / s.members <= too_few_rows.rows_per_member;
    const bool even =
        4 * ceil_div(parts, s.members) * s.members <= 5 * parts;  // nobody has more than a quarter too many
    s.by_units = s.members > 1 && (splits(too_few_rows) ? parts > 1 : splits(worthwhile) && even);
    if (s.by_units)
      s.members = int(std::min<Index>(s.members, parts));
    else if (few)
      s.members = int(std::max<Index>(1, std::min<Index>(s.members, B / 2)));
    return s;
  }
  int team() const { return groups * members; }
};

/// What one member of a team does within a layer: these directions, rows and panels.
struct Assignment {
  Index first_direction, direction_stride;
  Index row_begin, row_end;      // positions
  Index panel_begin, panel_end;  // panels of L units
  int group, member;             // member of its group
};

inline Assignment assign(const Schedule& s, int m, const Rows& rows, Index panels) {
  const int group = m % s.groups, member = m / s.groups;
  Assignment a{group, s.groups, 0, rows.batch_size(), 0, panels, group, member};
  if (s.by_units) {
    const Range parts = share(ceil_div(panels, s.part_panels), member, s.members);
    a.panel_begin = parts.begin * s.part_panels;
    a.panel_end = std::min(panels, parts.end * s.part_panels);
  } else {
    a.row_begin = rows.split(member, s.members);
    a.row_end = rows.split(member + 1, s.members);
  }
  return a;
}

}  // namespace eigenlstm
