// The players that ours is measured against, each behind one function: a file in, a function of blocks out.
#pragma once

#include <functional>
#include <string>
#include <vector>

/// x (n) -> y (n), the state going on from call to call.
using Play = std::function<void(const float* x, int n, float* y)>;

struct Peer {
  std::string name;
  Play play;
};

/// Empty where the program doesn't play such a file.
std::vector<Peer> neural_amp_modeler(const std::string& path);
std::vector<Peer> rtneural_eigen(const std::string& path);
std::vector<Peer> rtneural_xsimd(const std::string& path);
