//! `server` keeps keys and no passwords, and adds accounts.

use std::fs;
use std::path::Path;
use std::process::Output;

use crate::server::{connector, login};
use crate::support::{ACCOUNTS, Server, directory, example, output, run};

fn add(file: &Path, name: &str, password: &str) -> Output {
    let mut command = example("server");
    command.arg("--accounts").arg(file).args(["add", name]);
    command.env("XMPP_PASSWORD", password);
    output(command)
}

/// Only the owner may read the file.
fn assert_private(file: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(file).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let folder = file.parent().expect("a folder");
    let left = fs::read_dir(folder).expect("a folder").flatten();
    let new = left.filter(|entry| entry.file_name().to_string_lossy().ends_with(".new"));
    assert_eq!(new.count(), 0);
}

#[test]
fn passwords_are_replaced_by_keys() {
    run(async || {
        let server = Server::start("accounts-keys");
        let file = server.certificate().with_file_name("accounts");
        let text = fs::read_to_string(&file).expect("accounts");
        assert_eq!(text.lines().count(), ACCOUNTS.len());
        for (user, password) in ACCOUNTS {
            assert!(!text.contains(password), "{password}");
            let line = format!("{user}@localhost SCRAM-SHA-256$4096:");
            assert!(text.contains(&line), "{text}");
        }
        assert_private(&file);
        login(&server, "romeo", "orchard").await;
        drop(server);

        // The keys are read again, and are enough.
        let server = Server::start_again("accounts-keys", &[]);
        login(&server, "romeo", "orchard").await;
        assert_eq!(fs::read_to_string(&file).expect("accounts"), text);
    });
}

#[test]
fn an_account_is_added_and_gets_another_password() {
    let folder = directory("accounts-add");
    let file = folder.join("accounts");
    let _ = fs::remove_file(&file);
    for (name, password) in [
        ("juliet", "the first"),
        ("paris@localhost", "the count"),
        ("juliet", "the second"),
    ] {
        let told = add(&file, name, password);
        assert!(told.status.success(), "{told:?}");
        let text = fs::read_to_string(&file).expect("accounts");
        assert!(!text.contains(password));
        assert_private(&file);
    }
    let text = fs::read_to_string(&file).expect("accounts");
    let names: Vec<_> = text
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(names, ["juliet@localhost", "paris@localhost"]);

    for (name, password) in [
        ("juliet@elsewhere.example", "x"),
        ("a b", "x"),
        ("juliet", ""),
    ] {
        let told = add(&file, name, password);
        assert!(!told.status.success(), "{name}: {told:?}");
        assert_eq!(fs::read_to_string(&file).expect("accounts"), text);
    }
}

#[test]
fn accounts_of_a_trial_are_in_memory_alone() {
    run(async || {
        let server = Server::start_without_file("accounts-trial", &["--account", "nurse:madam"]);
        login(&server, "nurse", "hall").await;
        let unknown = connector(&server, "romeo@localhost/orchard", "päss:wörd ");
        let refused = xmppwire_tokio::Client::connect_with(&unknown).await;
        assert!(refused.is_err());
    });
}
