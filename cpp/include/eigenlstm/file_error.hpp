// What reading a file from strangers throws, in the components that read files.
#pragma once

#include <stdexcept>

namespace eigenlstm {

/// A file that is not what it should be: broken, hostile, or of a kind that this program cannot run. The text names the
/// file, the entry and what is wrong with it.
class FileError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace eigenlstm
