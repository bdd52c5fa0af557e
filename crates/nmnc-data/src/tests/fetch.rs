//! Downloads from a server in the test itself.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use crate::fetch::{fetch_into, verify_in};
use crate::known::{Archive, KnownSet};
use nmnc_core::error::ErrorKind;

/// SHA-256 of [`content`].
const SUM: &str = "5576a58a474142a55f619be58eea2c14d7d7937cb99d5ef600a704fcde5ddbd8";
const BYTES: u64 = 300_000;

const SET: KnownSet = KnownSet {
    name: "numbers",
    about: "bytes counting up",
    archives: &[Archive { file: "numbers.bin", base: "http://127.0.0.1:9/", bytes: BYTES, sha256: SUM }],
    classes: None,
};

fn content() -> Vec<u8> {
    (0..BYTES).map(|at| (at % 256) as u8).collect()
}

/// What a server does with a request for the file.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    /// Serves it, or the range asked for.
    Good,
    /// Serves all of it whatever is asked for.
    IgnoresRanges,
    /// Announces the whole and hangs up after this many bytes of the first answer.
    HangsUp(usize),
    /// Hangs up like that every time, ignoring ranges.
    AlwaysHangsUp(usize),
    /// Serves other bytes of the same number.
    Wrong,
    /// Serves more bytes.
    TooLong,
    /// Serves a range other than the one asked for.
    OtherRange,
    Missing,
}

/// Requests so far, as (path, Range header).
type Log = Mutex<Vec<(String, String)>>;

/// A server on a free port; gives its URL and its log.
fn serve(manner: Manner) -> (String, Arc<Log>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let log = Arc::new(Mutex::new(Vec::new()));
    let shared = log.clone();
    // Lives as long as the test process; each test has its own.
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            // A client that hung up is its own business.
            let _ = answer(stream.unwrap(), manner, number, &shared);
        }
    });
    (url, log)
}

fn answer(mut stream: TcpStream, manner: Manner, number: usize, log: &Log) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().unwrap()?;
    let mut range = String::new();
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("range: ") {
            range = value.to_owned();
        }
    }
    log.lock().unwrap().push((first.split(' ').nth(1).unwrap().to_owned(), range.clone()));
    let mut body = content();
    match manner {
        Manner::Missing => {
            return write!(
                stream,
                "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
        }
        Manner::Wrong => body[1000] ^= 1,
        Manner::TooLong => body.push(0),
        _ => {}
    }
    let ranges = !matches!(manner, Manner::IgnoresRanges | Manner::AlwaysHangsUp(_));
    let start: Option<usize> =
        range.strip_prefix("bytes=").and_then(|r| r.trim_end_matches('-').parse().ok());
    let (status, start) = match start.filter(|_| ranges) {
        Some(start) if start >= body.len() => {
            return write!(stream, "HTTP/1.1 416 Range\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
        Some(_) if manner == Manner::OtherRange => ("206 Partial Content", 7),
        Some(start) => ("206 Partial Content", start),
        None => ("200 OK", 0),
    };
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len() - start)?;
    if status.starts_with("206") {
        write!(stream, "Content-Range: bytes {start}-{}/{}\r\n", body.len() - 1, body.len())?;
    }
    write!(stream, "Connection: close\r\n\r\n")?;
    let sent = match manner {
        Manner::HangsUp(sent) if number == 0 => sent,
        Manner::AlwaysHangsUp(sent) => sent,
        _ => body.len() - start,
    };
    stream.write_all(&body[start..start + sent])?;
    stream.flush()
}

#[test]
fn a_good_server_gives_the_file_once_and_reports_progress() {
    let folder = tempfile::tempdir().unwrap();
    let (url, log) = serve(Manner::Good);
    let mut reports = Vec::new();
    let fetched =
        fetch_into(folder.path(), &SET, Some(&url), &mut |progress| reports.push(progress)).unwrap();
    assert!(fetched[0].downloaded);
    assert_eq!(std::fs::read(&fetched[0].path).unwrap(), content());
    assert!(reports.windows(2).all(|pair| pair[0].done <= pair[1].done));
    assert_eq!(reports.last().unwrap().done, BYTES);
    let again = fetch_into(folder.path(), &SET, Some(&url), &mut |_| ()).unwrap();
    assert!(!again[0].downloaded);
    assert_eq!(*log.lock().unwrap(), [("/numbers/numbers.bin".to_owned(), String::new())]);
    assert_eq!(verify_in(folder.path(), &SET).unwrap(), folder.path().join("numbers"));
    assert!(!folder.path().join("numbers/numbers.bin.part").exists());
}

#[test]
fn a_broken_connection_is_taken_up_where_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let (url, log) = serve(Manner::HangsUp(100_000));
    fetch_into(folder.path(), &SET, Some(&url), &mut |_| ()).unwrap();
    let ranges: Vec<String> = log.lock().unwrap().iter().map(|(_, range)| range.clone()).collect();
    assert_eq!(ranges.len(), 2);
    assert_eq!(ranges[1], "bytes=100000-");
    verify_in(folder.path(), &SET).unwrap();
}

#[test]
fn what_an_earlier_call_left_is_used_or_replaced() {
    let cut = content()[..123_456].to_vec();
    let stale = vec![9; 123_456];
    let long = vec![9; BYTES as usize + 5];
    let full = content();
    let cases = [
        (&cut, Manner::Good, 1),
        (&cut, Manner::IgnoresRanges, 1),
        (&cut, Manner::OtherRange, 2),
        (&stale, Manner::Good, 2),
        (&long, Manner::Good, 1),
        (&full, Manner::Missing, 0),
    ];
    for (at, (left, manner, requests)) in cases.into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("numbers")).unwrap();
        std::fs::write(folder.path().join("numbers/numbers.bin.part"), left).unwrap();
        let (url, log) = serve(manner);
        fetch_into(folder.path(), &SET, Some(&url), &mut |_| ()).unwrap_or_else(|e| panic!("case {at}: {e}"));
        verify_in(folder.path(), &SET).unwrap();
        assert_eq!(log.lock().unwrap().len(), requests, "case {at}");
    }
}

#[test]
fn a_damaged_file_in_place_is_noticed_and_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("numbers/numbers.bin");
    std::fs::create_dir(folder.path().join("numbers")).unwrap();
    std::fs::write(&path, vec![1; BYTES as usize]).unwrap();
    let error = verify_in(folder.path(), &SET).unwrap_err().to_string();
    assert!(error.contains("SHA-256") && error.ends_with("run `nmnc data fetch numbers`"), "{error}");
    let (url, _) = serve(Manner::Good);
    assert!(fetch_into(folder.path(), &SET, Some(&url), &mut |_| ()).unwrap()[0].downloaded);
    assert_eq!(std::fs::read(&path).unwrap(), content());
}

#[test]
fn bad_servers_give_one_clear_error_and_no_file() {
    let cases = [
        (Manner::Missing, ErrorKind::Network, "the server answers 404", false),
        (Manner::Wrong, ErrorKind::Data, "instead of", false),
        (Manner::TooLong, ErrorKind::Data, "more than the 300000 bytes", false),
        (Manner::AlwaysHangsUp(1000), ErrorKind::Network, "ended after 1000 of 300000 bytes", true),
    ];
    for (manner, kind, text, keeps_part) in cases {
        let folder = tempfile::tempdir().unwrap();
        let (url, _) = serve(manner);
        let error = fetch_into(folder.path(), &SET, Some(&url), &mut |_| ()).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        let line = error.to_string();
        assert!(line.contains(text) && line.contains(&url) && !line.contains('\n'), "{line}");
        assert!(!folder.path().join("numbers/numbers.bin").exists());
        let part = folder.path().join("numbers/numbers.bin.part");
        assert_eq!(part.metadata().is_ok_and(|about| about.len() > 0), keeps_part, "{line}");
    }
}

#[test]
fn an_unreachable_server_is_a_network_error() {
    let folder = tempfile::tempdir().unwrap();
    // A port that was free a moment ago.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = fetch_into(folder.path(), &SET, Some(&format!("http://{address}")), &mut |_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network);
    assert!(error.to_string().contains("cannot be reached"), "{error}");
}

#[test]
fn two_downloads_of_one_file_do_not_mix() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("numbers")).unwrap();
    let part = std::fs::File::create(folder.path().join("numbers/numbers.bin.part")).unwrap();
    part.lock().unwrap();
    let (url, _) = serve(Manner::Good);
    let error = fetch_into(folder.path(), &SET, Some(&url), &mut |_| ()).unwrap_err();
    assert!(error.to_string().contains("another download"), "{error}");
}

#[test]
fn names_are_checked() {
    let error = crate::fetch("cifar-10", None, &mut |_| ()).unwrap_err().to_string();
    assert!(error.ends_with("did you mean `cifar10`?"), "{error}");
    let error = crate::verify("fashion-mnist-sample").unwrap_err().to_string();
    assert!(error.contains("part of nmnc"), "{error}");
}
