// The kernels that table_variant.cpp compiles.
#pragma once

#include "kernels/table.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

template <class Real>
void step_forward_variant(const StepArgs<Real>& step);
template <class Real>
void step_backward_variant(const StepBackwardArgs<Real>& step);
template <class Real>
void activate_values(const ActivationArgs<Real>& activation, const Real* x, Real* y, Index n);

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
