//! Inventories as data: every file in `cases/inventory` beside what is said about it.

use std::fs;
use std::path::Path;

use harden::inventory::Inventory;
use harden::inventory::rke;
use harden::source::Remark;

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/inventory");

#[test]
fn every_inventory_is_read_or_refused_as_its_snapshot_says() {
    let mut names: Vec<_> = fs::read_dir(CASES)
        .unwrap()
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            name.strip_suffix(".yml").map(str::to_owned)
        })
        .collect();
    names.sort();
    assert!(names.len() > 30, "only {} cases in {CASES}", names.len());

    for name in names {
        let text = fs::read_to_string(format!("{CASES}/{name}.yml")).unwrap();
        insta::with_settings!({
            snapshot_path => CASES,
            prepend_module_to_snapshot => false,
            omit_expression => true,
        }, {
            insta::assert_snapshot!(name, told(&text));
        });
    }
}

#[test]
fn the_example_for_users_is_read_without_a_warning() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/inventory/example.yml");
    let text = fs::read_to_string(path).unwrap();

    let inventory = rke::read(path, &text, Some(Path::new("/home/op")), false).unwrap();

    assert_eq!(inventory.warnings, []);
    assert!(!inventory.is_cluster_file);
    assert!(inventory.nodes.len() >= 3);
}

fn told(text: &str) -> String {
    match rke::read("fleet.yml", text, Some(Path::new("/home/op")), false) {
        Ok(inventory) => told_of(&inventory),
        Err(errors) => remarks("error", &errors),
    }
}

fn told_of(inventory: &Inventory) -> String {
    let mut parts = vec![remarks("warning", &inventory.warnings)];
    parts.extend(inventory.nodes.iter().map(|node| format!("{node:#?}\n")));
    let Inventory {
        bastion,
        ssh_agent_auth,
        prefix_path,
        kubernetes_version,
        is_cluster_file,
        site,
        ..
    } = inventory;
    parts.push(format!(
        "bastion: {bastion:?}
agent: {ssh_agent_auth}, prefix: {prefix_path}
version: {kubernetes_version:?}, cluster file: {is_cluster_file}
{site:?}
"
    ));
    parts.concat()
}

fn remarks(kind: &str, remarks: &[Remark]) -> String {
    let told = |remark: &Remark| format!("{kind}: {remark}\nhint: {}\n\n", remark.hint);
    remarks.iter().map(told).collect::<Vec<_>>().concat()
}
