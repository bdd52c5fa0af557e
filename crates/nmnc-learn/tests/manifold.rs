//! Principal components against scikit-learn, and degenerate activity.

use burn::tensor::{DType, Device, Tensor};
use nmnc_core::Seed;
use nmnc_core::seed::Role;
use nmnc_learn::manifold::{Degeneracy, Dimension, PcaMethod, Subspace, fit};
use nmnc_testing::{Golden, assert_close, values};

fn fitted(x: Tensor<2>, dimension: Dimension, method: PcaMethod) -> (Option<Subspace>, Option<Degeneracy>) {
    let fit = fit(x, dimension, method, &mut Seed(0).stream(Role::RangeFinder, 0, 0)).unwrap();
    (fit.subspace, fit.degeneracy)
}

#[test]
fn components_and_variances_are_those_of_scikit_learn() {
    let golden = Golden::read("pca.safetensors");
    for case in ["tall", "wide"] {
        for (method, dtype, tolerance) in [
            (PcaMethod::Exact, DType::F64, 1e-9),
            (PcaMethod::Exact, DType::F32, 1e-4),
            // The range finder is approximate for directions whose variance is near that of the first one left out.
            (PcaMethod::Randomized, DType::F64, 1e-4),
            (PcaMethod::Randomized, DType::F32, 1e-3),
            (PcaMethod::Incremental, DType::F64, 1e-9),
            (PcaMethod::Incremental, DType::F32, 1e-4),
        ] {
            let what = format!("{case} {method:?} {dtype:?}");
            let x = golden.matrix(&format!("{case}.x"), dtype);
            let (subspace, degeneracy) = fitted(x, Dimension::Count(10), method);
            let subspace = subspace.unwrap();
            assert_eq!(degeneracy, None);
            let expected = golden.numbers(&format!("{case}.explained_variance"));
            assert_close(&what, subspace.variances(), &expected[..10], tolerance);
            assert_close(&what, &[subspace.total_variance()], &[expected.iter().sum()], tolerance);
            // Rows of components are axes; only their sign is free.
            let overlap =
                golden.matrix(&format!("{case}.components"), dtype).matmul(subspace.basis().clone());
            for (k, row) in values(&overlap).chunks_exact(10).enumerate() {
                let identity: Vec<f64> = (0..10).map(|j| if j == k { 1.0 } else { 0.0 }).collect();
                let absolute: Vec<f64> = row.iter().map(|v| v.abs()).collect();
                assert_close(&format!("{what} axis {k}"), &absolute, &identity, tolerance.sqrt().max(1e-4));
            }
            let gram = values(&subspace.basis().clone().transpose().matmul(subspace.basis().clone()));
            let identity: Vec<f64> = (0..100).map(|i| if i / 10 == i % 10 { 1.0 } else { 0.0 }).collect();
            assert_close(&format!("{what} orthonormal"), &gram, &identity, 1e-5);
        }
    }
}

#[test]
fn a_fraction_of_variance_takes_as_many_components_as_scikit_learn() {
    let golden = Golden::read("pca.safetensors");
    for case in ["tall", "wide"] {
        let ratios = golden.numbers(&format!("{case}.explained_variance_ratio"));
        for fraction in [0.5, 0.9, 0.99] {
            let mut sum = 0.0;
            let expected = ratios.iter().take_while(|r| {
                let before = sum;
                sum += *r;
                before < fraction
            });
            let x = golden.matrix(&format!("{case}.x"), DType::F64);
            let (subspace, _) = fitted(x, Dimension::Variance(fraction), PcaMethod::Exact);
            assert_eq!(subspace.unwrap().dimension(), expected.count(), "{case} {fraction}");
        }
    }
}

#[test]
fn the_dimension_is_clipped_to_the_rank_and_said_so() {
    let device = Device::flex();
    let mut numbers = vec![0.0; 3 * 40 + 3 * 20];
    Seed(1).stream(Role::Analysis, 0, 0).fill_normal(&mut numbers);
    let left = nmnc_core::device::matrix(numbers[..60].to_vec(), [20, 3], &device);
    let right = nmnc_core::device::matrix(numbers[60..].to_vec(), [3, 40], &device);
    for method in [PcaMethod::Exact, PcaMethod::Randomized, PcaMethod::Incremental] {
        // Rank three.
        let (subspace, degeneracy) = fitted(left.clone().matmul(right.clone()), Dimension::Count(8), method);
        assert_eq!(subspace.unwrap().dimension(), 3, "{method:?}");
        assert_eq!(degeneracy, Some(Degeneracy::Clipped { asked: 8, given: 3, samples: 20, units: 40 }));
        // Fewer samples than dimensions: centering leaves one less.
        let few = left.clone().narrow(0, 0, 3).matmul(right.clone());
        assert_eq!(fitted(few, Dimension::Count(8), method).0.unwrap().dimension(), 2, "{method:?}");
    }
}

#[test]
fn dead_constant_and_single_sample_activity_has_no_manifold() {
    let device = Device::flex();
    for method in [PcaMethod::Exact, PcaMethod::Randomized, PcaMethod::Incremental] {
        for x in [
            Tensor::zeros([10, 5], &device),
            Tensor::full([10, 5], 0.3, &device),
            nmnc_core::device::matrix(vec![1.0, 2.0, 3.0], [1, 3], &device),
        ] {
            let (subspace, degeneracy) = fitted(x, Dimension::Count(2), method);
            assert!(subspace.is_none());
            assert_eq!(degeneracy, Some(Degeneracy::NoVariance));
        }
    }
    let infinite = nmnc_core::device::matrix(vec![1.0, f32::INFINITY, 0.0, 1.0], [2, 2], &device);
    let error =
        fit(infinite, Dimension::Count(1), PcaMethod::Exact, &mut Seed(0).stream(Role::Analysis, 0, 0));
    assert_eq!(error.unwrap_err().to_string(), "manifold: the activity is not finite");
}

#[test]
fn impossible_dimensions_are_refused() {
    let device = Device::flex();
    let message = |dimension, method| {
        let x = Tensor::ones([4, 4], &device);
        fit(x, dimension, method, &mut Seed(0).stream(Role::Analysis, 0, 0)).unwrap_err().to_string()
    };
    assert!(message(Dimension::Count(0), PcaMethod::Exact).contains("0 leaves no manifold"));
    assert!(message(Dimension::Variance(1.5), PcaMethod::Exact).contains("neither a count nor a fraction"));
    assert!(message(Dimension::Variance(0.9), PcaMethod::Randomized).contains("whole spectrum"));
}
