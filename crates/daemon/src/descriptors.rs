//! How many files and sockets this process may have open, and what of that is left for connections.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Kept for the journal, the ledger, the index, alerts and the desk; of a small limit, a quarter.
const KEPT: usize = 256;

/// Raises the soft limit to the hard one; gives how many descriptors are left for connections.
pub(crate) fn raise() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, raised)
    {
        tracing::warn!(%error, "the limit on open files stays as it is");
    }
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    for_connections(usize::try_from(limit).unwrap_or(usize::MAX))
}

fn for_connections(limit: usize) -> usize {
    limit - KEPT.min(limit / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_are_kept() {
        assert_eq!(for_connections(1024), 768);
        assert_eq!(for_connections(100), 75);
        assert_eq!(for_connections(1 << 20), (1 << 20) - 256);
    }
}
