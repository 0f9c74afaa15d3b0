// Amplifiers and effects that are LSTMs, played in real time: files of NAM, GuitarML and CoreAudioML, RTNeural and
// AIDA-X, and what Python's el.audio.save and el.save write.
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
  std::string format;      // "NAM", "GuitarML", "RTNeural", "AIDA-X", "PyTorch" or "eigenlstm"
  double sample_rate = 0;  // in Hz; 0 where nobody knows
  double in_gain = 0;      // in dB, of the sample before the model (and its skip)
  double out_gain = 0;     // in dB, of what the model gives
  Index prewarm = 0;       // samples of silence that reset() runs through the model, as NAM's players do
  std::string metadata;    // as it is in the file, JSON; empty where there is none
};

/// A model from a sample and further knobs to a sample (or to several), with a state of its own. After construction no
/// member allocates, locks or calls the system. A player is for one thread at a time.
template <class Real>
class Player {
 public:
  /// `graph` takes a sample and inputs - 1 knobs. Throws std::invalid_argument for one that takes integers.
  Player(const StepGraph<Real>& graph, Description description);
  Player(Player&&) noexcept;
  Player& operator=(Player&&) noexcept;
  ~Player();

  const Description& description() const;
  Index knobs() const;
  /// What the model gives for each sample: 1 for an amplifier.
  Index outputs() const;
  Real knob(Index k) const;
  /// From 0 to 1, at first 0; takes effect with the next sample. Throws std::invalid_argument for another knob or
  /// value.
  void set_knob(Index k, Real position);

  /// The next n samples: x (n) -> y (n, outputs), which may be x where there is one output. Blocks of any lengths give
  /// the same bits.
  void process(const Real* x, Index n, Real* y);
  /// As at first: the model's own initial state, and after it the silence.
  void reset();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The amplifier in the file `path`. All of it is checked before anything is built; the test that a file of AIDA-X
/// holds is run. Throws FileError, naming other kinds of models (WaveNet, GRU ...), and std::bad_alloc. A file of ours
/// has a dtype, which must be Real's.
template <class Real>
Player<Real> load(const std::string& path);

extern template class Player<float>;
extern template class Player<double>;
extern template Player<float> load(const std::string& path);
extern template Player<double> load(const std::string& path);

}  // namespace eigenlstm::audio
