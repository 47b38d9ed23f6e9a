//! Logging in, running commands, ending them.

use std::path::Path;
use std::time::Duration;

use harden_lab::Counts;
use harden_lab::Fault;
use harden_lab::Fleet;
use harden_lab::Role;
use russh::ChannelMsg;
use russh::Sig;

use crate::client::Login;
use crate::client::run;
use crate::client::say;

#[tokio::test]
async fn streams_and_status_of_a_command_come_back() {
    let fleet = Fleet::builder()
        .nodes(1, &[Role::Worker])
        .start()
        .await
        .unwrap();
    let login = Login::new(&fleet.node("w-1"), "root").await.unwrap();

    let answer = login
        .run("cat; echo oops >&2; exit 7", b"from afar")
        .await
        .unwrap();
    assert_eq!(answer.stdout, "from afar");
    assert_eq!(answer.stderr, "oops\n");
    assert_eq!(answer.code, Some(7));

    let killed = login.run("kill -TERM $$", b"").await.unwrap();
    assert!(matches!(killed.signal, Some(Sig::TERM)), "{killed:?}");
}

#[tokio::test]
async fn eight_megabytes_go_there_and_back() {
    let fleet = Fleet::builder()
        .nodes(1, &[Role::Worker])
        .start()
        .await
        .unwrap();
    let login = Login::new(&fleet.node("w-1"), "root").await.unwrap();
    let sent = "0123456789abcdef".repeat(512 * 1024);
    let answer = login.run("cat", sent.as_bytes()).await.unwrap();
    assert!(
        answer.stdout == sent,
        "{} of {} bytes",
        answer.stdout.len(),
        sent.len()
    );
}

#[tokio::test]
async fn a_command_that_reads_nothing_does_not_block_its_answer() {
    let fleet = Fleet::builder()
        .nodes(1, &[Role::Worker])
        .start()
        .await
        .unwrap();
    let login = Login::new(&fleet.node("w-1"), "root").await.unwrap();
    let answer = login.run("echo done", &vec![b'x'; 1 << 20]).await.unwrap();
    assert_eq!(answer.stdout, "done\n");
}

#[tokio::test]
async fn connections_logins_and_commands_are_counted() {
    let fleet = Fleet::builder()
        .nodes(2, &[Role::Worker])
        .start()
        .await
        .unwrap();
    let node = fleet.node("w-1");
    let login = Login::new(&node, "root").await.unwrap();
    login.run("true", b"").await.unwrap();
    login.run("true", b"").await.unwrap();

    assert_eq!(
        node.counts(),
        Counts {
            connections: 1,
            logins: 1,
            execs: 2
        }
    );
    let written = std::fs::read_to_string(node.dir().join("counts.json")).unwrap();
    assert_eq!(
        serde_json::from_str::<Counts>(&written).unwrap(),
        node.counts()
    );
    assert_eq!(fleet.node("w-2").counts(), Counts::default());
}

#[tokio::test]
async fn a_command_and_its_children_die_with_their_channel() {
    let fleet = Fleet::builder()
        .nodes(1, &[Role::Worker])
        .start()
        .await
        .unwrap();
    let login = Login::new(&fleet.node("w-1"), "root").await.unwrap();
    let mut channel = login
        .start("sleep 1000 & echo $$ $!; sleep 1000")
        .await
        .unwrap();
    let pids = first_line(&mut channel).await;
    assert!(pids.iter().all(|pid| is_alive(pid)));

    channel.close().await.unwrap();
    assert!(all_end(&pids).await, "{pids:?} live on");
}

#[tokio::test]
async fn a_command_dies_with_the_fleet() {
    let fleet = Fleet::builder()
        .nodes(1, &[Role::Worker])
        .start()
        .await
        .unwrap();
    let node = fleet.node("w-1");
    let login = Login::new(&node, "root").await.unwrap();
    let mut channel = login.start("echo $$; sleep 1000").await.unwrap();
    let pids = first_line(&mut channel).await;

    let dir = fleet.dir().to_owned();
    drop(fleet);
    assert!(all_end(&pids).await, "{pids:?} live on");
    assert!(!dir.exists());
    let mut refused = false;
    for _ in 0..100 {
        refused = tokio::net::TcpStream::connect(node.address())
            .await
            .is_err();
        if refused {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(refused, "something still listens");
}

#[tokio::test]
async fn only_the_fleets_key_and_the_nodes_accounts_are_admitted() {
    let fleet = Fleet::builder()
        .nodes(1, &[Role::Worker])
        .start()
        .await
        .unwrap();
    let other = Fleet::builder()
        .nodes(1, &[Role::Worker])
        .start()
        .await
        .unwrap();
    assert!(Login::new(&fleet.node("w-1"), "mallory").await.is_err());

    std::fs::copy(other.client_key(), fleet.client_key()).unwrap();
    assert!(Login::new(&fleet.node("w-1"), "root").await.is_err());
    assert_eq!(fleet.node("w-1").counts().logins, 0);
}

#[tokio::test]
async fn ubuntu_becomes_root_with_sudo() {
    let fleet = Fleet::builder()
        .nodes(1, &[Role::Worker])
        .user("ubuntu")
        .start()
        .await
        .unwrap();
    let login = Login::new(&fleet.node("w-1"), "ubuntu").await.unwrap();
    let answer = login
        .run(
            "id -u; pwd; sudo -n id -u; sudo -n -- sh -c 'echo $HOME'",
            b"",
        )
        .await
        .unwrap();
    assert_eq!(answer.stdout, "1000\n/home/ubuntu\n0\n/root\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_nodes_answer_at_once() {
    let fleet = Fleet::builder()
        .nodes(3, &[Role::ControlPlane, Role::Etcd])
        .nodes(97, &[Role::Worker])
        .start()
        .await
        .unwrap();
    let answers = fleet.nodes().map(|node| {
        tokio::spawn(async move {
            let line = "cat /etc/hostname; docker inspect kubelet | grep -c hostname-override";
            (node.name().to_owned(), run(&node, line).await.unwrap())
        })
    });
    for answer in futures::future::join_all(answers).await {
        let (name, answer) = answer.unwrap();
        assert_eq!(answer.stdout, format!("{name}\n2\n"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_nodes_start_and_any_of_them_answers() {
    let fleet = Fleet::builder()
        .nodes(1000, &[Role::Worker])
        .lazily()
        .start()
        .await
        .unwrap();
    assert_eq!(fleet.nodes().filter(|node| node.dir().exists()).count(), 0);
    for name in ["w-1", "w-500", "w-1000"] {
        assert_eq!(
            say(&fleet.node(name), "cat /etc/hostname").await,
            format!("{name}\n")
        );
    }
    let unseen = fleet.nodes().nth(6).unwrap();
    assert_eq!(say(&unseen, "docker ps -a | wc -l").await, "5\n");
    assert_eq!(fleet.nodes().filter(|node| node.dir().exists()).count(), 4);
}

/// The test needs OpenSSH's client: `apt-get install openssh-client`.
#[tokio::test(flavor = "multi_thread")]
async fn the_ssh_client_of_openssh_gets_along_with_a_node() {
    let fleet = Fleet::builder().nodes(1, &Role::ALL).start().await.unwrap();
    let node = fleet.node("cp-1");
    let output = tokio::process::Command::new("ssh")
        .args([
            "-F",
            "none",
            "-o",
            "BatchMode=yes",
            "-o",
            "StrictHostKeyChecking=yes",
        ])
        .arg("-o")
        .arg(format!(
            "UserKnownHostsFile={}",
            fleet.known_hosts().display()
        ))
        .arg("-i")
        .arg(fleet.client_key())
        .args(["-p", &node.address().port().to_string()])
        .args([
            &format!("root@{}", node.address().ip()),
            "cat /etc/hostname; exit 3",
        ])
        .output()
        .await
        .expect("the ssh client is not installed");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "cp-1\n",
        "{output:?}"
    );
    assert_eq!(output.status.code(), Some(3));
}

#[tokio::test]
async fn a_fleet_that_is_started_again_is_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let start = || {
        Fleet::builder()
            .in_dir(dir.path())
            .nodes(1, &[Role::Worker])
            .start()
    };

    let fleet = start().await.unwrap();
    say(&fleet.node("w-1"), "echo kept > /etc/kept").await;
    let known = std::fs::read_to_string(fleet.known_hosts()).unwrap();
    drop(fleet);

    let fleet = start().await.unwrap();
    assert_eq!(say(&fleet.node("w-1"), "cat /etc/kept").await, "kept\n");
    let key = |text: &str| text.split(' ').nth(2).map(str::to_owned);
    assert_eq!(
        key(&std::fs::read_to_string(fleet.known_hosts()).unwrap()),
        key(&known)
    );
}

#[tokio::test]
async fn a_fleet_that_is_started_again_without_its_faults_is_healed() {
    let dir = tempfile::tempdir().unwrap();
    let start = || {
        Fleet::builder()
            .in_dir(dir.path())
            .nodes(1, &[Role::Worker])
    };
    let missing = Fault::ContainerMissing("kubelet".to_owned());
    drop(start().fault("w-1", missing).start().await.unwrap());

    let fleet = start().start().await.unwrap();
    assert!(
        say(&fleet.node("w-1"), "docker ps")
            .await
            .contains("kubelet")
    );
}

async fn first_line(channel: &mut russh::Channel<russh::client::Msg>) -> Vec<String> {
    let mut line = String::new();
    while !line.ends_with('\n') {
        match channel.wait().await {
            Some(ChannelMsg::Data { data }) => line.push_str(&String::from_utf8_lossy(&data)),
            Some(_) => {}
            None => panic!("the channel ended after {line:?}"),
        }
    }
    line.split_whitespace().map(str::to_owned).collect()
}

async fn all_end(pids: &[String]) -> bool {
    for _ in 0..200 {
        if !pids.iter().any(|pid| is_alive(pid)) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

/// A process that is only waited for no more counts as ended.
fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}
