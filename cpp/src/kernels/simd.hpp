// SIMD vectors for the kernels: Eigen's packets, and the few operations that Eigen 3.4 lacks.
// The only file with intrinsics. Included once per ISA, with the namespace Eigen renamed (cpp/CMakeLists.txt).
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

/// For lambdas. (There [[gnu::always_inline]] would belong to the type, and be ignored.)
#define EIGENLSTM_INLINED __attribute__((always_inline))

namespace eigenlstm {
namespace EIGENLSTM_ISA {

using Index = std::ptrdiff_t;

/// The widest vector of Real on this ISA, and its number of values.
template <class Real>
using Vec = typename Eigen::internal::packet_traits<Real>::type;
template <class Real>
constexpr Index lanes = Eigen::internal::packet_traits<Real>::size;
template <class V>
using Scalar = typename Eigen::internal::unpacket_traits<V>::type;

#if defined(__AVX512F__) || defined(__ARM_NEON)
constexpr int num_vector_registers = 32;
#else
constexpr int num_vector_registers = 16;
#endif

template <class Real>
inline Vec<Real> load(const Real* p) {
  return Eigen::internal::ploadu<Vec<Real>>(p);
}
template <class Real>
inline void store(Real* p, Vec<Real> v) {
  Eigen::internal::pstoreu(p, v);
}
/// Stores values that are not read again soon: their cache line is not read first, and evicts no other. The whole line
/// has to be stored, one vector right after the other, and p must be aligned. Call fence_stores() before another thread
/// may read them.
#if defined(__AVX512F__)
inline void store_past_caches(float* p, Vec<float> v) { _mm512_stream_ps(p, v); }
inline void store_past_caches(double* p, Vec<double> v) { _mm512_stream_pd(p, v); }
#elif defined(__AVX2__)
inline void store_past_caches(float* p, Vec<float> v) { _mm256_stream_ps(p, v); }
inline void store_past_caches(double* p, Vec<double> v) { _mm256_stream_pd(p, v); }
#elif defined(__SSE2__)
inline void store_past_caches(float* p, Vec<float> v) { _mm_stream_ps(p, v); }
inline void store_past_caches(double* p, Vec<double> v) { _mm_stream_pd(p, v); }
#else
template <class Real>
inline void store_past_caches(Real* p, Vec<Real> v) {
  store(p, v);
}
#endif
#if defined(__SSE2__)
inline void fence_stores() { _mm_sfence(); }
#else
inline void fence_stores() {}
#endif
template <class Real>
inline Vec<Real> splat(Real x) {
  return Eigen::internal::pset1<Vec<Real>>(x);
}
template <class V>
inline V set1(Scalar<V> x) {
  return Eigen::internal::pset1<V>(x);
}

/// a * b + c, with one rounding if the instruction set has FMA, otherwise with two (SSE4.2).
template <class V>
inline V madd(V a, V b, V c) {
  return Eigen::internal::pmadd(a, b, c);
}
template <class V>
inline V add(V a, V b) {
  return Eigen::internal::padd(a, b);
}
template <class V>
inline V sub(V a, V b) {
  return Eigen::internal::psub(a, b);
}
template <class V>
inline V mul(V a, V b) {
  return Eigen::internal::pmul(a, b);
}
template <class V>
inline V div(V a, V b) {
  return Eigen::internal::pdiv(a, b);
}
template <class V>
inline V neg(V a) {
  return Eigen::internal::pnegate(a);
}
template <class V>
inline V abs(V a) {
  return Eigen::internal::pabs(a);
}
/// less: a mask for select, which gives a where the mask is set, and b elsewhere.
template <class V>
inline V less(V a, V b) {
  return Eigen::internal::pcmp_lt(a, b);
}
template <class V>
inline V select(V mask, V a, V b) {
  return Eigen::internal::pselect(mask, a, b);
}
/// 0, 1, 2, ...
template <class V>
inline V lane_numbers() {
  return Eigen::internal::plset<V>(Scalar<V>(0));
}

/// As many values as a vector has from the n-th on, of a and b in one row. What would lie behind b is anything.
#if defined(__AVX512F__)
inline Vec<float> lanes_from(Vec<float> a, Vec<float> b, Index n) {
  const __m512i lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  return _mm512_permutex2var_ps(a, _mm512_add_epi32(lane, _mm512_set1_epi32(int(n))), b);
}
inline Vec<double> lanes_from(Vec<double> a, Vec<double> b, Index n) {
  const __m512i lane = _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0);
  return _mm512_permutex2var_pd(a, _mm512_add_epi64(lane, _mm512_set1_epi64(n)), b);
}
#elif defined(__AVX2__)
inline Vec<float> lanes_from(Vec<float> a, Vec<float> b, Index n) {
  const __m256i at = _mm256_add_epi32(_mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0), _mm256_set1_epi32(int(n)));
  const __m256i of_b = _mm256_cmpgt_epi32(at, _mm256_set1_epi32(7));
  return _mm256_blendv_ps(_mm256_permutevar8x32_ps(a, at), _mm256_permutevar8x32_ps(b, at), _mm256_castsi256_ps(of_b));
}
inline Vec<double> lanes_from(Vec<double> a, Vec<double> b, Index n) {
  return _mm256_castps_pd(lanes_from(_mm256_castpd_ps(a), _mm256_castpd_ps(b), 2 * n));
}
#else
template <class V>
inline V lanes_from(V a, V b, Index n) {
  constexpr Index L = lanes<Scalar<V>>;
  Scalar<V> values[3 * L] = {};
  store(values, a), store(values + L, b);
  return load(values + n);
}
#endif

/// f(0), ..., f(N - 1) with constants as arguments, so that arrays indexed by them live in registers.
template <int... i, class F>
[[gnu::always_inline]] inline void unroll_sequence(std::integer_sequence<int, i...>, F&& f) {
  (f(std::integral_constant<int, i>{}), ...);
}
template <int N, class F>
[[gnu::always_inline]] inline void unroll(F&& f) {
  unroll_sequence(std::make_integer_sequence<int, N>{}, f);
}

/// Prefetches the cache line at p. (always_inline: gcc drops calls of a function that does nothing else.)
[[gnu::always_inline]] inline void prefetch(const void* p) { __builtin_prefetch(p); }

/// The same, for writing: a line that another core holds is then moved here at once.
[[gnu::always_inline]] inline void prefetch_to_write(const void* p) { __builtin_prefetch(p, 1); }

/// Keeps v in a register: the compiler may not fold its load into each use. (Eigen's barrier allows memory, too, and
/// clang then puts v there.)
template <class V>
inline void pin(V& v) {
#if defined(__ARM_NEON)
  asm("" : "+w"(v));
#elif defined(__AVX512F__)
  asm("" : "+v"(v));
#else
  asm("" : "+x"(v));
#endif
}
/// The same for an address, which the compiler may not derive from another one.
template <class Real>
inline void pin(const Real*& p) {
  asm("" : "+r"(p));
}

/// c = a * b + c, in the register of c: gcc 12 would put some sums of a loop into the register of a factor and move
/// them back.
#if defined(__AVX512F__)
inline void madd_to(Vec<float>& c, Vec<float> a, Vec<float> b) {
  Vec<float> sum = c;
  asm("{vfmadd231ps %2, %1, %0|vfmadd231ps %0, %1, %2}" : "+v"(sum) : "v"(a), "v"(b));
  c = sum;
}
inline void madd_to(Vec<double>& c, Vec<double> a, Vec<double> b) {
  Vec<double> sum = c;
  asm("{vfmadd231pd %2, %1, %0|vfmadd231pd %0, %1, %2}" : "+v"(sum) : "v"(a), "v"(b));
  c = sum;
}
#else
template <class V>
inline void madd_to(V& c, V a, V b) {
  c = madd(a, b, c);
}
#endif

/// Words of 32 bits, each in the low half of 64; the high half matters in shifts only.
using WideWords [[gnu::vector_size(sizeof(Vec<double>))]] = std::uint64_t;
inline void store_words(std::uint32_t* out, WideWords wide) {
  using Words [[gnu::vector_size(sizeof(WideWords) / 2)]] = std::uint32_t;
  const Words words = __builtin_convertvector(wide, Words);
  std::memcpy(out, &words, sizeof(words));
}

// multiply_words: each word by b, all 64 bits of the product. clamp: min(max(x, lo), hi) that lets NaN through. x86's
// min and max return their second operand when one is NaN; Arm's return NaN. shift_left: the bits of each value,
// shifted (for 2^n out of a float's exponent).
#if defined(__ARM_NEON)
inline WideWords multiply_words(WideWords a, std::uint32_t b) {
  return WideWords(vmull_u32(vmovn_u64(uint64x2_t(a)), vdup_n_u32(b)));
}
inline Vec<float> clamp(Vec<float> x, Vec<float> lo, Vec<float> hi) { return vminq_f32(vmaxq_f32(x, lo), hi); }
inline Vec<double> clamp(Vec<double> x, Vec<double> lo, Vec<double> hi) { return vminq_f64(vmaxq_f64(x, lo), hi); }
template <int N>
inline Vec<float> shift_left(Vec<float> v) {
  return vreinterpretq_f32_u32(vshlq_n_u32(vreinterpretq_u32_f32(v), N));
}
template <int N>
inline Vec<double> shift_left(Vec<double> v) {
  return vreinterpretq_f64_u64(vshlq_n_u64(vreinterpretq_u64_f64(v), N));
}
#elif defined(__AVX512F__)
// The same instructions as without maskz; those make gcc 12 warn of an uninitialised operand.
constexpr __mmask16 all16 = 0xffff;
constexpr __mmask8 all8 = 0xff;
inline WideWords multiply_words(WideWords a, std::uint32_t b) {
  return WideWords(_mm512_maskz_mul_epu32(all8, __m512i(a), _mm512_set1_epi64(b)));
}
inline Vec<float> clamp(Vec<float> x, Vec<float> lo, Vec<float> hi) {
  return _mm512_maskz_min_ps(all16, hi, _mm512_maskz_max_ps(all16, lo, x));
}
inline Vec<double> clamp(Vec<double> x, Vec<double> lo, Vec<double> hi) {
  return _mm512_maskz_min_pd(all8, hi, _mm512_maskz_max_pd(all8, lo, x));
}
template <int N>
inline Vec<float> shift_left(Vec<float> v) {
  return _mm512_castsi512_ps(_mm512_maskz_slli_epi32(all16, _mm512_castps_si512(v), N));
}
template <int N>
inline Vec<double> shift_left(Vec<double> v) {
  return _mm512_castsi512_pd(_mm512_maskz_slli_epi64(all8, _mm512_castpd_si512(v), N));
}
#elif defined(__AVX2__)
inline WideWords multiply_words(WideWords a, std::uint32_t b) {
  return WideWords(_mm256_mul_epu32(__m256i(a), _mm256_set1_epi64x(b)));
}
inline Vec<float> clamp(Vec<float> x, Vec<float> lo, Vec<float> hi) { return _mm256_min_ps(hi, _mm256_max_ps(lo, x)); }
inline Vec<double> clamp(Vec<double> x, Vec<double> lo, Vec<double> hi) {
  return _mm256_min_pd(hi, _mm256_max_pd(lo, x));
}
template <int N>
inline Vec<float> shift_left(Vec<float> v) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(v), N));
}
template <int N>
inline Vec<double> shift_left(Vec<double> v) {
  return _mm256_castsi256_pd(_mm256_slli_epi64(_mm256_castpd_si256(v), N));
}
#else
inline WideWords multiply_words(WideWords a, std::uint32_t b) {
  return WideWords(_mm_mul_epu32(__m128i(a), _mm_set1_epi64x(b)));
}
inline Vec<float> clamp(Vec<float> x, Vec<float> lo, Vec<float> hi) { return _mm_min_ps(hi, _mm_max_ps(lo, x)); }
inline Vec<double> clamp(Vec<double> x, Vec<double> lo, Vec<double> hi) { return _mm_min_pd(hi, _mm_max_pd(lo, x)); }
template <int N>
inline Vec<float> shift_left(Vec<float> v) {
  return _mm_castsi128_ps(_mm_slli_epi32(_mm_castps_si128(v), N));
}
template <int N>
inline Vec<double> shift_left(Vec<double> v) {
  return _mm_castsi128_pd(_mm_slli_epi64(_mm_castpd_si128(v), N));
}
#endif

}  // namespace EIGENLSTM_ISA
}  // namespace eigenlstm
