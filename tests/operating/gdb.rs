//! Calls made inside a running process, by gdb: what it may do is tried, not asked.

use std::process::Command;
use std::time::Duration;

use lapwing_tests::finish_within;

/// Longest run of the debugger.
const PATIENCE: Duration = Duration::from_secs(600);

/// What a call gave in one thread: its value, and `errno` if that is negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Gave(pub(crate) i64, pub(crate) i64);

/// Refused by Landlock, and by seccomp.
pub(crate) const EACCES: Gave = Gave(-1, 13);
pub(crate) const EPERM: Gave = Gave(-1, 1);

/// Opens a file for writing, made if it is not there.
pub(crate) fn open_to_write(path: &str) -> String {
    // O_WRONLY | O_CREAT
    format!("((int (*)(const char *, int, int)) open)(\"{path}\", 65, 384)")
}

/// Opens a file for reading.
pub(crate) fn open_to_read(path: &str) -> String {
    format!("((int (*)(const char *, int, int)) open)(\"{path}\", 0, 0)")
}

/// Makes a socket of a family.
pub(crate) fn socket(family: u8) -> String {
    format!("((int (*)(int, int, int)) socket)({family}, 1, 0)")
}

/// Runs a program. If it succeeded there would be nothing left to ask.
pub(crate) fn run(program: &str) -> String {
    format!("((int (*)(const char *, void *, void *)) execve)(\"{program}\", 0, 0)")
}

/// Binds a port of loopback, with what `bind(2)` takes put together in memory of the process.
pub(crate) fn bind(port: u16) -> [String; 5] {
    let network = port.swap_bytes();
    [
        "set $memory = ((char *(*)(unsigned long)) malloc)(16)".to_owned(),
        "set *(unsigned long *) $memory = 0".to_owned(),
        "set *(unsigned short *) $memory = 2".to_owned(),
        format!("set *(unsigned short *) ($memory + 2) = {network}"),
        format!(
            "set *(unsigned int *) ($memory + 4) = {}",
            u32::from_ne_bytes([127, 0, 0, 1])
        ),
    ]
}

/// What binding gives, after [`bind`].
pub(crate) fn bound() -> String {
    "((int (*)(int, void *, int)) bind)(((int (*)(int, int, int)) socket)(2, 1, 0), $memory, 16)"
        .to_owned()
}

/// Makes each call in every thread of the process; gives, call by call, what the threads got, each value once.
pub(crate) fn everywhere(pid: u32, before: &[String], calls: &[String]) -> Vec<Vec<Gave>> {
    let mut gdb = Command::new("gdb");
    // The program's own lines and types are not needed, and take minutes to read.
    gdb.args(["--nx", "--batch", "--readnever", "-p", &pid.to_string()]);
    let mut say = |command: &str| {
        gdb.args(["-ex", command]);
    };
    for setting in ["language c", "scheduler-locking on", "unwindonsignal on"] {
        say(&format!("set {setting}"));
    }
    before.iter().for_each(|command| say(command));
    for (number, call) in calls.iter().enumerate() {
        say(&format!(
            "thread apply all -q -- printf \"\\nGAVE {number} %d %d\\n\", {call}, \
             *((int *(*)(void)) __errno_location)()"
        ));
    }
    say("detach");
    let ran = finish_within(PATIENCE, &mut gdb);
    let mut gave = vec![Vec::new(); calls.len()];
    for line in ran
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("GAVE "))
    {
        let numbers: Vec<i64> = line.split(' ').map(|word| word.parse().unwrap()).collect();
        let [call, value, errno] = numbers[..] else {
            panic!("{line}");
        };
        let errno = if value < 0 { errno } else { 0 };
        gave[usize::try_from(call).unwrap()].push(Gave(value.clamp(-1, 0), errno));
    }
    for gave in &mut gave {
        assert!(!gave.is_empty(), "{}\n{}", ran.stdout, ran.stderr);
        gave.sort_unstable();
        gave.dedup();
    }
    gave
}
