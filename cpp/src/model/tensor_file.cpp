#include "model/tensor_file.hpp"

#include <algorithm>
#include <cstring>
#include <tuple>

#include "model/open_file.hpp"

namespace eigenlstm {
namespace {

constexpr std::uint64_t max_header = 32000000;
constexpr std::size_t max_rank = 64;

const std::map<std::string, int>& item_sizes() {
  static const std::map<std::string, int> sizes = {{"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E4M3", 1}, {"F8_E5M2", 1},
                                                   {"U16", 2},  {"I16", 2}, {"F16", 2}, {"BF16", 2},    {"U32", 4},
                                                   {"I32", 4},  {"F32", 4}, {"U64", 8}, {"I64", 8},     {"F64", 8}};
  return sizes;
}

std::string shape_text(const std::vector<Index>& shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + (shape.size() == 1 ? ",)" : ")");
}

/// The header's length, in the first bytes of a file.
constexpr std::size_t length_bytes = 8;
std::uint64_t length_in(const unsigned char* prefix) {
  std::uint64_t length = 0;
  for (std::size_t i = length_bytes; i-- > 0;) length = length << 8 | prefix[i];
  return length;
}

/// The values of little-endian bytes.
template <class Real>
void append(const std::vector<char>& bytes, std::vector<Real>& out) {
  const std::size_t n = bytes.size() / sizeof(Real), start = out.size();
  out.resize(start + n);
  std::memcpy(out.data() + start, bytes.data(), n * sizeof(Real));  // our processors are little-endian
}

}  // namespace

bool starts_as_tensor_file(const std::string& path) {
  std::ifstream file = open_file(path);
  const std::uint64_t size = size_of(file);
  unsigned char start[length_bytes + 1];
  if (!file.read(reinterpret_cast<char*>(start), sizeof start)) return false;
  return start[length_bytes] == '{' && length_in(start) < size;
}

TensorFile::TensorFile(const std::string& path) : path_(path), file_(open_file(path)) { read_header(); }

void TensorFile::read_header() {
  const std::uint64_t size = size_of(file_);
  unsigned char prefix[length_bytes];
  if (size < length_bytes || !file_.read(reinterpret_cast<char*>(prefix), sizeof prefix))
    throw FileError(path_ + ": " + std::to_string(size) + " bytes are too few for a safetensors file");
  const std::uint64_t length = length_in(prefix);
  if (length > std::min(size - length_bytes, max_header))
    throw FileError(path_ + ": claims a header of " + std::to_string(length) + " bytes; the file has " +
                    std::to_string(size - length_bytes) + " after the length, and " + std::to_string(max_header) +
                    " are allowed");
  std::string text(std::size_t(length), '\0');
  if (!file_.read(text.data(), std::streamsize(length))) throw FileError(path_ + ": became shorter while it was read");
  data_begin_ = length_bytes + length;
  const Json header = parse_json(text, path_, "its header");
  if (!header.is_object()) throw FileError(path_ + ": its header is not a JSON object");
  for (const auto& item : header.items()) {
    if (item.key() != "__metadata__") {
      read_entry(item.key(), item.value(), size - data_begin_);
      continue;
    }
    if (!item.value().is_object()) throw FileError(path_ + ": __metadata__: must be an object of texts");
    for (const auto& entry : item.value().items())
      metadata_[entry.key()] = JsonValue(entry.value(), path_, "__metadata__." + entry.key()).text();
  }
  check_cover(size - data_begin_);
}

void TensorFile::read_entry(const std::string& name, const Json& json, std::uint64_t data_size) {
  JsonObject object(JsonValue(json, path_, name));
  Entry entry{object.need("dtype").text(), {}, 0, 0};
  const auto item_size = item_sizes().find(entry.dtype);
  if (item_size == item_sizes().end()) object.value().fail("has the unknown dtype " + entry.dtype);
  const JsonValue shape = object.need("shape"), offsets = object.need("data_offsets");
  constexpr Index most = std::numeric_limits<Index>::max();
  std::uint64_t bytes = std::uint64_t(item_size->second);
  const std::vector<JsonValue> sizes = shape.items(), ends = offsets.items();
  if (sizes.size() > max_rank) shape.fail("has more than " + std::to_string(max_rank) + " axes");
  bool empty = false;
  for (const JsonValue& size : sizes) {
    entry.shape.push_back(size.integer(0, most));
    empty = empty || entry.shape.back() == 0;
  }
  for (const Index size : entry.shape) {
    if (empty) bytes = 0;
    if (!empty && bytes > data_size / std::uint64_t(size)) shape.fail("needs more bytes than the file has");
    bytes *= std::uint64_t(size);
  }
  if (ends.size() != 2) offsets.fail("must be two integers");
  entry.begin = std::uint64_t(ends[0].integer(0, most));
  entry.end = std::uint64_t(ends[1].integer(0, most));
  if (entry.begin > entry.end || entry.end > data_size)
    offsets.fail("lie outside of the " + std::to_string(data_size) + " bytes of data");
  if (entry.end - entry.begin != bytes)
    offsets.fail("must span " + std::to_string(bytes) + " bytes for " + shape_text(entry.shape) + " of " + entry.dtype +
                 ", got " + std::to_string(entry.end - entry.begin));
  object.done();
  entries_.emplace(name, std::move(entry));
}

void TensorFile::check_cover(std::uint64_t data_size) const {
  std::vector<std::tuple<std::uint64_t, std::uint64_t, std::string>> spans;
  for (const auto& [name, entry] : entries_) spans.emplace_back(entry.begin, entry.end, name);
  std::sort(spans.begin(), spans.end());
  std::uint64_t end = 0;
  for (const auto& [begin, stop, name] : spans) {
    if (begin != end)
      throw FileError(path_ + ": " + name + ": starts at byte " + std::to_string(begin) + ", expected " +
                      std::to_string(end) + ": the tensors overlap or leave a hole");
    end = stop;
  }
  if (end != data_size) throw FileError(path_ + ": " + std::to_string(data_size - end) + " bytes belong to no tensor");
}

template <class Real>
const TensorFile::Entry& TensorFile::check(const std::string& name, const std::vector<Index>& shape) const {
  const auto found = entries_.find(name);
  const std::string dtype = sizeof(Real) == 4 ? "F32" : "F64";
  if (found == entries_.end()) throw FileError(path_ + ": " + name + ": is missing");
  if (found->second.shape != shape)
    throw FileError(path_ + ": " + name + ": must have shape " + shape_text(shape) + ", got " +
                    shape_text(found->second.shape));
  if (found->second.dtype != dtype)
    throw FileError(path_ + ": " + name + ": must have dtype " + dtype + ", got " + found->second.dtype);
  return found->second;
}

template <class Real>
void TensorFile::read(const std::string& name, const std::vector<Index>& shape, std::vector<Real>& out) {
  const Entry& entry = check<Real>(name, shape);
  std::vector<char> bytes(std::size_t(entry.end - entry.begin));
  file_.seekg(std::streamoff(data_begin_ + entry.begin));
  if (!file_.read(bytes.data(), std::streamsize(bytes.size())))
    throw FileError(path_ + ": became shorter while it was read");
  append(bytes, out);
}

template const TensorFile::Entry& TensorFile::check<float>(const std::string&, const std::vector<Index>&) const;
template const TensorFile::Entry& TensorFile::check<double>(const std::string&, const std::vector<Index>&) const;
template void TensorFile::read(const std::string&, const std::vector<Index>&, std::vector<float>&);
template void TensorFile::read(const std::string&, const std::vector<Index>&, std::vector<double>&);

}  // namespace eigenlstm
