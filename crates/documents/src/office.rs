//! Word, PowerPoint and Excel files (OOXML), by way of Markdown.

use std::io::{Cursor, Read};

use cairn_kernel::Result;
use office_oxide::core::Error as CoreError;
use office_oxide::limits::Limits;
use office_oxide::options::{OnIncomplete, ParseOptions};
use office_oxide::{DocumentFormat, OfficeError};

use crate::builder::Builder;
use crate::document::Document;
use crate::format::Format;
use crate::{invalid_file, markdown};

/// Losses named in the notes; the rest are counted.
const LOSSES_NAMED: usize = 5;

/// Reads an OOXML file.
pub(crate) fn read(name: &str, bytes: &[u8], format: Format) -> Result<Document> {
    let kind = match format {
        Format::Pptx => DocumentFormat::Pptx,
        Format::Xlsx => DocumentFormat::Xlsx,
        _ => DocumentFormat::Docx,
    };
    let opened =
        office_oxide::Document::from_reader_with(Cursor::new(bytes.to_vec()), kind, &options());
    let document = opened.map_err(|error| refused(name, error))?;
    let source = document.to_markdown();
    let mut builder = Builder::new(format.media_type());
    if let Some(title) = title(bytes) {
        builder.title(title);
    }
    let losses: Vec<String> = document
        .damage()
        .iter()
        .filter(|damage| damage.is_loss())
        .map(ToString::to_string)
        .collect();
    for loss in losses.iter().take(LOSSES_NAMED) {
        builder.note(format!("not read: {loss}"));
    }
    if losses.len() > LOSSES_NAMED {
        builder.note(format!("and {} more parts were not read", losses.len() - LOSSES_NAMED));
    }
    Ok(markdown::read(&source, builder))
}

/// Bounds against decompression bombs: 64 MiB a part, 256 MiB in all.
fn options() -> ParseOptions {
    let mut options = ParseOptions::default();
    options.limits = Limits::strict();
    options.limits.inflate_ratio = 400;
    options.on_incomplete = OnIncomplete::Report;
    options
}

fn refused(name: &str, error: OfficeError) -> cairn_kernel::Error {
    let core = match &error {
        OfficeError::Core(core) => Some(core),
        _ => {
            std::error::Error::source(&error).and_then(|source| source.downcast_ref::<CoreError>())
        }
    };
    let bomb =
        matches!(core, Some(CoreError::DecompressionLimit { .. } | CoreError::PackageLimit(_)));
    let message = if bomb || error.to_string().contains("limit exceeded") {
        format!("'{name}' unpacks to more than is allowed; split it into smaller files")
    } else {
        format!("'{name}' is damaged or cut short ({error}); open and save it again")
    };
    invalid_file(message).with_source(error)
}

/// The title among the package's core properties.
fn title(bytes: &[u8]) -> Option<String> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).ok()?;
    let entry = archive.by_name("docProps/core.xml").ok()?;
    let mut xml = String::new();
    entry.take(64 << 10).read_to_string(&mut xml).ok()?;
    let start = xml.find("<dc:title>")? + "<dc:title>".len();
    let length = xml.get(start..)?.find("</dc:title>")?;
    let escaped = xml.get(start..start + length)?;
    let plain = escaped.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    Some(plain.replace("&apos;", "'").replace("&amp;", "&"))
}
