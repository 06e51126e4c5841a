//! Image files and pictures within documents: decoding within bounds, reading by OCR ([`ocr`]),
//! a few of a file at a time ([`readings`]).

use std::borrow::Cow;
use std::io::Cursor;

use cairn_kernel::{Error, Kind, Result};
use image::{DynamicImage, ImageDecoder, ImageReader, Limits, RgbImage};

use crate::document::Document;
use crate::invalid_file;
use crate::parse::{Context, Format};
use crate::pdf::scan::{self, Canvas};
use crate::write::Builder;
use readings::Told;

pub(crate) mod ocr;
pub(crate) mod readings;

/// The longest side of a picture, in pixels.
const SIDE_MAX: u32 = 20_000;
/// Bytes that decoding a picture may take.
const DECODED_BYTES_MAX: u64 = 256 << 20;
/// A picture of more pixels is made smaller before it is read.
const PIXELS_MAX: u64 = 12_000_000;
/// Pictures in documents smaller than this are ornaments.
const SIDES_MIN: (u32, u32) = (48, 16);
/// Pages looked for in one TIFF file.
const PAGES_MAX: usize = 500;

/// What to do about text that only a picture shows.
pub(crate) const REMEDY: &str = "to read text in pictures, install the OCR models: \
    `cairn models pull pp-ocrv6-detection pp-ocrv6-recognition pp-ocr-direction`";

/// Reads an image file.
pub(crate) fn read(
    name: &str,
    bytes: &[u8],
    format: Format,
    context: Context<'_>,
) -> Result<Document> {
    if context.options.ocr.is_none() {
        let found = format.name().to_ascii_uppercase();
        return Err(Error::new(
            Kind::Unsupported,
            format!("'{name}' is a {found} image, which is not read by itself; {REMEDY}"),
        )
        .with_code("unsupported_file"));
    }
    let mut builder = Builder::new(format.media_type());
    let mut pages = Vec::new();
    for page in images(bytes, format) {
        let picture = || {
            let decoded = decode(&page.file()).map_err(|reason| {
                invalid_file(format!("'{name}' is a damaged image or too large ({reason})"))
            });
            decoded.map(Some)
        };
        let reading = match readings::read(context, picture, &|_| false)? {
            Told::Reading(reading) => reading,
            // So it was in an earlier turn.
            Told::NoPicture => {
                return Err(invalid_file(format!("'{name}' is a damaged image or too large")));
            }
            Told::Unread => {
                builder.note(format!(
                    "only the first {} pages were read; split the file",
                    context.options.ocr_pages_max
                ));
                break;
            }
        };
        pages.push(scan::lines(&reading.words, &Canvas::page(reading.size)));
    }
    scan::write(pages, &mut builder);
    builder.note("the text was read from a picture (OCR) and may hold errors");
    Ok(builder.finish())
}

/// The lines of text in a picture within a document; none without OCR, for an
/// ornament or when the picture cannot be read. What is not read is counted.
pub(crate) fn words(bytes: &[u8], context: Context<'_>) -> Vec<String> {
    let size = ImageReader::new(Cursor::new(bytes)).with_guessed_format();
    let size = size.ok().and_then(|reader| reader.into_dimensions().ok());
    if size.is_none_or(|(width, height)| width < SIDES_MIN.0 || height < SIDES_MIN.1) {
        return Vec::new();
    }
    match readings::read(context, || Ok(decode(bytes).ok()), &|_| false) {
        Ok(Told::Reading(reading)) => {
            scan::texts(&scan::lines(&reading.words, &Canvas::page(reading.size)))
        }
        Ok(Told::Unread) => {
            context.budget.pictures.leave_out();
            Vec::new()
        }
        Ok(Told::NoPicture) | Err(_) => Vec::new(),
    }
}

/// Decodes a picture: upright, on white, and not larger than is useful.
fn decode(bytes: &[u8]) -> std::result::Result<RgbImage, String> {
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format();
    let mut reader = reader.map_err(|error| error.to_string())?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_MAX);
    limits.max_image_height = Some(SIDE_MAX);
    limits.max_alloc = Some(DECODED_BYTES_MAX);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| error.to_string())?;
    if decoder.total_bytes() > DECODED_BYTES_MAX {
        let (width, height) = decoder.dimensions();
        return Err(format!("{width} by {height} pixels; save it smaller"));
    }
    let orientation = decoder.orientation().ok();
    let picture = DynamicImage::from_decoder(decoder).map_err(|error| error.to_string())?;
    let mut picture = smaller(picture);
    if let Some(orientation) = orientation {
        picture.apply_orientation(orientation);
    }
    Ok(on_white(&picture))
}

fn smaller(picture: DynamicImage) -> DynamicImage {
    let pixels = u64::from(picture.width()) * u64::from(picture.height());
    if pixels <= PIXELS_MAX {
        return picture;
    }
    let scale = (PIXELS_MAX as f64 / pixels as f64).sqrt();
    let side = |side: u32| ((f64::from(side) * scale) as u32).max(1);
    picture.thumbnail_exact(side(picture.width()), side(picture.height()))
}

fn on_white(picture: &DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.to_rgb8();
    }
    let source = picture.to_rgba8();
    RgbImage::from_fn(source.width(), source.height(), |x, y| {
        let [red, green, blue, alpha] = source.get_pixel(x, y).0;
        let over = |value: u8| {
            let (value, alpha) = (u16::from(value), u16::from(alpha));
            u8::try_from((value * alpha + 255 * (255 - alpha)) / 255).unwrap_or(u8::MAX)
        };
        image::Rgb([over(red), over(green), over(blue)])
    })
}

/// One image of a file.
struct Image<'b> {
    bytes: &'b [u8],
    /// Of a page of a TIFF: where its directory is.
    directory: Option<[u8; 4]>,
}

impl<'b> Image<'b> {
    /// A file that begins with this image.
    fn file(&self) -> Cow<'b, [u8]> {
        let mut file = Cow::Borrowed(self.bytes);
        if let Some(directory) = &self.directory
            && let Some(place) = file.to_mut().get_mut(4..8)
        {
            place.copy_from_slice(directory);
        }
        file
    }
}

/// The images of a file: one, or the pages of a TIFF.
fn images(bytes: &[u8], format: Format) -> Vec<Image<'_>> {
    let pages = if format == Format::Tiff { tiff_pages(bytes) } else { Vec::new() };
    if pages.len() < 2 {
        return vec![Image { bytes, directory: None }];
    }
    pages.into_iter().map(|page| Image { bytes, directory: Some(page) }).collect()
}

/// The places of the image directories of a TIFF file, as its header writes them.
fn tiff_pages(bytes: &[u8]) -> Vec<[u8; 4]> {
    let little = bytes.starts_with(b"II");
    let number = |at: usize, length: usize| -> Option<usize> {
        let digits = bytes.get(at..at.checked_add(length)?)?;
        let fold = |sum: usize, &digit: &u8| sum << 8 | usize::from(digit);
        Some(match little {
            true => digits.iter().rev().fold(0, fold),
            false => digits.iter().fold(0, fold),
        })
    };
    let mut pages = Vec::new();
    let mut place = 4;
    while let Some(offset) = number(place, 4).filter(|&offset| offset > 0) {
        let Some(raw) = bytes.get(place..place + 4).and_then(|raw| raw.try_into().ok()) else {
            break;
        };
        if pages.contains(&raw) || pages.len() >= PAGES_MAX {
            break;
        }
        let Some(entries) = number(offset, 2) else { break };
        pages.push(raw);
        place = offset + 2 + entries * 12;
    }
    pages
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageFormat, Rgba, RgbaImage};

    fn encoded(picture: RgbaImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::ImageRgba8(picture).write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn transparent_pixels_are_white() {
        let mut picture = RgbaImage::from_pixel(4, 2, Rgba([0, 0, 0, 0]));
        picture.put_pixel(1, 1, Rgba([0, 0, 0, 255]));
        let decoded = decode(&encoded(picture, ImageFormat::Png)).unwrap();
        assert_eq!((decoded.get_pixel(0, 0).0, decoded.get_pixel(1, 1).0), ([255; 3], [0; 3]));
    }

    #[test]
    fn a_picture_that_claims_to_be_huge_is_refused() {
        let mut png = encoded(RgbaImage::new(1, 1), ImageFormat::Png);
        png[16..24].copy_from_slice(&[0, 0, 0x4e, 0x20, 0, 0, 0x4e, 0x20]);
        let error = decode(&png).unwrap_err();
        assert!(!error.is_empty());
        let mut bmp = vec![0; 54];
        bmp[..2].copy_from_slice(b"BM");
        bmp[14] = 40;
        bmp[18..26].copy_from_slice(&[0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0x7f]);
        bmp[26] = 1;
        bmp[28] = 24;
        assert!(decode(&bmp).is_err());
    }

    #[test]
    fn every_page_of_a_tiff_is_found() {
        let tiff = encoded(RgbaImage::new(3, 2), ImageFormat::Tiff);
        assert_eq!(tiff_pages(&tiff).len(), 1);
        let header = b"II*\0\x08\0\0\0";
        let (first, second) = (b"\0\0\x0e\0\0\0", b"\0\0\0\0\0\0");
        let two = [header.as_slice(), first, second].concat();
        assert_eq!(tiff_pages(&two).len(), 2);
        let endless = [header.as_slice(), b"\0\0\x08\0\0\0"].concat();
        assert_eq!(tiff_pages(&endless).len(), 1);
    }
}
