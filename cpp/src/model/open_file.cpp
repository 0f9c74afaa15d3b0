#include "model/open_file.hpp"

#include <filesystem>

#include "eigenlstm/file_error.hpp"

namespace eigenlstm {

std::ifstream open_file(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) throw FileError(path + ": there is no such file");
  if (!std::filesystem::is_regular_file(path, error)) throw FileError(path + ": is not a regular file");
  std::ifstream file(path, std::ios::binary);
  if (!file) throw FileError(path + ": can't be opened");
  return file;
}

std::uint64_t size_of(std::ifstream& file) {
  file.seekg(0, std::ios::end);
  const auto size = std::uint64_t(file.tellg());
  file.seekg(0);
  return size;
}

}  // namespace eigenlstm
