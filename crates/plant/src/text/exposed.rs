//! Whether more people may read or write a file with bait in it than when it was planted.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use lapwing_core::Placement;

use super::Detail;
use crate::Remark;

/// What everybody may do, as `chmod` counts, the rule's name, and the word for it.
const RIGHTS: [(u32, &str, &str); 2] = [(0o004, "readable", "read"), (0o002, "writable", "write")];

/// Remarks on the files of a placement. None for what is no file, and for files planted in before modes
/// were recorded.
pub(crate) fn exposed(placement: &Placement) -> Vec<Remark> {
    let files = Detail::of(placement).map_or_else(|_| Vec::new(), |detail| detail.files);
    let mut remarks = Vec::new();
    for record in files {
        let Some(before) = record.mode else {
            continue;
        };
        let Ok(metadata) = fs::symlink_metadata(&record.path) else {
            continue;
        };
        let now = metadata.permissions().mode() & 0o7777;
        let path = record.path.display();
        for (bit, rule, word) in RIGHTS {
            if now & bit != 0 && before & bit == 0 {
                remarks.push(Remark {
                    line: 0,
                    rule: rule.to_owned(),
                    what: format!(
                        "everybody may {word} {path} now: its mode is {now:04o}, and was {before:04o}"
                    ),
                    source: "file modes, when it was planted and now".to_owned(),
                    advice: format!(
                        "Find out who changed it, and whether the real secrets in it were read; \
                         then: chmod {before:04o} {path}"
                    ),
                });
            }
        }
    }
    remarks
}
