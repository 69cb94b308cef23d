//! Shortcuts of Windows (MS-SHLLINK). The beacon is the icon, which Explorer fetches when it shows the
//! folder, over WebDAV.

use super::folder::unc;
use super::{Artifact, Content};
use crate::dice::Dice;

pub(crate) const LNK: Artifact = Artifact {
    name: "lnk",
    means: &["icon"],
    write,
};

/// The class of a shell link (section 2.1).
const CLASS: [u8; 16] = [1, 20, 2, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46];
/// Name, relative path, working directory and icon are there; texts are UTF-16.
const FLAGS: u32 = 0x04 | 0x08 | 0x10 | 0x40 | 0x80;
/// Seconds from 1601 to 1970.
const EPOCH: i64 = 11_644_473_600;

fn write(content: &Content, dice: &mut Dice<'_>) -> Vec<u8> {
    let icon = content.load("icon").map(unc).unwrap_or_default();
    let mut out = Vec::new();
    out.extend(0x4c_u32.to_le_bytes());
    out.extend(CLASS);
    out.extend(FLAGS.to_le_bytes());
    out.extend(0x20_u32.to_le_bytes());
    for at in [content.created, content.modified, content.modified] {
        let ticks = (at.seconds() + EPOCH) * 10_000_000;
        out.extend(ticks.to_le_bytes());
    }
    let size = u32::try_from(dice.between(4_000, 900_000)).unwrap_or_default();
    out.extend(size.to_le_bytes());
    out.extend(
        u32::try_from(dice.below(4))
            .unwrap_or_default()
            .to_le_bytes(),
    );
    out.extend(1_u32.to_le_bytes());
    out.extend([0; 12]);
    let drive = ["C", "D", "S", "G"][dice.below(4)];
    let folder: String = content
        .company
        .chars()
        .filter(|c| c.is_ascii_alphanumeric())
        .collect();
    let folder = if folder.is_empty() {
        "Shared".to_owned()
    } else {
        folder
    };
    let file: String = content
        .title
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || " -_.".contains(c) {
                c
            } else {
                '-'
            }
        })
        .take(60)
        .collect();
    let extension = ["xlsx", "docx", "pdf", "rdp", "kdbx"][dice.below(5)];
    let texts = [
        content.title.clone(),
        format!(".\\{folder}\\{file}.{extension}"),
        format!("{drive}:\\{folder}"),
        icon,
    ];
    for text in texts {
        let text: Vec<u16> = text.encode_utf16().take(2000).collect();
        out.extend(u16::try_from(text.len()).unwrap_or_default().to_le_bytes());
        out.extend(text.into_iter().flat_map(u16::to_le_bytes));
    }
    // No extra data.
    out.extend([0; 4]);
    out
}
