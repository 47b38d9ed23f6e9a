//! Ways that OpenSSH's own configuration describes, as its client resolves them.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use harden::inventory::Bastion;
use harden::inventory::KeySource;
use harden::inventory::Node;
use harden::ssh::Remote;
use harden::ssh::SshError;
use harden::ssh::config::Client;
use harden::ssh::config::ConfigError;
use harden::ssh::config::Wishes;
use harden::ssh::config::routes;
use harden::ssh::keys::Keys;
use harden::ssh::obstacle::Obstacle;
use harden::ssh::route::Routes;
use harden::ssh::session::Options;
use harden::ssh::session::Session;
use tempfile::TempDir;

use crate::LONG;
use crate::nothing;
use crate::server::Agent;
use crate::server::Server;
use crate::server::make_key;
use crate::server::node;
use crate::server::trusting;
use crate::server::whoami;

/// A home with a configuration in it.
struct Home(TempDir);

impl Home {
    fn with(config: &str) -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        fs::write(home.path("config"), config).unwrap();
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn client(&self) -> Client {
        Client {
            file: Some(self.path("config")),
            home: Some(self.0.path().to_owned()),
            user: Some("me".to_owned()),
            agent: None,
        }
    }

    async fn routes(&self, nodes: &[&Node]) -> Result<Routes, ConfigError> {
        routes(&self.client(), LEFT_OPEN, nodes).await
    }

    async fn session(&self, node: &Node) -> Session {
        connect(node, self.routes(&[node]).await.unwrap())
            .await
            .unwrap()
    }
}

/// Everything is the configuration's to say.
const LEFT_OPEN: Wishes = Wishes {
    hops: &[],
    known_hosts: Some(&[]),
    has_limit: false,
};

/// `cp-1`, of which the inventory says nothing but its name and the user.
fn bare() -> Node {
    Node {
        address: "cp-1".to_owned(),
        has_port: false,
        ..node(22, KeySource::Default("/nowhere/id_rsa".into()))
    }
}

async fn connect(node: &Node, routes: Routes) -> Result<Session, SshError> {
    let options = Options {
        routes: Arc::new(routes),
        ..trusting("")
    };
    let connected = Session::connect(node, &Keys::new(None), &options).await;
    if connected.is_err() {
        options.close().await;
    }
    connected
}

/// What the configuration says of a server: its port, a key for it and its host key.
fn lines(server: &Server, key: &Path, name: &str) -> String {
    let known = server.path("known");
    let line = server.known_line();
    let named = line.replace("[127.0.0.1]", &format!("[{name}]"));
    fs::write(&known, line + &named).unwrap();
    format!(
        "HostName 127.0.0.1\nPort {}\nIdentityFile {}\nIdentitiesOnly yes\nUserKnownHostsFile {}\n",
        server.port,
        key.display(),
        known.display()
    )
}

#[tokio::test]
async fn name_port_key_and_host_keys_come_from_the_configuration() {
    let server = Server::start();
    let key = server.key("id", "ed25519", &[]);
    let home = Home::with(&format!("Host cp-*\n{}", lines(&server, &key, "")));

    let session = home.session(&bare()).await;

    let output = session.run("echo in", nothing(), LONG).await.unwrap();
    assert_eq!(output.stdout, b"in\n");
    assert_eq!(session.obstacle(), Some(Obstacle::OnlyConfigured));
    session.close().await;
}

#[tokio::test]
async fn the_inventory_wins_over_the_configuration() {
    let (right, wrong) = (Server::start(), Server::start());
    let key = right.key("id", "ed25519", &[]);
    let other = wrong.key("id", "ed25519", &[]);
    let home = Home::with(&format!("Host *\n{}", lines(&wrong, &other, "")));
    fs::write(wrong.path("known"), right.known_line()).unwrap();
    let node = Node {
        port: right.port,
        has_port: true,
        key: KeySource::File(key),
        ..bare()
    };

    home.session(&node).await.close().await;

    assert_eq!(wrong.connections().await, 0);
}

#[tokio::test]
async fn wildcards_includes_matches_and_tokens_are_read_as_openssh_does() {
    let server = Server::start();
    let key = server.key("id", "ed25519", &[]);
    let config = "Include part\n\
                  Host other\nPort 1\n\
                  Match host cp-1 user nobody\nPort 2\n\
                  Match originalhost cp-? exec \"test %n = cp-1\"\nIdentityFile %d/keys/%n-%r\n\
                  Host !cp-1 cp-*\nPort 3\n";
    let home = Home::with(config);
    // A path that does not begin with a slash would be one below ~/.ssh.
    let part = home.path("part");
    let include = config.replace("part", &part.display().to_string());
    fs::write(home.path("config"), include).unwrap();
    let mut known = lines(&server, Path::new("none"), "");
    known = known.replace("IdentityFile none\n", "");
    fs::write(&part, format!("Host *\n{known}")).unwrap();
    fs::create_dir(home.path("keys")).unwrap();
    fs::copy(key, home.path("keys").join(format!("cp-1-{}", whoami()))).unwrap();

    home.session(&bare()).await.close().await;
}

#[tokio::test]
async fn jump_hosts_of_the_configuration_are_passed_in_order_and_may_have_their_own() {
    let [outer, inner, end] = [Server::start(), Server::start(), Server::start()];
    let [a, b, c] = [&outer, &inner, &end].map(|server| server.key("id", "ed25519", &[]));
    let home = Home::with(&format!(
        "Host outer\n{}Host inner\nProxyJump {}@outer\n{}Host cp-1\nProxyJump inner\n{}\
         Host *\nUser {}\n",
        lines(&outer, &a, ""),
        whoami(),
        lines(&inner, &b, ""),
        lines(&end, &c, ""),
        whoami(),
    ));

    let routes = home.routes(&[&bare()]).await.unwrap();
    let hops = routes.to(&bare()).end.at.via.clone();
    let session = connect(&bare(), routes).await.unwrap();

    let user = whoami();
    assert_eq!(
        hops,
        [
            format!("{user}@127.0.0.1:{}", outer.port),
            format!("{user}@127.0.0.1:{}", inner.port)
        ]
    );
    session.close().await;
    assert_eq!(outer.connections().await, 1);
}

#[tokio::test]
async fn jump_hosts_of_the_inventory_win_and_are_looked_up_too() {
    let (jump, end) = (Server::start(), Server::start());
    let key = jump.key("id", "ed25519", &[]);
    fs::copy(jump.path("authorized_keys"), end.path("authorized_keys")).unwrap();
    let home = Home::with(&format!(
        "Host gate\n{}Host cp-1\nProxyJump nowhere\n{}",
        lines(&jump, &key, ""),
        lines(&end, &key, "")
    ));
    let hop = Bastion {
        address: "gate".to_owned(),
        port: 22,
        has_port: false,
        user: whoami(),
        key: KeySource::Default("/nowhere/id_rsa".into()),
    };
    let wishes = Wishes {
        hops: &[hop],
        ..LEFT_OPEN
    };

    let routes = routes(&home.client(), wishes, &[&bare()]).await.unwrap();

    connect(&bare(), routes).await.unwrap().close().await;
    assert_eq!(jump.connections().await, 1);
}

#[tokio::test]
async fn a_host_key_alias_is_the_name_on_record() {
    let server = Server::start();
    let key = server.key("id", "ed25519", &[]);
    let home = Home::with(&format!(
        "Host cp-1\nHostKeyAlias the-first\n{}",
        lines(&server, &key, "")
    ));
    let error = connect(&bare(), home.routes(&[&bare()]).await.unwrap()).await;
    assert!(matches!(error, Err(SshError::HostKeyUnknown { .. })));
    fs::write(
        server.path("known"),
        format!("the-first {}\n", server.host_key()),
    )
    .unwrap();

    home.session(&bare()).await.close().await;
}

#[tokio::test]
async fn files_of_host_keys_that_somebody_named_are_the_only_ones() {
    let server = Server::start();
    let key = server.key("id", "ed25519", &[]);
    let home = Home::with(&format!("Host *\n{}", lines(&server, &key, "")));
    let wishes = Wishes {
        known_hosts: None,
        ..LEFT_OPEN
    };

    let routes = routes(&home.client(), wishes, &[&bare()]).await.unwrap();

    let error = connect(&bare(), routes).await.unwrap_err();
    assert!(
        matches!(error, SshError::HostKeyUnknown { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_limit_of_the_configuration_ends_the_wait_unless_another_was_given() {
    let home = Home::with("Host *\nConnectTimeout 3\n");
    let limit = async |has_limit| {
        let wishes = Wishes {
            has_limit,
            ..LEFT_OPEN
        };
        let routes = routes(&home.client(), wishes, &[&bare()]).await.unwrap();
        routes.to(&bare()).end.connect
    };

    assert_eq!(limit(false).await, Some(Duration::from_secs(3)));
    assert_eq!(limit(true).await, None);
}

/// An authority that `server` trusts, and a key with its certificate.
fn certified(directory: &Path) -> (PathBuf, String) {
    make_key(&directory.join("ca"), "ed25519", &[]);
    let key = directory.join("certified");
    make_key(&key, "ed25519", &[]);
    let signed = Command::new("ssh-keygen")
        .args(["-q", "-I", "me", "-n", &whoami(), "-s"])
        .arg(directory.join("ca"))
        .arg(key.with_extension("pub"))
        .status();
    assert!(signed.unwrap().success());
    let authority = fs::read_to_string(directory.join("ca.pub")).unwrap();
    (key, authority)
}

#[tokio::test]
async fn certificates_beside_their_key_or_named_log_in_with_a_file_and_with_an_agent() {
    let directory = tempfile::tempdir().unwrap();
    let (key, authority) = certified(directory.path());
    let server = Server::with("ed25519", "TrustedUserCAKeys DIR/authorities");
    fs::write(server.path("authorities"), authority).unwrap();
    let home = Home::with(&format!("Host *\n{}", lines(&server, &key, "")));

    home.session(&bare()).await.close().await;

    let named = directory.path().join("elsewhere.pub");
    fs::rename(directory.path().join("certified-cert.pub"), &named).unwrap();
    let config = fs::read_to_string(home.path("config")).unwrap();
    let config = format!("{config}CertificateFile {}\n", named.display());
    fs::write(home.path("config"), &config).unwrap();
    home.session(&bare()).await.close().await;

    let agent = Agent::start(directory.path());
    agent.add(&key);
    fs::remove_file(&key).unwrap();
    let config = format!("{config}IdentityAgent {}\n", agent.socket.display());
    fs::write(home.path("config"), config).unwrap();
    home.session(&bare()).await.close().await;
}

#[tokio::test]
async fn identities_only_keeps_an_agent_full_of_strangers_away() {
    let server = Server::start();
    let key = server.key("id", "ed25519", &[]);
    let directory = tempfile::tempdir().unwrap();
    let agent = Agent::start(directory.path());
    for index in 0..7 {
        let stranger = directory.path().join(index.to_string());
        make_key(&stranger, "ed25519", &[]);
        agent.add(&stranger);
    }
    agent.add(&key);
    let home = Home::with(&format!(
        "Host *\n{}IdentityAgent {}\n",
        lines(&server, &key, ""),
        agent.socket.display()
    ));

    home.session(&bare()).await.close().await;

    // Without it the key that is named still comes first.
    let config = fs::read_to_string(home.path("config")).unwrap();
    let config = config.replace("IdentitiesOnly yes", "IdentitiesOnly no");
    fs::write(home.path("config"), config).unwrap();
    home.session(&bare()).await.close().await;
    assert_eq!(server.count("Failed publickey").await, 0);
}

#[tokio::test]
async fn identity_files_that_are_not_there_are_passed_over() {
    let server = Server::start();
    let key = server.key("id", "ed25519", &[]);
    let more = lines(&server, &key, "");
    let home = Home::with(&format!("Host *\nIdentityFile /nowhere/id\n{more}"));
    home.session(&bare()).await.close().await;

    fs::remove_file(&key).unwrap();
    fs::remove_file(key.with_extension("pub")).unwrap();

    let routes = home.routes(&[&bare()]).await.unwrap();
    let error = connect(&bare(), routes).await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("`/nowhere/id`") && text.contains("is there"),
        "{text}"
    );
}

#[tokio::test]
async fn what_cannot_be_followed_is_refused_by_name() {
    let refused = async |config: &str| {
        let home = Home::with(config);
        let error = home.routes(&[&bare()]).await.unwrap_err();
        assert!(!error.hint().is_empty());
        error.to_string()
    };

    let command = refused("Host *\nProxyCommand nc %h %p\n").await;
    assert!(command.contains("`ProxyCommand`"), "{command}");
    let circle = refused("Host cp-1\nProxyJump a\nHost a\nProxyJump cp-1\n").await;
    assert!(circle.contains("eight jump hosts"), "{circle}");
    let mistake = refused("Host *\nPort many\n").await;
    assert!(
        mistake.contains("ssh -G cp-1") && mistake.contains("many"),
        "{mistake}"
    );
}

#[tokio::test]
async fn every_host_is_asked_about_once() {
    let home = Home::with("");
    let told = home.path("told");
    let config = format!("Match exec \"echo %n >> {}\"\nPort 2022\n", told.display());
    fs::write(home.path("config"), config).unwrap();
    let nodes: Vec<Node> = (0..40)
        .map(|number| Node {
            name: format!("n-{number}"),
            address: format!("10.0.0.{}", number % 20),
            ..bare()
        })
        .collect();

    let routes = home
        .routes(&nodes.iter().collect::<Vec<_>>())
        .await
        .unwrap();

    assert_eq!(routes.to(&nodes[39]).end.at.port, 2022);
    let told = fs::read_to_string(told).unwrap();
    assert_eq!(told.lines().count(), 20, "{told}");
}
