// What the parts that know no cell (schedule, checkpoints, micro_batches) have to know of a model. Another recurrent
// layer can use them by filling in these numbers.
#pragma once

#include <cstddef>
#include <vector>

#include "eigenlstm/sequence.hpp"

namespace eigenlstm {

/// What the schedule of a layer depends on.
struct LayerWork {
  Index panels;           // of units: the smallest piece that a member can own
  Index recurrent_bytes;  // of R, which every step reads
  bool whole_rows;        // a step needs all units of a row more than once: members cannot split them
};

/// Numbers of values. How a batch is cut decides about bits, so it may only depend on numbers that are the same for
/// vectors of any width; what is stored follows packed arrays, which are padded.
struct LayerSizes {
  LayerWork work{};
  Index weights = 0;     // of W and R of a direction
  Index frame = 0;       // of gates, c and h in a frame of a direction
  Index h = 0, c = 0;    // in a frame of a direction, padded
  Index full_frame = 0;  // what a full tape keeps besides h and c, in a frame of all directions, padded
};

struct ModelSizes {
  std::vector<LayerSizes> layers;
  Index directions = 1;
  Index state = 0;                     // values of the states of one row
  std::size_t value_bytes = 0;         // of one value
  bool looks_ahead = false;            // some direction starts at the end of the sequence
  bool needs_other_direction = false;  // the gradient of one direction needs h of the other
};

}  // namespace eigenlstm
