//! `--ssh-config` from the command line.

use std::fmt::Write as _;
use std::fs;

use crate::lab::Lab;
use crate::lab::said;

/// A fleet whose inventory has neither keys nor ports; they are in a configuration of ssh.
fn left_open() -> Lab {
    let lab = Lab::built();
    let inventory = lab.read("inventory.yml");
    let mut config = String::new();
    let mut open = String::new();
    let mut address = String::new();
    for line in inventory.lines() {
        let (key, value) = line
            .trim_start_matches([' ', '-'])
            .split_once(':')
            .unwrap_or_default();
        let value = value.trim().trim_matches(['"', '\'']);
        match key {
            "ssh_key_path" => {
                let _ = writeln!(config, "Host *\nIdentityFile {value}");
                continue;
            }
            "port" => {
                let _ = writeln!(config, "Host {address}\nPort {value}");
                continue;
            }
            "address" => value.clone_into(&mut address),
            _ => {}
        }
        open.push_str(line);
        open.push('\n');
    }
    assert!(
        config.contains("Port") && config.contains("IdentityFile"),
        "{inventory}"
    );
    lab.write("ssh_config", &config);
    lab.write("inventory.yml", &open);
    lab.write(
        "cluster.yml",
        &open.replace("harden:\n  known_hosts: known_hosts\n", ""),
    );
    lab
}

#[test]
fn what_the_inventory_leaves_open_comes_from_the_configuration() {
    let lab = left_open();

    lab.harden(&["nodes", "inventory.yml", "--ping"]).expect(4);
    let ping = [
        "nodes",
        "inventory.yml",
        "--ping",
        "--ssh-config=ssh_config",
    ];
    let found = lab.harden(&ping).expect(0);

    found.says(&["`rke` does not read the configuration of ssh"]);
}

#[test]
fn trust_records_what_the_configuration_leads_to() {
    let lab = left_open();
    fs::remove_file(lab.path("known_hosts")).unwrap();
    let inventory = ["inventory.yml", "--ssh-config=ssh_config"];

    lab.harden(&[&["trust", "--yes"], &inventory[..]].concat())
        .expect(0);

    lab.harden(&[&["nodes", "--ping"], &inventory[..]].concat())
        .expect(0);
}

#[test]
fn without_an_ssh_client_there_is_an_error_with_a_hint() {
    let lab = Lab::built();
    let empty = lab.path("empty");
    fs::create_dir(&empty).unwrap();

    let output = lab
        .command(&["check", "inventory.yml", "--ssh-config", "--no-rke"])
        .env("PATH", &empty)
        .output();

    said(&output.unwrap()).expect(2).says(&[
        "`--ssh-config` needs OpenSSH's client, and there is no `ssh` on the PATH",
        "hint: install it (openssh-client)",
    ]);
}

#[test]
fn a_mistake_in_the_configuration_is_quoted() {
    let lab = Lab::built();
    lab.write("ssh_config", "Host *\nPort many\n");

    lab.harden(&["check", "inventory.yml", "--ssh-config=ssh_config"])
        .expect(2)
        .says(&["ssh -G", "many"]);
}
