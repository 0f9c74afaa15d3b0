#include "model/json_values.hpp"

#include <cmath>
#include <limits>
#include <sstream>

#include "model/open_file.hpp"

namespace eigenlstm {
namespace {

constexpr int max_depth = 64;
constexpr std::size_t max_values = 2000000;
constexpr std::uint64_t max_bytes = 64 << 20;  // of a document: two million values take less

std::string brief(const Json& json) {
  if (json.is_structured()) return (json.is_object() ? "an object of " : "a list of ") + std::to_string(json.size());
  const std::string text = json.dump(-1, ' ', true, Json::error_handler_t::replace);
  return text.size() <= 60 ? text : text.substr(0, 57) + "...";
}

std::string number_text(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

}  // namespace

Json parse_json(const std::string& text, const std::string& path, const std::string& what) {
  std::vector<std::set<std::string>> keys;  // of each object that is open
  std::size_t values = 0;
  const auto refuse = [&](const std::string& why) {
    throw FileError(path + ": " + what + " is not valid JSON: " + why);
  };
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth >= max_depth) refuse("nested deeper than " + std::to_string(max_depth));
    using Event = Json::parse_event_t;
    const bool more = event == Event::value || event == Event::object_start || event == Event::array_start;
    if (more && ++values > max_values) refuse("more than " + std::to_string(max_values) + " values");
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end) keys.pop_back();
    if (event == Event::key && !keys.back().insert(parsed.get<std::string>()).second)
      refuse("the key \"" + parsed.get<std::string>() + "\" occurs twice");
    return true;
  };
  try {
    return Json::parse(text, watch);
  } catch (const Json::exception& error) {
    throw FileError(path + ": " + what + " is not valid JSON: " + error.what());
  }
}

Json read_json(const std::string& path) {
  std::ifstream file = open_file(path);
  const std::uint64_t size = size_of(file);
  if (size > max_bytes)
    throw FileError(path + ": has " + std::to_string(size) + " bytes; " + std::to_string(max_bytes) +
                    " are allowed for a file of JSON");
  std::string text(std::size_t(size), '\0');
  if (!file.read(text.data(), std::streamsize(size))) throw FileError(path + ": became shorter while it was read");
  return parse_json(text, path, "its content");
}

void JsonValue::fail_as(const std::string& expected) const { fail("must be " + expected + ", got " + brief(*json_)); }

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

JsonValue JsonValue::child(const std::string& name) const {
  return {json_->at(name), file_, key_.empty() ? name : key_ + "." + name};
}

std::optional<JsonValue> JsonValue::find(const std::string& name) const {
  if (!json_->is_object()) fail_as("an object");
  const auto found = json_->find(name);
  return found == json_->end() || found->is_null() ? std::nullopt : std::optional(child(name));
}

JsonValue JsonValue::operator[](const std::string& name) const {
  if (const auto found = find(name)) return *found;
  fail("\"" + name + "\" is missing");
}

Index JsonValue::whole(Index least, Index most) const {
  const double given = json_->is_number() ? json_->get<double>() : std::numeric_limits<double>::quiet_NaN();
  if (!(given >= double(least) && given <= double(most)) || given != std::floor(given))
    fail_as("a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  return Index(given);
}

double JsonValue::number_within(double least, double most) const {
  const double given = json_->is_number() ? json_->get<double>() : std::numeric_limits<double>::quiet_NaN();
  if (!(given >= least && given <= most)) fail_as("a number from " + number_text(least) + " to " + number_text(most));
  return given;
}

bool JsonValue::on() const {
  if (json_->is_boolean()) return json_->get<bool>();
  const double given = json_->is_number() ? json_->get<double>() : -1;
  if (given != 0 && given != 1) fail_as("true or false");
  return given == 1;
}

template <class Real>
void JsonValue::append(Index count, std::vector<Real>& to) const {
  if (!json_->is_array() || Index(json_->size()) != count)
    fail("must have " + std::to_string(count) + " numbers, got " + brief(*json_));
  for (const Json& each : *json_) {
    const double value = each.is_number() ? each.get<double>() : std::numeric_limits<double>::quiet_NaN();
    if (!(std::abs(value) <= double(std::numeric_limits<Real>::max()))) {
      const JsonValue wrong(each, file_, key_ + "[" + std::to_string(&each - &json_->front()) + "]");
      each.is_number() ? wrong.fail("is too large for float" + std::to_string(8 * sizeof(Real)))
                       : wrong.fail_as("a number");
    }
    to.push_back(Real(value));
  }
}

template <class Real>
std::vector<Real> JsonValue::numbers(Index rows, Index columns) const {
  std::vector<Real> result;
  if (rows == 0) {
    append(columns, result);
    return result;
  }
  if (!json_->is_array() || Index(json_->size()) != rows)
    fail("must have " + std::to_string(rows) + " rows, got " + brief(*json_));
  for (const JsonValue& row : items()) row.append(columns, result);
  return result;
}

template std::vector<float> JsonValue::numbers(Index, Index) const;
template std::vector<double> JsonValue::numbers(Index, Index) const;

JsonObject::JsonObject(JsonValue value) : value_(std::move(value)) {
  if (!value_.json().is_object()) value_.fail_as("an object");
}

std::optional<JsonValue> JsonObject::take(const std::string& name) {
  const auto found = value_.json().find(name);
  if (found == value_.json().end()) return std::nullopt;
  taken_.insert(name);
  return value_.child(name);
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
