//! The one-dimensional transforms, on vectors of channels. Applied along columns and then along rows they are the
//! two-dimensional ones.

use pulp::Simd;

/// The finite interpolation points other than zero, `±P` and `±Q`.
const P: f32 = 0.75;
const Q: f32 = 1.5;
const P2: f32 = P * P;
const Q2: f32 = Q * Q;
/// Denominators of the kernel transform.
const AT_P: f32 = 1.0 / (2.0 * P2 * (P2 - Q2));
const AT_Q: f32 = 1.0 / (2.0 * Q2 * (Q2 - P2));
const AT_ZERO: f32 = 1.0 / (P2 * Q2);

/// `Bᵀ d`: six inputs to six places.
#[inline(always)]
pub(super) fn input<S: Simd>(simd: S, d: [S::f32s; 6]) -> [S::f32s; 6] {
    let k = |value: f32| simd.splat_f32s(value);
    let fma = |a, b, c| simd.mul_add_e_f32s(a, b, c);
    let even_p = fma(k(-Q2), d[2], d[4]);
    let odd_p = simd.mul_f32s(k(P), fma(k(-Q2), d[1], d[3]));
    let even_q = fma(k(-P2), d[2], d[4]);
    let odd_q = simd.mul_f32s(k(Q), fma(k(-P2), d[1], d[3]));
    [
        fma(k(P2 * Q2), d[0], fma(k(-(P2 + Q2)), d[2], d[4])),
        simd.add_f32s(even_p, odd_p),
        simd.sub_f32s(even_p, odd_p),
        simd.add_f32s(even_q, odd_q),
        simd.sub_f32s(even_q, odd_q),
        fma(k(P2 * Q2), d[1], fma(k(-(P2 + Q2)), d[3], d[5])),
    ]
}

/// `Aᵀ m`: six places to four outputs.
#[inline(always)]
pub(super) fn output<S: Simd>(simd: S, m: [S::f32s; 6]) -> [S::f32s; 4] {
    let k = |value: f32| simd.splat_f32s(value);
    let fma = |a, b, c| simd.mul_add_e_f32s(a, b, c);
    let (even_p, odd_p) = (simd.add_f32s(m[1], m[2]), simd.sub_f32s(m[1], m[2]));
    let (even_q, odd_q) = (simd.add_f32s(m[3], m[4]), simd.sub_f32s(m[3], m[4]));
    [
        simd.add_f32s(m[0], simd.add_f32s(even_p, even_q)),
        fma(k(P), odd_p, simd.mul_f32s(k(Q), odd_q)),
        fma(k(P2), even_p, simd.mul_f32s(k(Q2), even_q)),
        fma(k(P * P2), odd_p, fma(k(Q * Q2), odd_q, m[5])),
    ]
}

/// `A ε`, the transpose of [`output`]: four errors to six places.
#[inline(always)]
pub(super) fn error<S: Simd>(simd: S, e: [S::f32s; 4]) -> [S::f32s; 6] {
    let k = |value: f32| simd.splat_f32s(value);
    let fma = |a, b, c| simd.mul_add_e_f32s(a, b, c);
    let even_p = fma(k(P2), e[2], e[0]);
    let odd_p = simd.mul_f32s(k(P), fma(k(P2), e[3], e[1]));
    let even_q = fma(k(Q2), e[2], e[0]);
    let odd_q = simd.mul_f32s(k(Q), fma(k(Q2), e[3], e[1]));
    [
        e[0],
        simd.add_f32s(even_p, odd_p),
        simd.sub_f32s(even_p, odd_p),
        simd.add_f32s(even_q, odd_q),
        simd.sub_f32s(even_q, odd_q),
        e[3],
    ]
}

/// `G g`: three taps to six places.
#[inline(always)]
pub(super) fn kernel<S: Simd>(simd: S, g: [S::f32s; 3]) -> [S::f32s; 6] {
    let k = |value: f32| simd.splat_f32s(value);
    let fma = |a, b, c| simd.mul_add_e_f32s(a, b, c);
    let even_p = simd.mul_f32s(k(AT_P), fma(k(P2), g[2], g[0]));
    let odd_p = simd.mul_f32s(k(AT_P * P), g[1]);
    let even_q = simd.mul_f32s(k(AT_Q), fma(k(Q2), g[2], g[0]));
    let odd_q = simd.mul_f32s(k(AT_Q * Q), g[1]);
    [
        simd.mul_f32s(k(AT_ZERO), g[0]),
        simd.add_f32s(even_p, odd_p),
        simd.sub_f32s(even_p, odd_p),
        simd.add_f32s(even_q, odd_q),
        simd.sub_f32s(even_q, odd_q),
        g[2],
    ]
}

/// `Gᵀ u`, the transpose of [`kernel`]: six places to three taps.
#[inline(always)]
pub(super) fn taps<S: Simd>(simd: S, u: [S::f32s; 6]) -> [S::f32s; 3] {
    let k = |value: f32| simd.splat_f32s(value);
    let fma = |a, b, c| simd.mul_add_e_f32s(a, b, c);
    let (even_p, odd_p) = (simd.add_f32s(u[1], u[2]), simd.sub_f32s(u[1], u[2]));
    let (even_q, odd_q) = (simd.add_f32s(u[3], u[4]), simd.sub_f32s(u[3], u[4]));
    [
        fma(k(AT_ZERO), u[0], fma(k(AT_P), even_p, simd.mul_f32s(k(AT_Q), even_q))),
        fma(k(AT_P * P), odd_p, simd.mul_f32s(k(AT_Q * Q), odd_q)),
        fma(k(AT_P * P2), even_p, fma(k(AT_Q * Q2), even_q, u[5])),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulp::Scalar;

    /// The definition the transforms stand for, in one dimension.
    #[test]
    fn transforms_compute_a_correlation_and_its_gradients() {
        let simd = Scalar;
        let d = [0.3, -1.2, 0.7, 2.1, -0.4, 0.9];
        let g = [0.5, -0.8, 1.1];
        let e = [1.3, -0.2, 0.6, -0.9];
        let (v, u) = (input(simd, d), kernel(simd, g));
        let y = output(simd, std::array::from_fn(|i| v[i] * u[i]));
        for (i, y) in y.into_iter().enumerate() {
            let direct: f32 = (0..3).map(|j| d[i + j] * g[j]).sum();
            assert!((y - direct).abs() < 2e-6, "{y} {direct}");
        }
        let w = error(simd, e);
        let gradient = taps(simd, std::array::from_fn(|i| v[i] * w[i]));
        for (j, gradient) in gradient.into_iter().enumerate() {
            let direct: f32 = (0..4).map(|i| d[i + j] * e[i]).sum();
            assert!((gradient - direct).abs() < 2e-6, "{gradient} {direct}");
        }
    }
}
