//! The SQLite engine: one writing connection, a small pool of reading ones, WAL.
//!
//! Several processes use one file at once, so every write takes the write lock at its beginning
//! (`BEGIN IMMEDIATE`) and waits for it. Files are 0600; SQLite gives the `-wal` and `-shm` files
//! the mode of the database, which is therefore made before SQLite sees it.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::migrate::{self, Standing};
use super::session::{Session, damaged, failed};
use super::{Durability, Layout, args};
use crate::StoreError;

/// How long a write waits for another process. A large mint holds the lock for a few seconds.
const BUSY: Duration = Duration::from_secs(30);
/// How long it waits for readers when the log is folded in: nobody writes meanwhile.
const FOLDING: Duration = Duration::from_millis(200);
/// A log that has grown past this many bytes is cut when it starts over.
const LOG_LIMIT: u32 = 16 << 20;
/// A snapshot lent again and again is renewed after this: an old one keeps the log from starting over.
const SNAPSHOT: Duration = Duration::from_secs(1);
/// Statements kept prepared by each connection.
const STATEMENTS: usize = 64;
/// While bulk is written: page cache in KiB, and pages of log before it is folded into the file.
const BULK_CACHE: u32 = 16 << 10;
const BULK_LOG_PAGES: u32 = 60_000;
/// Page cache in KiB of one that is filled at once.
const UNSAFE_CACHE: u32 = 96 << 10;

/// One database file, open.
#[derive(Debug)]
pub(crate) struct Db {
    path: PathBuf,
    layout: &'static Layout,
    writer: Mutex<Connection>,
    readers: Readers,
    snapshots: Mutex<Vec<Snapshot>>,
    watch: Mutex<Option<Watch>>,
}

/// A connection that commits nothing: what it says of others' commits covers ours too.
#[derive(Debug)]
struct Watch {
    connection: Connection,
    seen: i64,
}

/// A connection that stays in one read transaction from call to call.
#[derive(Debug)]
struct Snapshot {
    connection: Connection,
    /// Which version of the data it shows, and since when; `None` between transactions.
    of: Option<(u64, Instant)>,
}

#[derive(Debug)]
struct Readers {
    state: Mutex<ReadersState>,
    freed: Condvar,
}

#[derive(Debug)]
struct ReadersState {
    idle: Vec<Connection>,
    open: usize,
}

impl Db {
    /// Opens the file in `directory`, made if missing, and brings its schema up to date.
    pub(crate) fn open(directory: &Path, layout: &'static Layout) -> Result<Self, StoreError> {
        Self::open_as(directory, layout, configure_writer)
    }

    /// The same for a file that is thrown away if anything fails: nothing is synced, nothing can be rolled back, and
    /// the memory is that of a command.
    pub(crate) fn open_unsafely(
        directory: &Path,
        layout: &'static Layout,
    ) -> Result<Self, StoreError> {
        Self::open_as(directory, layout, |connection, layout| {
            configure(connection)?;
            connection.query_row("PRAGMA journal_mode=OFF", [], |_| Ok(()))?;
            tune_writer(connection, layout, "OFF", UNSAFE_CACHE)
        })
    }

    fn open_as(
        directory: &Path,
        layout: &'static Layout,
        configure: impl Fn(&Connection, &Layout) -> rusqlite::Result<()>,
    ) -> Result<Self, StoreError> {
        let path = directory.join(layout.file);
        make_private(&path)?;
        let connection = Connection::open_with_flags(
            &path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )
        .map_err(|error| failed(&path, layout, error))?;
        configure(&connection, layout).map_err(|error| failed(&path, layout, error))?;
        let db = Self {
            path,
            layout,
            writer: Mutex::new(connection),
            readers: Readers {
                state: Mutex::new(ReadersState {
                    idle: Vec::new(),
                    open: 0,
                }),
                freed: Condvar::new(),
            },
            snapshots: Mutex::default(),
            watch: Mutex::default(),
        };
        db.migrate()?;
        Ok(db)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What was found is not what we wrote.
    pub(crate) fn damaged(&self, what: impl Into<String>) -> StoreError {
        damaged(&self.path, self.layout, what)
    }

    /// Reads with a connection of its own; each statement sees what is committed when it starts.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Session<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let reader = self.reader()?;
        work(&self.session(reader.connection()))
    }

    /// Reads the data as they were when `version` was first asked for, or later. Locks and unlocks
    /// nothing while the version is the same, which halves the price of a look-up.
    pub(crate) fn read_version<T>(
        &self,
        version: u64,
        work: impl FnOnce(&Session<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let failed = |error| failed(&self.path, self.layout, error);
        let kept = lock(&self.snapshots).pop();
        let mut snapshot = match kept {
            Some(snapshot) => snapshot,
            None => Snapshot {
                connection: open_reader(&self.path, self.layout).map_err(failed)?,
                of: None,
            },
        };
        let shown = |(shown, since): (u64, Instant)| shown == version && since.elapsed() < SNAPSHOT;
        if !snapshot.of.is_some_and(shown) {
            snapshot.end().map_err(failed)?;
            snapshot.connection.execute_batch("BEGIN").map_err(failed)?;
            snapshot.of = Some((version, Instant::now()));
        }
        let done = work(&self.session(&snapshot.connection))?;
        let mut kept = lock(&self.snapshots);
        if kept.len() < self.layout.readers {
            kept.push(snapshot);
        }
        Ok(done)
    }

    /// Ends the transactions that [`Db::read_version`] left open.
    pub(crate) fn end_snapshots(&self) {
        // One that cannot be ended is closed.
        lock(&self.snapshots).retain_mut(|snapshot| snapshot.end().is_ok());
    }

    /// Whether anybody committed anything since this was last asked; true the first time.
    pub(crate) fn changed(&self) -> Result<bool, StoreError> {
        let version = |connection: &Connection| {
            // Changes with each commit by another connection.
            connection.pragma_query_value(None, "data_version", |row| row.get::<_, i64>(0))
        };
        let look = || -> rusqlite::Result<bool> {
            let mut watch = lock(&self.watch);
            if let Some(Watch { connection, seen }) = &mut *watch {
                let before = std::mem::replace(seen, version(connection)?);
                return Ok(before != *seen);
            }
            let connection = open_reader(&self.path, self.layout)?;
            let seen = version(&connection)?;
            *watch = Some(Watch { connection, seen });
            Ok(true)
        };
        look().map_err(|error| failed(&self.path, self.layout, error))
    }

    /// Writes in one transaction, rolled back if `work` fails.
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&Session<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let writing = self.begin()?;
        let done = work(&writing.session())?;
        writing.commit()?;
        Ok(done)
    }

    /// Starts a write transaction. It is rolled back unless committed.
    pub(crate) fn begin(&self) -> Result<Writing<'_>, StoreError> {
        let connection = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        connection
            .execute_batch("BEGIN IMMEDIATE")
            .map_err(|error| failed(&self.path, self.layout, error))?;
        Ok(Writing {
            db: self,
            connection,
        })
    }

    /// Sets the writer up for bulk until the guard is dropped.
    pub(crate) fn bulk(&self) -> Bulk<'_> {
        self.tune(BULK_CACHE, BULK_LOG_PAGES);
        Bulk { db: self }
    }

    /// A consistent copy into a new file, made while others read and write.
    pub(crate) fn copy_to(&self, to: &Path) -> Result<(), StoreError> {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(to)
            .map_err(StoreError::io(to, "create"))?;
        let text = to.to_str().ok_or_else(|| StoreError::Io {
            path: to.to_owned(),
            doing: "name",
            source: io::Error::new(io::ErrorKind::InvalidInput, "the name is not UTF-8"),
        })?;
        self.read(|session| {
            session.execute("VACUUM INTO ?1", args![text])?;
            Ok(())
        })?;
        sync_file_and_directory(to).map_err(StoreError::io(to, "sync"))
    }

    fn session<'a>(&'a self, connection: &'a Connection) -> Session<'a> {
        Session {
            connection,
            path: &self.path,
            layout: self.layout,
        }
    }

    fn migrate(&self) -> Result<(), StoreError> {
        let standing = {
            let connection = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            Standing::read(&self.session(&connection), self.layout)?
        };
        if standing.next(self.layout).is_none() {
            return Ok(());
        }
        // Another process may be doing the same: look again under the lock, before every step.
        while self.write(|session| {
            let Some(step) = Standing::read(session, self.layout)?.next(self.layout) else {
                return Ok(false);
            };
            migrate::run(session, self.layout, step)?;
            Ok(true)
        })? {}
        Ok(())
    }

    /// Writes the log into the file and cuts it to nothing; says whether no reader was in the way.
    pub(crate) fn fold_log(&self) -> Result<bool, StoreError> {
        let connection = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let fold = || {
            connection.busy_timeout(FOLDING)?;
            let folded = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
                row.get::<_, i64>(0)
            });
            connection.busy_timeout(BUSY)?;
            folded
        };
        match fold() {
            Ok(busy) => Ok(busy == 0),
            Err(error) if is_busy(&error) => Ok(false),
            Err(error) => Err(failed(&self.path, self.layout, error)),
        }
    }

    /// These settings only make things faster or smaller: a failure to set them is no failure.
    fn tune(&self, cache: u32, log_pages: u32) {
        let connection = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let set = connection.execute_batch(&format!(
            "PRAGMA cache_size=-{cache}; PRAGMA wal_autocheckpoint={log_pages}"
        ));
        if let Err(error) = set {
            tracing::debug!(%error, "cannot tune {}", self.path.display());
        }
    }

    /// Gives back the pages that are kept for work that has ended. A failure to is no failure.
    pub(crate) fn shrink(&self) {
        let shrink = |connection: &Connection| {
            if let Err(error) = connection.execute_batch("PRAGMA shrink_memory") {
                tracing::debug!(%error, "cannot shrink {}", self.path.display());
            }
        };
        if let Ok(writer) = self.writer.try_lock() {
            shrink(&writer);
        }
        lock(&self.readers.state).idle.iter().for_each(shrink);
    }

    fn reader(&self) -> Result<Reader<'_>, StoreError> {
        let mut state = lock(&self.readers.state);
        loop {
            if let Some(connection) = state.idle.pop() {
                return Ok(Reader {
                    db: self,
                    connection: Some(connection),
                });
            }
            if state.open < self.layout.readers {
                state.open += 1;
                break;
            }
            state = self
                .readers
                .freed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        match open_reader(&self.path, self.layout) {
            Ok(connection) => Ok(Reader {
                db: self,
                connection: Some(connection),
            }),
            Err(error) => {
                lock(&self.readers.state).open -= 1;
                self.readers.freed.notify_one();
                Err(failed(&self.path, self.layout, error))
            }
        }
    }
}

impl Snapshot {
    fn end(&mut self) -> rusqlite::Result<()> {
        match self.of.take() {
            Some(_) => self.connection.execute_batch("COMMIT"),
            None => Ok(()),
        }
    }
}

/// A connection lent from the pool.
struct Reader<'a> {
    db: &'a Db,
    connection: Option<Connection>,
}

impl Reader<'_> {
    fn connection(&self) -> &Connection {
        self.connection
            .as_ref()
            .expect("only `drop` takes the connection")
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            lock(&self.db.readers.state).idle.push(connection);
            self.db.readers.freed.notify_one();
        }
    }
}

/// A write transaction.
pub(crate) struct Writing<'a> {
    db: &'a Db,
    connection: MutexGuard<'a, Connection>,
}

impl Writing<'_> {
    pub(crate) fn session(&self) -> Session<'_> {
        self.db.session(&self.connection)
    }

    /// Commits; after that the changes are as durable as the layout asks.
    pub(crate) fn commit(self) -> Result<(), StoreError> {
        self.connection
            .execute_batch("COMMIT")
            .map_err(|error| failed(&self.db.path, self.db.layout, error))
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::warn!(%error, "cannot roll back in {}", self.db.path.display());
        }
    }
}

/// While it lives the writer is set up for bulk.
pub(crate) struct Bulk<'a> {
    db: &'a Db,
}

impl Drop for Bulk<'_> {
    fn drop(&mut self) {
        self.db
            .tune(self.db.layout.writer_cache, self.db.layout.log_pages);
        let connection = lock(&self.db.writer);
        // A large log left behind would slow the next start after a crash. If a reader is in the
        // way, a later commit folds the log in.
        let folded = connection.execute_batch(
            "PRAGMA busy_timeout=200; PRAGMA wal_checkpoint(TRUNCATE); PRAGMA shrink_memory",
        );
        let restored = connection.busy_timeout(BUSY);
        if let Err(error) = folded.and(restored) {
            tracing::debug!(%error, "the log of {} stays for now", self.db.path.display());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What both kinds of connection have.
fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Without it a prepared statement is planned anew for every new value that is bound.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

fn configure_writer(connection: &Connection, layout: &Layout) -> rusqlite::Result<()> {
    configure(connection)?;
    switch_to_wal(connection)?;
    let synchronous = match layout.durability {
        Durability::Full => "FULL",
        Durability::Normal => "NORMAL",
    };
    tune_writer(connection, layout, synchronous, layout.writer_cache)?;
    connection.execute_batch(&format!(
        "PRAGMA wal_autocheckpoint={}; PRAGMA journal_size_limit={LOG_LIMIT}",
        layout.log_pages
    ))
}

/// What every writer has; `cache` is in KiB.
fn tune_writer(
    connection: &Connection,
    layout: &Layout,
    synchronous: &str,
    cache: u32,
) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "PRAGMA synchronous={synchronous}; PRAGMA cache_size=-{cache}; PRAGMA mmap_size=0;
         PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF; PRAGMA secure_delete={}",
        if layout.overwrites { "ON" } else { "OFF" }
    ))
}

/// The switch needs the file for itself and does not wait: another process may be making the same.
fn switch_to_wal(connection: &Connection) -> rusqlite::Result<()> {
    let mut attempts = 0;
    loop {
        let switched =
            connection.query_row("PRAGMA journal_mode=WAL", [], |row| row.get::<_, String>(0));
        match switched {
            Ok(_) => return Ok(()),
            Err(error) if attempts < 200 && is_busy(&error) => {
                attempts += 1;
                std::thread::sleep(Duration::from_millis(25));
            }
            Err(error) => return Err(error),
        }
    }
}

fn open_reader(path: &Path, layout: &Layout) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    configure(&connection)?;
    connection.execute_batch(&format!(
        "PRAGMA cache_size=-{}; PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY;
         PRAGMA trusted_schema=OFF",
        layout.reader_cache
    ))?;
    Ok(connection)
}

/// Makes the file, or narrows the mode of one that is there. A file that is there is not opened:
/// closing it again would drop the locks that another connection of this process holds on it.
fn make_private(path: &Path) -> Result<(), StoreError> {
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match made {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => return other.map(drop).map_err(StoreError::io(path, "create")),
    }
    let mode = fs::metadata(path)
        .map_err(StoreError::io(path, "inspect"))?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        fs::set_permissions(path, Permissions::from_mode(0o600))
            .map_err(StoreError::io(path, "make private"))?;
    }
    Ok(())
}

pub(crate) fn sync_file_and_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()?;
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}
