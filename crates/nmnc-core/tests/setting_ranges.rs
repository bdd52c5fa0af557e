//! Ranges of settings, in nested, tagged and untagged ones.

use nmnc_core::ranges::{COUNT, DECAY, EPOCHS, FACTOR, FRACTION, SIZE, WEIGHT, check, check_table};
use schemars::JsonSchema;
use serde::Serialize;

#[derive(Serialize, JsonSchema)]
struct Outer {
    #[schemars(transform = EPOCHS.stated())]
    epochs: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(transform = FACTOR.stated())]
    scale: Option<f64>,
    #[schemars(transform = DECAY.stated())]
    betas: [f64; 2],
    #[schemars(transform = SIZE.stated())]
    widths: Vec<usize>,
    inner: Inner,
    span: Span,
}

#[derive(Serialize, JsonSchema)]
#[serde(tag = "name", rename_all = "kebab-case")]
enum Inner {
    One {
        #[schemars(transform = COUNT.stated())]
        size: usize,
    },
    Other {
        #[schemars(transform = WEIGHT.stated())]
        size: f64,
    },
}

#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
enum Span {
    Count(#[schemars(transform = COUNT.stated())] usize),
    Part(#[schemars(transform = FRACTION.stated())] f64),
    Many(Vec<Span>),
}

fn outer() -> Outer {
    let inner = Inner::Other { size: 0.5 };
    Outer { epochs: 3, scale: None, betas: [0.0, 0.5], widths: vec![1, 2], inner, span: Span::Count(4) }
}

#[test]
fn numbers_are_checked_where_they_stand() {
    let line = |outer: Outer| check(&outer).map_or_else(|e| e.to_string(), |()| String::new());
    assert_eq!(line(outer()), "");
    assert_eq!(
        line(Outer { epochs: u64::MAX, ..outer() }),
        "epochs: 18446744073709551615 is not from 1 to 1000000000"
    );
    assert_eq!(
        line(Outer { epochs: i64::MAX as u64, ..outer() }),
        "epochs: 9223372036854775807 is not from 1 to 1000000000"
    );
    assert_eq!(line(Outer { scale: Some(0.0), ..outer() }), "scale: 0 is not in (0, 1000000]");
    assert_eq!(line(Outer { scale: Some(f64::NAN), ..outer() }), "scale: NaN is not in (0, 1000000]");
    assert_eq!(
        line(Outer { scale: Some(f64::NEG_INFINITY), ..outer() }),
        "scale: -inf is not in (0, 1000000]"
    );
    assert_eq!(line(Outer { scale: Some(-1e300), ..outer() }), "scale: -1e300 is not in (0, 1000000]");
    assert_eq!(
        line(Outer { scale: Some(1e6), betas: [0.5, 1.0], ..outer() }),
        "betas[1]: 1 is not in [0, 1)"
    );
    assert_eq!(line(Outer { widths: vec![1, 0], ..outer() }), "widths[1]: 0 is not from 1 to 16777216");
    assert_eq!(
        line(Outer { inner: Inner::One { size: 0 }, ..outer() }),
        "inner.size: 0 is not from 1 to 1000000000"
    );
    assert_eq!(line(Outer { inner: Inner::One { size: 7 }, ..outer() }), "");
    assert_eq!(
        line(Outer { inner: Inner::Other { size: 7.0 }, ..outer() }),
        "inner.size: 7 is not in (0, 1]"
    );
    assert_eq!(line(Outer { span: Span::Count(0), ..outer() }), "span: 0 is not from 1 to 1000000000");
    assert_eq!(line(Outer { span: Span::Part(2.5), ..outer() }), "span: 2.5 is not in (0, 1)");
    let many = Span::Many(vec![Span::Part(0.5), Span::Part(f64::INFINITY)]);
    assert_eq!(line(Outer { span: many, ..outer() }), "span[1]: inf is not in (0, 1)");
}

#[test]
fn tables_are_checked_before_they_are_read() {
    let line = |text: &str| {
        let table = text.parse::<toml::Table>().unwrap();
        check_table::<Outer>(&table).map_or_else(|e| e.to_string(), |()| String::new())
    };
    assert_eq!(line("epochs = -1"), "epochs: -1 is not from 1 to 1000000000");
    assert_eq!(line("epochs = 1e300"), "epochs: 1e300 is not from 1 to 1000000000");
    assert_eq!(line("scale = nan"), "scale: NaN is not in (0, 1000000]");
    assert_eq!(line("scale = 'NaN'\nepochs = 'x'\nother = 7"), "");
    assert_eq!(line("inner = { name = 'one', size = 0.5 }"), "inner.size: 0.5 is not from 1 to 1000000000");
}
