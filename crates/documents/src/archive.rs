//! ZIP archives: every member that can be read becomes a part under its path.

use std::io::Cursor;

use cairn_kernel::Result;
use zip::ZipArchive;

use crate::document::Document;
use crate::invalid_file;
use crate::parse::{Context, Format, Unread};
use crate::write::Builder;

/// Members that archivers add and no one wrote.
const CHAFF: [&str; 5] = ["__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini", ".git/"];

/// Reads a ZIP archive.
pub(crate) fn read(name: &str, bytes: &[u8], context: Context<'_>) -> Result<Document> {
    let mut archive = open(name, bytes)?;
    let mut builder = Builder::new(Format::Zip.media_type());
    let mut unread = Unread::default();
    let (mut found, mut locked) = (0, 0);
    for at in 0..archive.len() {
        let member = archive.by_index_raw(at).ok().and_then(|member| {
            let path = member.name().ok()?.into_owned();
            Some((path, member.encrypted(), member.is_dir()))
        });
        let Some((path, encrypted, folder)) = member else {
            unread.add(format!("member {} is damaged", at + 1));
            continue;
        };
        if folder || CHAFF.iter().any(|chaff| path.contains(chaff)) {
            continue;
        }
        if encrypted {
            locked += 1;
            unread.add(format!("'{path}' is protected by a password"));
            continue;
        }
        match member_bytes(&mut archive, at, context) {
            Ok(bytes) => {
                found += usize::from(context.part(&path, &bytes, 1, &mut builder, &mut unread));
            }
            Err(reason) => unread.add(format!("'{path}': {reason}")),
        }
    }
    if found == 0 {
        return Err(nothing(name, locked, unread.first()));
    }
    unread.write(&mut builder);
    Ok(builder.finish())
}

fn nothing(name: &str, locked: usize, reason: Option<&str>) -> cairn_kernel::Error {
    invalid_file(match reason {
        Some(_) if locked > 0 => {
            format!("'{name}' is protected by a password; unpack it and upload the files in it")
        }
        Some(reason) => format!("'{name}' holds no file that is read; the first: {reason}"),
        None => format!("'{name}' is an empty archive"),
    })
}

/// Opens a ZIP container.
pub(crate) fn open<'a>(name: &str, bytes: &'a [u8]) -> Result<ZipArchive<Cursor<&'a [u8]>>> {
    ZipArchive::new(Cursor::new(bytes)).map_err(|error| {
        invalid_file(format!(
            "'{name}' is damaged or cut short: its ZIP directory cannot be read; upload it again"
        ))
        .with_source(error)
    })
}

fn member_bytes(
    archive: &mut ZipArchive<Cursor<&[u8]>>,
    at: usize,
    context: Context<'_>,
) -> std::result::Result<Vec<u8>, String> {
    let member = archive.by_index(at).map_err(|error| error.to_string())?;
    let packed_bytes = member.compressed_size();
    context.unpack(member, packed_bytes)
}

/// The member called `path`, if the archive has it and it can be unpacked.
pub(crate) fn member(
    archive: &mut ZipArchive<Cursor<&[u8]>>,
    path: &str,
    context: Context<'_>,
) -> Option<Vec<u8>> {
    let member = archive.by_name(path).ok()?;
    let packed_bytes = member.compressed_size();
    context.unpack(member, packed_bytes).ok()
}
