// Files from strangers are opened here: regular ones only, since a pipe would wait for its writer.
#pragma once

#include <cstdint>
#include <fstream>
#include <string>

namespace eigenlstm {

/// The regular file `path`, at its start. Throws FileError.
std::ifstream open_file(const std::string& path);
/// The bytes that an open file has; it is at its start again.
std::uint64_t size_of(std::ifstream& file);

}  // namespace eigenlstm
