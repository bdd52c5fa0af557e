//! Assemblies read by a process of its own, which may take so much memory and no more.
//!
//! The parsers of netCDF and HDF5 have unsafe code, and metadata can make them allocate what no check before sees. Whatever becomes
//! of the process that reads, the one that asked has recordings or an error.

use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use super::assembly::read_assembly;
use super::recordings::{AssemblyOptions, Recordings};
use nmnc_core::error::{Error, ErrorKind, Result};
use nmnc_core::{guard, memory};

/// Memory of the reading process beside what the file's size allows: its program, threads and blocks.
const FIXED: u64 = 2 << 30;

/// The first line of an answer; presentations follow it, as numbers of eight bytes in little-endian order.
#[derive(Serialize, Deserialize)]
enum Answer {
    Recordings {
        stimuli: Vec<String>,
        stimulus_of: Vec<usize>,
        units: Vec<String>,
        region: Vec<String>,
        subject: Vec<String>,
    },
    Damaged(String),
    System(String),
}

/// [`read_assembly`] in a process of its own: `program`, with the path and then the options as further arguments, must do
/// [`answer_assembly`] on its standard output.
///
/// # Errors
/// Those of [`read_assembly`], and if the process cannot be started or ends without an answer.
pub fn read_assembly_apart(
    mut program: Command,
    path: &Path,
    options: &AssemblyOptions,
) -> Result<Recordings> {
    let options = serde_json::to_string(options).expect("options are representable in JSON");
    program.arg(path).arg(options).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut process = program.spawn().map_err(|e| Error::io(path, "start a process to read", e))?;
    let found = receive(&mut BufReader::new(process.stdout.take().expect("it is piped")));
    // Without an answer there is nothing to wait for.
    if found.is_err() {
        let _ = process.kill();
    }
    let status = process.wait().map_err(|e| Error::io(path, "read", e))?;
    found.unwrap_or_else(|_| {
        Err(Error::data(path.display(), format!("cannot be read: the process that did ended by {status}"))
            .mend("is the copy complete? It may take more memory than a file of its size should"))
    })
}

/// Reads the assembly at `path` and writes the answer to `out`. The process may take 2 GiB and 16 times what the file's size allows its
/// content, up to 16 GiB, from then on: it is for the program of [`read_assembly_apart`] alone.
///
/// # Errors
/// If the answer cannot be written.
pub fn answer_assembly(path: &Path, options: &str, out: impl Write) -> io::Result<()> {
    let length = path.metadata().map_or(0, |about| about.len());
    memory::limit(FIXED + guard::expanded(length).saturating_mul(16).min(16 << 30));
    let mut out = BufWriter::new(out);
    let mut head = |answer: Answer| serde_json::to_writer(&mut out, &answer);
    let read =
        || read_assembly(path, &serde_json::from_str(options).map_err(|e| Error::config("options", e))?);
    match read() {
        Ok(Recordings { stimuli, presentations, stimulus_of, units, region, subject }) => {
            head(Answer::Recordings { stimuli, stimulus_of, units, region, subject })?;
            out.write_all(b"\n")?;
            presentations.iter().try_for_each(|number| out.write_all(&number.to_le_bytes()))?;
        }
        Err(error) => {
            let text = error.to_string();
            head(if error.kind() == ErrorKind::Io { Answer::System(text) } else { Answer::Damaged(text) })?;
            out.write_all(b"\n")?;
        }
    }
    out.flush()
}

/// The answer, if it is whole.
fn receive(from: &mut impl BufRead) -> io::Result<Result<Recordings>> {
    let mut line = Vec::new();
    from.by_ref().take(16 * guard::TEXT).read_until(b'\n', &mut line)?;
    let (stimuli, stimulus_of, units, region, subject) = match serde_json::from_slice(&line)? {
        Answer::Recordings { stimuli, stimulus_of, units, region, subject } => {
            (stimuli, stimulus_of, units, region, subject)
        }
        Answer::Damaged(text) => return Ok(Err(Error::new(ErrorKind::Data, "", text))),
        Answer::System(text) => return Ok(Err(Error::new(ErrorKind::Io, "", text))),
    };
    let count = stimulus_of.len() as u64 * units.len() as u64;
    if count > guard::RECORDINGS {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut presentations = Vec::new();
    for _ in 0..count {
        presentations.push(f64::from_le_bytes(guard::read_array(from)?));
    }
    let recordings = Recordings { stimuli, presentations, stimulus_of, units, region, subject };
    Ok(recordings.check().map(|()| recordings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_arrives_as_it_was_sent() {
        let path = nmnc_testing::golden_path("assembly_bins.nc");
        let sent = read_assembly(&path, &AssemblyOptions::default());
        let Ok(sent) = sent else { return };
        let Recordings { stimuli, presentations, stimulus_of, units, region, subject } = sent.clone();
        let mut bytes =
            serde_json::to_vec(&Answer::Recordings { stimuli, stimulus_of, units, region, subject }).unwrap();
        bytes.push(b'\n');
        presentations.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
        let bits = |r: &Recordings| r.presentations.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        let found = receive(&mut &bytes[..]).unwrap().unwrap();
        assert_eq!((bits(&found), found.units), (bits(&sent), sent.units));
        for cut in [0, 10, bytes.len() - 1] {
            assert!(receive(&mut &bytes[..cut]).is_err(), "cut to {cut}");
        }
        let told = |answer: Answer| {
            let line = serde_json::to_vec(&answer).unwrap();
            receive(&mut &line[..]).unwrap().unwrap_err()
        };
        assert_eq!(told(Answer::Damaged("x: y".into())).kind(), ErrorKind::Data);
        assert_eq!(told(Answer::System("x: y".into())).to_string(), "x: y");
    }
}
