// JSON of strangers, read value by value: an error names the file, the key and what was expected there.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "eigenlstm/audio.hpp"

namespace eigenlstm::audio {

using Json = nlohmann::json;

constexpr Index most_units = 1 << 16;  // of a size that a file claims

/// A value of a document and where it is: its key is as "config.hidden_size" or "layers[1].weights[0]".
class Field {
 public:
  Field(const Json& value, const std::string& path, std::string key = "")
      : value_(&value), path_(&path), key_(std::move(key)) {}

  [[noreturn]] void fail(const std::string& problem) const;
  /// That this value is not what was expected.
  [[noreturn]] void must(const std::string& expected) const;

  const Json& value() const { return *value_; }
  /// Whether there is a value under this name that isn't null.
  bool has(const char* name) const;
  /// The value under a name, or at a place; it must be there.
  Field operator[](const char* name) const;
  Field operator[](const std::string& name) const { return (*this)[name.c_str()]; }
  Field at(std::size_t i) const;
  /// The number of values of a list of at least so many.
  std::size_t items(std::size_t least = 0) const;

  Index integer(Index least, Index most = most_units) const;
  double number(double least, double most) const;
  bool flag() const;
  const std::string& text() const;
  /// Lists of numbers as an array (rows, columns), or (columns) with rows = 0.
  template <class Real>
  std::vector<Real> array(Index rows, Index columns) const;

 private:
  template <class Real>
  void append(Index count, std::vector<Real>& to) const;

  const Json* value_;
  const std::string* path_;
  std::string key_;
};

/// The document in the file `path`. FileError where it is none, or too large.
Json read_json(const std::string& path);

}  // namespace eigenlstm::audio
