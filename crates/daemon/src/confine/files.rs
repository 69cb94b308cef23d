//! Which files a station may touch, and where it may bind (Landlock, landlock(7)): it writes its data directory and
//! nothing else, reads what its settings name and what looking up names takes, runs no program, and opens no TCP
//! port beside those it has.
//!
//! A rule holds for a file, not for its name: of what is read again while the station runs (certificates, the
//! resolver's configuration) the directory is named, because a renewal puts another file in the place of the first.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, LandlockStatus, NetPort,
    RestrictionStatus, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetError,
    RulesetStatus, Scope, path_beneath_rules,
};
use serde_json::Value;

use crate::Settings;

/// The newest version whose rights are asked for.
const NEWEST: ABI = ABI::V6;

/// What looking up names, and the runtime, read. What is not there is passed over.
const SYSTEM: &[&str] = &[
    "/etc",
    // Modules for looking up names, and what those load.
    "/usr",
    "/lib",
    "/lib64",
    "/nix/store",
    "/gnu/store",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager",
    "/run/nscd",
    "/dev/null",
    "/dev/urandom",
    // How many processors there are, and how much of them is ours; what the process takes.
    "/proc/self",
    "/sys/fs/cgroup",
    "/sys/devices/system/cpu",
];

/// Restricts this thread and those it starts. Says what holds, or why nothing does.
pub(super) fn restrict(root: &Path, settings: &Settings) -> Result<String, String> {
    let status = apply(root, settings).map_err(|error| error.to_string())?;
    let version = match status.landlock {
        LandlockStatus::Available { effective_abi, .. } => effective_abi as i32,
        LandlockStatus::NotEnabled => {
            return Err("Landlock is switched off in this kernel".to_owned());
        }
        LandlockStatus::NotImplemented => {
            let what = "Landlock is not there: this kernel has none, or a filter of who started this hides it";
            return Err(what.to_owned());
        }
    };
    if status.ruleset == RulesetStatus::NotEnforced {
        return Err("Landlock enforces nothing".to_owned());
    }
    let ports = if version >= 4 {
        ", binds no other port"
    } else {
        ""
    };
    Ok(format!(
        "Landlock version {version}: writes {}{ports}",
        root.display()
    ))
}

fn apply(root: &Path, settings: &Settings) -> Result<RestrictionStatus, RulesetError> {
    let (reads, all) = (AccessFs::from_read(NEWEST), AccessFs::from_all(NEWEST));
    let reads = reads & !AccessFs::Execute;
    let writes =
        all & !(AccessFs::Execute | AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::MakeSock);
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)?
        .handle_access(AccessNet::BindTcp)?
        .scope(scope())?
        .create()?
        .add_rules(path_beneath_rules(SYSTEM, reads))?
        .add_rules(path_beneath_rules(named(settings), reads))?
        .add_rules(path_beneath_rules([root], writes))?;
    // Its transfers each have a port of their own, which the system chooses.
    if settings.listen.protocols.contains_key("ftp") {
        ruleset = ruleset.add_rule(NetPort::new(0, AccessNet::BindTcp))?;
    }
    ruleset.restrict_self()
}

/// Nobody else is signalled, and no abstract socket of others reached, but the supervisor's.
fn scope() -> landlock::BitFlags<Scope> {
    let notified = std::env::var_os("NOTIFY_SOCKET");
    let abstract_ = notified.is_some_and(|path| path.as_encoded_bytes().starts_with(b"@"));
    if abstract_ {
        Scope::Signal.into()
    } else {
        Scope::Signal | Scope::AbstractUnixSocket
    }
}

/// The files that settings name, whichever setting it is; of those that are read again, their directories.
fn named(settings: &Settings) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    let value = serde_json::to_value(settings).unwrap_or_default();
    collect(&value, &mut paths);
    let certificates = settings.tls.certificates.iter();
    let again = certificates
        .flat_map(|files| [&files.certificate, &files.key])
        .chain([&settings.tls.acme.roots]);
    for path in again {
        paths.extend(directories(path));
    }
    paths.extend(directories(Path::new("/etc/resolv.conf")));
    paths.sort();
    paths.dedup();
    paths
}

/// Every text that is the path of a file.
fn collect(value: &Value, paths: &mut Vec<PathBuf>) {
    match value {
        Value::String(text) if Path::new(text).is_file() => paths.push(text.into()),
        Value::Array(values) => values.iter().for_each(|value| collect(value, paths)),
        Value::Object(members) => members.values().for_each(|value| collect(value, paths)),
        _ => {}
    }
}

/// Where a file lies, and where each file lies that its links lead through.
fn directories(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut path = path.to_owned();
    // As many links as the kernel follows.
    for _ in 0..40 {
        let parent = match path.parent() {
            Some(parent) if parent == Path::new("") => PathBuf::from("."),
            Some(parent) => parent.to_owned(),
            None => break,
        };
        let next = std::fs::read_link(&path).map(|target| parent.join(target));
        // A file right below the root must not open everything.
        if parent != Path::new("/") && parent.is_dir() {
            found.push(parent);
        }
        match next {
            Ok(next) => path = next,
            Err(_) => break,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_settings_are_read_and_directories_of_what_is_renewed() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        std::fs::create_dir_all(at("live/site")).unwrap();
        std::fs::create_dir_all(at("archive/site")).unwrap();
        std::fs::write(at("archive/site/chain1.pem"), "x").unwrap();
        std::os::unix::fs::symlink("../../archive/site/chain1.pem", at("live/site/chain.pem"))
            .unwrap();
        std::fs::write(at("mail.password"), "x").unwrap();
        let mut settings = Settings::default();
        settings
            .tls
            .certificates
            .push(crate::settings::CertificateFiles {
                certificate: at("live/site/chain.pem"),
                key: at("live/site/chain.pem"),
            });
        let channel =
            serde_json::json!({"password_file": at("mail.password"), "host": "mail.example"});
        settings.alert.channels.insert("mail".to_owned(), channel);
        let named = named(&settings);
        let has = |path: PathBuf| {
            let path = path.canonicalize().unwrap();
            named
                .iter()
                .any(|it| it.canonicalize().is_ok_and(|it| it == path))
        };
        assert!(has(at("mail.password")), "{named:?}");
        assert!(has(at("live/site")) && has(at("archive/site")), "{named:?}");
        assert!(!has(home.path().to_owned()), "{named:?}");
        assert!(!named.contains(&PathBuf::from("/")));
    }
}
