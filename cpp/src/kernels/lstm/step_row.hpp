// One time step of a single row: the sums of the gates of a few panels stay in registers from the product to the cell.
// A small LSTM is held up by one chain from step to step (h, product, activations, h), not by arithmetic: nothing of it
// goes through memory but h itself, and there is nothing to prepare.
#pragma once

#include "kernels/lstm/cell.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

template <class Real>
struct RowStep {
  using V = Vec<Real>;
  static constexpr Index L = lanes<Real>;
  static constexpr int k_unroll = 4;
  /// Panels at a time. As many as there are registers for: a core hardly begins the product of the next panels while
  /// the cells of these are still to be computed, since its schedulers are full of them.
  static constexpr int most_panels = num_vector_registers == 32 ? 4 : 3;

  /// z += (columns of the weights) x (a[0], ..., a[n - 1]), one chain of multiply-adds per gate. `w`: where each panel
  /// goes on.
  template <int N, int vectors>
  [[gnu::always_inline]] static void multiply(V (&z)[vectors], const Real* a, Index n, const Real* (&w)[N]) {
    const auto one = [&](auto k) EIGENLSTM_INLINED {
      const V left = splat(a[k]);
      unroll<vectors>([&](auto v) EIGENLSTM_INLINED { madd_to(z[v], left, load(w[v / 4] + k * 4 * L + v % 4 * L)); });
    };
    const auto advance = [&](Index k) EIGENLSTM_INLINED {
      a += k;
      unroll<N>([&](auto i) EIGENLSTM_INLINED { w[i] += k * 4 * L; });
    };
    for (; n >= k_unroll; n -= k_unroll, advance(k_unroll)) unroll<k_unroll>([&](auto k) EIGENLSTM_INLINED { one(k); });
    for (; n > 0; --n, advance(1)) one(std::integral_constant<int, 0>{});
  }

  /// The last panel, whose gates lie U apart in `last` vectors, to one vector for each gate, 0 past the units
  /// (gate_layout.hpp). A gate begins in the vector `first` or the one behind it.
  template <int last, int vectors>
  [[gnu::always_inline]] static void spread(const V (&z)[vectors], Index U, V (&gates)[4]) {
    constexpr int begin = vectors - last;
    const V used = less(lane_numbers<V>(), set1<V>(Real(U)));
    unroll<4>([&](auto g) EIGENLSTM_INLINED {
      constexpr int first = last < 3 || g < 2 ? 0 : last == 3 || g == 2 ? 1 : 2;
      constexpr int next = first + 1 < last ? first + 1 : first;
      gates[g] = select(used, lanes_from(z[begin + first], z[begin + next], g * U - first * L), set1<V>(Real(0)));
    });
  }

  /// N panels from `panel` on, the last of which fills `last` vectors.
  template <bool keep, int N, int last>
  static void run(const StepArgs<Real>& s, Index panel) {
    constexpr int whole = 4 * (N - 1), vectors = whole + last;
    const Real* w[N];
    unroll<N>([&](auto i) EIGENLSTM_INLINED {
      w[i] = s.weights + (panel + i) * s.weights_panel_stride;
      pin(w[i]);  // otherwise gcc makes many offsets of one pointer, more than there are registers
    });
    V z[vectors];
    if (s.x != nullptr) {
      unroll<vectors>([&](auto v) EIGENLSTM_INLINED { z[v] = load(w[v / 4] + v % 4 * L); });
      unroll<N>([&](auto i) EIGENLSTM_INLINED { w[i] += 4 * L; });
      multiply(z, s.x, s.input_size, w);
    } else {
      const Real* from = s.z + panel * s.z_panel_stride;
      unroll<vectors>([&](auto v) EIGENLSTM_INLINED { z[v] = load(from + v / 4 * s.z_panel_stride + v % 4 * L); });
      unroll<N>([&](auto i) EIGENLSTM_INLINED { w[i] += (1 + s.input_size) * 4 * L; });
    }
    multiply(z, s.h_prev, s.hidden_size, w);
    V ends[4];
    if (last < 4 || (panel + N == s.panels && s.last_gate_stride != L))
      spread<last>(z, s.last_gate_stride, ends);
    else
      unroll<last>([&](auto g) EIGENLSTM_INLINED { ends[g] = z[whole + g]; });

    CellPointers<Real> at{};
    at.c_prev = s.c_prev + panel * L;
    at.c = s.c + panel * L;
    at.h = s.h + panel * L;
    at.gates = keep ? s.gates + panel * s.gates_panel_stride : nullptr;
    at.c_prev_stride = at.c_stride = at.h_stride = L;
    at.gates_stride = s.gates_panel_stride;
    const auto gate = [&](auto n, auto g) EIGENLSTM_INLINED {
      if constexpr (n == N - 1)
        return ends[g];
      else
        return z[4 * n + g];
    };
    cell_forward_rows<Real, keep, Stored::no, N>(at, gate);
    if (s.y != nullptr) unroll<N>([&](auto n) EIGENLSTM_INLINED { store(s.y + (panel + n) * L, load(at.h + n * L)); });
  }

  using Function = void (*)(const StepArgs<Real>&, Index);
  template <bool keep, int N>
  static Function of_panels(int last) {
    static constexpr Function by_last[] = {run<keep, N, 1>, run<keep, N, 2>, run<keep, N, 3>, run<keep, N, 4>};
    return by_last[last - 1];
  }
  template <bool keep>
  static void run_panels(const StepArgs<Real>& s, Index panel, Index n, int last) {
    if constexpr (most_panels == 4)
      if (n == 4) return of_panels<keep, 4>(last)(s, panel);
    (n == 3 ? of_panels<keep, 3>(last) : n == 2 ? of_panels<keep, 2>(last) : of_panels<keep, 1>(last))(s, panel);
  }

  template <bool keep>
  static void step(const StepArgs<Real>& s) {
    const int last = int(ceil_div(4 * s.last_gate_stride, L));
    for (Index left = s.panels; left > 0;) {  // at the end two halves, rather than a single panel
      const Index n = left <= most_panels ? left : left <= most_panels + 2 ? (left + 1) / 2 : most_panels;
      const Index panel = s.backwards ? left - n : s.panels - left;
      run_panels<keep>(s, panel, n, panel + n == s.panels ? last : 4);
      left -= n;
    }
  }
};

/// The plain cell of one row.
template <class Real>
void step_forward_row(const StepArgs<Real>& s) {
  if (s.gates != nullptr)
    RowStep<Real>::template step<true>(s);
  else
    RowStep<Real>::template step<false>(s);
}

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
