//! Thousands of nodes on one port: each answers every command with what one real run said.
//!
//! A simulated node of the [`Fleet`](crate::Fleet) has directories and starts processes. A node of
//! a crowd has neither: the first command is run once on this machine, and its answer is kept for
//! all. That is enough to measure a client.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use russh::Channel;
use russh::ChannelId;
use russh::MethodKind;
use russh::MethodSet;
use russh::server;
use russh::server::Auth;
use russh::server::ChannelOpenHandle;
use russh::server::Config;
use russh::server::Msg;
use russh::server::Session;
use russh::server::VerifiedPublicKey;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::builder::raise_file_limit;
use crate::key;
use crate::relay;
use crate::wire;

/// What `docker inspect` says on every node.
const INSPECTED: &str = include_str!("../../fixtures/rke-v0.1.11/inspect-hardened.json");

/// How the nodes of a crowd behave; of every hundred, the first ones are ill.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    /// Per cent of the nodes that refuse connections.
    pub dead: usize,
    /// Per cent that accept and say nothing.
    pub hanging: usize,
    /// Per cent that wait for [`Weather::pause`] before each answer.
    pub slow: usize,
    pub pause: Duration,
    /// How long each byte is under way, in either direction.
    pub delay: Duration,
}

/// A crowd that answers; dropping it ends every connection.
pub struct Crowd {
    dir: TempDir,
    _server: JoinSet<()>,
}

impl Crowd {
    /// Starts `count` workers and writes what leads to them.
    ///
    /// # Errors
    /// The directory cannot be written, or no port is free.
    #[expect(
        clippy::unused_async,
        reason = "it spawns its server, which only a runtime can"
    )]
    pub async fn start(count: u32, weather: Weather) -> Result<Self, anyhow::Error> {
        raise_file_limit();
        let dir = tempfile::Builder::new().prefix("harden-crowd-").tempdir()?;
        let client = key::fresh("crowd")?;
        key::keep(&client, &dir.path().join("id_ed25519"))?;
        let docker = dir.path().join("docker");
        fs::write(dir.path().join("inspected.json"), INSPECTED)?;
        fs::write(&docker, "#!/bin/sh\nexec cat \"${0%/*}/inspected.json\"\n")?;
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&docker, executable)?;
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))?;
        let listener = socket.listen(4096)?;
        let port = listener.local_addr()?.port();
        let host_key = key::fresh("crowd")?;
        let known = host_key.public_key().to_openssh()?;
        write_signposts(dir.path(), count, port, &weather, &known)?;
        let config = Arc::new(Config {
            methods: MethodSet::from(&[MethodKind::PublicKey][..]),
            auth_rejection_time: Duration::ZERO,
            keys: vec![host_key],
            inactivity_timeout: None,
            ..Config::default()
        });
        let answers = Arc::new(Answers {
            path: dir.path().to_owned(),
            known: Mutex::default(),
        });
        let mut server = JoinSet::new();
        server.spawn(accept(listener, config, answers, weather));
        Ok(Self {
            dir,
            _server: server,
        })
    }

    /// The RKE-style node list, with `known_hosts` beside it.
    pub fn inventory(&self) -> PathBuf {
        self.dir.path().join("inventory.yml")
    }
}

/// What a node does, by its place in the crowd.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Manner {
    Dead,
    Hanging,
    Slow,
    Well,
}

impl Weather {
    fn of(&self, index: u32) -> Manner {
        let place = usize::try_from(index % 100).unwrap_or_default();
        let (hanging, slow) = (
            self.dead + self.hanging,
            self.dead + self.hanging + self.slow,
        );
        match place {
            dead if dead < self.dead => Manner::Dead,
            place if place < hanging => Manner::Hanging,
            place if place < slow => Manner::Slow,
            _ => Manner::Well,
        }
    }
}

/// The first node is 127.16.0.1.
fn address(index: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x7f10_0001 + index)
}

fn write_signposts(
    dir: &Path,
    count: u32,
    port: u16,
    weather: &Weather,
    key: &str,
) -> io::Result<()> {
    let mut inventory = format!(
        "ssh_key_path: {}\nkubernetes_version: v1.11.3-rancher1-1\n\
         harden: {{known_hosts: known_hosts}}\nnodes:\n",
        dir.join("id_ed25519").display()
    );
    let mut known_hosts = String::new();
    for index in 0..count {
        let address = address(index);
        // Nothing ever listens on port 1.
        let port = if weather.of(index) == Manner::Dead {
            1
        } else {
            port
        };
        // RKE wants one node with etcd and one control plane.
        let roles = if index + 1 == count {
            "controlplane, etcd, worker"
        } else {
            "worker"
        };
        let _ = writeln!(
            inventory,
            "- {{address: {address}, port: {port}, user: root, hostname_override: w-{index:04}, role: [{roles}]}}"
        );
        let _ = writeln!(known_hosts, "[{address}]:{port} {key}");
    }
    fs::write(dir.join("inventory.yml"), inventory)?;
    fs::write(dir.join("known_hosts"), known_hosts)
}

async fn accept(
    listener: TcpListener,
    config: Arc<Config>,
    answers: Arc<Answers>,
    weather: Weather,
) {
    let attend = |client| attend(client, config.clone(), answers.clone(), weather);
    wire::accept(&listener, &mut JoinSet::new(), attend).await;
}

async fn attend(client: TcpStream, config: Arc<Config>, answers: Arc<Answers>, weather: Weather) {
    let Some(index) = index(&client) else {
        return;
    };
    let manner = weather.of(index);
    if manner == Manner::Hanging {
        std::future::pending::<()>().await;
    }
    let _ = client.set_nodelay(true);
    let pause = if manner == Manner::Slow {
        weather.pause
    } else {
        Duration::ZERO
    };
    let one = One { answers, pause };
    if weather.delay.is_zero() {
        if let Ok(session) = server::run_stream(config, client, one).await {
            let _ = session.await;
        }
        return;
    }
    let (near, far) = tokio::io::duplex(64 * 1024);
    let session = async {
        if let Ok(session) = server::run_stream(config, far, one).await {
            let _ = session.await;
        }
    };
    tokio::join!(session, relay::carry(client, near, weather.delay));
}

/// Which node the client meant.
fn index(client: &TcpStream) -> Option<u32> {
    match client.local_addr().ok()? {
        SocketAddr::V4(local) => u32::from(*local.ip()).checked_sub(u32::from(address(0))),
        SocketAddr::V6(_) => None,
    }
}

/// What commands say, each run once.
struct Answers {
    path: PathBuf,
    known: Mutex<HashMap<Vec<u8>, Vec<u8>>>,
}

impl Answers {
    async fn to(&self, line: &[u8]) -> Vec<u8> {
        let mut known = self.known.lock().await;
        if let Some(answer) = known.get(line) {
            return answer.clone();
        }
        let answer = self.run(line).await.unwrap_or_default();
        known.insert(line.to_vec(), answer.clone());
        answer
    }

    async fn run(&self, line: &[u8]) -> io::Result<Vec<u8>> {
        let line = std::str::from_utf8(line).map_err(io::Error::other)?;
        let path = format!("{}:/usr/bin:/bin", self.path.display());
        let output = Command::new("sh")
            .args(["-c", line])
            .env("PATH", path)
            .stdin(Stdio::null())
            .output()
            .await?;
        Ok(output.stdout)
    }
}

/// One connection's side of the protocol.
struct One {
    answers: Arc<Answers>,
    pause: Duration,
}

impl server::Handler for One {
    type Error = russh::Error;

    async fn auth_publickey(
        &mut self,
        _: &str,
        _: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        line: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(channel)?;
        let (answers, line, pause) = (self.answers.clone(), line.to_vec(), self.pause);
        let handle = session.handle();
        tokio::spawn(async move {
            sleep(pause).await;
            let answer = answers.to(&line).await;
            let _ = handle.data(channel, answer).await;
            let _ = handle.eof(channel).await;
            let _ = handle.exit_status_request(channel, 0).await;
            let _ = handle.close(channel).await;
        });
        Ok(())
    }
}
