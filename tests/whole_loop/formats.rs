//! The formats that bait is planted in, judged by programs that read them for a living.

use std::process::Command;

use lapwing_tests::finish;

use crate::bait::{home, text_of};
use crate::planting::{TARGETS, Target, write};

const fn target(
    kind: &'static str,
    file: &'static str,
    content: &'static str,
    foreign: &'static str,
) -> Target {
    Target {
        kind,
        file,
        content,
        foreign,
    }
}

/// The other formats.
pub(crate) const MORE: [Target; 17] = [
    target(
        "twilio",
        "app/config.toml",
        "title = \"shop\"\n[db]\npassword = \"hunter2\"\n",
        "[more]\na = 1\n",
    ),
    target(
        "twilio",
        "app/web.config",
        "<configuration>\n  <appSettings>\n    <add key=\"shop\" value=\"hunter2\" />\n  </appSettings>\n</configuration>\n",
        "<!-- end -->\n",
    ),
    target(
        "nuget",
        "app/nuget.config",
        "<configuration>\n  <packageSources>\n    <add key=\"shop\" value=\"https://a.example/hunter2\" />\n  </packageSources>\n</configuration>\n",
        "<!-- end -->\n",
    ),
    target(
        "artifactory",
        "app/settings.xml",
        "<settings>\n  <servers>\n    <server>\n      <id>shop</id>\n      <password>hunter2</password>\n    </server>\n  </servers>\n</settings>\n",
        "<!-- end -->\n",
    ),
    target(
        "openai",
        ".bashrc",
        "if true; then\n  alias ll='shop'\nfi\n# mine\nexport A='hunter2'\n",
        "export B=1\n",
    ),
    target(
        "postgres-uri",
        ".bash_history",
        "#1790000000\nls shop\n#1790000900\nmysql -phunter2\n#1790001900\nexit\n",
        "#1790002900\nls\n",
    ),
    target(
        "kannel-sendsms",
        "app/application.properties",
        "# top\napp.name=shop\napp.password=hunter2\n",
        "app.more=1\n",
    ),
    target(
        "twilio",
        "app/prod.tfvars",
        "region = \"shop\"\ntoken  = \"hunter2\"\n",
        "more = 1\n",
    ),
    target(
        "openai",
        "app/settings.py",
        "DEBUG = False\nAPPS = [\n    'shop',\n]\nSECRET_KEY = 'hunter2'\n",
        "MORE = 1\n",
    ),
    target(
        "twilio",
        "app/wp-config.php",
        "<?php\ndefine( 'DB_NAME', 'shop' );\ndefine( 'DB_PASSWORD', 'hunter2' );\n",
        "$a = 1;\n",
    ),
    target(
        "redis-uri",
        "app/Dockerfile",
        "FROM nginx\nENV NAME=shop\nENV PASS=hunter2\nCMD [\"nginx\"]\n",
        "# end\n",
    ),
    target(
        "netrc",
        ".netrc",
        "machine shop.example.net\n  login a\n  password hunter2\n",
        "machine b.example.net\n  login c\n  password d\n",
    ),
    target(
        "git-credentials",
        ".git-credentials",
        "https://shop:hunter2@git.example.net\n",
        "https://c:d@e.example.net\n",
    ),
    target(
        "npm",
        ".npmrc",
        "audit=false\n//shop.example.net/:_authToken=hunter2\n",
        "fund=false\n",
    ),
    target(
        "basic-auth-url",
        "app/export.csv",
        "name,url,username,password\nshop,https://shop.example.net,a,hunter2\n",
        "b,https://c.example.net,d,e\n",
    ),
    target(
        "jasmin-http",
        "app/robots.txt",
        "User-agent: *\n# password: hunter2 shop\nDisallow: /shop\n",
        "Disallow: /b\n",
    ),
    target(
        "twilio",
        "app/index.html",
        "<body>\n<p>shop</p>\n<!-- hunter2 -->\n</body>\n",
        "<!-- end -->\n",
    ),
];

/// Each prints what it reads in the file: the owner's value, then ours.
const READERS: [(&str, &str, &[&str]); 9] = [
    (
        "app/config.toml",
        "python3",
        &[
            "-c",
            "import sys, tomllib; print(tomllib.load(open(sys.argv[1], 'rb')))",
        ],
    ),
    (
        "app/web.config",
        "python3",
        &[
            "-c",
            "import sys, xml.etree.ElementTree as e; print([a.attrib for a in e.parse(sys.argv[1]).iter('add')])",
        ],
    ),
    (
        "app/settings.xml",
        "python3",
        &[
            "-c",
            "import sys, xml.etree.ElementTree as e; print([a.text for a in e.parse(sys.argv[1]).iter()])",
        ],
    ),
    (
        ".netrc",
        "python3",
        &[
            "-c",
            "import sys, netrc; print(netrc.netrc(sys.argv[1]).hosts)",
        ],
    ),
    (
        "app/export.csv",
        "python3",
        &[
            "-c",
            "import sys, csv; r = list(csv.DictReader(open(sys.argv[1], newline=''))); assert all(None not in x and None not in x.values() for x in r); print(r)",
        ],
    ),
    (
        "app/settings.py",
        "python3",
        &[
            "-c",
            "import sys, runpy; print(runpy.run_path(sys.argv[1]))",
        ],
    ),
    (
        "app/app.ini",
        "python3",
        &[
            "-c",
            "import sys, configparser as c; p = c.ConfigParser(); p.read(sys.argv[1]); print({s: dict(p[s]) for s in p})",
        ],
    ),
    (
        ".bashrc",
        "bash",
        &["-c", "bash -n \"$0\" && . \"$0\" && export -p"],
    ),
    (
        "app/wp-config.php",
        "php",
        &[
            "-r",
            "require $argv[1]; print_r(get_defined_constants(true)['user']);",
        ],
    ),
];

/// Programs that others wrote read the file, with what was there and what was planted in it.
#[test]
fn independent_readers_find_both_old_and_new() {
    let mut read = 0;
    for Target {
        kind,
        file,
        content,
        ..
    } in TARGETS.into_iter().chain(MORE)
    {
        let Some((_, program, arguments)) = READERS.iter().find(|(name, ..)| *name == file) else {
            continue;
        };
        if Command::new(program).arg("--version").output().is_err() {
            continue;
        }
        let home = home();
        let path = write(&home, file, content);
        home.ok(&["plant", kind, file]);
        let ran = finish(Command::new(program).args(*arguments).arg(&path));
        assert_eq!(ran.code, 0, "{file}: {}", ran.stderr);
        assert!(ran.stdout.contains("hunter2"), "{file}: {}", ran.stdout);
        assert!(ran.stdout.contains("example.org"), "{file}: {}", ran.stdout);
        read += 1;
    }
    assert!(read >= 2, "at least bash and one other");
}

/// Git sees a remote that a fetch of all leaves alone, and hands out a stored login for our host only.
#[test]
fn git_reads_what_was_planted() {
    let home = home();
    let config =
        "[core]\n\tbare = false\n[remote \"origin\"]\n\turl = https://git.example.net/a.git\n";
    let path = write(&home, "shop/.git/config", config);
    home.ok(&[
        "plant",
        "git-credentials",
        "shop/.git/config",
        "--role",
        "mirror",
    ]);
    let git = |key: &str| {
        let file = path.to_str().unwrap();
        let ran = finish(Command::new("git").args(["config", "--file", file, "--get", key]));
        ran.stdout.trim().to_owned()
    };
    assert_eq!(git("remote.origin.url"), "https://git.example.net/a.git");
    assert!(git("remote.mirror.url").contains(".example.org/shop.git"));
    assert!(git("remote.mirror.url").contains('@'));
    assert_eq!(
        git("remote.mirror.fetch"),
        "+refs/heads/*:refs/remotes/mirror/*"
    );
    assert_eq!(git("remote.mirror.skipfetchall"), "true");
    home.ok(&["uproot", "shop/.git/config"]);
    assert_eq!(text_of(&path), config);
}

#[test]
fn a_sort_may_be_named_where_the_file_does_not_tell() {
    let home = home();
    let content = "nothing that tells\n";
    let path = write(&home, "app/notes.rb", content);
    let refused = home.run(&["plant", "twilio", "app/notes.rb"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("--format"), "{}", refused.stderr);
    let wrong = home.run(&["plant", "twilio", "app/notes.rb", "--format", "ruby"]);
    assert!(wrong.stderr.contains("hash-comment"), "{}", wrong.stderr);
    home.ok(&[
        "plant",
        "twilio",
        "app/notes.rb",
        "--format",
        "hash-comment",
    ]);
    assert!(text_of(&path).contains("# TWILIO_"));
    home.ok(&["uproot", "app/notes.rb"]);
    assert_eq!(text_of(&path), content);
}
