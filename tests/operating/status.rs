//! What the kernel says of a process and of each of its threads (`/proc/PID/task/*/status`).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use lapwing_core::bounded;

pub(crate) type Status = BTreeMap<String, String>;

/// The status of every thread, by its name.
pub(crate) fn threads(pid: u32) -> Vec<Status> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    tasks
        .map(|task| parse(&task.unwrap().path().join("status")))
        .collect()
}

fn parse(path: &Path) -> Status {
    let text = bounded::read_text(path, 1 << 20).unwrap();
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    fields
        .map(|(name, value)| {
            let words: Vec<_> = value.split_whitespace().collect();
            (name.to_owned(), words.join(" "))
        })
        .collect()
}

/// What every thread has in common; fails where they differ.
pub(crate) fn common(threads: &[Status], field: &str) -> String {
    let first = &threads[0][field];
    for thread in threads {
        assert_eq!(&thread[field], first, "{field} of {}", thread["Name"]);
    }
    first.clone()
}
