// Reads safetensors files, which are untrusted. Format: https://huggingface.co/docs/safetensors: 8 bytes of header
// length (little-endian), a JSON header {name: {"dtype", "shape", "data_offsets"}, "__metadata__": {text: text}}, then
// the data.
#pragma once

#include <cstdint>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "model/json_values.hpp"

namespace eigenlstm {

/// Whether the file `path` starts as one: a length that it has, and an object. A text would claim too much.
bool starts_as_tensor_file(const std::string& path);

class TensorFile {
 public:
  struct Entry {
    std::string dtype;
    std::vector<Index> shape;
    std::uint64_t begin, end;  // of its bytes, behind the header
  };

  /// Reads the header and compares all that it says with the size of the file. Throws FileError.
  explicit TensorFile(const std::string& path);

  const std::string& path() const { return path_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  const std::map<std::string, Entry>& entries() const { return entries_; }
  /// Appends the values of a tensor of this dtype and shape ("F32" or "F64") to `out`; FileError otherwise.
  template <class Real>
  void read(const std::string& name, const std::vector<Index>& shape, std::vector<Real>& out);
  /// The same check without reading.
  template <class Real>
  const Entry& check(const std::string& name, const std::vector<Index>& shape) const;

 private:
  void read_header();
  void read_entry(const std::string& name, const Json& json, std::uint64_t data_size);
  void check_cover(std::uint64_t data_size) const;

  std::string path_;
  std::ifstream file_;
  std::uint64_t data_begin_ = 0;
  std::map<std::string, std::string> metadata_;
  std::map<std::string, Entry> entries_;
};

}  // namespace eigenlstm
