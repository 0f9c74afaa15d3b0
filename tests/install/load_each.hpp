// What use_model and use_amplifier print of each file: what became of reading it, in one line.
#pragma once

#include <eigenlstm/file_error.hpp>

#include <algorithm>
#include <cstdio>
#include <new>
#include <stdexcept>
#include <string>

/// Calls load(path) for each path.
template <class Load>
int load_each(int count, char** paths, Load load) {
  for (int i = 0; i < count; ++i) {
    std::string outcome = "loads";
    try {
      load(paths[i]);
    } catch (const eigenlstm::FileError& error) {
      outcome = std::string("FileError: ") + error.what();
    } catch (const std::bad_alloc&) {
      outcome = "bad_alloc";
    } catch (const std::invalid_argument& error) {  // of a step: NaN where that is an error
      outcome = std::string("invalid_argument: ") + error.what();
    }
    std::replace(outcome.begin(), outcome.end(), '\n', ' ');
    std::printf("%s\n", outcome.c_str());
  }
  return 0;
}
