//! Calls to the system that a listener never makes, refused by the kernel (seccomp(2)) with `EPERM`: running a
//! program, looking into others, changing the system, and corners of the kernel that are known for their faults.
//!
//! A list of what is refused, not of what is allowed: libraries change what they call, and a station that dies of
//! a new call records nothing.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// On x86-64 each call has a second number, for programs with pointers of 32 bits (`__X32_SYSCALL_BIT`).
#[cfg(target_arch = "x86_64")]
const SECOND: Option<i64> = Some(0x4000_0000);
#[cfg(not(target_arch = "x86_64"))]
const SECOND: Option<i64> = None;

/// `kexec_file_load`, which crate `libc` does not name for every C library.
#[cfg(target_arch = "x86_64")]
const KEXEC_FILE_LOAD: i64 = libc::SYS_kexec_file_load;
#[cfg(not(target_arch = "x86_64"))]
const KEXEC_FILE_LOAD: i64 = 294;

/// Refused whatever the arguments.
#[rustfmt::skip]
const REFUSED: &[i64] = &[
    // Programs and other processes.
    libc::SYS_execve, libc::SYS_execveat, libc::SYS_ptrace, libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev, libc::SYS_process_madvise, libc::SYS_pidfd_getfd, libc::SYS_kcmp,
    libc::SYS_personality,
    // Becoming somebody else.
    libc::SYS_setuid, libc::SYS_setgid, libc::SYS_setreuid, libc::SYS_setregid, libc::SYS_setresuid,
    libc::SYS_setresgid, libc::SYS_setgroups, libc::SYS_setfsuid, libc::SYS_setfsgid, libc::SYS_capset,
    libc::SYS_unshare, libc::SYS_setns,
    // The tree of files, and ways around their names.
    libc::SYS_mount, libc::SYS_umount2, libc::SYS_pivot_root, libc::SYS_chroot, libc::SYS_move_mount,
    libc::SYS_open_tree, libc::SYS_fsopen, libc::SYS_fsconfig, libc::SYS_fsmount, libc::SYS_fspick,
    libc::SYS_mount_setattr, libc::SYS_mknodat, libc::SYS_open_by_handle_at, libc::SYS_name_to_handle_at,
    libc::SYS_quotactl, libc::SYS_quotactl_fd, libc::SYS_swapon, libc::SYS_swapoff, libc::SYS_acct,
    // The kernel itself.
    libc::SYS_init_module, libc::SYS_finit_module, libc::SYS_delete_module, libc::SYS_kexec_load, KEXEC_FILE_LOAD,
    libc::SYS_reboot, libc::SYS_syslog, libc::SYS_bpf, libc::SYS_perf_event_open, libc::SYS_userfaultfd,
    libc::SYS_keyctl, libc::SYS_add_key, libc::SYS_request_key, libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter, libc::SYS_io_uring_register, libc::SYS_fanotify_init, libc::SYS_lookup_dcookie,
    libc::SYS_vhangup, libc::SYS_nfsservctl,
    // Clock and names of the host.
    libc::SYS_settimeofday, libc::SYS_clock_settime, libc::SYS_adjtimex, libc::SYS_clock_adjtime,
    libc::SYS_sethostname, libc::SYS_setdomainname,
    // What only one of the architectures has.
    #[cfg(target_arch = "x86_64")] libc::SYS_fork,
    #[cfg(target_arch = "x86_64")] libc::SYS_vfork,
    #[cfg(target_arch = "x86_64")] libc::SYS_mknod,
    #[cfg(target_arch = "x86_64")] libc::SYS_uselib,
    #[cfg(target_arch = "x86_64")] libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")] libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")] libc::SYS_modify_ldt,
    #[cfg(target_arch = "x86_64")] libc::SYS__sysctl,
    #[cfg(target_arch = "x86_64")] libc::SYS_ustat,
    #[cfg(target_arch = "x86_64")] libc::SYS_sysfs,
];

/// Families of sockets a station uses: its own, the supervisor's, and the one that tells the host's addresses.
const FAMILIES: [i32; 4] = [
    libc::AF_UNIX,
    libc::AF_INET,
    libc::AF_INET6,
    libc::AF_NETLINK,
];

/// Flags of `clone` that make a namespace.
const NAMESPACES: i32 = libc::CLONE_NEWNS
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP;

/// Restricts this thread and those it starts. Says what holds, or why nothing does.
pub(super) fn restrict() -> Result<String, String> {
    // The arguments of clone3 lie in memory, where no filter looks: without it, libraries use clone.
    let clone3 = Rules::from([(libc::SYS_clone3, Vec::new())]);
    let rules = rules().map_err(|error| error.to_string())?;
    let refused = rules
        .keys()
        .filter(|number| SECOND.is_none_or(|bit| **number & bit == 0))
        .count();
    for (rules, errno) in [(clone3, libc::ENOSYS), (rules, libc::EPERM)] {
        let program = program(with_second(rules), errno)?;
        seccompiler::apply_filter(&program).map_err(|error| error.to_string())?;
    }
    Ok(format!("seccomp: {refused} calls are refused"))
}

fn program(rules: Rules, errno: i32) -> Result<BpfProgram, String> {
    let architecture =
        TargetArch::try_from(std::env::consts::ARCH).map_err(|error| error.to_string())?;
    let refuse = SeccompAction::Errno(errno.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, architecture);
    let program = filter.and_then(BpfProgram::try_from);
    program.map_err(|error| error.to_string())
}

fn rules() -> Result<Rules, seccompiler::BackendError> {
    let mut rules: Rules = REFUSED.iter().map(|number| (*number, Vec::new())).collect();
    let other = FAMILIES
        .iter()
        .map(|family| argument(0, SeccompCmpOp::Ne, *family))
        .collect::<Result<Vec<_>, _>>()?;
    let other = SeccompRule::new(other)?;
    rules.insert(libc::SYS_socket, vec![other.clone()]);
    rules.insert(libc::SYS_socketpair, vec![other]);
    let mut namespaces = Vec::new();
    for bit in (0..i32::BITS).map(|bit| 1_i32 << bit) {
        if NAMESPACES & bit != 0 {
            let set = SeccompCmpOp::MaskedEq(u64::from(bit.unsigned_abs()));
            namespaces.push(SeccompRule::new(vec![argument(0, set, bit)?])?);
        }
    }
    rules.insert(libc::SYS_clone, namespaces);
    Ok(rules)
}

fn argument(
    number: u8,
    compare: SeccompCmpOp,
    with: i32,
) -> Result<SeccompCondition, seccompiler::BackendError> {
    let with = u64::from(with.unsigned_abs());
    SeccompCondition::new(number, SeccompCmpArgLen::Dword, compare, with)
}

/// The same rules for the second numbers, where there are such.
fn with_second(mut rules: Rules) -> Rules {
    if let Some(bit) = SECOND {
        let second: Vec<_> = rules
            .iter()
            .map(|(number, rules)| (number | bit, rules.clone()))
            .collect();
        rules.extend(second);
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On threads of their own, which end with what they gave up.
    #[test]
    fn refused_calls_fail_and_the_station_s_own_do_not() {
        let tried = std::thread::spawn(|| {
            let said = restrict().unwrap();
            let run = std::process::Command::new("/bin/true").status();
            let thread = std::thread::spawn(|| 7).join();
            let socket = std::net::UdpSocket::bind("127.0.0.1:0");
            let family = rustix::net::AddressFamily::from_raw(40); // AF_VSOCK
            let other = rustix::net::socket(family, rustix::net::SocketType::STREAM, None);
            // Of this thread alone: the C library would ask for all of them.
            let groups = rustix::thread::set_thread_groups(&[]);
            (
                said,
                run.map(drop),
                thread,
                socket.map(drop),
                other.map(drop),
                groups,
            )
        });
        let (said, run, thread, socket, other, groups) = tried.join().unwrap();
        assert!(said.contains("calls are refused"), "{said}");
        assert_eq!(run.unwrap_err().raw_os_error(), Some(libc::EPERM));
        assert_eq!(thread.unwrap(), 7);
        socket.unwrap();
        assert_eq!(other.unwrap_err(), rustix::io::Errno::PERM);
        assert_eq!(groups, Err(rustix::io::Errno::PERM));
    }
}
