//! Arrays as people have them: NumPy's files, tables of text, and what to do with files of other kinds.

use std::io::{BufReader, Read};
use std::path::Path;

use super::npy::Header;
use super::npz::Array;
use nmnc_core::error::{Error, Result};
use nmnc_core::guard;

/// What to give where an array is asked for.
const GIVE: &str = "give a .npy, .npz or .csv file, as numpy.save, numpy.savez and numpy.savetxt write them";

/// First bytes of a file by which its kind is told.
const FIRST: usize = 8;

/// How a file holds arrays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArrayFile {
    /// One array (`.npy`).
    Npy,
    /// An archive of arrays (`.npz`).
    Npz,
    /// A table of numbers (`.csv`, `.tsv`, `.txt`).
    Text,
}

impl ArrayFile {
    /// What the file at `path` is: by its content, and of tables by its name.
    ///
    /// # Errors
    /// If it is no regular file, cannot be read, or is of another kind; of well-known ones the message tells how to convert them.
    pub fn of(path: &Path) -> Result<Self> {
        let place = path.display();
        let (mut file, _) = guard::regular(path).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => Error::data(&place, "no such file").mend(GIVE),
            _ => guard::refused(path, e).or_mend(GIVE),
        })?;
        let mut first = Vec::new();
        (&mut file).take(FIRST as u64).read_to_end(&mut first).map_err(|e| Error::io(path, "read", e))?;
        let ending = ending(path);
        match &first[..] {
            [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => Ok(Self::Npy),
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..]
                if !matches!(&ending[..], "pt" | "pth" | "xlsx") =>
            {
                Ok(Self::Npz)
            }
            _ => match foreign(&first, &ending) {
                Some((what, mend)) => Err(Error::data(place, what).mend(mend)),
                None if matches!(&ending[..], "csv" | "tsv" | "txt") => Ok(Self::Text),
                None => Err(Error::data(place, "is no NumPy array").mend(GIVE)),
            },
        }
    }
}

fn ending(path: &Path) -> String {
    path.extension().map_or_else(String::new, |e| e.to_string_lossy().to_ascii_lowercase())
}

/// What a file of another kind is, by its first bytes and ending, and how its arrays come to NumPy.
pub(crate) fn foreign(first: &[u8], ending: &str) -> Option<(&'static str, &'static str)> {
    Some(match (first, ending) {
        ([0x89, b'H', b'D', b'F', ..], "nwb") => (
            "is an NWB file",
            "save what you need of it: numpy.save(\"x.npy\", h5py.File(path)[\"units/...\"][()]), or by pynwb.NWBHDF5IO(path).read()",
        ),
        ([0x89, b'H', b'D', b'F', ..], "mat") => (
            "is a MATLAB file of version 7.3",
            "convert it: numpy.save(\"x.npy\", h5py.File(path)[\"NAME\"][()].T), transposed because MATLAB stores columns first",
        ),
        ([0x89, b'H', b'D', b'F', ..], _) => {
            ("is an HDF5 file", "convert it: numpy.save(\"x.npy\", h5py.File(path)[\"NAME\"][()])")
        }
        ([b'M', b'A', b'T', b'L', b'A', b'B', ..], _) | (_, "mat") => {
            ("is a MATLAB file", "convert it: numpy.save(\"x.npy\", scipy.io.loadmat(path)[\"NAME\"])")
        }
        ([b'C', b'D', b'F', 1 | 2 | 5, ..], _) => (
            "is a netCDF file",
            "convert it: numpy.save(\"x.npy\", xarray.open_dataset(path)[\"NAME\"].values)",
        ),
        ([b'P', b'A', b'R', b'1', ..], _) => (
            "is a Parquet file",
            "convert it: numpy.save(\"x.npy\", pandas.read_parquet(path).to_numpy(float))",
        ),
        ([0x80, 2..=5, ..], _) => (
            "is a pickle, which is not read",
            "convert it: numpy.save(\"x.npy\", numpy.asarray(pickle.load(open(path, \"rb\"))))",
        ),
        ([b'P', b'K', 3, 4, ..], "pt" | "pth") => {
            ("is a file of PyTorch", "convert it: numpy.save(\"x.npy\", torch.load(path)[\"NAME\"].numpy())")
        }
        ([b'P', b'K', 3, 4, ..], "xlsx") => ("is a spreadsheet", "save it as CSV"),
        ([0x1f, 0x8b, ..], _) => ("is compressed", "unpack it: gunzip FILE"),
        _ => return None,
    })
}

impl Array {
    /// The array in the file at `path`: a `.npy` file, a table of text, or of an archive the array `name`; without a name the only one,
    /// or the first of `usual` that is there. Its elements are numbers of any type and order.
    ///
    /// Tables have a row a line; numbers are parted by commas, tabs, semicolons or blanks. A first line that is no row of numbers names
    /// the columns. Empty fields and `nan` are NaN.
    ///
    /// # Errors
    /// If there is no such file or array, or it cannot be read; as [`ArrayFile::of`].
    pub fn open(path: &Path, name: Option<&str>, usual: &[&str]) -> Result<Self> {
        match ArrayFile::of(path)? {
            ArrayFile::Npy => read_npy(path),
            ArrayFile::Text => read_text(path),
            ArrayFile::Npz => {
                let names = Self::names(path)?;
                let place = || path.display();
                let known = || usual.iter().find(|name| names.iter().any(|own| own == *name));
                let chosen = match (name, &names[..]) {
                    (Some(name), _) => name,
                    (None, [only]) => only,
                    (None, []) => return Err(Error::data(place(), "holds no arrays").mend(GIVE)),
                    (None, _) => known().ok_or_else(|| {
                        Error::data(place(), format!("holds {} arrays", names.len()))
                            .mend(format!("name one with `array`: {}", names.join(", ")))
                    })?,
                };
                Self::read(path, chosen)?.ok_or_else(|| {
                    Error::data(place(), format!("no array `{chosen}`")).suggest(chosen, &names)
                })
            }
        }
    }
}

fn read_npy(path: &Path) -> Result<Array> {
    let place = path.display().to_string();
    let (file, length) = guard::open(path)?;
    let mut reader = BufReader::new(file);
    let (header, start) = Header::read(&mut reader, &place)?;
    header.check_length(start, length, &place)?;
    let bytes = guard::read_len(&mut reader, header.len).map_err(|e| guard::damaged(&place, e))?;
    Ok(Array::new(place, header, bytes))
}

fn read_text(path: &Path) -> Result<Array> {
    let place = path.display().to_string();
    let bytes = guard::whole(path, guard::TABLE).map_err(|e| guard::refused(path, e))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| Error::data(&place, "is no text in UTF-8"))?;
    let (shape, values) = table(text).map_err(|e| e.within(&place))?;
    let header =
        Header { big_endian: false, kind: 'f', size: 8, shape, fortran: false, len: 8 * values.len() as u64 };
    Ok(Array::new(place, header, values.into_iter().flat_map(f64::to_le_bytes).collect()))
}

/// Rows and columns of a table, and its numbers.
fn table(text: &str) -> Result<(Vec<usize>, Vec<f64>)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text
        .lines()
        .enumerate()
        .map(|(at, line)| (at + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .peekable();
    let Some(&(_, first)) = lines.peek() else { return Err(Error::data("", "holds no numbers")) };
    let delimiter = [',', '\t', ';'].into_iter().find(|&d| first.contains(d));
    let split = |line: &str| -> Vec<String> {
        let bare = |field: &str| field.trim().trim_matches('"').trim().to_owned();
        match delimiter {
            Some(delimiter) => line.split(delimiter).map(bare).collect(),
            None => line.split_whitespace().map(bare).collect(),
        }
    };
    let number = |field: &str| match field {
        "" | "NA" => Some(f64::NAN),
        _ => field.parse().ok(),
    };
    if split(first).iter().any(|field| number(field).is_none()) {
        lines.next();
    }
    let (mut values, mut columns, mut rows) = (Vec::new(), None, 0);
    for (at, line) in lines {
        let fields = split(line);
        let wanted = *columns.get_or_insert(fields.len());
        if fields.len() != wanted {
            return Err(Error::data(
                format!("line {at}"),
                format!("{} fields where {wanted} were before", fields.len()),
            )
            .mend("write as many in each line"));
        }
        for (column, field) in fields.iter().enumerate() {
            let value = number(field).ok_or_else(|| {
                Error::data(format!("line {at}, field {}", column + 1), format!("`{field}` is no number"))
                    .mend("leave out columns of text, and write decimals with a point")
            })?;
            values.push(value);
        }
        rows += 1;
    }
    match columns {
        Some(columns) => Ok((vec![rows, columns], values)),
        None => Err(Error::data("", "holds no numbers below its first line")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read_as_they_are_written() {
        let expected = (vec![2, 3], vec![1.0, -2.5, 3e4, 0.0, 5.0, 6.0]);
        for text in [
            "1,-2.5,3e4\n0,5,6\n",
            "a,b,c\r\n1, -2.5, 3e4\r\n0,5,6",
            "\u{feff}1\t-2.5\t3e4\n\n0\t5\t6\n",
            "# numpy\n1.0 -2.5e+00 3e4\n0 5 6\n",
            "\"x\";\"y\";\"z\"\n\"1\";-2.5;3e4\n0;5;6\n",
        ] {
            assert_eq!(table(text).unwrap(), expected, "{text}");
        }
        let (shape, values) = table("1,,nan\nNA,2,3\n").unwrap();
        assert_eq!((shape, values.iter().filter(|v| v.is_nan()).count()), (vec![2, 3], 3));
        for (text, problem) in [
            ("", "holds no numbers"),
            ("a,b\n", "holds no numbers below its first line"),
            ("1,2\n3\n", "line 2: 1 fields where 2 were before; write as many in each line"),
            ("x,y\n1,2\n3,cat\n", "line 3, field 2: `cat` is no number; leave out columns of text"),
        ] {
            let error = table(text).unwrap_err().to_string();
            assert!(error.trim_start_matches(": ").starts_with(problem), "{text}: {error}");
        }
    }
}
