// The variants of the cell, compiled apart from the plain cell (table.cpp).
#include "kernels/variants.hpp"

#include "kernels/lstm/step_variant.hpp"
#include "kernels/map.hpp"

namespace eigenlstm {
namespace EIGENLSTM_ISA {

extern template void gemm(const GemmArgs<float>&);  // table.cpp has them
extern template void gemm(const GemmArgs<double>&);

template <class Real>
void activate_values(const ActivationArgs<Real>& a, const Real* x, Real* y, Index n) {
  map(x, y, n, [&a](Vec<Real> v) { return activate(a, v); });
}
template void activate_values(const ActivationArgs<float>&, const float*, float*, Index);
template void activate_values(const ActivationArgs<double>&, const double*, double*, Index);

template void step_forward_variant(const StepArgs<float>&);
template void step_forward_variant(const StepArgs<double>&);
template void step_backward_variant(const StepBackwardArgs<float>&);
template void step_backward_variant(const StepBackwardArgs<double>&);

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
