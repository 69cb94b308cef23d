//! LDAP, with ldapsearch.

use crate::stage::Stage;

#[test]
fn ldapsearch_binds_and_finds() {
    let stage = Stage::new("ldap");
    let minted = stage.mint("ldap-bind");
    let (name, password) = (minted.field("bind_dn"), minted.field("password"));
    let url = format!("ldap://127.0.0.1:{}", stage.port());
    let base = &name[name.find("dc=").unwrap()..];
    let search = |arguments: &[&str]| {
        stage.run(
            "ldapsearch",
            &[&["-x", "-LLL", "-H", &url][..], arguments].concat(),
        )
    };
    let all = search(&["-D", name, "-w", password, "-b", base, "(objectClass=*)"]);
    assert_eq!(all.code, 0, "{all:?}");
    assert!(all.stdout.contains(&format!("dn: {name}\n")), "{all:?}");
    assert!(all.stdout.contains("ou=services"), "{all:?}");
    let one = search(&[
        "-D",
        name,
        "-w",
        password,
        "-b",
        base,
        "-s",
        "one",
        "(ou=serv*)",
        "ou",
    ]);
    assert_eq!(
        one.stdout.trim(),
        format!("dn: ou=services,{base}\nou: services"),
        "{one:?}"
    );

    let wrong = search(&["-D", name, "-w", "wrongwrong", "-b", base]);
    assert!(
        wrong.stderr.contains("Invalid credentials (49)"),
        "{wrong:?}"
    );
    let anonymous = search(&["-b", "", "-s", "base", "+", "*"]);
    assert!(
        anonymous.stdout.contains("supportedLDAPVersion: 3"),
        "{anonymous:?}"
    );
    let nothing = search(&["-b", base]);
    assert!(
        nothing.stderr.contains("No such object (32)"),
        "{nothing:?}"
    );

    let lines = stage.lines(4);
    assert!(
        lines.starts_with(&format!(
            "BIND ldap-bind accepted login.user={name}\n\
             SEARCH ldap-bind accepted ldap.base={base} ldap.filter=(objectClass=*)\n"
        )),
        "{lines}"
    );
    let whoami = stage.run(
        "ldapwhoami",
        &["-x", "-H", &url, "-D", name, "-w", password],
    );
    assert_eq!(whoami.stdout.trim(), format!("dn:{name}"), "{whoami:?}");
}

/// A version that is refused lets nobody in, whatever the password.
#[test]
fn version_two_is_refused_and_noticed() {
    let stage = Stage::new("ldap");
    let minted = stage.mint("ldap-bind");
    let (name, password) = (minted.field("bind_dn"), minted.field("password"));
    let url = format!("ldap://127.0.0.1:{}", stage.port());
    let arguments = [
        "-x", "-P", "2", "-H", &url, "-D", name, "-w", password, "-b", "dc=x",
    ];
    let ran = stage.run("ldapsearch", &arguments);
    assert!(ran.stderr.contains("Protocol error (2)"), "{ran:?}");
    assert_eq!(stage.trips(1)[0]["trip"]["canary"], minted.id.as_str());
}

/// What a vulnerable logger would do: bind as nobody, then look for the name in the text.
#[test]
fn a_look_up_out_of_a_log_message_is_noticed() {
    let stage = Stage::new("ldap");
    let minted = stage.mint("url");
    let url = minted.field("beacon.url");
    let at = format!("ldap://127.0.0.1:{}", stage.port());
    // Which part of a beacon's path tells is drawn with the rest of it.
    for part in url.split('/').skip(3).filter(|part| part.len() > 5) {
        let base = format!("o={part}");
        let ran = stage.run("ldapsearch", &["-x", "-H", &at, "-b", &base, "-s", "base"]);
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(said.contains("No such object"), "{ran:?}");
    }
    assert_eq!(stage.trips(1)[0]["trip"]["canary"], minted.id.as_str());
}
