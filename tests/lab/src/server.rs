//! The SSH server of a node.

use std::collections::HashMap;
use std::future;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::Duration;

use russh::Channel;
use russh::ChannelId;
use russh::ChannelOpenFailure;
use russh::MethodKind;
use russh::MethodSet;
use russh::SshId;
use russh::keys::PrivateKey;
use russh::server;
use russh::server::Auth;
use russh::server::ChannelOpenHandle;
use russh::server::Config;
use russh::server::Msg;
use russh::server::PublicKeyOffer;
use russh::server::Session;
use russh::server::VerifiedPublicKey;
use rustix::net::sockopt::set_socket_linger;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::api;
use crate::exec::Exec;
use crate::fault::Fault;
use crate::machine::Machine;
use crate::wire;

/// The accounts of a node.
const ACCOUNTS: [&str; 2] = ["root", "ubuntu"];

const DOCKER: &str = "/var/run/docker.sock";

const VERSION: &[u8] = b"HTTP/1.0 200 OK\r\n\r\n{\"Version\":\"17.03.2-ce\"}";

/// The port of a node.
pub(crate) enum Door {
    Open(TcpListener),
    /// A bound socket that does not listen refuses, and keeps the port for later.
    Closed(TcpSocket),
}

impl Door {
    /// What `machine` makes of its bound `socket` now.
    pub(crate) fn of(machine: &Machine, socket: TcpSocket) -> io::Result<Self> {
        if is_shut(&machine.faults()) {
            return Ok(Self::Closed(socket));
        }
        Ok(Self::Open(socket.listen(1024)?))
    }
}

/// Serves `machine`, and closes and opens its door as its faults say. Dropping the future ends
/// every connection.
pub(crate) async fn serve(machine: Arc<Machine>, mut door: Door) {
    let mut connections = JoinSet::new();
    let mut faults = machine.watch_faults();
    loop {
        let socket = match door {
            Door::Closed(socket) => {
                let _ = faults.wait_for(|now| !is_shut(now)).await;
                Ok(socket)
            }
            Door::Open(listener) => {
                tokio::select! {
                    () = wire::accept(&listener, &mut connections, |client| {
                        attend(client, Arc::clone(&machine))
                    }) => return,
                    _ = faults.wait_for(|now| is_shut(now)) => {}
                }
                drop(listener);
                bind_again(address(&machine)).await
            }
        };
        match socket.and_then(|socket| Door::of(&machine, socket)) {
            Ok(next) => door = next,
            Err(_) => return,
        }
    }
}

fn is_shut(faults: &[Fault]) -> bool {
    faults.iter().any(Fault::closes_the_door)
}

/// A socket on `address` that does not listen yet.
///
/// A port that is asked for may still have old connections on it. For any free port that
/// permission is not given: the kernel could hand out one that another fleet has bound.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(address.port() != 0)?;
    socket.bind(address)?;
    // Its connections inherit it: a door that closes and opens again finds them on its port.
    socket.set_reuseaddr(true)?;
    Ok(socket)
}

/// The same for a door that has just been closed.
///
/// A process that is being started holds a copy of the listener until it runs its program, and so
/// long the port is taken; not for a minute.
async fn bind_again(address: SocketAddr) -> io::Result<TcpSocket> {
    for _ in 0..30_000 {
        match bind(address) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            bound => return bound,
        }
    }
    bind(address)
}

fn address(machine: &Machine) -> SocketAddr {
    SocketAddr::from((machine.identity.address, machine.identity.port))
}

fn config(machine: &Machine) -> Config {
    Config {
        server_id: SshId::Standard("SSH-2.0-harden-lab".into()),
        methods: MethodSet::from(&[MethodKind::PublicKey][..]),
        auth_rejection_time: Duration::ZERO,
        keys: vec![shown(machine).clone()],
        inactivity_timeout: None,
        ..Config::default()
    }
}

fn shown(machine: &Machine) -> &PrivateKey {
    if machine.faults().contains(&Fault::Impostor) {
        &machine.other_key
    } else {
        &machine.host_key
    }
}

async fn attend(client: TcpStream, machine: Arc<Machine>) {
    let mut cuts = machine.watch_cuts();
    let found = Arc::clone(&machine);
    // A node that cannot be made hangs up, and whoever looks for it finds the reason.
    let Ok(Ok(())) = tokio::task::spawn_blocking(move || found.ready()).await else {
        return;
    };
    machine.count(|counts| counts.connections += 1);
    let faults = machine.faults();
    if faults.contains(&Fault::Hang) {
        return future::pending().await;
    }
    let mut weather = machine.watch_faults();
    if faults.contains(&Fault::DropHandshake) {
        let _ = wire::drop_handshake(client).await;
        return;
    }
    if faults.contains(&Fault::Babble) {
        let _ = wire::babble(client).await;
        return;
    }
    let _ = client.set_nodelay(true);
    let config = Arc::new(config(&machine));
    let cut = Arc::new(Notify::new());
    let (near, far) = tokio::io::duplex(64 * 1024);
    // What is set on a second handle holds for the connection.
    let twin = client.as_fd().try_clone_to_owned();
    let here = Arc::clone(&machine);
    let login = Login::new(machine, Arc::clone(&cut));
    let session = async {
        if let Ok(session) = server::run_stream(config, far, login).await {
            let _ = session.await;
        }
    };
    let carried = async { tokio::join!(session, wire::carry(client, near, delay(&faults))) };
    let mut carried = std::pin::pin!(carried);
    tokio::select! {
        ((), ()) = &mut carried => {}
        () = cut.notified() => {}
        _ = cuts.changed() => {}
        // Nobody carries anything any more, and nobody hears of it.
        () = lost(&mut weather) => {
            let _ = cuts.changed().await;
        }
    }
    if let (true, Ok(twin)) = (here.faults().contains(&Fault::Reboots), twin) {
        // A node without power says no goodbye; once it is back, it resets what it does not know.
        let _ = set_socket_linger(&twin, Some(Duration::ZERO));
    }
}

async fn lost(weather: &mut watch::Receiver<Vec<Fault>>) {
    let lost = weather.wait_for(|now| now.contains(&Fault::NetworkLost));
    if lost.await.is_err() {
        future::pending::<()>().await;
    }
}

fn delay(faults: &[Fault]) -> Duration {
    let slow = faults.iter().find_map(|fault| match fault {
        Fault::Slow(delay) => Some(*delay),
        _ => None,
    });
    slow.unwrap_or_default()
}

/// One connection's side of the protocol.
struct Login {
    machine: Arc<Machine>,
    cut: Arc<Notify>,
    user: String,
    /// Channels that are open and run nothing yet.
    idle: HashMap<ChannelId, Channel<Msg>>,
    /// Channels that were ever open.
    opened: usize,
}

impl Login {
    fn new(machine: Arc<Machine>, cut: Arc<Notify>) -> Self {
        Self {
            machine,
            cut,
            user: String::new(),
            idle: HashMap::new(),
            opened: 0,
        }
    }

    fn admits(&self, user: &str, key: &russh::keys::PublicKey) -> Auth {
        let refused = self.machine.faults().contains(&Fault::LoginRefused);
        let is_ours = key.key_data() == self.machine.blueprint.client.key_data();
        if is_ours && !refused && ACCOUNTS.contains(&user) {
            Auth::Accept
        } else {
            Auth::reject()
        }
    }

    fn start(
        &mut self,
        channel: ChannelId,
        line: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        let Some(open) = self.idle.remove(&channel) else {
            return session.channel_failure(channel);
        };
        session.channel_success(channel)?;
        self.machine.count(|counts| counts.execs += 1);
        let exec = Exec {
            number: self.machine.counts().execs,
            machine: Arc::clone(&self.machine),
            user: self.user.clone(),
            cut: Arc::clone(&self.cut),
            session: session.handle(),
        };
        tokio::spawn(exec.run(open, line.to_vec()));
        Ok(())
    }
}

impl server::Handler for Login {
    type Error = russh::Error;

    async fn auth_publickey_offered(
        &mut self,
        user: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(self.admits(user, offer.public_key))
    }

    async fn auth_publickey(
        &mut self,
        user: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        if self.machine.faults().contains(&Fault::HangLogin) {
            return future::pending().await;
        }
        user.clone_into(&mut self.user);
        Ok(self.admits(user, key.public_key))
    }

    async fn auth_succeeded(&mut self, _: &mut Session) -> Result<(), Self::Error> {
        self.machine.count(|counts| counts.logins += 1);
        if self.machine.faults().contains(&Fault::DropLogin) {
            self.cut.notify_one();
        }
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        let is_full =
            |fault: &Fault| matches!(fault, Fault::Sessions(most) if self.opened >= *most);
        if self.machine.faults().iter().any(is_full) {
            reply.reject(ChannelOpenFailure::ConnectFailed).await;
            return Ok(());
        }
        self.opened += 1;
        self.idle.insert(channel.id(), channel);
        reply.accept().await;
        Ok(())
    }

    /// Docker's socket: every request is answered with its version.
    async fn channel_open_direct_streamlocal(
        &mut self,
        channel: Channel<Msg>,
        path: &str,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        let is_down = |fault: &Fault| matches!(fault, Fault::DockerDown | Fault::DockerMissing);
        if path != DOCKER || self.machine.faults().iter().any(is_down) {
            reply.reject(ChannelOpenFailure::ConnectFailed).await;
            return Ok(());
        }
        reply.accept().await;
        tokio::spawn(async move {
            let mut stream = channel.into_stream();
            let mut asked = [0; 1024];
            let _ = stream.read(&mut asked).await;
            let _ = stream.write_all(VERSION).await;
            let _ = stream.shutdown().await;
        });
        Ok(())
    }

    /// Port 6443 of the node is its API server's; all of a fleet are one, but for what is wrong
    /// with them.
    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        port: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        let Some(mut api) = api::of(&self.machine, host, port).await else {
            reply.reject(ChannelOpenFailure::ConnectFailed).await;
            return Ok(());
        };
        reply.accept().await;
        let is_silent = self.machine.faults().contains(&Fault::ApiSilent);
        tokio::spawn(async move {
            let mut stream = channel.into_stream();
            if is_silent {
                let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
            } else {
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut api).await;
            }
        });
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        line: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.start(channel, line, session)
    }

    async fn shell_request(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.start(channel, b"exec /bin/sh", session)
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(channel)
    }
}
