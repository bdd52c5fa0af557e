//! Color scales whose steps look equal: lightness is linear in OKLab (Björn Ottosson, 2020), so that they also work in gray
//! and for eyes that confuse red and green.

/// Colors of a scale.
pub const LEVELS: usize = 64;

/// How numbers become colors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Palette {
    /// From dark blue (low) over green to light yellow (high).
    Sequential,
}

/// A color as linear red, green and blue.
#[derive(Clone, Copy, Debug)]
pub struct Color([f64; 3]);

impl Palette {
    /// The color of a level below [`LEVELS`].
    pub fn color(self, level: usize) -> Color {
        let at = (level as f64 + 0.5) / LEVELS as f64;
        match self {
            Self::Sequential => {
                let chroma = 0.095 + 0.03 * (2.0 * at - 1.0).powi(2);
                Color::from_lch(0.26 + 0.69 * at, chroma, 280.0 - 175.0 * at)
            }
        }
    }
}

impl Color {
    /// From lightness, chroma and hue in degrees of OKLab.
    fn from_lch(lightness: f64, chroma: f64, hue: f64) -> Self {
        let (a, b) = (chroma * hue.to_radians().cos(), chroma * hue.to_radians().sin());
        let cube = |x: f64| x * x * x;
        let l = cube(lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b);
        let m = cube(lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b);
        let s = cube(lightness - 0.089_484_177_5 * a - 1.291_485_548 * b);
        Self([
            4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s,
            -1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s,
            -0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701 * s,
        ])
    }

    /// Relative luminance as the Web Content Accessibility Guidelines define it.
    fn luminance(self) -> f64 {
        let [r, g, b] = self.0.map(|v| v.clamp(0.0, 1.0));
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }

    /// Whether black text has more contrast on it than white.
    pub fn is_light(self) -> bool {
        (self.luminance() + 0.05).powi(2) > 1.05 * 0.05
    }

    /// As `#rrggbb`.
    pub fn hex(self) -> String {
        let byte = |v: f64| {
            let v = v.clamp(0.0, 1.0);
            let encoded = if v <= 0.003_130_8 { 12.92 * v } else { 1.055 * v.powf(1.0 / 2.4) - 0.055 };
            (255.0 * encoded).round() as u8
        };
        let [r, g, b] = self.0.map(byte);
        format!("#{r:02x}{g:02x}{b:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_scales_get_lighter_and_text_on_them_is_legible() {
        let all: Vec<f64> = (0..LEVELS).map(|l| Palette::Sequential.color(l).luminance()).collect();
        assert!(all.windows(2).all(|w| w[0] < w[1]), "{all:?}");
        for level in 0..LEVELS {
            let color = Palette::Sequential.color(level);
            let paper = color.luminance() + 0.05;
            let contrast = if color.is_light() { paper / 0.05 } else { 1.05 / paper };
            assert!(contrast >= 4.5, "level {level}: {contrast}");
        }
    }
}
