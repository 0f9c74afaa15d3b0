#include "audio/field.hpp"

#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>

namespace eigenlstm::audio {
namespace {

constexpr std::streamoff most_bytes = 64 << 20;
constexpr int most_depth = 64;

std::string brief(const Json& value) {
  if (value.is_structured()) return (value.is_object() ? "an object of " : "a list of ") + std::to_string(value.size());
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  return text.size() <= 60 ? text : text.substr(0, 57) + "...";
}

std::string number_text(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

}  // namespace

void Field::fail(const std::string& problem) const {
  throw FileError(*path_ + ": " + (key_.empty() ? "the file" : key_) + " " + problem);
}

void Field::must(const std::string& expected) const { fail("must be " + expected + ", got " + brief(*value_)); }

bool Field::has(const char* name) const {
  if (!value_->is_object()) must("an object");
  const auto found = value_->find(name);
  return found != value_->end() && !found->is_null();
}

Field Field::operator[](const char* name) const {
  const std::string key = key_.empty() ? name : key_ + "." + name;
  if (!has(name)) throw FileError(*path_ + ": " + key + " is missing");
  return {*value_->find(name), *path_, key};
}

Field Field::at(std::size_t i) const {
  const std::string key = key_ + "[" + std::to_string(i) + "]";
  if (!value_->is_array()) must("a list");
  if (i >= value_->size()) throw FileError(*path_ + ": " + key + " is missing");
  return {(*value_)[i], *path_, key};
}

std::size_t Field::items(std::size_t least) const {
  if (!value_->is_array() || value_->size() < least)
    must(least ? "a list of at least " + std::to_string(least) : std::string("a list"));
  return value_->size();
}

Index Field::integer(Index least, Index most) const {
  const double given = value_->is_number() ? value_->get<double>() : std::numeric_limits<double>::quiet_NaN();
  if (!(given >= static_cast<double>(least) && given <= static_cast<double>(most)) || given != std::floor(given))
    must("a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  return static_cast<Index>(given);
}

double Field::number(double least, double most) const {
  const double given = value_->is_number() ? value_->get<double>() : std::numeric_limits<double>::quiet_NaN();
  if (!(given >= least && given <= most)) must("a number from " + number_text(least) + " to " + number_text(most));
  return given;
}

bool Field::flag() const {
  if (value_->is_boolean()) return value_->get<bool>();
  if (!value_->is_number() || (value_->get<double>() != 0 && value_->get<double>() != 1)) must("true or false");
  return value_->get<double>() == 1;
}

const std::string& Field::text() const {
  if (!value_->is_string()) must("a text");
  return value_->get_ref<const std::string&>();
}

template <class Real>
void Field::append(Index count, std::vector<Real>& to) const {
  if (!value_->is_array() || static_cast<Index>(value_->size()) != count)
    fail("must have " + std::to_string(count) + " numbers, got " + brief(*value_));
  for (std::size_t i = 0; i < value_->size(); ++i) {
    if (!(*value_)[i].is_number()) at(i).must("a number");
    const Real number = static_cast<Real>((*value_)[i].template get<double>());
    if (!std::isfinite(number)) at(i).fail("is too large");
    to.push_back(number);
  }
}

template <class Real>
std::vector<Real> Field::array(Index rows, Index columns) const {
  std::vector<Real> result;
  if (rows == 0) {
    append(columns, result);
    return result;
  }
  if (!value_->is_array() || static_cast<Index>(value_->size()) != rows)
    fail("must have " + std::to_string(rows) + " rows, got " + brief(*value_));
  for (std::size_t i = 0; i < value_->size(); ++i) at(i).append(columns, result);
  return result;
}

template std::vector<float> Field::array(Index, Index) const;
template std::vector<double> Field::array(Index, Index) const;

Json read_json(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) throw FileError(path + ": cannot be read");
  const std::streamoff size = file.tellg();
  if (size < 0 || size > most_bytes)
    throw FileError(path + ": has " + std::to_string(size) + " bytes; " + std::to_string(most_bytes) +
                    " are allowed for a file of JSON");
  std::string text(static_cast<std::size_t>(size), '\0');
  file.seekg(0);
  if (!file.read(text.data(), size)) throw FileError(path + ": cannot be read");
  const auto bounded = [&path](int depth, Json::parse_event_t, Json&) {
    if (depth > most_depth) throw FileError(path + ": is nested deeper than " + std::to_string(most_depth));
    return true;
  };
  try {
    return Json::parse(text, bounded);
  } catch (const Json::exception& error) {
    throw FileError(path + ": is no valid JSON: " + error.what());
  }
}

}  // namespace eigenlstm::audio
