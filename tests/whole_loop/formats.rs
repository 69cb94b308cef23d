//! The formats that bait is planted in, judged by programs that read them for a living.

use std::process::Command;

use lapwing_tests::{finish, venv};

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
pub(crate) const MORE: [Target; 24] = [
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
        "ssh-config",
        ".ssh/config",
        "Host shop\n\tHostName shop.example.net\n\tUser hunter2\n\nHost *\n\tCompression yes\n",
        "\tUser b\n",
    ),
    target(
        "twilio",
        "app/app.service",
        "[Unit]\nDescription=shop\n\n[Service]\nEnvironment=A=hunter2\nExecStart=/bin/true\n",
        "\n[Install]\nWantedBy=multi-user.target\n",
    ),
    target(
        "twilio",
        "app/main.tf",
        "locals {\n  name = \"shop\"\n  token = \"hunter2\"\n}\n",
        "\noutput \"a\" {\n  value = local.name\n}\n",
    ),
    target("kubeconfig", ".kube/config", KUBECONFIG, "# end\n"),
    target(
        "docker-config",
        ".docker/config.json",
        "{\n\t\"credsStore\": \"shop\",\n\t\"HttpHeaders\": {\"A\": \"hunter2\"}\n}\n",
        " \n",
    ),
    target(
        "mysql-uri",
        ".mysql_history",
        "_HiStOrY_V2_\nuse\\040shop;\nselect\\040'hunter2';\nexit\n",
        "exit\n",
    ),
    target(
        "twilio",
        ".local/share/fish/fish_history",
        "- cmd: ls shop\n  when: 1790000000\n- cmd: mysql -phunter2\n  when: 1790000900\n- cmd: exit\n  when: 1790001900\n",
        "- cmd: ls\n  when: 1790002900\n",
    ),
    target(
        "twilio",
        "app/index.html",
        "<body>\n<p>shop</p>\n<!-- hunter2 -->\n</body>\n",
        "<!-- end -->\n",
    ),
];

const KUBECONFIG: &str = "\
apiVersion: v1
clusters:
- cluster:
    server: https://shop.example.net
  name: shop
contexts:
- context:
    cluster: shop
    user: shop
  name: shop
current-context: shop
kind: Config
users:
- name: shop
  user:
    token: hunter2
";

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

/// ssh reads our host as it was meant, and the owner's as before.
#[test]
fn ssh_reads_what_was_planted() {
    let home = home();
    let content =
        "Host shop\n  HostName shop.example.net\n  User anna\n\nHost *\n  Compression yes\n";
    let path = write(&home, ".ssh/config", content);
    let ssh = |host: &str| {
        let ran = finish(Command::new("ssh").arg("-G").arg("-F").arg(&path).arg(host));
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran.stdout
    };
    let owners = ssh("shop");
    home.ok(&["plant", "ssh-config", ".ssh/config", "--role", "backup"]);
    assert_eq!(ssh("shop"), owners);
    let ours = ssh("backup-gw");
    let value = |keyword: &str| {
        let mut lines = ours.lines().filter_map(|line| line.split_once(' '));
        lines
            .find(|(name, _)| *name == keyword)
            .map(|(_, value)| value.to_owned())
    };
    assert!(value("hostname").unwrap().ends_with(".internal"));
    assert!(value("proxycommand").unwrap().contains(".example.org"));
    assert!(
        value("identityfile")
            .unwrap()
            .ends_with("id_ed25519_backup")
    );
    assert_eq!(value("compression").as_deref(), Some("yes"));
    home.ok(&["uproot", ".ssh/config"]);
    assert_eq!(text_of(&path), content);
}

/// The client of Kubernetes finds our context beside the owner's, which stays the current one.
#[test]
fn a_kubeconfig_has_one_more_context() {
    for kind in ["kubeconfig", "kubeconfig-cert"] {
        let home = home();
        let path = write(&home, ".kube/config", KUBECONFIG);
        home.ok(&["plant", kind, ".kube/config", "--role", "backup"]);
        let script = "\
import sys
from kubernetes import config
contexts, current = config.list_kube_config_contexts(sys.argv[1])
ours, = [c['name'] for c in contexts if c != current]
print(current['name'], ours)
for name in (current['name'], ours):
    print(config.new_client_from_config(sys.argv[1], context=name).configuration.host)
";
        let python = venv().join("bin/python");
        let ran = finish(Command::new(python).args(["-c", script]).arg(&path));
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let lines: Vec<&str> = ran.stdout.lines().collect();
        let [names, owners, ours] = lines.as_slice() else {
            panic!("{}", ran.stdout);
        };
        let (current, name) = names.split_once(' ').unwrap();
        assert_eq!((current, *owners), ("shop", "https://shop.example.net"));
        assert!(name.ends_with("-backup"), "{name}");
        assert!(ours.contains(".example.org"), "{ours}");
        home.ok(&["uproot", ".kube/config"]);
        assert_eq!(text_of(&path), KUBECONFIG);
    }
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
