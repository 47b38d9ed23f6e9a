//! One row a node, and below the rows whatever is in the way.

use std::io;
use std::io::Write;

use crate::ping::Pulse;
use crate::ping::Trouble;
use crate::report::folded;
use crate::report::group::anonymous;
use crate::report::group::grouped;
use crate::report::group::placeless;

const HEADER: [&str; 10] = [
    "NODE",
    "REACHABLE",
    "HOST KEY",
    "LOGIN",
    "ROOT",
    "DOCKER",
    "AUDIT LOG",
    "KERNEL",
    "CONTAINERS",
    "RKE",
];

/// The rows of all `pulses`, with a head.
pub(super) fn rows(pulses: &[Pulse]) -> Vec<[String; 10]> {
    let mut rows = vec![HEADER.map(str::to_owned)];
    rows.extend(pulses.iter().map(row));
    rows
}

/// The troubles of all `pulses`, each with its hint and with what RKE says of it; one that several
/// nodes have alike is told of the first of them.
///
/// # Errors
///
/// Those of `out`.
pub(super) fn write_troubles(pulses: &[Pulse], out: &mut impl Write) -> io::Result<()> {
    let troubles = pulses.iter().flat_map(|pulse| {
        let troubles = pulse.troubles.iter();
        troubles.map(move |trouble| (alike(pulse, trouble), (pulse, trouble)))
    });
    for (_, same) in grouped(troubles) {
        let Some(((_, trouble), others)) = same.split_first() else {
            continue;
        };
        writeln!(out, "\n{}\n hint: {}", trouble.message, trouble.hint)?;
        if let Some(said) = &trouble.rke_says {
            writeln!(out, " rke says: {said}")?;
        }
        if !others.is_empty() {
            let names = others.iter().map(|(pulse, _)| pulse.node.as_str());
            writeln!(out, " the same of {}", folded(names))?;
        }
    }
    Ok(())
}

/// What is left of a trouble without the name and the address of its node.
fn alike(pulse: &Pulse, trouble: &Trouble) -> [String; 3] {
    let place = pulse.target.rsplit_once('@').map_or("", |(_, place)| place);
    let address = place.rsplit_once(':').map_or("", |(address, _)| address);
    let said = trouble.rke_says.as_deref().unwrap_or_default();
    [&trouble.message, &trouble.hint, said]
        .map(|text| anonymous(&placeless(text, address), &pulse.node))
}

fn row(pulse: &Pulse) -> [String; 10] {
    [
        pulse.node.clone(),
        answer(Some(pulse.reachable)),
        answer(pulse.host_key),
        answer(pulse.login),
        answer(pulse.root),
        docker(pulse),
        audit_log(pulse),
        kernel(pulse),
        containers(pulse),
        answer(pulse.rke),
    ]
}

fn answer(known: Option<bool>) -> String {
    match known {
        Some(true) => "yes",
        Some(false) => "no",
        None => "-",
    }
    .to_owned()
}

fn docker(pulse: &Pulse) -> String {
    match (&pulse.docker_version, pulse.docker) {
        (Some(version), Some(true) | None) => version.clone(),
        (_, known) => answer(known),
    }
}

fn audit_log(pulse: &Pulse) -> String {
    const TENTH: u64 = (1 << 30) / 10;
    let Some(bytes) = pulse.audit_log_free_bytes else {
        return "-".to_owned();
    };
    if bytes < 1 << 30 {
        return format!("{} MiB free", bytes >> 20);
    }
    let tenths = bytes / TENTH;
    format!("{}.{} GiB free", tenths / 10, tenths % 10)
}

fn kernel(pulse: &Pulse) -> String {
    let values = pulse.kernel.values();
    let others = values.filter(|value| value.seen.as_ref() != Some(&value.wanted));
    match (pulse.kernel.len(), others.count()) {
        (0, _) => "-".to_owned(),
        (_, 0) => "as wanted".to_owned(),
        (all, others) => format!("{others} of {all} differ"),
    }
}

fn containers(pulse: &Pulse) -> String {
    let count = |wanted: &str| {
        pulse
            .containers
            .values()
            .filter(|state| *state == wanted)
            .count()
    };
    let all = pulse.containers.len();
    match (all, count("running"), count("absent")) {
        (0, ..) => "-".to_owned(),
        (_, _, absent) if absent == all => "none yet".to_owned(),
        (_, running, _) if running == all => format!("{all} run"),
        (_, running, _) => format!("{running} of {all} run"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ping::KernelValue;

    fn cells(pulse: &Pulse) -> String {
        row(pulse).join(" | ")
    }

    #[test]
    fn a_good_node_is_a_row_of_measurements() {
        let mut pulse = Pulse {
            node: "cp-1".to_owned(),
            reachable: true,
            host_key: Some(true),
            login: Some(true),
            root: Some(true),
            docker: Some(true),
            docker_version: Some("17.03.2-ce".to_owned()),
            audit_log_free_bytes: Some(5 << 29),
            rke: Some(true),
            ..Pulse::default()
        };
        let value = KernelValue {
            wanted: "1".to_owned(),
            seen: Some("1".to_owned()),
        };
        pulse
            .kernel
            .insert("vm.overcommit_memory".to_owned(), value);
        pulse
            .containers
            .insert("kubelet".to_owned(), "running".to_owned());

        assert_eq!(
            cells(&pulse),
            "cp-1 | yes | yes | yes | yes | 17.03.2-ce | 2.5 GiB free | as wanted | 1 run | yes"
        );
    }

    #[test]
    fn what_is_not_known_is_not_called_good_or_bad() {
        let pulse = Pulse {
            node: "w-1".to_owned(),
            ..Pulse::default()
        };

        assert_eq!(cells(&pulse), "w-1 | no | - | - | - | - | - | - | - | -");
    }

    #[test]
    fn what_many_nodes_have_alike_is_told_once() {
        let pulse = |number: u8| Pulse {
            node: format!("w-{number}"),
            target: format!("ubuntu@10.0.0.{number}:22"),
            troubles: vec![Trouble {
                message: format!("w-{number}: no SSH at 10.0.0.{number}:22"),
                hint: format!("ping 10.0.0.{number}"),
                rke_says: None,
            }],
            ..Pulse::default()
        };
        let mut out = Vec::new();

        write_troubles(&[1, 2, 3].map(pulse), &mut out).unwrap();

        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\nw-1: no SSH at 10.0.0.1:22\n hint: ping 10.0.0.1\n the same of w-[2-3]\n"
        );
    }

    #[test]
    fn a_trouble_has_its_hint_and_the_words_of_rke() {
        let pulse = Pulse {
            troubles: vec![Trouble {
                message: "w-1: no route".to_owned(),
                hint: "look".to_owned(),
                rke_says: Some("Cannot connect".to_owned()),
            }],
            ..Pulse::default()
        };
        let mut out = Vec::new();

        write_troubles(&[pulse], &mut out).unwrap();

        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "\nw-1: no route\n hint: look\n rke says: Cannot connect\n"
        );
    }
}
