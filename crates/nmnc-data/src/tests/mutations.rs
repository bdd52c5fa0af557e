//! Valid files with random damage: opening and reading them ends in data or an error, never in a panic.

use proptest::prelude::*;

use super::*;

/// One small valid file of each kind.
fn valid() -> Vec<Vec<u8>> {
    let picture = image::RgbImage::from_fn(24, 16, |x, y| image::Rgb([(x * 10) as u8, (y * 10) as u8, 90]));
    let jpeg = encode(picture.clone().into(), image::ImageFormat::Jpeg);
    let png = encode(picture.into(), image::ImageFormat::Png);
    let images = |bytes: &[u8], ending: &str| {
        let at = |split: &str| member(&format!("{split}/a/0.{ending}"), bytes);
        tar(&[at("train"), at("test")])
    };
    let x = npy("<f4", "(2, 2, 2)", &[0; 32]);
    let y = npy("<i8", "(2,)", &[0; 16]);
    let arrays = npz(&[("x_train", x.clone()), ("y_train", y.clone()), ("x_test", x), ("y_test", y)]);
    let packed = gzip(&images(&png, "png"));
    vec![images(&jpeg, "jpg"), images(&png, "png"), packed, arrays]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn damage_never_panics(
        kind in 0usize..4,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let mut bytes = valid().swap_remove(kind);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("set");
        std::fs::write(&path, bytes).unwrap();
        for cache_mib in [0, 1] {
            match (DataConfig { cache_mib, ..config(&path) }).open(Seed(0)) {
                Ok(splits) => {
                    // Decoding may still find the damage.
                    let _ = splits.train.batch(&[0]);
                }
                Err(error) => prop_assert!(!error.to_string().contains('\n')),
            }
        }
    }
}
