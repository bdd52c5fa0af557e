//! Changes of color as torchvision makes them to Pillow's images, to the same bytes.

use super::picture::Picture;

/// One change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Tint {
    /// Away from black by this factor.
    Brightness(f64),
    /// Away from the mean of gray.
    Contrast(f64),
    /// Away from each pixel's own gray.
    Saturation(f64),
    /// Around the circle of hues, in turns from -1/2 to 1/2.
    Hue(f64),
}

impl Tint {
    pub(crate) fn apply(self, image: &mut Picture) {
        match self {
            Self::Brightness(factor) => blend_all(image, 0, factor as f32),
            Self::Contrast(factor) => blend_all(image, mean_gray(image), factor as f32),
            // A gray image has neither.
            Self::Saturation(factor) => pixels(image, |pixel| {
                let gray = gray(*pixel);
                pixel.map(|value| blend(gray, value, factor as f32))
            }),
            Self::Hue(turns) => {
                let shift = (turns * 255.0) as i32 as u8;
                pixels(image, |pixel| {
                    let [hue, saturation, value] = to_hsv(*pixel);
                    to_rgb([hue.wrapping_add(shift), saturation, value])
                });
            }
        }
    }
}

fn pixels(image: &mut Picture, change: impl Fn(&[u8; 3]) -> [u8; 3]) {
    if image.channels == 3 {
        image.pixels.as_chunks_mut::<3>().0.iter_mut().for_each(|pixel| *pixel = change(pixel));
    }
}

fn blend_all(image: &mut Picture, from: u8, factor: f32) {
    let blended: [u8; 256] = std::array::from_fn(|to| blend(from, to as u8, factor));
    image.pixels.iter_mut().for_each(|value| *value = blended[usize::from(*value)]);
}

/// `to` for a factor of 1, `from` for 0, and beyond either for others, as far as bytes go.
fn blend(from: u8, to: u8, factor: f32) -> u8 {
    let (from, to) = (i32::from(from), i32::from(to));
    // The conversion cuts off what is behind the point and what is beyond the type.
    (from as f32 + factor * (to - from) as f32) as u8
}

/// What televisions show of a color in black and white (ITU-R 601), rounded.
fn gray([red, green, blue]: [u8; 3]) -> u8 {
    ((u32::from(red) * 19595 + u32::from(green) * 38470 + u32::from(blue) * 7471 + 0x8000) >> 16) as u8
}

fn mean_gray(image: &Picture) -> u8 {
    let sum: u64 = match image.channels {
        3 => image.pixels.as_chunks::<3>().0.iter().map(|&pixel| u64::from(gray(pixel))).sum(),
        _ => image.pixels.iter().map(|&value| u64::from(value)).sum(),
    };
    (sum as f64 / (image.height * image.width) as f64 + 0.5) as u8
}

/// Hue, saturation and value, each of 256 steps.
fn to_hsv(pixel @ [red, green, blue]: [u8; 3]) -> [u8; 3] {
    let most = red.max(green).max(blue);
    let least = red.min(green).min(blue);
    if most == least {
        return [0, 0, most];
    }
    let range = f32::from(most - least);
    let saturation = range / f32::from(most);
    let [from_red, from_green, from_blue] = pixel.map(|value| f32::from(most - value) / range);
    let sixth = if red == most {
        from_blue - from_green
    } else if green == most {
        (2.0 + f64::from(from_red) - f64::from(from_blue)) as f32
    } else {
        (4.0 + f64::from(from_green) - f64::from(from_red)) as f32
    };
    // From 5/6 to 11/6, less a whole turn.
    let turned = f64::from(sixth) / 6.0 + 1.0;
    let hue = (if turned < 1.0 { turned } else { turned - 1.0 }) as f32;
    [(f64::from(hue) * 255.0) as u8, (f64::from(saturation) * 255.0) as u8, most]
}

fn to_rgb([hue, saturation, value]: [u8; 3]) -> [u8; 3] {
    if saturation == 0 {
        return [value; 3];
    }
    let turned = f64::from(f32::from(hue) * 6.0) / 255.0;
    let sixth = turned as u8;
    let rest = f64::from((turned - f64::from(sixth)) as f32);
    let full = f64::from((f64::from(saturation) / 255.0) as f32);
    let part = |share: f64| (f64::from(value) * (1.0 - share) + 0.5) as u8;
    let (low, falling, rising) = (part(full), part(full * rest), part(full * (1.0 - rest)));
    match sixth % 6 {
        0 => [value, rising, low],
        1 => [falling, value, low],
        2 => [low, value, rising],
        3 => [low, falling, value],
        4 => [rising, low, value],
        _ => [value, low, falling],
    }
}
