//! What single formats promise: names that tell them, entries as their programs write them, values of
//! several lines, and large files.

use super::*;
use crate::{Condition, check, uproot};

#[test]
fn large_files_of_the_other_formats_are_no_trouble() {
    let repeated = |head: &str, line: &dyn Fn(usize) -> String, tail: &str| {
        let lines: String = (0..12_000).map(line).collect();
        format!("{head}{lines}{tail}")
    };
    let note = "a value that is of no interest, at some length, for the size of it";
    let assigned = |at: usize| format!("SETTING_NUMBER_{at} = \"{note}\"\n");
    let markup = |at: usize| format!("<p>{at} {note}</p>\n<script>a < {at}</script>\n");
    let machine =
        |at: usize| format!("machine host{at}.example.net\n\tlogin a\n\tpassword b{at}\n");
    for (name, text) in [
        ("a.toml", repeated("", &assigned, "[a]\nb = 1\n")),
        ("a.tfvars", repeated("", &assigned, "")),
        ("a.py", repeated("", &assigned, "")),
        ("a.properties", repeated("", &assigned, "")),
        (
            ".bashrc",
            repeated("", &|at| format!("export A_{at}='{note}'\n"), ""),
        ),
        (
            "a.php",
            repeated(
                "<?php\n",
                &|at| format!("define('A_{at}', '{note}');\n"),
                "",
            ),
        ),
        ("a.html", repeated("<body>\n", &markup, "</body>\n")),
        (
            "a.xml",
            repeated(
                "<a>\n",
                &|at| format!("  <b c=\"{at}\">{note}</b>\n"),
                "</a>\n",
            ),
        ),
        (".netrc", repeated("", &machine, "")),
        (
            ".bash_history",
            repeated(
                "",
                &|at| format!("#{}\necho {note}\n", 1_790_000_000 + at),
                "",
            ),
        ),
        (
            "a.csv",
            repeated(
                "name,url,username,password\n",
                &|at| format!("n{at},https://h{at}.example,u,p\n"),
                "",
            ),
        ),
    ] {
        let bench = Bench::with(name, text.as_bytes());
        let placement = bench.plant(&Options::default()).expect("planted");
        assert_eq!(check(&placement).expect("checked"), Condition::Present);
        uproot(&placement, false, NOW).expect("uprooted");
        assert!(bench.bytes() == text.as_bytes(), "{name}");
    }
}

#[test]
fn names_tell_the_sort() {
    let bench = Bench::with("unused", b"");
    for (name, sort) in [
        (".bashrc", "shell"),
        ("deploy.sh", "shell"),
        ("application.properties", "properties"),
        ("prod.auto.tfvars", "tfvars"),
        ("settings.py", "python"),
        ("wp-config.php", "php"),
        ("Dockerfile", "dockerfile"),
        ("Dockerfile.prod", "dockerfile"),
        (".netrc", "netrc"),
        (".git-credentials", "git-credentials"),
        (".pgpass", "pgpass"),
        (".npmrc", "npmrc"),
        (".zsh_history", "history"),
        ("export.csv", "csv"),
        ("robots.txt", "hash-comment"),
        ("kannel.conf", "hash-comment"),
        ("main.tf", "terraform"),
        ("vault.hcl", "hash-comment"),
        ("app.service", "systemd"),
        ("app.service.d/env.conf", "systemd"),
        ("wireguard/wg0.conf", "hash-comment"),
        ("samba/smb.conf", "hash-comment"),
        ("pool.d/www.conf", "semicolon-comment"),
        ("cron.d/app", "hash-comment"),
        (".gem/credentials", "yaml"),
        ("www/app.js.map", "json"),
        (".kube/config", "kubeconfig"),
        ("kubernetes/admin.conf", "kubeconfig"),
        (".psql_history", "history"),
        ("fish/fish_history", "history"),
        ("app.js", "slash-comment"),
        ("AGENTS.md", "markup-comment"),
        ("index.html", "markup-comment"),
        ("web.config", "xml"),
        ("settings.xml", "xml"),
        ("config.toml", "toml"),
        ("terraform.tfstate", "json"),
        (".git/config", "ini"),
        (".ssh/config", "ssh-config"),
        (".aws/config", "ini"),
        ("pip.conf", "ini"),
    ] {
        let path = bench.directory.path().join(name);
        let path = path.to_str().expect("UTF-8");
        let found = crate::target::choose(path, None).map(crate::Target::name);
        assert_eq!(found.ok(), Some(sort), "{name}");
    }
}

/// Programs that keep logins in one mapping get an entry of their own form there.
#[test]
fn entries_take_the_form_of_their_program() {
    for (name, before, entry) in [
        (
            ".docker/config.json",
            "{\n\t\"auths\": {\n\t\t\"a.example\": {\n\t\t\t\"auth\": \"eDp5\"\n\t\t}\n\t}\n}\n",
            "\"relay.example.net\": {\n\t\t\t\"auth\": \"QUNub3RyZWFsN2YzYTkxOjllNGIwYw==\"",
        ),
        (
            ".mcp.json",
            "{\n  \"mcpServers\": {}\n}\n",
            "\"type\": \"http\"",
        ),
        (
            ".composer/auth.json",
            "{\n    \"http-basic\": {\n        \"a.example\": {\"username\": \"x\", \"password\": \"y\"}\n    }\n}\n",
            "\"username\": \"ACnotreal7f3a91\"",
        ),
        (
            ".yarnrc.yml",
            "npmRegistries:\n  \"//a.example\":\n    npmAuthToken: x\nnodeLinker: node-modules\n",
            "npmAuthToken: '9e4b0c'",
        ),
        (
            "terraform.tfstate",
            "{\n  \"version\": 4,\n  \"outputs\": {},\n  \"resources\": []\n}\n",
            "\"type\": \"string\"",
        ),
        (
            ".github/workflows/ci.yml",
            "on: push\nenv:\n  RUST_LOG: info\njobs: {}\n",
            "\n  TWILIO_",
        ),
        (
            ".git/config",
            "[core]\n\tbare = false\n[remote \"origin\"]\n\turl = https://a.example/x.git\n",
            "\n\tskipFetchAll = true\n",
        ),
    ] {
        let bench = Bench::with("unused", b"");
        let path = bench.directory.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        std::fs::write(&path, before).expect("written");
        let target = path.to_str().expect("UTF-8");
        let mut wish = wish();
        // The address of a tool server holds what it is recognised by.
        wish.handles.push("beacon.url".into());
        wish.fields.insert(
            "beacon.url".into(),
            "https://relay.example.net/s/k3j".into(),
        );
        let plan = plan_wish(target, &wish, &Options::default());
        let plan = plan.unwrap_or_else(|error| panic!("{name}: {error}"));
        let placement = plan.apply(NOW).expect("planted");
        let text = String::from_utf8(read(&path)).expect("UTF-8");
        assert!(text.contains(entry), "{name}: {text}");
        assert_eq!(check(&placement).expect("checked"), Condition::Present);
        uproot(&placement, false, NOW).expect("uprooted");
        assert_eq!(read(&path), before.as_bytes(), "{name}");
    }
}

/// A key in PEM, as long as one and none.
#[test]
fn values_of_several_lines_go_where_readers_take_them() {
    let pem = "-----BEGIN NOTHING-----\nbm90IGEga2V5IGF0IGFsbA==\n-----END NOTHING-----\n";
    let mut wish = wish();
    wish.fields.insert("auth_token".into(), pem.into());
    let role = Options {
        role: Some("legacy".into()),
        ..Options::default()
    };
    for (name, before, expect) in [
        (".env", "A=1\n", Some(format!("_AUTH_TOKEN=\"{pem}\"\n"))),
        (
            ".env",
            "A=1\r\n",
            Some(format!("_AUTH_TOKEN=\"{}\"\r\n", pem.replace('\n', "\\n"))),
        ),
        (
            ".bashrc",
            "export A='1'\n",
            Some(format!("_AUTH_TOKEN='{pem}'\n")),
        ),
        (
            "a.toml",
            "a = \"1\"\n",
            Some(format!("auth_token = \"\"\"\n{pem}\"\"\"\n")),
        ),
        (
            "a.py",
            "A = '1'\n",
            Some(format!("_AUTH_TOKEN = '{}'\n", pem.replace('\n', "\\n"))),
        ),
        ("a.ini", "[a]\nb = 1\n", None),
        ("Dockerfile", "FROM a\n", None),
    ] {
        let bench = Bench::with(name, before.as_bytes());
        let plan = plan_wish(bench.target(), &wish, &role);
        match (plan.and_then(|plan| plan.apply(NOW)), expect) {
            (Ok(placement), Some(expect)) => {
                let text = String::from_utf8(bench.bytes()).expect("UTF-8");
                assert!(text.contains(&expect), "{name}: {text}");
                uproot(&placement, false, NOW).expect("uprooted");
                assert_eq!(bench.bytes(), bench.original, "{name}");
            }
            (Err(PlantError::Shape(problem)), None) => assert!(!problem.hint.is_empty(), "{name}"),
            (other, _) => panic!("{name}: {:?}", other.map(|placement| placement.target)),
        }
    }
}

#[test]
fn a_host_block_stands_before_what_is_for_all_hosts() {
    let before = "Host shop\n\tHostName shop.example\n\nHost old\n\tUser root\n\nHost *\n\tCompression yes\n";
    let bench = Bench::with("config", before.as_bytes());
    let options = Options {
        role: Some("backup".into()),
        ..plain("ssh-config")
    };
    bench.plant(&options).expect("planted");
    let text = String::from_utf8(bench.bytes()).expect("UTF-8");
    let ours = "\nHost backup-gw\n\tHostName hq-db-k3j9x2.internal\n\tUser deploy\n\t\
                IdentityFile ~/.ssh/id_ed25519_backup\n\tProxyCommand nc -X connect -x relay.example.net:3128 %h %p\n";
    assert_eq!(text, before.replace("\nHost *", &format!("{ours}\nHost *")));
}

/// A kind may have a section of its own for one file: it goes there alone, and nowhere else.
#[test]
fn a_section_may_be_for_one_file() {
    let mut wish = wish();
    wish.ini[1].file = ".aws/credentials".into();
    wish.handles.push("beacon.url".into());
    for (name, ours, other) in [
        (".aws/credentials", "endpoint_url = ", "aws_access_key_id"),
        ("app.ini", "aws_access_key_id = ", "endpoint_url"),
    ] {
        let bench = Bench::with(name, b"[a]\nb = c\n");
        let plan = plan_wish(bench.target(), &wish, &Options::default());
        plan.and_then(|plan| plan.apply(NOW))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let text = String::from_utf8(bench.bytes()).expect("UTF-8");
        assert!(
            text.contains(ours) && !text.contains(other),
            "{name}: {text}"
        );
    }
}

/// Python's reader takes a lone `%` for an error, once it fills in values.
#[test]
fn a_value_with_a_percent_sign_goes_where_nothing_is_filled_in() {
    let mut wish = wish();
    let token = wish.fields.get_mut("auth_token").expect("it is there");
    "9e%4b0c".clone_into(token);
    for (before, goes) in [
        ("[a]\nb = 50%\n", true),
        ("[a]\nhome = /srv\nlogs = %(home)s/logs\n", false),
        ("[a]\nb = 50%%\n", false),
    ] {
        let bench = Bench::with("app.ini", before.as_bytes());
        match plan_wish(bench.target(), &wish, &Options::default()) {
            Ok(_) => assert!(goes, "{before}"),
            Err(error) => assert!(!goes && error.to_string().contains("holds a %"), "{error}"),
        }
    }
}
