// Reading untrusted JSON: an error names the file and the entry. For the components model and audio.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "eigenlstm/model.hpp"

namespace eigenlstm {

using Json = nlohmann::json;

/// Parses `text`. Throws FileError, naming `what` of the file `path`, if it is not JSON, and for duplicate keys,
/// nesting deeper than 64 and more than two million values.
Json parse_json(const std::string& text, const std::string& path, const std::string& what);
/// Parses the file `path`. Throws FileError, too, if it is not a regular file or has more than 64 MiB.
Json read_json(const std::string& path);

/// A value in a file, which knows the file's name and its own: "config.hidden_size" or "layers[1].weights[0]", and
/// nothing for a whole document. It refers to the JSON, which must outlive it.
class JsonValue {
 public:
  JsonValue(const Json& json, std::string file, std::string key)
      : json_(&json), file_(std::move(file)), key_(std::move(key)) {}

  [[noreturn]] void fail(const std::string& what) const {
    throw FileError(file_ + ": " + key_ + (key_.empty() ? "" : ": ") + what);
  }
  [[noreturn]] void fail_as(const std::string& expected) const;  // "must be ..., got ..."

  const Json& json() const { return *json_; }
  const std::string& file() const { return file_; }
  const std::string& key() const { return key_; }
  bool is_null() const { return json_->is_null(); }

  Index integer(Index least, Index most) const;
  /// A size: at least 1 and below 2^48.
  Index size() const { return integer(1, (Index(1) << 48) - 1); }
  double number() const;
  bool flag() const;
  std::string text() const;
  std::vector<JsonValue> items() const;
  /// The value under a name of this object, which is there.
  JsonValue child(const std::string& name) const;

  // Of files that other programs write: null is as good as nothing, 16.0 a whole number, and 1 true.
  /// The value under a name of this object, or nothing.
  std::optional<JsonValue> find(const std::string& name) const;
  /// The same where it must be there.
  JsonValue operator[](const std::string& name) const;
  JsonValue operator[](const char* name) const { return (*this)[std::string(name)]; }
  Index whole(Index least, Index most) const;
  double number_within(double least, double most) const;
  bool on() const;
  /// A list of `columns` numbers; with rows > 0, a list of so many such lists, one after the other.
  template <class Real>
  std::vector<Real> numbers(Index rows, Index columns) const;

 private:
  template <class Real>
  void append(Index count, std::vector<Real>& to) const;

  const Json* json_;
  std::string file_, key_;
};

/// The entries of an object, which are taken one by one. done(), which must be called at the end, refuses those that
/// were not taken.
class JsonObject {
 public:
  explicit JsonObject(JsonValue value);
  std::optional<JsonValue> take(const std::string& name);
  JsonValue need(const std::string& name);
  const JsonValue& value() const { return value_; }
  void done() const;

 private:
  JsonValue value_;
  std::set<std::string> taken_;
};

}  // namespace eigenlstm
