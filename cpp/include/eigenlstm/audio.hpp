// Amplifiers and effects that are LSTMs, played in real time: files of NAM, GuitarML and CoreAudioML, RTNeural and
// AIDA-X.
//
//   auto amp = eigenlstm::audio::load<float>("amp.nam");
//   amp.set_knob(0, 0.7f);                // where the model has knobs
//   amp.process(input, n, output);        // in the audio thread
//
// Component `audio`: find_package(eigenlstm COMPONENTS audio), target eigenlstm::audio.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "eigenlstm/file_error.hpp"
#include "eigenlstm/model_stream.hpp"

namespace eigenlstm::audio {

using eigenlstm::FileError;  // that of component `model`, too

/// What a file says of an amplifier, beside its layers.
struct Description {
  std::string format;      // "NAM", "GuitarML", "RTNeural" or "AIDA-X"
  double sample_rate = 0;  // in Hz; 0 where nobody knows
  double in_gain = 0;      // in dB, of the sample before the model (and its skip)
  double out_gain = 0;     // in dB, of what the model gives
  Index prewarm = 0;       // samples of silence that reset() runs through the model, as NAM's players do
  std::string metadata;    // as it is in the file, JSON; empty where there is none
};

/// A model of one sample and further knobs that gives one sample, with a state of its own. After construction no member
/// allocates, locks or calls the system. A player is for one thread at a time.
template <class Real>
class Player {
 public:
  /// `graph` takes a sample and inputs - 1 knobs, and gives one value. Throws std::invalid_argument for any other.
  Player(const StepGraph<Real>& graph, Description description);
  Player(Player&&) noexcept;
  Player& operator=(Player&&) noexcept;
  ~Player();

  const Description& description() const;
  Index knobs() const;
  Real knob(Index k) const;
  /// From 0 to 1, at first 0; takes effect with the next sample. Throws std::invalid_argument for another knob or
  /// value.
  void set_knob(Index k, Real position);

  /// The next n samples: x (n) -> y (n), which may be x. Blocks of any lengths give the same bits.
  void process(const Real* x, Index n, Real* y);
  /// As at first: the model's own initial state, and after it the silence.
  void reset();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The amplifier in the file `path`. All of it is checked before anything is built; the test that a file of AIDA-X
/// holds is run. Throws FileError, naming other kinds of models (WaveNet, GRU ...), and std::bad_alloc.
template <class Real>
Player<Real> load(const std::string& path);

extern template class Player<float>;
extern template class Player<double>;
extern template Player<float> load(const std::string& path);
extern template Player<double> load(const std::string& path);

}  // namespace eigenlstm::audio
