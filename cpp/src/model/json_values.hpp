// Reading untrusted JSON: an error names the file and the entry.
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

/// A value in a file, which knows the file's name and its own. It refers to the JSON, which must outlive it.
class JsonValue {
 public:
  JsonValue(const Json& json, std::string file, std::string key)
      : json_(&json), file_(std::move(file)), key_(std::move(key)) {}

  [[noreturn]] void fail(const std::string& what) const { throw FileError(file_ + ": " + key_ + ": " + what); }
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

 private:
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
