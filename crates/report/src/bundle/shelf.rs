//! Where a bundle's files are put: a directory or a tar file, under another name until all is there. Notes
//! the SHA-256 of each, and signs the list.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Read as _, Seek as _, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use lapwing_journal::{SigningSeed, sshsig};
use sha2::{Digest as _, Sha256, Sha512};

use super::tape::Tape;
use super::{BundleError, NAMESPACE, PARTS, SUMS, SUMS_SIGNATURE};

/// A bundle that is being put together. What is there of it goes again when this is dropped.
pub(super) struct Shelf {
    form: Form,
    staged: Staged,
    /// Digests of all files but the parts.
    sums: Vec<(String, [u8; 32])>,
    /// Those of the parts, as lines: there may be a million.
    part_sums: Option<Spool>,
}

enum Form {
    Directory,
    Tape(Tape),
}

/// A bundle that is whole, but not under its name yet. Dropped, it is gone.
#[derive(Debug)]
pub struct Staged {
    place: PathBuf,
    out: PathBuf,
    published: bool,
    /// SHA-256 of the list of files, 64 hex digits.
    pub manifest: String,
    /// SHA-256 of the tar file, if it is one, 64 hex digits.
    pub archive: Option<String>,
}

impl Staged {
    /// Gives it its name.
    ///
    /// # Errors
    /// [`BundleError::Exists`]: something is there by now; the system refuses.
    pub fn publish(mut self) -> Result<PathBuf, BundleError> {
        if self.out.symlink_metadata().is_ok() {
            return Err(BundleError::Exists(self.out.clone()));
        }
        std::fs::rename(&self.place, &self.out).map_err(BundleError::io("write", &self.out))?;
        self.published = true;
        Ok(self.out.clone())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if self.published {
            return;
        }
        // What cannot be removed lies beside the place that was named, under a name that says what it is.
        let _ = std::fs::remove_file(&self.place).or_else(|_| std::fs::remove_dir_all(&self.place));
    }
}

impl Shelf {
    /// For a bundle at `out`: a tar file if it ends so, with all files in a directory `top` and of the time
    /// `time`, seconds since 1970; else a directory.
    pub(super) fn create(out: &Path, top: &str, time: u64) -> Result<Self, BundleError> {
        if out.symlink_metadata().is_ok() {
            return Err(BundleError::Exists(out.to_owned()));
        }
        let place = beside(out, "part");
        let failed = BundleError::io("make", &place);
        let form = if out.extension().is_some_and(|end| end == "tar") {
            let file = private().open(&place).map_err(failed)?;
            Form::Tape(Tape::new(file, top.to_owned(), time))
        } else {
            let mut directory = DirBuilder::new();
            directory.mode(0o700).create(&place).map_err(failed)?;
            Form::Directory
        };
        let staged = Staged {
            place,
            out: out.to_owned(),
            published: false,
            manifest: String::new(),
            archive: None,
        };
        Ok(Self {
            part_sums: Some(Spool::unnamed(&beside(out, "sums"), "")?),
            form,
            staged,
            sums: Vec::new(),
        })
    }

    /// A name for something that is needed meanwhile.
    pub(super) fn scratch(&self, what: &str) -> PathBuf {
        beside(&self.staged.out, what)
    }

    /// Adds a file.
    pub(super) fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), BundleError> {
        self.write(name, bytes)?;
        self.sums
            .push((name.to_owned(), Sha256::digest(bytes).into()));
        Ok(())
    }

    /// Adds the file of a part. Parts come in the order of their names.
    pub(super) fn put_part(&mut self, name: &str, bytes: &[u8]) -> Result<(), BundleError> {
        let first = self.part_sums.as_ref().is_some_and(|sums| sums.length == 0);
        if matches!(self.form, Form::Directory) && first {
            let directory = self.staged.place.join(PARTS);
            DirBuilder::new()
                .mode(0o700)
                .create(&directory)
                .map_err(BundleError::io("make", &directory))?;
        }
        self.write(name, bytes)?;
        let digest: [u8; 32] = Sha256::digest(bytes).into();
        let sums = self.part_sums.as_mut().expect("taken at the end only");
        sums.add(sum_line(name, &digest).as_bytes())
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), BundleError> {
        let path = self.staged.place.join(name);
        let written = match &mut self.form {
            Form::Directory => (private().open(&path)).and_then(|mut file| file.write_all(bytes)),
            Form::Tape(tape) => tape.add(name, bytes.len() as u64, bytes),
        };
        written.map_err(BundleError::io("write", &path))
    }

    /// Begins a file that comes in pieces.
    pub(super) fn begin(&self, name: &str) -> Result<Spool, BundleError> {
        match &self.form {
            Form::Directory => Spool::named(&self.staged.place.join(name), name),
            Form::Tape(_) => Spool::unnamed(&self.scratch(name), name),
        }
    }

    /// Adds such a file.
    pub(super) fn end(&mut self, spool: Spool) -> Result<(), BundleError> {
        let (name, digest) = (spool.name.clone(), spool.digest.clone().finalize().into());
        self.settle(spool)?;
        self.sums.push((name, digest));
        Ok(())
    }

    fn settle(&mut self, spool: Spool) -> Result<(), BundleError> {
        let (name, path, size) = (spool.name.clone(), spool.path.clone(), spool.length);
        let mut file = spool.reread()?;
        let settled = match &mut self.form {
            Form::Directory => file.sync_all(),
            Form::Tape(tape) => tape.add(&name, size, &mut file),
        };
        settled.map_err(BundleError::io("write", &path))
    }

    /// Writes the list of files and its signature: then it is whole.
    pub(super) fn seal(mut self, seed: &SigningSeed) -> Result<Staged, BundleError> {
        let (list, long_digest) = self.list()?;
        let manifest: [u8; 32] = list.digest.clone().finalize().into();
        self.settle(list)?;
        let signature = sshsig::sign(seed, NAMESPACE, &long_digest);
        self.write(SUMS_SIGNATURE, signature.as_bytes())?;
        let Self {
            form, mut staged, ..
        } = self;
        staged.manifest = HEXLOWER.encode(&manifest);
        let failed = BundleError::io("write", &staged.place);
        match form {
            Form::Directory => File::open(&staged.place)
                .and_then(|directory| directory.sync_all())
                .map_err(failed)?,
            Form::Tape(tape) => {
                let digest = tape.finish().map_err(failed)?;
                staged.archive = Some(HEXLOWER.encode(&digest));
            }
        }
        Ok(staged)
    }

    /// The list in the order of the files' names, and its SHA-512.
    fn list(&mut self) -> Result<(Spool, [u8; 64]), BundleError> {
        let mut list = self.begin(SUMS)?;
        let mut long_digest = Sha512::new();
        let mut add = |bytes: &[u8]| {
            long_digest.update(bytes);
            list.add(bytes)
        };
        self.sums.sort_unstable();
        let before = self.sums.partition_point(|(name, _)| name.as_str() < PARTS);
        for (name, digest) in &self.sums[..before] {
            add(sum_line(name, digest).as_bytes())?;
        }
        if let Some(sums) = self.part_sums.take() {
            let mut sums = sums.reread()?;
            let mut buffer = vec![0; 64 << 10];
            loop {
                let read = sums.read(&mut buffer);
                match read.map_err(BundleError::io("read", &self.staged.place))? {
                    0 => break,
                    read => add(&buffer[..read])?,
                }
            }
        }
        for (name, digest) in &self.sums[before..] {
            add(sum_line(name, digest).as_bytes())?;
        }
        Ok((list, long_digest.finalize().into()))
    }
}

/// As `sha256sum` writes it.
fn sum_line(name: &str, digest: &[u8; 32]) -> String {
    format!("{}  {name}\n", HEXLOWER.encode(digest))
}

/// A name beside a file, for this process alone.
fn beside(out: &Path, what: &str) -> PathBuf {
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{what}-{}", std::process::id()));
    out.with_file_name(name)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(0o600);
    options
}

/// A file that comes in pieces.
pub(super) struct Spool {
    name: String,
    path: PathBuf,
    out: BufWriter<File>,
    digest: Sha256,
    length: u64,
}

impl Spool {
    fn named(path: &Path, name: &str) -> Result<Self, BundleError> {
        let file = private().open(path);
        Ok(Self {
            name: name.to_owned(),
            path: path.to_owned(),
            out: BufWriter::with_capacity(64 << 10, file.map_err(BundleError::io("make", path))?),
            digest: Sha256::new(),
            length: 0,
        })
    }

    /// One that nobody finds, and that is gone with this process.
    pub(super) fn unnamed(path: &Path, name: &str) -> Result<Self, BundleError> {
        let spool = Self::named(path, name)?;
        std::fs::remove_file(path).map_err(BundleError::io("remove", path))?;
        Ok(spool)
    }

    pub(super) fn add(&mut self, bytes: &[u8]) -> Result<(), BundleError> {
        self.digest.update(bytes);
        self.length += bytes.len() as u64;
        let written = self.out.write_all(bytes);
        written.map_err(BundleError::io("write", &self.path))
    }

    /// From its beginning.
    pub(super) fn reread(self) -> Result<File, BundleError> {
        let file = self
            .out
            .into_inner()
            .map_err(io::IntoInnerError::into_error);
        file.and_then(|mut file| file.rewind().map(|()| file))
            .map_err(BundleError::io("write", &self.path))
    }
}
