#include "model/json_values.hpp"

#include <cmath>

namespace eigenlstm {
namespace {

constexpr int max_depth = 64;
constexpr std::size_t max_values = 2000000;

}  // namespace

Json parse_json(const std::string& text, const std::string& path, const std::string& what) {
  std::vector<std::set<std::string>> keys;  // of each object that is open
  std::size_t values = 0;
  const auto refuse = [&](const std::string& why) {
    throw FileError(path + ": " + what + " is not valid JSON: " + why);
  };
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth >= max_depth) refuse("nested deeper than " + std::to_string(max_depth));
    if (++values > max_values) refuse("more than " + std::to_string(max_values) + " values");
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second)
      refuse("the key \"" + parsed.get<std::string>() + "\" occurs twice");
    return true;
  };
  try {
    return Json::parse(text, watch);
  } catch (const Json::exception& error) {
    throw FileError(path + ": " + what + " is not valid JSON: " + error.what());
  }
}

void JsonValue::fail_as(const std::string& expected) const {
  std::string got = json_->dump(-1, ' ', true, Json::error_handler_t::replace);
  if (got.size() > 40) got = got.substr(0, 40) + "...";
  fail("must be " + expected + ", got " + got);
}

Index JsonValue::integer(Index least, Index most) const {
  if (!json_->is_number_integer()) fail_as("an integer");
  const bool fits = !json_->is_number_unsigned() || json_->get<std::uint64_t>() <= std::uint64_t(most);
  if (!fits || json_->get<std::int64_t>() < least || json_->get<std::int64_t>() > most)
    fail_as("from " + std::to_string(least) + " to " + std::to_string(most));
  return Index(json_->get<std::int64_t>());
}

double JsonValue::number() const {
  if (!json_->is_number()) fail_as("a number");
  return json_->get<double>();
}

bool JsonValue::flag() const {
  if (!json_->is_boolean()) fail_as("true or false");
  return json_->get<bool>();
}

std::string JsonValue::text() const {
  if (!json_->is_string()) fail_as("a text");
  return json_->get<std::string>();
}

std::vector<JsonValue> JsonValue::items() const {
  if (!json_->is_array()) fail_as("a list");
  std::vector<JsonValue> all;
  for (std::size_t i = 0; i < json_->size(); ++i)
    all.emplace_back((*json_)[i], file_, key_ + "[" + std::to_string(i) + "]");
  return all;
}

JsonObject::JsonObject(JsonValue value) : value_(std::move(value)) {
  if (!value_.json().is_object()) value_.fail_as("an object");
}

std::optional<JsonValue> JsonObject::take(const std::string& name) {
  const auto found = value_.json().find(name);
  if (found == value_.json().end()) return std::nullopt;
  taken_.insert(name);
  return JsonValue(*found, value_.file(), value_.key() + "." + name);
}

JsonValue JsonObject::need(const std::string& name) {
  if (auto found = take(name)) return *found;
  value_.fail("\"" + name + "\" is missing");
}

void JsonObject::done() const {
  for (const auto& item : value_.json().items())
    if (taken_.count(item.key()) == 0) value_.fail("\"" + item.key() + "\" is no entry that belongs here");
}

}  // namespace eigenlstm
