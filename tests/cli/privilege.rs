//! Root through Docker, for users whom sudo does not know.

use harden_lab::Builder;
use harden_lab::Counts;
use harden_lab::Fault;
use harden_lab::Role;

use crate::lab::Lab;

/// One node whose user may use Docker and not sudo.
fn of_docker_group() -> Lab {
    let describe = |fleet: Builder| {
        fleet
            .user("ubuntu")
            .nodes(1, &[Role::ControlPlane, Role::Etcd, Role::Worker])
    };
    let lab = Lab::with(describe);
    lab.node("cp-1").cause(Fault::SudoLost).unwrap();
    lab
}

fn ask_for_docker(lab: &Lab) {
    let inventory = lab.read("inventory.yml");
    let block = "harden:\n  privilege: docker\n";
    lab.write("inventory.yml", &inventory.replace("harden:\n", block));
}

#[test]
fn docker_is_not_used_unless_it_was_asked_for() {
    let lab = of_docker_group();

    lab.check()
        .expect(4)
        .says(&["may not become root: sudo asks for a password"]);

    assert!(!lab.node("cp-1").exists("/docker-runs"));
}

#[test]
fn a_user_of_docker_hardens_a_node_and_leaves_no_container() {
    let lab = of_docker_group();
    ask_for_docker(&lab);

    lab.check().expect(3);
    let searched_and_asked = Counts {
        connections: 1,
        logins: 1,
        execs: 2,
    };
    assert_eq!(lab.node("cp-1").counts(), searched_and_asked);
    lab.apply().expect(0);
    lab.check().expect(0);

    let runs = lab.node("cp-1").read("/docker-runs").unwrap();
    assert!(runs.lines().all(|run| run.contains(" --rm ")), "{runs}");
    let unlogged = "--log-driver=none";
    assert!(runs.lines().all(|run| run.contains(unlogged)), "{runs}");
    let image = "sha256:77fe ";
    assert!(runs.lines().all(|run| run.starts_with(image)), "{runs}");
}

#[test]
fn what_docker_lacks_is_named_and_nothing_is_pulled() {
    let lab = of_docker_group();
    ask_for_docker(&lab);
    let images = [
        ("", "none of the 0 images on the node"),
        ("sha256:9a0c rancher/pause-amd64\n", "none of the 1 images"),
    ];
    for (listed, said) in images {
        let file = lab.node("cp-1").dir().join("docker/images");
        std::fs::write(&file, listed).unwrap();
        lab.check()
            .expect(4)
            .says(&["may not become root", said, "nothing is pulled"]);
        std::fs::remove_file(&file).unwrap();
    }

    lab.node("cp-1").cause(Fault::DockerDown).unwrap();
    lab.check().expect(4).says(&[
        "docker says: Cannot connect to the Docker daemon",
        "usermod -aG docker ubuntu",
    ]);
}
