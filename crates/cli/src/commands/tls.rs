//! `lapwing tls`: which certificates the station shows, and a private authority for those that no public one
//! gives.

use lapwing_core::{Clock as _, SystemClock, Timestamp};
use lapwing_daemon::tls::{Source, authority, sources};
use serde_json::{Value, json};

use crate::args::{Ca, Global, Issue, Tls, TlsAction};
use crate::context::Context;
use crate::failure::Exit;
use crate::output;

pub(crate) fn run(global: &Global, args: &Tls) -> anyhow::Result<Exit> {
    let context = Context::open(global)?;
    match &args.action {
        None => status(&context),
        Some(TlsAction::Ca(args)) => ca(&context, args),
        Some(TlsAction::Issue(args)) => issue(&context, args),
    }
}

/// What is said of a certificate.
struct Line {
    names: String,
    issuer: String,
    end: String,
    problem: Option<String>,
    as_json: Value,
}

fn status(context: &Context) -> anyhow::Result<Exit> {
    let sources = sources(context.directory.root(), context.settings());
    let lines: Vec<(&Source, Line)> = sources.iter().map(|it| (it, line(it))).collect();
    let default = lines.iter().position(|(_, line)| line.problem.is_none());
    if context.json {
        let as_json = |(index, (_, line)): (usize, &(&Source, Line))| {
            let mut value = line.as_json.clone();
            value["default"] = json!(Some(index) == default);
            value
        };
        output::json(&lines.iter().enumerate().map(as_json).collect::<Vec<_>>())?;
        return Ok(Exit::Fine);
    }
    if lines.is_empty() {
        output::say(
            "no certificate: TLS is not spoken. `lapwing tls issue HOST` makes one, `tls.certificates` in lapwing.toml \
             names files of your own",
        );
        return Ok(Exit::Fine);
    }
    let mut table = output::table(&["names", "issuer", "ends", "from", "file"]);
    for (index, (source, line)) in lines.iter().enumerate() {
        let mark = if Some(index) == default {
            " (default)"
        } else {
            ""
        };
        table.add_row([
            format!("{}{mark}", line.names),
            line.issuer.clone(),
            line.end.clone(),
            source.origin.word().to_owned(),
            source.certificate.display().to_string(),
        ]);
    }
    output::print_table(&table)?;
    for (source, line) in &lines {
        if let Some(problem) = &line.problem {
            output::say(&format!("{}: {problem}", source.certificate.display()));
        }
    }
    Ok(Exit::Fine)
}

fn line(source: &Source) -> Line {
    let mut as_json = json!({
        "source": source.origin, "certificate": source.certificate, "key": source.key,
    });
    let certificate = match source.load() {
        Ok(certificate) => certificate,
        Err(error) => {
            as_json["problem"] = json!(error.to_string());
            return Line {
                names: "-".to_owned(),
                issuer: "-".to_owned(),
                end: "-".to_owned(),
                problem: Some(error.to_string()),
                as_json,
            };
        }
    };
    let time = |seconds: i64| Timestamp::from_micros(seconds.saturating_mul(1_000_000));
    let (begin, end) = (time(certificate.not_before), time(certificate.not_after));
    let ended = end < SystemClock.now();
    as_json["names"] = json!(certificate.names);
    as_json["issuer"] = json!(certificate.issuer);
    as_json["not_before"] = json!(begin.to_seconds_string());
    as_json["not_after"] = json!(end.to_seconds_string());
    as_json["ended"] = json!(ended);
    let word = if ended { " (ended)" } else { "" };
    Line {
        names: certificate.names.join(", "),
        issuer: certificate.issuer,
        end: format!("{}{word}", end.to_seconds_string()),
        problem: None,
        as_json,
    }
}

fn ca(context: &Context, args: &Ca) -> anyhow::Result<Exit> {
    let root = context.directory.root();
    let (pem, made) = authority::ensure(root, args.organization.as_deref())?;
    let file = authority::certificate_file(root);
    if context.json {
        output::json(&json!({"certificate": pem, "file": file, "made": made}))?;
        return Ok(Exit::Fine);
    }
    output::line(pem.trim_end())?;
    if made {
        output::say(&format!("made an authority: {}", file.display()));
    }
    Ok(Exit::Fine)
}

fn issue(context: &Context, args: &Issue) -> anyhow::Result<Exit> {
    let root = context.directory.root();
    let Issue { hosts, days } = args;
    authority::ensure(root, None)?;
    let file = authority::issue(root, hosts, *days)?;
    if context.json {
        output::json(&json!({"file": file, "names": hosts}))?;
        return Ok(Exit::Fine);
    }
    output::line(&format!("issued {}", file.display()))?;
    output::say(
        "a running station shows it within seconds; `lapwing tls ca` prints what clients are to trust",
    );
    Ok(Exit::Fine)
}
