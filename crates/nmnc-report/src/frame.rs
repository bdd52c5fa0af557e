//! Room on a picture, in user units of its view box.

/// The rectangle that the axes span.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// Left edge.
    pub left: f64,
    /// Right edge.
    pub right: f64,
    /// Upper edge.
    pub top: f64,
    /// Lower edge.
    pub bottom: f64,
}

/// Width of a text in bold at the size used on phones, by the widest of the usual system fonts.
pub fn text_width(text: &str) -> f64 {
    text.chars().map(|c| if c.is_uppercase() { 13.0 } else { 10.0 }).sum()
}
