//! Decompositions of matrices of any size of numbers, and of matrices that are degenerate.

use nmnc_core::linalg::{orthonormalize_rows, pseudo_inverse, singular_values, symmetric_eigen};
use nmnc_core::seed::{Role, Seed};
use nmnc_core::{ErrorKind, Result};

fn normals(count: usize) -> Vec<f64> {
    let mut numbers = vec![0.0f32; count];
    Seed(8).stream(Role::Analysis, count, 0).fill_normal(&mut numbers);
    numbers.into_iter().map(f64::from).collect()
}

/// a a^T of `a` `[size, width]`.
fn gram(a: &[f64], width: usize) -> Vec<f64> {
    let size = a.len() / width;
    let dot = |i: usize, j: usize| (0..width).map(|k| a[i * width + k] * a[j * width + k]).sum::<f64>();
    (0..size * size).map(|ij| dot(ij / size, ij % size)).collect()
}

fn times(values: &[f64], factor: f64) -> Vec<f64> {
    values.iter().map(|v| v * factor).collect()
}

/// Powers of four change nothing but the exponents, from the smallest numbers to the largest.
#[test]
fn decompositions_of_scaled_matrices_are_scaled_to_the_bit() {
    const SIZE: usize = 9;
    for rank in [SIZE, 4] {
        let (a, b) = (gram(&normals(SIZE * rank), rank), normals(SIZE * 5));
        let (values, vectors) = symmetric_eigen(&a, SIZE).unwrap();
        let singular = singular_values(&b, SIZE, 5).unwrap();
        let inverse = pseudo_inverse(&a, SIZE, 1e-10).unwrap();
        for exponent in [-930, -700, -470, -102, -2, 2, 102, 470, 700, 930] {
            let factor = 2f64.powi(exponent);
            let (scaled, same) = symmetric_eigen(&times(&a, factor), SIZE).unwrap();
            assert_eq!(scaled, times(&values, factor), "{exponent}");
            assert_eq!(same, vectors, "{exponent}");
            assert_eq!(singular_values(&times(&b, factor), SIZE, 5).unwrap(), times(&singular, factor));
            let scaled = pseudo_inverse(&times(&a, factor), SIZE, 1e-10).unwrap();
            assert_eq!(scaled, times(&inverse, 1.0 / factor), "{exponent}");
        }
    }
}

#[test]
fn degenerate_matrices_have_the_decompositions_of_their_rank() {
    for size in [1, 2, 7] {
        let zero = vec![0.0; size * size];
        assert!(symmetric_eigen(&zero, size).unwrap().0.iter().all(|v| *v == 0.0));
        assert!(singular_values(&zero, size, size).unwrap().iter().all(|v| *v == 0.0));
        assert!(pseudo_inverse(&zero, size, 1e-12).unwrap().iter().all(|v| *v == 0.0));
        // All numbers the same: of rank one, down to the smallest number there is.
        for number in [1.0, 1e-300, 5e-324, 1e300] {
            let (values, _) = symmetric_eigen(&vec![number; size * size], size).unwrap();
            assert!((values[0] / number / size as f64 - 1.0).abs() < 1e-14, "{size} {number} {values:?}");
            assert!(values[1..].iter().all(|v| v.abs() <= 1e-14 * number.max(1e-308)));
        }
    }
    assert_eq!(symmetric_eigen(&[], 0).unwrap(), (vec![], vec![]));
    assert!(singular_values(&[], 0, 4).unwrap().is_empty());
    assert_eq!(singular_values(&[3.0, 4.0], 1, 2).unwrap(), [5.0]);
    assert!(pseudo_inverse(&[], 0, 1e-12).unwrap().is_empty());
}

#[test]
fn what_is_not_finite_is_refused_before_it_is_decomposed() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let matrix = [1.0, bad, bad, 2.0];
        let refused: [Result<()>; 3] = [
            symmetric_eigen(&matrix, 2).map(drop),
            singular_values(&matrix, 2, 2).map(drop),
            pseudo_inverse(&matrix, 2, 1e-12).map(drop),
        ];
        for error in refused.map(Result::unwrap_err) {
            assert_eq!(error.kind(), ErrorKind::Diverged);
            assert_eq!(error.to_string(), "decomposition of a matrix: a number is not finite");
        }
    }
    // An inverse that has no numbers is none either.
    assert!(pseudo_inverse(&[1e-320], 1, 1e-12).is_err());
}

#[test]
fn rows_become_orthonormal_at_any_size_and_dependent_ones_zero() {
    const COLUMNS: usize = 20;
    let rows: Vec<f32> = normals(6 * COLUMNS).into_iter().map(|v| v as f32).collect();
    let orthonormal = |mut rows: Vec<f32>| {
        let rank = orthonormalize_rows(&mut rows, COLUMNS);
        (rank, rows)
    };
    let whole = orthonormal(rows.clone());
    assert_eq!(whole.0, 6);
    for exponent in [-120, -100, -60, -31, 31, 60, 100, 120] {
        let factor = 2f32.powi(exponent);
        assert_eq!(orthonormal(rows.iter().map(|v| v * factor).collect()), whole, "{exponent}");
    }
    // Zero, the same again, a sum of two others, and one that is not finite.
    let mut degenerate = rows.clone();
    degenerate[..COLUMNS].fill(0.0);
    degenerate.copy_within(COLUMNS..2 * COLUMNS, 2 * COLUMNS);
    for i in 0..COLUMNS {
        degenerate[4 * COLUMNS + i] = degenerate[COLUMNS + i] - 3.0 * degenerate[3 * COLUMNS + i];
    }
    degenerate[5 * COLUMNS] = f32::NAN;
    let (rank, found) = orthonormal(degenerate);
    let found: Vec<f64> = found.into_iter().map(f64::from).collect();
    let products = gram(&found, COLUMNS);
    for (ij, product) in products.iter().enumerate() {
        let (i, j) = (ij / 6, ij % 6);
        // What rounding has left of a dependent row is either nothing or a direction of its own.
        let expected =
            if i == j && found[i * COLUMNS..][..COLUMNS].iter().any(|v| *v != 0.0) { 1.0 } else { 0.0 };
        assert!((product - expected).abs() < 1e-5, "{i} {j} {product}");
    }
    assert!((2..=4).contains(&rank), "{rank}");
    assert_eq!([0, 5].map(|i| products[i * 6 + i]), [0.0; 2]);
    // More rows than columns.
    let mut square: Vec<f32> = normals(5 * 3).into_iter().map(|v| v as f32).collect();
    assert_eq!(orthonormalize_rows(&mut square, 3), 3);
    assert!(square[9..].iter().all(|v| *v == 0.0));
    assert_eq!(orthonormalize_rows(&mut [], 0), 0);
}
