// Which instruction set the kernels run on: chosen once, when the first kernel is needed.
#pragma once

#include <string>
#include <vector>

namespace eigenlstm {

/// The instruction set in use: "sse4.2", "avx2", "avx512" or "neon". It is the best one that this CPU has, or the one
/// that the environment variable EIGENLSTM_ISA names. Throws std::runtime_error if that one is unknown, not built in,
/// or not supported by this CPU.
const char* isa();

/// The ISAs that are built in and that this CPU can run, worst first.
std::vector<std::string> available_isas();

/// The library's version, "major.minor.patch", and that of the Eigen it was built with.
const char* version();
const char* eigen_version();

}  // namespace eigenlstm
