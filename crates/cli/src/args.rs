//! The command line as clap reads it. Help texts here are what `lapwing help` says.

mod deception;
mod decisions;
mod evidence;
mod fleet;
mod geography;
mod keeping;
mod report;
mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use ipnet::IpNet;
use lapwing_listen::Door;

pub(crate) use self::deception::{Apply, Declarations, Destroy, Drift, PlanArgs, Rotate};
pub(crate) use decisions::{Actor, ActorDecision, By, Incident, Incidents, Mute, Mutes, State};
pub(crate) use evidence::{CheckBundle, Evidence, Export as ExportEvidence, Newest};
pub(crate) use fleet::{Action, Agent, Bundle, Credential, Filter, Hosts, Placements};
pub(crate) use geography::{Ask, Geo, GeoAction, Measure, Network};
pub(crate) use keeping::{Class, Hold, Holds, Purge, Redact, Unhold};
pub(crate) use report::{Report, ReportAction, ReportProfile};
pub(crate) use tls::{Ca, Issue, Tls, TlsAction};

/// Honeytoken toolkit: mint bait, plant it, watch for any use of it, report what is known.
///
/// The way of a canary: mint or plant, check, drill, ... trip ..., report, uproot, retire.
#[derive(Debug, Parser)]
#[command(name = "lapwing", version, max_term_width = 100)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Global {
    /// Where ledger, journal, index and key are kept [default: $STATE_DIRECTORY,
    /// $XDG_STATE_HOME/lapwing or ~/.local/state/lapwing]
    #[arg(long, global = true, env = "LAPWING_DATA_DIR", value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Settings file [default: lapwing.toml in the data directory]
    #[arg(long, global = true, env = "LAPWING_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Set one setting, above file and environment: `--setting quota.trips=1000` (repeatable)
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub(crate) setting: Vec<String>,
    /// Ask this MMDB before the embedded geography (repeatable)
    #[arg(long, global = true, value_name = "FILE.mmdb")]
    pub(crate) geo_db: Vec<PathBuf>,
    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// No colour (also: the variable NO_COLOR)
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
}

/// Commands, in the order of a canary's life.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Play the whole loop in a temporary directory and write a report
    Demo(Demo),
    /// Set up the data directory and the public address that bait carries
    Init(Init),
    /// List the kinds of bait, or explain one
    Kinds(Kinds),
    /// Show the published lists of networks (scanners, crawlers, VPN exits, ...), or build newer ones
    Lists(ListsArgs),
    /// Say whether a station runs with this data directory, and whether it records what comes
    Status,
    /// List the protocols that the station can listen for, and what kinds log in there
    Protocols,
    /// Mint canaries; their values are shown once, on stdout
    Mint(Mint),
    /// List canaries (never their secrets)
    Canaries(List),
    /// Take a canary out of use; it is recognised for ever
    Retire(One),
    /// Propose where bait belongs in a project, a home directory or a database; writes nothing
    Recommend(Recommend),
    /// Mint a fresh canary and put it into a file or database
    Plant(Plant),
    /// List where canaries stand
    Places(Empty),
    /// Look whether what was planted is still there and believable (exit code 3: something is not)
    Check(Check),
    /// Print how your own jobs leave planted rows out: a predicate and a view for each table
    Exclude(Exclude),
    /// Take planted bait out again, if it is still ours
    Uproot(Uproot),
    /// Credentials of applications and hosts that speak to the desk
    #[command(subcommand)]
    Credential(Credential),
    /// Put a fresh canary in the place of one that is old or was used; the old one is recognised for ever
    Rotate(Rotate),
    /// Show what `apply` would do (exit code 7: something)
    Plan(PlanArgs),
    /// Plant, rotate and uproot until what stands is what deception.yaml declares
    Apply(Apply),
    /// Say what differs from what is declared and was planted (exit code 3: something does)
    Drift(Drift),
    /// Uproot everything that was planted from deception.yaml
    Destroy(Destroy),
    /// Write a file that tells an application without a network whether a value may be bait
    Filter(Filter),
    /// Make one file that plants on another host
    Bundle(Bundle),
    /// Take in what a bundle printed
    #[command(subcommand)]
    Placements(Placements),
    /// List other hosts that report (exit code 3: one is silent, or bait is not as it was)
    Hosts(Hosts),
    /// The end of it that runs on another host
    #[command(hide = true)]
    Agent(Agent),
    /// Run the station: listen, record, alert
    Listen(Listen),
    /// Show the certificates of what intruders reach, or issue some
    Tls(Tls),
    /// Trip canaries on purpose and follow each to its alert's arrival
    Drill(Drill),
    /// Print what makes systemd or cron run `check`, `drill` and, if you like, `rotate`
    Schedule(Schedule),
    /// List trips, newest first
    Trips(Trips),
    /// Everything about one trip, the raw request included
    Trip(One),
    /// Print trips as they come
    Watch(Empty),
    /// List incidents, newest first
    Incidents(Incidents),
    /// Show an incident with its time line; note, assign, acknowledge, close, reopen
    Incident(Incident),
    /// Be told of no trips from somewhere, or of one canary, for some time; they are still recorded and shown
    Mute(Mute),
    /// List what is muted, by whom, why and until when
    Mutes(Mutes),
    /// End a mute before its time
    Unmute(One),
    /// List actors, newest first
    Actors(List),
    /// Show what an actor rests on and what else it could be; merge actors, or split one
    Actor(Actor),
    /// Look at bait as detectors, scanners and people do (exit code 6: something gives it away)
    Audit(Audit),
    /// Find bait that stands where no placement says so (exit code 6: some was found)
    Orphans(Orphans),
    /// Write what keeps a secret scanner of yours quiet about bait
    Allow(Allow),
    /// Look for canary values in logs, dumps and model output (exit code 6: some were found)
    Scan(Scan),
    /// Alert channels and deliveries
    #[command(subcommand)]
    Alert(Alert),
    /// Write a report; list or withdraw published ones
    Report(Box<Report>),
    /// Show geography sources, or what is known of an address; bring sources up to date, compare them
    Geo(Geo),
    /// Show what was looked up about an address, or look it up; list whatever went outward
    Network(Network),
    /// Check the evidence log, or put records of it into a bundle for others
    #[command(subcommand)]
    Evidence(Evidence),
    /// Put under a legal hold: nothing it covers is erased
    Hold(Hold),
    /// List legal holds, by whom, why and until when
    Holds(Holds),
    /// End a legal hold
    Unhold(Unhold),
    /// Erase what is older than its age out of the evidence log, which still verifies
    Purge(Purge),
    /// Erase a third party's data of one trip or address out of the evidence log, which still verifies
    Redact(Redact),
    /// List what was erased by age or on request, when, by whom and why
    Erasures,
    /// Build the index again from journal and ledger, beside the one there is until it is whole; sends nothing
    Reindex(Empty),
    /// Save ledger, journal, settings and key into one file
    Backup(Backup),
    /// Bring back what `backup` saved
    Restore(Restore),
    /// Show every setting and where it comes from
    Config(Empty),
}

/// `demo`
#[derive(Debug, ClapArgs)]
pub(crate) struct Demo {
    /// Write the report here [default: a temporary directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// No arguments of its own.
#[derive(Debug, ClapArgs)]
pub(crate) struct Empty {}

/// One thing by its id.
#[derive(Debug, ClapArgs)]
pub(crate) struct One {
    /// Its id, or the beginning of it
    pub(crate) id: String,
}

/// A list.
#[derive(Debug, ClapArgs)]
pub(crate) struct List {
    /// At most so many
    #[arg(long, default_value_t = 50)]
    pub(crate) limit: usize,
}

/// `init`
#[derive(Debug, ClapArgs)]
pub(crate) struct Init {
    /// Public base URL that bait will carry; `https://*.example.org` gives each kind its own host
    /// (repeatable)
    #[arg(long, value_name = "URL")]
    pub(crate) address: Vec<String>,
    /// Domain of your own for e-mail addresses in decoy records
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) mail_domain: Option<String>,
    /// Who you are, for the head of reports
    #[arg(long, value_name = "NAME")]
    pub(crate) operator: Option<String>,
}

/// `kinds`
#[derive(Debug, ClapArgs)]
pub(crate) struct Kinds {
    /// Explain this kind
    pub(crate) kind: Option<String>,
    /// Check the kinds in this directory as the built-in ones are checked
    #[arg(long, value_name = "DIR")]
    pub(crate) check: Option<PathBuf>,
}

/// How minted values are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Out {
    /// One row a canary.
    Csv,
    /// One JSON object a line.
    Json,
    /// `NAME=value` lines.
    Env,
    /// A dump of the table such records lie in, without our ids.
    Sql,
}

/// Whose dump `--out sql` writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dialect {
    /// As `pg_dump` writes it.
    #[default]
    Postgresql,
    /// As `mysqldump` or `mariadb-dump` writes it.
    Mysql,
    /// As `.dump` of SQLite's shell writes it.
    Sqlite,
}

/// What describes a fresh canary.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Fresh {
    /// Your words on it; alerts and reports show them
    #[arg(long, default_value = "")]
    pub(crate) memo: String,
    /// A label (repeatable)
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) label: Vec<String>,
    /// Fix a field: `--set account=123456789012` (repeatable)
    #[arg(long, value_name = "FIELD=VALUE")]
    pub(crate) set: Vec<String>,
    /// Carry this one of the configured addresses
    #[arg(long, value_name = "URL")]
    pub(crate) address: Option<String>,
    /// Where the people of records live: `es_MX`, `de_DE`, ... [default: setting locale, en_US]
    #[arg(long, value_name = "LOCALE")]
    pub(crate) locale: Option<String>,
}

/// `mint`
#[derive(Debug, ClapArgs)]
pub(crate) struct Mint {
    /// Which kind (see `lapwing kinds`)
    pub(crate) kind: String,
    #[command(flatten)]
    pub(crate) fresh: Fresh,
    /// How many
    #[arg(long, default_value_t = 1)]
    pub(crate) count: u64,
    /// How to print them [default: env for one, csv for more]
    #[arg(long, value_enum)]
    pub(crate) out: Option<Out>,
    /// Whose dump --out sql writes [default: postgresql]
    #[arg(long, value_enum)]
    pub(crate) dialect: Option<Dialect>,
    /// Print rows of this table, with its columns and without our ids (csv, json, sql)
    #[arg(long, value_name = "NAME")]
    pub(crate) table: Option<String>,
    #[command(flatten)]
    pub(crate) files: FileOptions,
}

/// `mint` of kinds that are files.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct FileOptions {
    /// Documents: write the file here; nothing is replaced [default: a name of the kind's own]
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Documents: put the beacon into this one of your own and write the result beside it
    #[arg(long, value_name = "FILE")]
    pub(crate) into: Option<PathBuf>,
}

/// `recommend`
#[derive(Debug, ClapArgs)]
pub(crate) struct Recommend {
    /// A directory, or a database: `sqlite:PATH`, `postgres://USER@HOST/DB`, `mariadb://...`, `redis://HOST/N`
    #[arg(value_name = "PATH|DATABASE")]
    pub(crate) target: String,
    /// Propose at most so many
    #[arg(long, default_value_t = 8)]
    pub(crate) most: usize,
}

/// `plant`
#[derive(Debug, ClapArgs)]
pub(crate) struct Plant {
    /// Which kind (see `lapwing kinds`)
    pub(crate) kind: String,
    /// A file, `sqlite:PATH?table=NAME`, `postgres://USER@HOST/DB?table=NAME` or `mariadb://...`; in their
    /// stead `new-table=NAME&like=TABLE`, `new-view=NAME&like=TABLE` or `new-role=NAME` makes one of ours;
    /// `redis://HOST/N?table=user:*` for a key in a group, `redis://HOST/N` for one of our own
    pub(crate) target: String,
    /// Plant so many, each a canary of its own
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) count: u16,
    #[command(flatten)]
    pub(crate) fresh: Fresh,
    /// On another host, through ssh; the target is then as it is written there
    #[arg(long, value_name = "USER@HOST")]
    pub(crate) host: Option<String>,
    /// Show what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The sort of the target, where neither its name nor its content tells it (`env`, `toml`, ...)
    #[arg(long)]
    pub(crate) format: Option<String>,
    /// Where in the target: a YAML or JSON path, an INI section, a name prefix, a key of Redis
    #[arg(long)]
    pub(crate) key: Option<String>,
    /// The role in planted names (`legacy`, `backup`, ...)
    #[arg(long)]
    pub(crate) role: Option<String>,
    /// Show the owner's values in the diff
    #[arg(long)]
    pub(crate) show: bool,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Allow a name that programs read by default, or a table whose triggers would run
    #[arg(long)]
    pub(crate) danger_default: bool,
    /// Allow this trigger of the table to run (may be given more than once)
    #[arg(long, value_name = "NAME")]
    pub(crate) danger_trigger: Vec<String>,
}

/// `audit`
#[derive(Debug, ClapArgs)]
pub(crate) struct Audit {
    /// A file, a directory (what is planted below it) or a target as `plant` takes it
    #[arg(required = true, value_name = "PATH|TARGET")]
    pub(crate) paths: Vec<String>,
}

/// `scan`
#[derive(Debug, ClapArgs)]
pub(crate) struct Scan {
    /// Files (also packed by gzip), directories, or - for standard input. With --json each finding is
    /// one line
    #[arg(required = true)]
    pub(crate) paths: Vec<PathBuf>,
}

/// `orphans`
#[derive(Debug, ClapArgs)]
pub(crate) struct Orphans {
    /// Files and directories
    #[arg(required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// Look for this address too, that bait carried (repeatable) [default: those of the settings]
    #[arg(long, value_name = "URL")]
    pub(crate) address: Vec<String>,
}

/// Which scanner `allow` writes for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scanner {
    /// Fingerprints for .gitleaksignore with --report, else a configuration.
    Gitleaks,
    /// A baseline, out of `detect-secrets scan`.
    DetectSecrets,
    /// A baseline, out of `kingfisher scan -f json`.
    Kingfisher,
    /// Paths for --exclude-paths.
    Trufflehog,
    /// Any scanner's SARIF, with suppressions.
    Sarif,
}

/// `allow`
#[derive(Debug, ClapArgs)]
pub(crate) struct Allow {
    /// For which scanner
    #[arg(long, value_enum)]
    pub(crate) format: Scanner,
    /// Where the scanner runs; paths are relative to it [default: the current directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// The scanner's report of a run in that directory: of its findings those on bait are taken
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Write to this file [default: stdout]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// `check`
#[derive(Debug, ClapArgs)]
pub(crate) struct Check {
    /// Only this canary or target
    pub(crate) what: Option<String>,
    /// Ask also whether the addresses that bait carries lead to this station (their front pages; no
    /// trip comes of it)
    #[arg(long)]
    pub(crate) reach: bool,
    /// Connect here instead of the addresses
    #[arg(long, value_name = "ADDRESS:PORT", requires = "reach")]
    pub(crate) via: Option<SocketAddr>,
    /// Take what is odd beside bait for what you want, and report it no more
    #[arg(long)]
    pub(crate) accept: bool,
}

/// `exclude`
#[derive(Debug, ClapArgs)]
pub(crate) struct Exclude {
    /// Only this table, or the tables of this database (a target without `table=`)
    pub(crate) target: Option<String>,
}

/// `uproot`
#[derive(Debug, ClapArgs)]
pub(crate) struct Uproot {
    /// A canary's id, or a target
    pub(crate) what: String,
    /// Also if it was changed since
    #[arg(long)]
    pub(crate) force: bool,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// `lists`
#[derive(Debug, ClapArgs)]
pub(crate) struct ListsArgs {
    #[command(subcommand)]
    pub(crate) action: Option<ListsAction>,
}

/// What to do with lists.
#[derive(Debug, Subcommand)]
pub(crate) enum ListsAction {
    /// Build newer ones from a directory of MISP's warning lists, or of crawlers' names
    Update {
        /// A clone of MISP/misp-warninglists, with `lists/NAME/list.json` in it; or of monperrus/crawler-user-agents,
        /// with `crawler-user-agents.json`
        directory: PathBuf,
    },
}

/// `listen`
#[derive(Debug, ClapArgs)]
pub(crate) struct Listen {
    /// Serve HTTP here (repeatable) [default: setting listen.http, 0.0.0.0:8080]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) http: Vec<SocketAddr>,
    /// Serve another protocol too, `redis=0.0.0.0:6379`, `smtp=tls://0.0.0.0:465` (repeatable; `lapwing
    /// protocols` names them)
    #[arg(long, value_name = "PROTOCOL=ADDRESS", value_parser = protocol_at)]
    pub(crate) on: Vec<(String, Door)>,
    /// Believe the PROXY protocol from this network (repeatable)
    #[arg(long, value_name = "CIDR")]
    pub(crate) proxy: Vec<IpNet>,
    /// Started as root, run as this user once the ports are bound: a name or UID:GID [default: setting listen.user]
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,
}

fn protocol_at(text: &str) -> Result<(String, Door), String> {
    let (protocol, door) = text.split_once('=').ok_or("write PROTOCOL=ADDRESS:PORT")?;
    Ok((protocol.to_owned(), door.parse()?))
}

/// `drill`
#[derive(Debug, ClapArgs)]
pub(crate) struct Drill {
    /// The canaries to trip
    #[arg(required_unless_present = "all", value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// Trip every canary that is in use
    #[arg(long, conflicts_with = "ids")]
    pub(crate) all: bool,
    /// Of these only those that stand in a place
    #[arg(long, requires = "all")]
    pub(crate) planted: bool,
    /// Requests on their way at once, where there are several canaries
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) parallel: u16,
    /// Connect here instead of the address the canary carries
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) via: Option<SocketAddr>,
    /// Give up on a request, and on alerts after the last answer, after so many seconds
    #[arg(long, default_value_t = 30)]
    pub(crate) timeout: u64,
}

/// `schedule`
#[derive(Debug, ClapArgs)]
pub(crate) struct Schedule {
    /// Write the files into this directory instead of printing them; nothing is replaced
    #[arg(long, value_name = "DIR")]
    pub(crate) write: Option<PathBuf>,
    /// What units and files are called: whoever breaks in reads these names
    #[arg(long, default_value = "lapwing")]
    pub(crate) name: String,
    /// Whom the commands run as [default: the owner of the data directory]
    #[arg(long)]
    pub(crate) user: Option<String>,
}

/// `trips`
#[derive(Debug, ClapArgs)]
pub(crate) struct Trips {
    #[command(flatten)]
    pub(crate) list: List,
    /// Not before this time (`2026-11-23`, `2026-11-23T10:00:00Z`, `36h`, `7d`)
    #[arg(long)]
    pub(crate) since: Option<String>,
    /// Only of this canary
    #[arg(long)]
    pub(crate) canary: Option<String>,
    /// Only by this actor
    #[arg(long)]
    pub(crate) actor: Option<String>,
}

/// `alert`
#[derive(Debug, Subcommand)]
pub(crate) enum Alert {
    /// Send a test alert through every channel, or one, and say how it went
    Test {
        /// Only this channel
        channel: Option<String>,
    },
    /// List the newest deliveries
    Deliveries(List),
    /// List the kinds of channels, with an example of each
    Channels,
}

/// `backup`
#[derive(Debug, ClapArgs)]
pub(crate) struct Backup {
    /// The file to write; holds the key if the data directory does
    pub(crate) file: PathBuf,
}

/// `restore`
#[derive(Debug, ClapArgs)]
pub(crate) struct Restore {
    /// The file `backup` wrote
    pub(crate) file: PathBuf,
}
