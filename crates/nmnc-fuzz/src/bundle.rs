//! Several files in one string of bytes, so that one input can be a whole folder.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Cursor, Write};
use std::path::{Component, Path};

use zip::write::{SimpleFileOptions, ZipWriter};

use crate::png;

/// What begins a file: this, its name, and the end of the line.
const MARK: &[u8] = b"\n==== ";

/// Files by name, in order: `==== name`, a line end, and the bytes up to the next line that begins so.
pub struct Bundle<'a>(Vec<(&'a str, &'a [u8])>);

impl<'a> Bundle<'a> {
    /// The files of `input`. What is before the first mark, or has no name of a file inside a folder, is left out.
    pub fn of(input: &'a [u8]) -> Self {
        let mut files = Vec::new();
        let mut starts: Vec<usize> =
            input.windows(MARK.len()).enumerate().filter(|(_, w)| *w == MARK).map(|(at, _)| at).collect();
        if input.starts_with(&MARK[1..]) {
            files.push(&input[MARK.len() - 1..starts.first().copied().unwrap_or(input.len())]);
        }
        starts.push(input.len());
        files.extend(starts.windows(2).map(|w| &input[w[0] + MARK.len()..w[1]]));
        Self(files.into_iter().filter_map(named).collect())
    }

    /// The bytes of a file.
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.0.iter().find(|(own, _)| *own == name).map(|(_, bytes)| *bytes)
    }

    /// The files.
    pub fn files(&self) -> &[(&'a str, &'a [u8])] {
        &self.0
    }

    /// Writes the files below `folder`, so that damage gets past the checks that any damage fails: files in what is called `.npz` become
    /// members of that archive, and the chunks of `.png` get the checksums they should have.
    ///
    /// # Errors
    /// Two names that exclude each other, and what the file system refuses.
    pub fn lay(&self, folder: &Path) -> io::Result<()> {
        let mut archives: BTreeMap<&str, Vec<(&str, &[u8])>> = BTreeMap::new();
        for (name, bytes) in &self.0 {
            if let Some((archive, member)) = name.split_once(".npz/") {
                archives.entry(archive).or_default().push((member, bytes));
            } else if name.ends_with(".png") {
                write(&folder.join(name), &png::with_checksums(bytes))?;
            } else {
                write(&folder.join(name), bytes)?;
            }
        }
        for (name, members) in archives {
            let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
            for (member, bytes) in members {
                zip.start_file(member, SimpleFileOptions::default())?;
                zip.write_all(bytes)?;
            }
            write(&folder.join(format!("{name}.npz")), &zip.finish()?.into_inner())?;
        }
        Ok(())
    }

    /// The files of `folder` as one string.
    pub fn pack(folder: &Path) -> io::Result<Vec<u8>> {
        let (mut out, mut todo) = (Vec::new(), vec![folder.to_owned()]);
        while let Some(path) = todo.pop() {
            if path.is_dir() {
                let mut inside =
                    fs::read_dir(&path)?.map(|e| Ok(e?.path())).collect::<io::Result<Vec<_>>>()?;
                inside.sort_unstable();
                todo.extend(inside);
            } else {
                let name = path.strip_prefix(folder).expect("a path below the folder").display().to_string();
                out.extend([MARK, name.as_bytes(), b"\n"].concat());
                out.extend(fs::read(&path)?);
            }
        }
        Ok(out)
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(path.parent().expect("a path below the folder"))?;
    fs::write(path, bytes)
}

fn named(file: &[u8]) -> Option<(&str, &[u8])> {
    let end = file.iter().position(|byte| *byte == b'\n')?;
    let name = std::str::from_utf8(&file[..end]).ok()?;
    let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    (inside && !name.is_empty() && name.len() < 200 && !name.contains('\0'))
        .then_some((name, &file[end + 1..]))
}
