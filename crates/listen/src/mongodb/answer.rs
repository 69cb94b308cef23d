//! What commands are answered.

use data_encoding::HEXLOWER;
use lapwing_core::{Canary, Timestamp};

use super::bson::{Bson, Document, document, get};
use super::find::{self, Patterns};
use super::wire::Command;
use crate::database::Database;
use crate::sql::Table;
use crate::system::System;
use crate::visit::Visit;

/// Documents of one answer: a batch that drivers ask for.
const MOST_DOCUMENTS: usize = 1000;
/// Names that a grouping counts under, and bytes of them in all groups together: each group repeats them all.
const MOST_NAMES: usize = 32;
const LONGEST_NAMES: usize = 256 << 10;

/// What the server knows of itself and of the connection.
pub(super) struct Server {
    system: System,
    peer: std::net::SocketAddr,
    connection: i32,
    pub(super) now: Timestamp,
}

/// An answer that something went wrong.
pub(super) fn failed(code: i32, name: &str, words: &str) -> Document {
    document([
        ("ok", Bson::Double(0.0)),
        ("errmsg", Bson::text(words)),
        ("code", Bson::Int(code)),
        ("codeName", Bson::text(name)),
    ])
}

/// An answer with these members, and that all is well.
fn fine<const N: usize>(pairs: [(&str, Bson); N]) -> Document {
    let mut body = document(pairs);
    body.push(("ok".to_owned(), Bson::Double(1.0)));
    body
}

fn within<const N: usize>(pairs: [(&str, Bson); N]) -> Bson {
    Bson::Document(document(pairs))
}

/// The only batch of a cursor.
fn cursor(space: &str, documents: Vec<Document>) -> Document {
    let batch = documents.into_iter().map(Bson::Document).collect();
    fine([(
        "cursor",
        within([
            ("firstBatch", Bson::Array(batch)),
            ("id", Bson::Long(0)),
            ("ns", Bson::text(space)),
        ]),
    )])
}

impl Server {
    pub(super) fn of(visit: &Visit, connection: i32) -> Self {
        let station = visit.station();
        Self {
            system: station.system.clone(),
            peer: visit.place.peer,
            connection,
            now: station.clock.now(),
        }
    }

    fn version(&self) -> &'static str {
        self.system.release.mongodb
    }

    fn millis(&self) -> i64 {
        self.now.micros() / 1000
    }

    /// (<https://www.mongodb.com/docs/manual/reference/command/hello/>)
    pub(super) fn hello(&self, command: &Command) -> Document {
        let primary = if command.name() == "hello" {
            "isWritablePrimary"
        } else {
            "ismaster"
        };
        let wire = match self.version().split('.').next() {
            Some("6") => 17,
            Some("7") => 21,
            _ => 25,
        };
        let mut process = [0; 12];
        process.copy_from_slice(&self.system.bytes("mongodb process")[..12]);
        // It began with the server's start.
        let started = (self.now.micros() / 1_000_000 - self.uptime()) as u32;
        process[..4].copy_from_slice(&started.to_be_bytes());
        let mut body = Document::new();
        if get(&command.body, "helloOk").is_some_and(Bson::truth) {
            body.push(("helloOk".to_owned(), Bson::Bool(true)));
        }
        body.extend(document([
            (primary, Bson::Bool(true)),
            (
                "topologyVersion",
                within([("processId", Bson::Id(process)), ("counter", Bson::Long(0))]),
            ),
            ("maxBsonObjectSize", Bson::Int(16 << 20)),
            ("maxMessageSizeBytes", Bson::Int(48_000_000)),
            ("maxWriteBatchSize", Bson::Int(100_000)),
            ("localTime", Bson::Date(self.millis())),
            ("logicalSessionTimeoutMinutes", Bson::Int(30)),
            ("connectionId", Bson::Int(self.connection)),
            ("minWireVersion", Bson::Int(0)),
            ("maxWireVersion", Bson::Int(wire)),
            ("readOnly", Bson::Bool(false)),
        ]));
        if get(&command.body, "saslSupportedMechs").is_some() {
            // Said of any user: whoever is asked for is there.
            let names = ["SCRAM-SHA-1", "SCRAM-SHA-256"].map(Bson::text);
            body.push(("saslSupportedMechs".to_owned(), Bson::Array(names.into())));
        }
        body.push(("ok".to_owned(), Bson::Double(1.0)));
        body
    }

    /// Seconds since the server was started: some weeks ago, at a moment that stays.
    fn uptime(&self) -> i64 {
        let period = 45 * 86_400;
        let offset = self.system.number("mongodb start", 0, period);
        5000 + (self.now.micros() / 1_000_000 + offset as i64) % period as i64
    }

    /// What is said without a login: what drivers ask first, and that the rest needs one.
    pub(super) fn refuse(&self, name: &str) -> Document {
        match name {
            "ping" | "endSessions" | "logout" => fine([]),
            "buildInfo" | "buildinfo" => self.build(),
            "whatsmyuri" => fine([("you", Bson::text(self.peer.to_string()))]),
            "connectionStatus" => status(None, ""),
            "getnonce" | "authenticate" | "" => no_command(name),
            _ if !COMMANDS.contains(&name) => no_command(name),
            _ => {
                let words = match self.version().split('.').next() {
                    Some("6") => format!("command {name} requires authentication"),
                    _ => format!("Command {name} requires authentication"),
                };
                failed(13, "Unauthorized", &words)
            }
        }
    }

    fn build(&self) -> Document {
        let version = self.version();
        let numbers = version
            .split('.')
            .map(|part| Bson::Int(part.parse().unwrap_or(0)));
        let numbers = numbers.chain([Bson::Int(0)]).collect();
        fine([
            ("version", Bson::text(version)),
            (
                "gitVersion",
                Bson::text(&HEXLOWER.encode(&self.system.bytes("mongodb git"))[..40]),
            ),
            ("modules", Bson::Array(Vec::new())),
            ("allocator", Bson::text("tcmalloc")),
            ("javascriptEngine", Bson::text("mozjs")),
            ("sysInfo", Bson::text("deprecated")),
            ("versionArray", Bson::Array(numbers)),
            ("bits", Bson::Int(64)),
            ("debug", Bson::Bool(false)),
            ("maxBsonObjectSize", Bson::Int(16 << 20)),
            (
                "storageEngines",
                Bson::Array(["devnull", "wiredTiger"].map(Bson::text).into()),
            ),
        ])
    }

    /// What a command of somebody who is logged in gives. Nothing of it is done.
    pub(super) fn obey(
        &self,
        name: &str,
        command: &Command,
        own: &Database,
        canary: &Canary,
    ) -> Document {
        let here = if command.database == own.name {
            own.tables.as_slice()
        } else {
            &[]
        };
        let body = &command.body;
        let target = body
            .first()
            .and_then(|(_, value)| value.as_text())
            .unwrap_or_default();
        let space = format!("{}.{target}", command.database);
        let table = here.iter().find(|table| table.name == target);
        let patterns = Patterns::default();
        match name {
            "listDatabases" => databases(own, body),
            "listCollections" => collections(here, &command.database),
            "listIndexes" => match (table, key_index()) {
                (Some(_), Bson::Document(index)) => cursor(&space, vec![index]),
                _ => failed(
                    26,
                    "NamespaceNotFound",
                    &format!("ns does not exist: {space}"),
                ),
            },
            "find" => cursor(&space, found(table, body, "filter", &patterns)),
            "count" => fine([(
                "n",
                Bson::count(found(table, body, "query", &patterns).len()),
            )]),
            "distinct" => distinct(table, body, &patterns),
            "aggregate" => cursor(&space, pipeline(table, body, &patterns)),
            "insert" => fine([(
                "n",
                Bson::count(
                    get(body, "documents")
                        .and_then(Bson::as_array)
                        .map_or(0, <[_]>::len),
                ),
            )]),
            "update" | "delete" => change(table, body, name, &patterns),
            "findAndModify" | "findandmodify" => fine([("value", Bson::Null)]),
            "collStats" | "collstats" => {
                let rows = table.map_or(0, |table| table.rows.len());
                fine([
                    ("ns", Bson::text(&space)),
                    ("count", Bson::count(rows)),
                    ("size", Bson::count(rows * 340)),
                    ("nindexes", Bson::Int(1)),
                ])
            }
            "dbStats" | "dbstats" => {
                let objects: usize = here.iter().map(|table| table.rows.len()).sum();
                fine([
                    ("db", Bson::text(&command.database)),
                    ("collections", Bson::count(here.len())),
                    ("objects", Bson::count(objects)),
                    ("dataSize", Bson::Double((objects * 340) as f64)),
                    ("indexes", Bson::count(here.len())),
                ])
            }
            name => self.administer(name, &command.database, canary, &own.name),
        }
    }

    /// What a command that is about no collection gives.
    fn administer(&self, name: &str, database: &str, canary: &Canary, own: &str) -> Document {
        match name {
            "connectionStatus" => status(Some(canary), own),
            "buildInfo" | "buildinfo" => self.build(),
            "whatsmyuri" => fine([("you", Bson::text(self.peer.to_string()))]),
            "create" | "drop" | "createIndexes" | "dropIndexes" | "dropDatabase"
            | "renameCollection" | "ping" | "endSessions" | "logout" | "killCursors"
            | "commitTransaction" | "abortTransaction" | "refreshSessions" => fine([]),
            "getMore" => failed(43, "CursorNotFound", "cursor id 0 not found"),
            "replSetGetStatus" => failed(76, "NoReplicationEnabled", "not running with --replSet"),
            "getParameter" => fine([(
                "featureCompatibilityVersion",
                within([("version", Bson::text(&self.version()[..3]))]),
            )]),
            name if COMMANDS.contains(&name) => {
                // What only administrators may ask.
                let words = format!(
                    "not authorized on {} to execute command {{ {name}: 1 }}",
                    database
                );
                failed(13, "Unauthorized", &words)
            }
            name => no_command(name),
        }
    }
}

/// Commands that a server has.
const COMMANDS: &[&str] = &[
    "listDatabases",
    "listCollections",
    "listIndexes",
    "find",
    "count",
    "distinct",
    "aggregate",
    "insert",
    "update",
    "delete",
    "findAndModify",
    "findandmodify",
    "collStats",
    "collstats",
    "dbStats",
    "dbstats",
    "create",
    "drop",
    "createIndexes",
    "dropIndexes",
    "dropDatabase",
    "renameCollection",
    "killCursors",
    "getMore",
    "replSetGetStatus",
    "getParameter",
    "setParameter",
    "serverStatus",
    "hostInfo",
    "getLog",
    "getCmdLineOpts",
    "usersInfo",
    "rolesInfo",
    "createUser",
    "updateUser",
    "dropUser",
    "createRole",
    "grantRolesToUser",
    "shutdown",
    "fsync",
    "currentOp",
    "killOp",
    "top",
    "profile",
    "explain",
    "validate",
    "compact",
    "replSetInitiate",
    "replSetReconfig",
    "isdbgrid",
    "listCommands",
    "features",
    "commitTransaction",
    "abortTransaction",
    "refreshSessions",
    "getDiagnosticData",
    "mapReduce",
    "dbHash",
    "eval",
    "group",
];

fn no_command(name: &str) -> Document {
    failed(59, "CommandNotFound", &format!("no such command: '{name}'"))
}

fn key_index() -> Bson {
    within([
        ("v", Bson::Int(2)),
        ("key", within([("_id", Bson::Int(1))])),
        ("name", Bson::text("_id_")),
    ])
}

/// Whose connection it is: the user's name, and the roles it has in its database.
fn status(canary: Option<&Canary>, database: &str) -> Document {
    let user = canary.and_then(|canary| canary.fields.get("username"));
    let users = user.map(|user| within([("user", Bson::text(user)), ("db", Bson::text("admin"))]));
    let roles = user.map(|_| {
        within([
            ("role", Bson::text("readWrite")),
            ("db", Bson::text(database)),
        ])
    });
    let list = |one: Option<Bson>| Bson::Array(one.into_iter().collect());
    fine([(
        "authInfo",
        within([
            ("authenticatedUsers", list(users)),
            ("authenticatedUserRoles", list(roles)),
        ]),
    )])
}

/// The databases that the account may see.
fn databases(own: &Database, body: &Document) -> Document {
    let names = get(body, "nameOnly").is_some_and(Bson::truth);
    let size: usize = own
        .tables
        .iter()
        .map(|table| 8192 + table.rows.len() * 340)
        .sum();
    let mut one = document([("name", Bson::text(&own.name))]);
    if !names {
        one.push(("sizeOnDisk".to_owned(), Bson::count(size)));
        one.push(("empty".to_owned(), Bson::Bool(false)));
    }
    let mut all = document([("databases", Bson::Array(vec![Bson::Document(one)]))]);
    if !names {
        all.push(("totalSize".to_owned(), Bson::count(size)));
        all.push(("totalSizeMb".to_owned(), Bson::count(size >> 20)));
    }
    all.push(("ok".to_owned(), Bson::Double(1.0)));
    all
}

/// The collections of a database.
fn collections(here: &[Table], database: &str) -> Document {
    let collections = here.iter().map(|table| {
        document([
            ("name", Bson::text(&table.name)),
            ("type", Bson::text("collection")),
            ("options", Bson::Document(Document::new())),
            ("info", within([("readOnly", Bson::Bool(false))])),
            ("idIndex", key_index()),
        ])
    });
    cursor(
        &format!("{database}.$cmd.listCollections"),
        collections.collect(),
    )
}

/// The documents that a command is about.
fn found(
    table: Option<&Table>,
    body: &Document,
    filter: &str,
    patterns: &Patterns,
) -> Vec<Document> {
    let Some(table) = table else {
        return Vec::new();
    };
    let nothing = Document::new();
    let filter = get(body, filter)
        .and_then(Bson::as_document)
        .unwrap_or(&nothing);
    let mut documents = find::documents(table);
    documents.retain(|document| find::fits(document, filter, patterns));
    if let Some(by) = get(body, "sort").and_then(Bson::as_document) {
        find::sort(&mut documents, by);
    }
    let number = |name: &str| {
        get(body, name)
            .and_then(Bson::as_count)
            .filter(|count| *count > 0)
    };
    let skip = number("skip").unwrap_or(0);
    let take = number("limit")
        .unwrap_or(MOST_DOCUMENTS)
        .min(MOST_DOCUMENTS);
    let mut documents: Vec<Document> = documents.into_iter().skip(skip).take(take).collect();
    if let Some(projection) = get(body, "projection")
        .and_then(Bson::as_document)
        .filter(|it| !it.is_empty())
    {
        documents
            .iter_mut()
            .for_each(|document| find::project(document, projection));
    }
    documents
}

fn distinct(table: Option<&Table>, body: &Document, patterns: &Patterns) -> Document {
    let name = get(body, "key").and_then(Bson::as_text).unwrap_or_default();
    let mut values: Vec<Bson> = Vec::new();
    for document in found(table, body, "query", patterns) {
        if let Some(value) = get(&document, name).filter(|value| !values.contains(value)) {
            values.push(value.clone());
        }
    }
    fine([("values", Bson::Array(values))])
}

/// The stages that people and drivers use: choosing, ordering, cutting, counting.
fn pipeline(table: Option<&Table>, body: &Document, patterns: &Patterns) -> Vec<Document> {
    let stages = get(body, "pipeline")
        .and_then(Bson::as_array)
        .unwrap_or_default();
    let mut documents = found(table, &Document::new(), "", patterns);
    for stage in stages.iter().take(16).filter_map(Bson::as_document) {
        let Some((name, value)) = stage.first() else {
            continue;
        };
        let inner = value.as_document();
        match (name.as_str(), inner) {
            ("$match", Some(filter)) => {
                documents.retain(|document| find::fits(document, filter, patterns));
            }
            ("$sort", Some(by)) => find::sort(&mut documents, by),
            ("$project", Some(projection)) => documents
                .iter_mut()
                .for_each(|it| find::project(it, projection)),
            ("$limit", _) => documents.truncate(value.as_count().unwrap_or(0)),
            ("$sample", Some(size)) => {
                documents.truncate(get(size, "size").and_then(Bson::as_count).unwrap_or(1))
            }
            ("$skip", _) => {
                documents = documents
                    .into_iter()
                    .skip(value.as_count().unwrap_or(0))
                    .collect()
            }
            ("$count", _) => {
                let name = value.as_text().unwrap_or("count");
                documents = vec![document([(name, Bson::count(documents.len()))])];
            }
            ("$group", Some(group)) => documents = grouped(&documents, group),
            _ => {}
        }
    }
    documents
}

/// Groups by one member, or all together, with a count under each name that sums.
fn grouped(documents: &[Document], group: &Document) -> Vec<Document> {
    let by = get(group, "_id")
        .and_then(Bson::as_text)
        .and_then(|text| text.strip_prefix('$'));
    let fixed = get(group, "_id").unwrap_or(&Bson::Null);
    let mut groups: Vec<(Bson, usize)> = Vec::new();
    for document in documents {
        let key = match by {
            Some(name) => get(document, name).unwrap_or(&Bson::Null),
            None => fixed,
        };
        match groups.iter_mut().find(|(known, _)| known == key) {
            Some((_, count)) => *count += 1,
            None => groups.push((key.clone(), 1)),
        }
    }
    let mut left = LONGEST_NAMES / groups.len().max(1);
    let names: Vec<&String> = group
        .iter()
        .map(|(name, _)| name)
        .filter(|name| *name != "_id")
        .take(MOST_NAMES)
        .take_while(|name| {
            let less = left.checked_sub(name.len());
            left = less.unwrap_or(left);
            less.is_some()
        })
        .collect();
    let each = |(key, count): (Bson, usize)| {
        let mut document = document([("_id", key)]);
        document.extend(
            names
                .iter()
                .map(|name| ((*name).clone(), Bson::count(count))),
        );
        document
    };
    groups.into_iter().map(each).collect()
}

fn change(table: Option<&Table>, body: &Document, name: &str, patterns: &Patterns) -> Document {
    let list = if name == "update" {
        "updates"
    } else {
        "deletes"
    };
    let mut count = 0;
    for one in get(body, list)
        .and_then(Bson::as_array)
        .unwrap_or_default()
        .iter()
        .filter_map(Bson::as_document)
        .take(20)
    {
        let all = found(table, one, "q", patterns).len();
        let many = get(one, "multi").is_some_and(Bson::truth)
            || get(one, "limit").is_some_and(|limit| !limit.truth());
        count += if many { all } else { all.min(1) };
    }
    let mut reply = fine([("n", Bson::count(count))]);
    if name == "update" {
        reply.insert(1, ("nModified".to_owned(), Bson::count(count)));
    }
    reply
}
