// The LSTM: stacked, uni- or bidirectional, any initial state, ragged batches; forward, backward, streaming.
//
// Sizes: B rows (batch), T time steps, I inputs, H hidden units, D directions. Gates are ordered i f g o.
// Results have the same bits for any number of threads, in any batch, and however time is cut into calls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "eigenlstm/sequence.hpp"
#include "eigenlstm/variants.hpp"

namespace eigenlstm {

/// Layers that a model may have.
constexpr Index max_layers = 4096;

struct LSTMOptions {
  Index input_size = 1;
  Index hidden_size = 1;
  Index num_layers = 1;
  bool bias = true;
  bool bidirectional = false;
  bool reverse = false;  // a single direction that starts at each row's own end; y keeps the order of time
  /// In training, on the outputs of layer k: num_layers probabilities, the last one 0; empty: none.
  std::vector<double> dropout;

  // Variants (variants.hpp), of all layers and directions.
  CellOptions cell;
  Index proj_size = 0;              // P: h = W_hr m has P values (Sak et al. 2014); 0: h = m
  std::vector<Index> hidden_sizes;  // of each layer, where they differ; empty: hidden_size
  Merge merge = Merge::concat;      // of two directions
  bool residual = false;            // from the second layer on, y = lstm(x) + x
  bool learned_state = false;       // the initial state is a parameter, used where none is given
  /// Variational dropout (Gal & Ghahramani 2016): one mask for all steps of a row, on what each layer reads, and on the
  /// h_prev that R multiplies.
  double input_dropout = 0, recurrent_dropout = 0;
  double weight_drop = 0;  // DropConnect on R (Merity et al. 2018), one mask for a call
  Missing missing = Missing::propagate;
  std::optional<CellActivations> reverse_activations;  // of the second direction, where they aren't those of `cell`

  Index hidden(Index layer) const { return hidden_sizes.empty() ? hidden_size : hidden_sizes[layer]; }
  /// P: the size of h.
  Index output(Index layer) const { return proj_size > 0 ? proj_size : hidden(layer); }
  Index directions() const { return bidirectional ? 2 : 1; }
  /// Whether direction `d` starts at each row's end.
  bool runs_backwards(Index d) const { return reverse || d == 1; }
  /// Whether some direction does: it needs the whole input of a layer before its first step.
  bool looks_ahead() const { return bidirectional || reverse; }
  /// The cell of direction `d`.
  CellOptions cell_of(Index d) const;
  /// What the input of layer 0 has for each step: I, or 2 I with indicators of missing values.
  Index read_size() const { return missing == Missing::mask ? 2 * input_size : input_size; }
  /// The number of values that layer `layer` returns for each step.
  Index features(Index layer) const { return output(layer) * (merge == Merge::concat ? directions() : 1); }
};

/// One parameter within the flat array of all parameters: row-major (rows, columns); columns = 0: a vector.
/// Named as PyTorch names them: weight_ih_l0 (4H, I), weight_hh_l0 (4H, P), bias_l0 (4H), weight_hr_l0 (P, H),
/// ..._reverse; where used, peephole_l0 (3H) as i f o, norm_weight_l0 (4H), norm_cell_weight_l0 (H), norm_cell_bias_l0
/// (H), h0_l0 (P), c0_l0 (H).
struct Parameter {
  std::string name;
  Index offset, rows, columns;
};

/// Packed weights: an immutable copy of the parameters in the order in which the kernels read them.
template <class Real>
class Weights;

/// The quantities of a step: the gates after activation, the cell state, the output.
enum class Traced { i, f, g, o, c, h };

/// What forward() keeps for backward(). It never changes. It refers to x, which must outlive it unchanged.
template <class Real>
class Tape;

template <class Real>
class LSTM {
 public:
  /// Throws std::invalid_argument for options that make no sense, with the reason, and std::length_error for sizes that
  /// no memory can hold.
  explicit LSTM(const LSTMOptions& options);

  const LSTMOptions& options() const { return options_; }
  Index directions() const { return options_.directions(); }
  const std::vector<Parameter>& parameters() const { return parameters_; }
  /// Length of the flat arrays of parameters and of gradients.
  Index num_parameters() const { return num_parameters_; }

  /// The number of values in h, and in c, of one row, over all layers and directions.
  Index state_h_size() const;
  Index state_c_size() const;

  /// Packs the parameters. `for_backward`: also what backward() needs. `seed`: of the mask of weight drop; none: no
  /// mask.
  std::shared_ptr<const Weights<Real>> pack(const Real* parameters, bool for_backward,
                                            std::optional<std::uint64_t> seed = {}) const;

  /// x (B, T, I) -> y (B, T, features of the last layer) and the final state. `lengths`: T_b of each row, 0 <= T_b <=
  /// T, or null: all T. What is written must not overlap what is read. Past its length, a row has zeros in y and keeps
  /// its state; a reverse direction starts at each row's own end. `tape`: null, or where to store what backward() needs
  /// (the weights must then be packed for backward). `seed`: of the random masks of training; none: no masks. Throws
  /// std::invalid_argument for a bad length, too few bytes of memory and, with Missing::error, NaN in x; Interrupted
  /// (threads.hpp), std::bad_alloc.
  void forward(std::shared_ptr<const Weights<Real>> weights, Index B, Index T, Sequence<const Real> x,
               const Index* lengths, State<const Real> initial, Sequence<Real> y, State<Real> final,
               std::unique_ptr<Tape<Real>>* tape = nullptr, std::optional<std::uint64_t> seed = {},
               Memory memory = {}) const;

  /// The gradients of a scalar with dy = d/dy and dfinal = d/d(final state): writes dx and dinitial (where not null)
  /// and adds the parameters' to `dparameters`. dy.data may be null: zeros.
  /// `per_row`: each row's gradients by itself, added to dparameters (B, num_parameters).
  void backward(const Tape<Real>& tape, Sequence<const Real> dy, State<const Real> dfinal, Sequence<Real> dx,
                State<Real> dinitial, Real* dparameters, bool per_row = false) const;

 private:
  LSTMOptions options_;
  std::vector<Parameter> parameters_;
  Index num_parameters_ = 0;
};

/// Step-by-step inference with a state of its own, with the weights as they were packed. After construction nothing
/// allocates, locks or calls the system, so it can run in a real-time audio thread. Only for models whose directions
/// all run forward in time; the constructor throws std::invalid_argument for others, and for B < 1.
template <class Real>
class Stream {
 public:
  Stream(const LSTM<Real>& lstm, std::shared_ptr<const Weights<Real>> weights, Index B);
  Stream(const Stream&);
  Stream& operator=(const Stream&) = delete;
  ~Stream();

  Index batch_size() const;
  /// x (B, I) -> y (B, features of the last layer), both contiguous. The bits of forward() over the whole sequence.
  /// With Missing::error, throws std::invalid_argument for NaN in x and changes nothing.
  void step(const Real* x, Real* y);
  /// T steps in one call, x (B, T, I) -> y (B, T, features), both contiguous: the bits of T calls of step. y may be x.
  /// With Missing::error, NaN anywhere in x is refused before the first step.
  void process(const Real* x, Index T, Real* y);
  /// The state (see State), copied out or in. reset() makes it what it was at the start, and forgets the values that
  /// fill gaps in x.
  void get_state(State<Real> state) const;
  void set_state(State<const Real> state);
  void reset();
  /// All that is remembered of each row, the values that fill gaps in x, and h and c of every layer: memory_size()
  /// values a row, the rows `row_stride` values apart; copied out or in.
  Index memory_size() const;
  void get_memory(Real* rows, Index row_stride) const;
  void set_memory(const Real* rows, Index row_stride);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

template <class Real>
class Tape {
 public:
  ~Tape();
  /// Bytes held, plus the largest segment that backward() recomputes; without x.
  std::size_t bytes() const;
  Index batch_size() const;
  Index steps() const;
  /// Copies one quantity of every step of direction `index` (layer * D + direction) to out (B, T, H), h to (B, T, P),
  /// at the times of x; zeros past a row's length. Throws std::invalid_argument unless forward() kept a full tape.
  void trace(Index index, Traced what, Sequence<Real> out) const;

  struct Impl;
  explicit Tape(std::unique_ptr<Impl> impl);
  const Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

extern template class LSTM<float>;
extern template class LSTM<double>;
extern template class Stream<float>;
extern template class Stream<double>;
extern template class Tape<float>;
extern template class Tape<double>;

}  // namespace eigenlstm
