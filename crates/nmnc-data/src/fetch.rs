//! Downloading the well-known sets: resumed after interruptions, checked against their SHA-256, renamed into place.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::embedded;
use super::known::{self, Archive, KnownSet, data_dir, hexadecimal};
use nmnc_core::error::{Error, ErrorKind, Result};
use nmnc_core::guard;

/// How often a broken connection is taken up again within one call, as long as each attempt brings something.
const ATTEMPTS: usize = 5;

/// How far a download has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The file being downloaded.
    pub file: &'static str,
    /// Its number, from 1.
    pub number: usize,
    /// Number of files of the set.
    pub files: usize,
    /// Bytes of this file that are there, those of earlier attempts included.
    pub done: u64,
    /// Bytes of this file.
    pub total: u64,
}

/// A file that is in place and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Whether this call downloaded it; otherwise it was there already.
    pub downloaded: bool,
}

/// Downloads the files of the well-known set `name` that are not in [`data_dir`] yet, and checks all of them.
///
/// They come from `base_url`, else from the URL in `NMNC_DATA_MIRROR` (both as `URL/name/file`), else from the official source.
/// What an interrupted download left is taken up where it ended.
///
/// # Errors
/// [`ErrorKind::Config`] for an unknown name; [`ErrorKind::Network`] when the server cannot be reached, refuses, or breaks off;
/// [`ErrorKind::Data`] when it serves something else; [`ErrorKind::Io`] when the file cannot be written.
pub fn fetch(name: &str, base_url: Option<&str>, progress: &mut dyn FnMut(Progress)) -> Result<Vec<Fetched>> {
    let set = fetchable(name)?;
    let mirror = std::env::var("NMNC_DATA_MIRROR").ok().filter(|url| !url.is_empty());
    fetch_into(&data_dir()?, set, base_url.or(mirror.as_deref()), progress)
}

/// Checks size and SHA-256 of every file of the well-known set `name`, and gives its folder.
///
/// # Errors
/// [`ErrorKind::Config`] for an unknown name; [`ErrorKind::Data`] when a file is absent or differs.
pub fn verify(name: &str) -> Result<PathBuf> {
    verify_in(&data_dir()?, fetchable(name)?)
}

fn fetchable(name: &str) -> Result<&'static KnownSet> {
    if name == embedded::NAME {
        return Err(Error::config("data set", format!("`{name}` is part of nmnc"))
            .mend("use it as `data.source` without fetching anything"));
    }
    known::named(name)
}

/// [`fetch`] into the data folder `data`.
pub(crate) fn fetch_into(
    data: &Path,
    set: &KnownSet,
    base_url: Option<&str>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<Fetched>> {
    let folder = set.folder(data);
    std::fs::create_dir_all(&folder).map_err(|e| Error::io(&folder, "create", e))?;
    let mut fetched = Vec::new();
    for (at, archive) in set.archives.iter().enumerate() {
        let path = folder.join(archive.file);
        let url = match base_url {
            Some(base) => format!("{}/{}/{}", base.trim_end_matches('/'), set.name, archive.file),
            None => format!("{}{}", archive.base, archive.file),
        };
        let mut report = |done| {
            let (number, files) = (at + 1, set.archives.len());
            progress(Progress { file: archive.file, number, files, done, total: archive.bytes });
        };
        let downloaded = check(archive, &path).is_err();
        if downloaded {
            download(archive, &url, &path, &mut report).map_err(|error| error.within(set.name))?;
        }
        report(archive.bytes);
        fetched.push(Fetched { path, bytes: archive.bytes, downloaded });
    }
    Ok(fetched)
}

/// [`verify`] in the data folder `data`.
pub(crate) fn verify_in(data: &Path, set: &KnownSet) -> Result<PathBuf> {
    let folder = set.folder(data);
    for archive in set.archives {
        check(archive, &folder.join(archive.file))
            .map_err(|error| error.mend(format!("run `nmnc data fetch {}`", set.name)))?;
    }
    Ok(folder)
}

/// Checks the size and SHA-256 of the file at `path`.
fn check(archive: &Archive, path: &Path) -> Result<()> {
    let mut file = match guard::regular(path) {
        Ok((file, _)) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Error::data(path.display(), "is not there"));
        }
        Err(error) => return Err(guard::refused(path, error)),
    };
    check_open(archive, &mut file, path)
}

fn check_open(archive: &Archive, file: &mut File, path: &Path) -> Result<()> {
    let len = file.metadata().map_err(|e| Error::io(path, "read", e))?.len();
    if len != archive.bytes {
        return Err(Error::data(path.display(), format!("has {len} bytes instead of {}", archive.bytes)));
    }
    file.rewind().map_err(|e| Error::io(path, "read", e))?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).map_err(|e| Error::io(path, "read", e))? {
            0 => break,
            read => digest.update(&buffer[..read]),
        }
    }
    let found = hexadecimal(&digest.finalize());
    if found != archive.sha256 {
        return Err(Error::data(
            path.display(),
            format!("has SHA-256 {found} instead of {}", archive.sha256),
        ));
    }
    Ok(())
}

/// How one request ended.
enum Transfer {
    Complete,
    /// The connection broke with the file incomplete.
    Broken(Option<io::Error>),
}

fn download(archive: &Archive, url: &str, path: &Path, report: &mut dyn FnMut(u64)) -> Result<()> {
    let part = path.with_file_name(format!("{}.part", archive.file));
    let writing = |e| Error::io(&part, "write", e);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&part)
        .map_err(|e| Error::io(&part, "create", e))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(Error::new(ErrorKind::Io, part.display(), "another download is writing this file")
                .mend("wait for it to end"));
        }
        Err(TryLockError::Error(error)) => return Err(Error::io(&part, "lock", error)),
    }
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(Duration::from_secs(30)))
        .timeout_recv_response(Some(Duration::from_secs(60)))
        .timeout_per_read(Some(Duration::from_secs(60)))
        .build()
        .into();
    let mut have = file.metadata().map_err(writing)?.len();
    let mut resumed = have > 0;
    for attempt in 1.. {
        if have > archive.bytes {
            file.set_len(0).map_err(writing)?;
            have = 0;
        }
        let before = have;
        let transfer = if have == archive.bytes {
            Transfer::Complete
        } else {
            let asked = request(&agent, archive, url, &mut file, &part, &mut have, report);
            if asked.is_err() && have == 0 {
                // Nothing has come, so there is nothing to go on from.
                let _ = std::fs::remove_file(&part);
            }
            asked?
        };
        match transfer {
            Transfer::Complete => match check_open(archive, &mut file, &part) {
                Ok(()) => break,
                // The leftover of another version of the file, perhaps: one fresh start.
                Err(_) if resumed => resumed = false,
                Err(error) => {
                    // Nothing in it can be of use to a later attempt.
                    drop(file);
                    std::fs::remove_file(&part).map_err(|e| Error::io(&part, "remove", e))?;
                    return Err(error.within(url).mend(
                        "the server holds another file: try later, or set NMNC_DATA_MIRROR to a mirror",
                    ));
                }
            },
            Transfer::Broken(_) if have > before && attempt < ATTEMPTS => continue,
            Transfer::Broken(cause) => {
                let error = Error::new(
                    ErrorKind::Network,
                    url,
                    format!("the connection ended after {have} of {} bytes", archive.bytes),
                )
                .mend("run the command again: it goes on from there");
                return Err(match cause {
                    Some(cause) => error.caused_by(cause),
                    None => error,
                });
            }
        }
        file.set_len(0).map_err(writing)?;
        have = 0;
    }
    file.sync_all().map_err(writing)?;
    drop(file);
    std::fs::rename(&part, path).map_err(|e| Error::io(path, "rename the download to", e))?;
    // Without this the rename may not outlive a power failure. Windows cannot open folders.
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(|e| Error::io(folder, "sync", e))?;
    }
    Ok(())
}

/// Asks for what comes after the first `have` bytes and appends what arrives.
fn request(
    agent: &ureq::Agent,
    archive: &Archive,
    url: &str,
    file: &mut File,
    part: &Path,
    have: &mut u64,
    report: &mut dyn FnMut(u64),
) -> Result<Transfer> {
    let mut request = agent.get(url);
    if *have > 0 {
        request = request.header("Range", format!("bytes={have}-"));
    }
    let response = request.call().map_err(|error| {
        Error::new(ErrorKind::Network, url, format!("cannot be reached: {error}"))
            .mend(format!(
                "check the connection, set NMNC_DATA_MIRROR to a mirror, or put the file at {} yourself",
                part.with_extension("").display()
            ))
            .caused_by(error)
    })?;
    let status = response.status().as_u16();
    let range = response.headers().get("Content-Range").and_then(|value| value.to_str().ok());
    let start = match status {
        // The server ignores ranges, or none was asked for.
        200 => 0,
        206 if range.is_some_and(|range| range.starts_with(&format!("bytes {have}-"))) => *have,
        // It cannot go on from here: start over.
        206 | 416 if *have > 0 => {
            file.set_len(0).map_err(|e| Error::io(part, "write", e))?;
            *have = 0;
            return self::request(agent, archive, url, file, part, have, report);
        }
        _ => {
            return Err(Error::new(ErrorKind::Network, url, format!("the server answers {status}")).mend(
                format!(
                    "try later, set NMNC_DATA_MIRROR to a mirror, or put the file at {} yourself",
                    part.with_extension("").display()
                ),
            ));
        }
    };
    file.set_len(start).map_err(|e| Error::io(part, "write", e))?;
    file.seek(SeekFrom::Start(start)).map_err(|e| Error::io(part, "write", e))?;
    *have = start;
    let mut body = response.into_body().into_reader();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = match body.read(&mut buffer) {
            Ok(0) if *have == archive.bytes => return Ok(Transfer::Complete),
            Ok(0) => return Ok(Transfer::Broken(None)),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Ok(Transfer::Broken(Some(error))),
        };
        if *have + read as u64 > archive.bytes {
            let error = Error::data(
                url,
                format!("the server sends more than the {} bytes of the file", archive.bytes),
            );
            std::fs::remove_file(part).map_err(|e| Error::io(part, "remove", e))?;
            return Err(error.mend("it holds another file: try later, or set NMNC_DATA_MIRROR to a mirror"));
        }
        file.write_all(&buffer[..read]).map_err(|e| Error::io(part, "write", e))?;
        *have += read as u64;
        report(*have);
    }
}
