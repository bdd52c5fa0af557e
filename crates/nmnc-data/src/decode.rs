//! JPEG and PNG, decoded within limits.

use std::io::Cursor;

use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::kind::ImageShape;
use super::picture::{Cut, Picture, shown, turned};
use super::raw::Encoded;
use super::resample;
use nmnc_core::error::{Error, Result};
use nmnc_core::guard;

/// Pixels that a byte of a JPEG's scans can stand for: a block of 8 by 8 takes a bit at least.
const JPEG_PIXELS: u64 = 8 * 64;

/// Markers of a JPEG.
const START_OF_SCAN: u8 = 0xda;
const EXIF: u8 = 0xe1;

/// Bytes that a byte can stand for in deflate.
const DEFLATE: u64 = 1032;

/// What the header of an encoded image says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) gray: bool,
}

/// How encoded images become arrays of one shape.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    /// The shape of the result.
    pub(crate) shape: ImageShape,
    /// What becomes of images of other sizes.
    pub(crate) fit: Fit,
}

/// How images come to a shape. Where they are scaled, the middle is cropped then.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fit {
    /// They must have it.
    Exact,
    /// They are scaled to the smallest size that covers it.
    Cover,
    /// Their shorter side is scaled to this, no less than either side of the shape.
    Short(usize),
}

impl Target {
    /// Rows and columns of the shape.
    pub(crate) fn size(&self) -> [usize; 2] {
        [self.shape.height, self.shape.width]
    }

    /// The image in that shape, without any change that is random.
    pub(crate) fn fit(&self, image: Picture, place: &dyn Fn() -> String) -> Result<Picture> {
        let (from, to) = ([image.height, image.width], self.size());
        let scaled = match self.fit {
            Fit::Exact if from == to => return Ok(image),
            Fit::Exact => {
                let problem = format!("changed its size to {}x{} while in use", image.width, image.height);
                return Err(Error::data(place(), problem));
            }
            Fit::Cover => resample::covering(from, to),
            Fit::Short(short) => resample::shorter_side(from, short),
        };
        if from == to && scaled == to {
            return Ok(image);
        }
        Ok(resample::resample(&image, Cut::whole(from), scaled, Cut::middle(scaled, to)))
    }
}

/// Reads the header of `bytes` and refuses sizes beyond the limits. Width and height are those of the picture as it is meant to be seen.
pub(crate) fn header(bytes: &[u8], place: &dyn Fn() -> String) -> Result<Header> {
    let mut decoder = decoder(bytes, place)?;
    let (mut width, mut height) = decoder.dimensions();
    if turned(orientation(&mut decoder, bytes)) {
        (width, height) = (height, width);
    }
    let gray =
        matches!(decoder.color_type(), ColorType::L8 | ColorType::La8 | ColorType::L16 | ColorType::La16);
    Ok(Header { width, height, gray })
}

/// How the camera was held, as EXIF counts it from 1 (upright) to 8.
fn orientation(decoder: &mut impl ImageDecoder, bytes: &[u8]) -> u8 {
    // Headers are read once more for it, which small pictures would notice.
    let told = !bytes.starts_with(&[0xff, 0xd8]) || segments(bytes).any(|(marker, _)| marker == EXIF);
    // What cannot be read tells nothing.
    if told { decoder.orientation().map_or(1, |found| found.to_exif()) } else { 1 }
}

/// The segments of a JPEG before its scans, and the header of the first of them: the marker, and where what follows begins.
fn segments(bytes: &[u8]) -> impl Iterator<Item = (u8, usize)> + '_ {
    let mut at = Some(2);
    // Segments are passed over by their lengths: a thumbnail in one of them has an end mark of its own.
    std::iter::from_fn(move || {
        loop {
            let start = at?;
            let &[0xff, marker, high, low] = bytes.get(start..start + 4)? else { return None };
            match marker {
                // Padding, and marks without a length.
                0xff => at = Some(start + 1),
                0x01 | 0xd0..=0xd8 => at = Some(start + 2),
                _ => {
                    let next = start + 2 + usize::from(u16::from_be_bytes([high, low]));
                    at = (marker != START_OF_SCAN).then_some(next);
                    return Some((marker, next));
                }
            }
        }
    })
}

/// What follows the first header of a scan of a JPEG, if the end mark is in it. The decoder fills what is missing with gray and
/// says nothing.
fn jpeg_scans(bytes: &[u8]) -> Option<&[u8]> {
    let (_, at) = segments(bytes).find(|(marker, _)| *marker == START_OF_SCAN)?;
    // Inside pixels, 0xff is always followed by 0 or a restart mark.
    bytes.get(at..).filter(|scan| scan.windows(2).rev().any(|pair| pair == [0xff, 0xd9]))
}

/// A decoder of which size and kind are checked, and that as many bytes are there as its pixels take at the very least.
fn decoder<'a>(bytes: &'a [u8], place: &dyn Fn() -> String) -> Result<impl ImageDecoder + use<'a>> {
    let broken =
        |e: image::ImageError| Error::data(place(), format!("is no readable image: {e}")).caused_by(e);
    let format = match bytes {
        [0xff, 0xd8, ..] => ImageFormat::Jpeg,
        [0x89, b'P', b'N', b'G', ..] => ImageFormat::Png,
        _ => return Err(Error::data(place(), "is neither JPEG nor PNG, whatever its name says")),
    };
    let mut limits = Limits::default();
    limits.max_image_width = Some(guard::IMAGE_SIDE);
    limits.max_image_height = Some(guard::IMAGE_SIDE);
    limits.max_alloc = Some(guard::IMAGE_MEMORY);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(broken)?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    let beyond = |why: String| Error::data(place(), format!("claims {width}x{height} pixels, {why}"));
    if pixels == 0 {
        return Err(beyond("where an image has some".to_owned()));
    }
    let memory = pixels * memory_of_a_pixel(format, decoder.color_type());
    if memory > guard::IMAGE_MEMORY {
        let most = guard::IMAGE_MEMORY >> 20;
        return Err(beyond(format!("which take {} MiB to decode, more than {most}", memory >> 20))
            .mend("scale it down"));
    }
    let (held, name) = match format {
        ImageFormat::Jpeg => {
            let scans = jpeg_scans(bytes).ok_or_else(|| {
                Error::data(place(), "ends before the end mark of a JPEG")
                    .mend("the image is truncated or damaged: get it again")
            })?;
            (scans.len() as u64 * JPEG_PIXELS, "JPEG")
        }
        _ => {
            let line = u64::from(width) * u64::from(decoder.original_color_type().bits_per_pixel());
            let lines = bytes.len() as u64 * DEFLATE / (1 + line.div_ceil(8));
            (lines * u64::from(width), "PNG")
        }
    };
    if held < pixels {
        return Err(beyond(format!("more than {} bytes of {name} can hold", bytes.len()))
            .mend("the image is truncated or damaged: get it again"));
    }
    Ok(decoder)
}

/// The most bytes that a pixel takes on its way from an image to a plane of numbers.
fn memory_of_a_pixel(format: ImageFormat, color: ColorType) -> u64 {
    // A progressive JPEG has its coefficients in memory, 16 bits of each component, of which there may be four.
    let coefficients = match (format, color) {
        (ImageFormat::Jpeg, ColorType::L8) => 2,
        (ImageFormat::Jpeg, _) => 8,
        _ => 0,
    };
    let converted = if color == ColorType::Rgba16 { 4 } else { 3 };
    let plane = 4;
    (u64::from(color.bytes_per_pixel()) + converted.max(coefficients)).max(converted + plane)
}

/// Decodes image `index` to one of `channels`.
pub(crate) fn picture(images: &Encoded, index: usize, channels: usize) -> Result<Picture> {
    let place = || images.place(index);
    let bytes = images.read(index)?;
    let mut decoder = decoder(&bytes, &place)?;
    let orientation = orientation(&mut decoder, &bytes);
    let image = DynamicImage::from_decoder(decoder)
        .map_err(|e| Error::data(place(), format!("cannot be decoded: {e}")).caused_by(e))?;
    let (width, height) = (image.width() as usize, image.height() as usize);
    let pixels = shown(image, channels);
    Ok(Picture { height, width, channels, pixels }.upright(orientation))
}

/// Decodes image `index` to `[channels, height, width]` bytes of `target`.
pub(crate) fn decode(images: &Encoded, index: usize, target: Target, out: &mut [u8]) -> Result<()> {
    let image = picture(images, index, target.shape.channels)?;
    target.fit(image, &|| images.place(index))?.planes(out);
    Ok(())
}
