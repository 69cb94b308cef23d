//! What the server says of itself that decides whether bait may and would last there.

use super::server::Server;
use super::wire::Reply;
use crate::error::{PlantError, Problem};

/// Refuses servers that are not to be written to or that would lose what is written.
///
/// # Errors
/// It is a replica, or throws out keys that nobody reads.
pub(super) fn notes(server: &mut Server, place: &str) -> Result<Vec<String>, PlantError> {
    let Some(text) = server.try_ask(&["INFO"]).and_then(Reply::text) else {
        let note = "the account may not ask INFO: whether this is a replica, or throws keys out, is not known";
        return Ok(vec![note.to_owned()]);
    };
    judge(&text).map_err(|(what, hint)| PlantError::Refused(Problem::new(place, what).hint(hint)))
}

fn judge(info: &str) -> Result<Vec<String>, (String, String)> {
    let value = |name: &str| {
        let mut lines = info.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(field, _)| *field == name);
        found.map_or("", |(_, value)| value.trim())
    };
    let count = |name: &str| value(name).parse::<u64>().unwrap_or(0);
    if value("role") == "slave" {
        let what = "is a replica: what is written here is refused, or lost with the next copy of its master";
        let hint = format!(
            "plant at its master, {} port {}",
            value("master_host"),
            value("master_port")
        );
        return Err((what.to_owned(), hint));
    }
    let mut notes = Vec::new();
    let policy = value("maxmemory_policy");
    if policy.starts_with("allkeys") && count("maxmemory") > 0 {
        if count("evicted_keys") > 0 {
            let what = format!(
                "throws out keys that are read least ({policy}, {} so far), and nobody reads bait",
                count("evicted_keys")
            );
            let hint = "plant in a server that keeps what it is given (noeviction or volatile-*)";
            return Err((what, hint.to_owned()));
        }
        notes.push(format!(
            "when its memory is full this server throws out keys that are read least ({policy}): bait is among the first, and `check` then says missing"
        ));
    }
    let listening = count("pubsub_patterns");
    if listening > 0 {
        notes.push(format!(
            "{listening} subscriptions by pattern are open: if keyspace notifications are on, those programs hear of the key when it is written"
        ));
    }
    Ok(notes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_and_full_caches_are_refused() {
        let master = "# Replication\r\nrole:master\r\nmaxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\nevicted_keys:0\r\n";
        assert_eq!(judge(master), Ok(Vec::new()));
        let replica = "role:slave\r\nmaster_host:10.0.0.7\r\nmaster_port:6380\r\n";
        let (_, hint) = judge(replica).expect_err("refused");
        assert!(hint.contains("10.0.0.7 port 6380"), "{hint}");
        let cache = "role:master\r\nmaxmemory:1048576\r\nmaxmemory_policy:allkeys-lfu\r\n";
        assert_eq!(judge(cache).expect("noted").len(), 1);
        assert!(judge(&format!("{cache}evicted_keys:7\r\n")).is_err());
        let heard = judge("role:master\r\npubsub_patterns:2\r\n").expect("noted");
        assert!(heard[0].starts_with("2 subscriptions"), "{heard:?}");
    }
}
