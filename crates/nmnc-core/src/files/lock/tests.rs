//! Who has a folder, and what is left.

use super::*;

const QUICK: Pace = Pace {
    beat: Duration::from_millis(20),
    patience: Duration::from_millis(1500),
    settle: Duration::from_millis(1),
    again: Duration::from_millis(5),
    locks: true,
};

fn take(folder: &Path, wait: bool) -> Result<FolderLock> {
    let if_taken = if wait { IfTaken::Wait } else { IfTaken::Leave };
    FolderLock::take_at(folder, if_taken, QUICK, &mut |_| {})
}

/// A process that is none of this computer.
fn stranger() -> Holder {
    let mut text: serde_json::Value = serde_json::from_str(&Holder::new().text()).unwrap();
    text["process"]["host"] = "elsewhere".into();
    text["process"]["boot"] = "another".into();
    serde_json::from_value(text).unwrap()
}

#[test]
fn one_at_a_time_has_a_folder_and_the_next_is_told_who() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("run");
    let first = take(&folder, false).unwrap();
    let error = take(&folder, false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    let this = Process::this();
    let expected = format!("is being written by process {} on {}; wait", this.pid, this.host);
    assert!(error.to_string().contains(&expected), "{error}");
    let writer = FolderLock::holder(&folder).unwrap().unwrap();
    assert_eq!((writer.pid, &writer.host), (this.pid, &this.host));
    first.check().unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| take(&folder, true).unwrap());
        std::thread::sleep(Duration::from_millis(30));
        drop(first);
        waiting.join().unwrap().check().unwrap();
    });
    assert!(!folder.exists(), "what was made for nothing is left behind");
    std::fs::create_dir(&folder).unwrap();
    drop(take(&folder, false).unwrap());
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "the lock is left behind");
}

#[test]
fn what_a_killed_process_left_is_nobodys() {
    let root = tempfile::tempdir().unwrap();
    for left in ["", "{\"process\":", "no lock at all", &Holder::new().text()] {
        std::fs::write(root.path().join(LOCK_FILE), left).unwrap();
        take(root.path(), false).unwrap_or_else(|e| panic!("{left}: {e}")).release().unwrap();
        std::fs::write(root.path().join(LOCK_FILE), left).unwrap();
        FolderLock::clear(root.path());
        assert!(!root.path().join(LOCK_FILE).exists(), "{left}");
    }
    let held = take(root.path(), false).unwrap();
    FolderLock::clear(root.path());
    held.check().unwrap();
    drop(held);
    std::fs::write(root.path().join(LOCK_FILE), stranger().text()).unwrap();
    FolderLock::clear(root.path());
    assert!(root.path().join(LOCK_FILE).exists(), "of another computer");
}

#[test]
fn a_process_of_another_computer_has_a_folder_as_long_as_it_shows_life() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join(LOCK_FILE);
    let mut told = Vec::new();
    std::fs::write(&path, stranger().text()).unwrap();
    let lock =
        FolderLock::take_at(root.path(), IfTaken::Leave, QUICK, &mut |text| told.push(text.to_owned()))
            .unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("on elsewhere is still writing here"), "{told:?}");
    drop(lock);
    std::fs::write(&path, stranger().text()).unwrap();
    std::thread::scope(|scope| {
        let (stop, stopped) = channel::<()>();
        scope.spawn(|| {
            let stopped = stopped;
            // In place: a file that is emptied first says in between that nobody is there.
            let file = OpenOptions::new().write(true).open(&path).unwrap();
            for number in 1.. {
                if stopped.recv_timeout(QUICK.beat) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
                write(&file, &Holder { beat: beat(number), ..stranger() }).unwrap();
            }
        });
        let error = take(root.path(), false).unwrap_err();
        drop(stop);
        assert_eq!(error.kind(), ErrorKind::Busy);
    });
}

#[test]
fn who_was_taken_for_gone_finds_out_before_it_writes() {
    let root = tempfile::tempdir().unwrap();
    let lock = FolderLock::take(root.path(), IfTaken::Leave, &mut |_| {}).unwrap();
    let other = stranger();
    std::fs::write(root.path().join(LOCK_FILE), other.text()).unwrap();
    let error = lock.check().unwrap_err().to_string();
    assert!(error.contains("was taken over by process") && error.contains("elsewhere"), "{error}");
    drop(lock);
    // The other's file stays.
    assert_eq!(std::fs::read_to_string(root.path().join(LOCK_FILE)).unwrap(), other.text());
}

#[test]
fn a_folder_that_is_moved_or_removed_is_noticed_and_left_alone() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("run");
    let lock = take(&folder, false).unwrap();
    std::fs::rename(&folder, root.path().join("moved")).unwrap();
    let moved = lock.check().unwrap_err();
    assert_eq!(moved.kind(), ErrorKind::Io);
    assert!(
        moved.to_string().contains("run: was moved or removed while it was being written; put it back"),
        "{moved}"
    );
    // Another takes the name.
    let other = take(&folder, false).unwrap();
    assert!(lock.check().is_err());
    drop(lock);
    other.check().unwrap();
}

#[test]
fn signs_of_life_are_written_and_change_no_length() {
    let root = tempfile::tempdir().unwrap();
    let lock = take(root.path(), false).unwrap();
    let path = root.path().join(LOCK_FILE);
    let first = std::fs::read(&path).unwrap();
    let begun = std::time::Instant::now();
    while std::fs::read(&path).unwrap() == first {
        assert!(begun.elapsed().as_secs() < 20, "no sign of life");
    }
    assert_eq!(std::fs::read(&path).unwrap().len(), first.len());
    lock.check().unwrap();
}

/// As on a disk on the network: the file system has no locks, and the process that had the folder was another computer's.
#[test]
fn of_many_that_come_at_once_to_a_free_or_a_left_folder_one_has_it() {
    let pace = Pace {
        patience: Duration::from_millis(60),
        settle: Duration::from_millis(150),
        locks: false,
        ..QUICK
    };
    for left in [None, Some(stranger().text())] {
        let root = tempfile::tempdir().unwrap();
        if let Some(left) = &left {
            std::fs::write(root.path().join(LOCK_FILE), left).unwrap();
        }
        let taken: Vec<FolderLock> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| FolderLock::take_at(root.path(), IfTaken::Leave, pace, &mut |_| {})))
                .collect();
            threads.into_iter().filter_map(|thread| thread.join().unwrap().ok()).collect()
        });
        assert_eq!(taken.len(), 1, "{left:?}");
        taken[0].check().unwrap();
        drop(taken);
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0, "something is left behind");
    }
}

#[test]
fn who_comes_back_takes_what_was_silent_between_its_visits() {
    let root = tempfile::tempdir().unwrap();
    let visit = || FolderLock::take_at(root.path(), IfTaken::ComeBack, QUICK, &mut |_| panic!("it waits"));
    let strange = Holder { beat: beat(1), ..stranger() };
    std::fs::write(root.path().join(LOCK_FILE), strange.text()).unwrap();
    assert_eq!(visit().unwrap_err().kind(), ErrorKind::Busy);
    std::thread::sleep(QUICK.patience);
    // It was alive meanwhile.
    std::fs::write(root.path().join(LOCK_FILE), Holder { beat: beat(2), ..strange }.text()).unwrap();
    assert_eq!(visit().unwrap_err().kind(), ErrorKind::Busy);
    assert_eq!(visit().unwrap_err().kind(), ErrorKind::Busy);
    std::thread::sleep(QUICK.patience);
    visit().unwrap().check().unwrap();
}

#[test]
fn who_was_replaced_by_another_file_learns_by_whom() {
    let root = tempfile::tempdir().unwrap();
    let lock = take(root.path(), false).unwrap();
    let other = stranger();
    std::fs::write(root.path().join("new"), other.text()).unwrap();
    std::fs::rename(root.path().join("new"), root.path().join(LOCK_FILE)).unwrap();
    let error = lock.check().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert!(error.to_string().contains("was taken over by process"), "{error}");
    drop(lock);
    assert_eq!(std::fs::read_to_string(root.path().join(LOCK_FILE)).unwrap(), other.text());
}
