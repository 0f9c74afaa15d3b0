// Runs the tests with the instruction set that EIGENLSTM_ISA names. Exit code 77, for "skipped", if the CPU lacks it.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>
#include <exception>

#include "eigenlstm/isa.hpp"

int main(int argc, char** argv) {
  try {
    std::printf("ISA: %s\n", eigenlstm::isa());
  } catch (const std::exception& error) {
    std::printf("skipped: %s\n", error.what());
    return 77;
  }
  return doctest::Context(argc, argv).run();
}
