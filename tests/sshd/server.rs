//! A real OpenSSH server of its own for each test, and the keys to it.

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::time::Duration;

use harden::inventory::KeySource;
use harden::inventory::Node;
use harden::ssh::host_key::HostKey;
use harden::ssh::known_hosts::KnownHosts;
use harden::ssh::session::Options;
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::LONG;

/// Where a server listens, so that a fleet can have an address for each node.
const LOOPBACK: [&str; 6] = [
    "127.0.0.1",
    "127.0.0.2",
    "127.0.0.3",
    "127.0.0.4",
    "127.0.0.5",
    "::1",
];

const SSHD: &str = "/usr/sbin/sshd";

/// Of the user `op`.
pub(crate) const PASSWORD: &str = "correct horse";

/// Gives a node trees of its own; lines of shell for its mount namespace.
const OWN_TREES: &str = "set -e
mkdir DIR/node
mount -t tmpfs -o mode=755 tmpfs DIR/node
mkdir DIR/node/etc DIR/node/work DIR/node/bin
mount -t overlay overlay -o lowerdir=/etc,upperdir=DIR/node/etc,workdir=DIR/node/work /etc
install -m 755 DIR/docker DIR/node/bin/docker
mount --bind DIR/node/bin /usr/local/bin
for key in vm/overcommit_memory kernel/panic kernel/panic_on_oops; do
    echo 0 >DIR/node/${key#*/}
    mount --bind DIR/node/${key#*/} /proc/sys/$key
done
for place in /var/lib /run /root; do mount -t tmpfs -o mode=755 tmpfs $place; done
mkdir -p -m 755 /run/sshd /etc/kubernetes/ssl /var/lib/docker.d/now
";

const PATIENCE: Duration = Duration::from_secs(20);

/// An sshd on a port of its own, stopped when dropped.
pub(crate) struct Server {
    directory: TempDir,
    pub(crate) port: u16,
    child: Child,
    log: Arc<Log>,
}

/// The lines that sshd has written so far.
#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    grown: Condvar,
}

impl Log {
    fn wait_for(&self, found: impl Fn(&[String]) -> bool) -> bool {
        let lines = self.lines.lock().unwrap();
        let waited = self
            .grown
            .wait_timeout_while(lines, PATIENCE, |lines| !found(lines));
        !waited.unwrap().1.timed_out()
    }
}

impl Server {
    /// An ordinary server with an ed25519 host key.
    pub(crate) fn start() -> Self {
        Self::with("ed25519", "")
    }

    /// A server with a host key of type `host_key` and more lines of configuration,
    /// in which `DIR` stands for its directory.
    pub(crate) fn with(host_key: &str, more: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self::serve(directory, host_key, more)
    }

    /// A server on which there is a user `op` with this login shell, the password [`PASSWORD`]
    /// and these rules of sudo, in which `DIR` stands for the server's directory. Nobody else sees
    /// that user.
    pub(crate) fn with_operator(shell: &str, sudoers: &str, more: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        hire(directory.path(), shell, sudoers, PASSWORD);
        Self::serve(directory, "ed25519", more)
    }

    /// A server that may be changed like a node: `/etc`, `/var/lib`, `/run`, `/root` and the kernel
    /// values of the guide are its own, and nothing runs in its Docker. Its user `op` becomes root
    /// with this password.
    pub(crate) fn as_a_node(password: &str, more: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        let docker = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bench/docker");
        fs::copy(docker, at.join("docker")).unwrap();
        let sudoers = "Defaults !syslog, logfile=DIR/sudo.log\nop ALL=(ALL) ALL";
        hire(at, "/bin/sh", sudoers, password);
        let own = OWN_TREES.replace("DIR", &at.display().to_string());
        let enter = fs::read_to_string(at.join("enter")).unwrap();
        fs::write(at.join("enter"), own + &enter).unwrap();
        Self::serve(directory, "ed25519", more)
    }

    /// A server before which `mounts`, lines of shell in which `DIR` stands for its directory, are
    /// run where nobody else sees what they mount.
    pub(crate) fn with_mounts(mounts: &str, more: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mounts = mounts.replace("DIR", &directory.path().display().to_string());
        let enter = format!("set -e\n{mounts}\nexec \"$@\"\n");
        fs::write(directory.path().join("enter"), enter).unwrap();
        Self::serve(directory, "ed25519", more)
    }

    fn serve(directory: TempDir, host_key: &str, more: &str) -> Self {
        assert!(
            Path::new(SSHD).exists(),
            "these tests need OpenSSH's server: install openssh-server"
        );
        let at = directory.path();
        make_key(&at.join("host_key"), host_key, &[]);
        fs::write(at.join("authorized_keys"), "").unwrap();
        let config = format!(
            "{more}\nHostKey {0}/host_key\nAuthorizedKeysFile {0}/authorized_keys\nStrictModes no\n\
             PidFile none\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             PermitRootLogin prohibit-password\nLogLevel VERBOSE\n",
            at.display()
        );
        let config = config.replace("DIR", &at.display().to_string());
        fs::write(at.join("sshd_config"), config).unwrap();
        // sshd wants its directory for privilege separation when it is root.
        let _ = fs::create_dir_all("/run/sshd");
        for _ in 0..5 {
            if let Some((child, port, log)) = launch(at) {
                return Self {
                    directory,
                    port,
                    child,
                    log,
                };
            }
        }
        panic!("sshd does not start");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A new key of `kind` that the server accepts.
    pub(crate) fn key(&self, name: &str, kind: &str, more: &[&str]) -> PathBuf {
        let path = self.path(name);
        make_key(&path, kind, more);
        let public = fs::read_to_string(path.with_extension("pub")).unwrap();
        let known = fs::read_to_string(self.path("authorized_keys")).unwrap();
        fs::write(self.path("authorized_keys"), known + &public).unwrap();
        path
    }

    /// The node that this server plays.
    pub(crate) fn node(&self, key: KeySource) -> Node {
        node(self.port, key)
    }

    /// The node as the user `op`, who has a fresh key, sees it.
    pub(crate) fn node_of_operator(&self) -> Node {
        Node {
            user: "op".to_owned(),
            ..self.node_with_key()
        }
    }

    /// A node with a fresh ed25519 key that the server accepts.
    pub(crate) fn node_with_key(&self) -> Node {
        self.node(KeySource::File(self.key("id", "ed25519", &[])))
    }

    /// `TYPE KEY` of the server's host key.
    pub(crate) fn host_key(&self) -> String {
        public_half(&self.path("host_key"))
    }

    /// The line that makes the server known.
    pub(crate) fn known_line(&self) -> String {
        format!("[127.0.0.1]:{} {}\n", self.port, self.host_key())
    }

    /// Options that know the server's key.
    pub(crate) fn options(&self) -> Options {
        trusting(&self.known_line())
    }

    /// Everything that sshd has written up to now.
    pub(crate) async fn log(&self) -> String {
        self.count("").await;
        self.log.lines.lock().unwrap().join("\n")
    }

    /// The file system as this server sees it.
    pub(crate) fn root(&self) -> PathBuf {
        format!("/proc/{}/root", self.child.id()).into()
    }

    /// Ends every connection from the server's side, as a crash would.
    pub(crate) async fn cut_connections(&self) {
        let children = Command::new("pgrep")
            .args(["-P", &self.child.id().to_string()])
            .output();
        let children = String::from_utf8(children.unwrap().stdout).unwrap();
        for child in children.lines() {
            let killed = Command::new("kill").args(["-KILL", child]).status();
            assert!(killed.unwrap().success());
        }
        self.count("").await;
    }

    /// Connections that the server has seen.
    pub(crate) async fn connections(&self) -> usize {
        self.count("Connection from").await
    }

    /// How many of the lines that sshd has written up to now have `words`.
    pub(crate) async fn count(&self, words: &str) -> usize {
        // The log comes through a pipe: when it speaks of a new connection, all before is here.
        let probe = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let port = probe.local_addr().unwrap().port();
        let mark = format!("Connection from 127.0.0.1 port {port} ");
        self.wait_for(&mark).await;
        let lines = self.log.lines.lock().unwrap();
        let others = lines.iter().filter(|line| !line.contains(&mark));
        others.filter(|line| line.contains(words)).count()
    }

    /// Waits until sshd says `words`, while our side of the connection goes on.
    pub(crate) async fn wait_for(&self, words: &str) {
        self.wait_for_one_of(&[words]).await;
    }

    /// Waits until a connection was closed in order; whether the client's last message or the end
    /// of the stream behind it comes first is not for us to say.
    pub(crate) async fn wait_for_goodbye(&self) {
        self.wait_for_one_of(&["Disconnected from", "Closing connection"])
            .await;
    }

    async fn wait_for_one_of(&self, words: &[&str]) {
        let wanted: Vec<String> = words.iter().map(ToString::to_string).collect();
        let log = self.log.clone();
        let is_wanted = move |line: &String| wanted.iter().any(|wanted| line.contains(wanted));
        let said = move || log.wait_for(|lines| lines.iter().any(&is_wanted));
        let said = tokio::task::spawn_blocking(said).await.unwrap();
        assert!(said, "sshd never said {words:?}: {:#?}", self.log.lines);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Prepares an account that only exists for processes below `enter`.
fn hire(at: &Path, shell: &str, sudoers: &str, password: &str) {
    assert!(
        Path::new(shell).exists(),
        "these tests need {shell}: apt-get install -y fish tcsh sudo openssl"
    );
    let hash = hashed(password);
    let home = at.join("home");
    fs::create_dir(&home).unwrap();
    let line = format!("op:x:4242:4242::{}:{shell}\n", home.display());
    let add = |name: &str, line: &str| {
        let there = fs::read_to_string(Path::new("/etc").join(name)).unwrap();
        fs::write(at.join(name), there + line).unwrap();
    };
    add("passwd", &line);
    add(
        "shadow",
        &format!("op:{}:19000:0:99999:7:::\n", hash.trim()),
    );
    add("group", "op:x:4242:\n");
    let sudoers = sudoers.replace("DIR", &at.display().to_string());
    fs::write(at.join("sudoers"), sudoers + "\n").unwrap();
    fs::write(at.join("motd"), "").unwrap();
    let enter = format!(
        "cd {0} && chmod 755 . && chown 4242:4242 home && chmod 440 sudoers && chown root sudoers &&\n\
         for file in passwd shadow group sudoers motd; do mount --bind {0}/$file /etc/$file || exit 1; done\n\
         exec \"$@\"\n",
        at.display()
    );
    fs::write(at.join("enter"), enter).unwrap();
}

/// As in `/etc/shadow`; the password is in no argument, because a test looks at all of them.
fn hashed(password: &str) -> String {
    let mut openssl = Command::new("openssl")
        .args(["passwd", "-6", "-stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut typing = openssl.stdin.take().unwrap();
    writeln!(typing, "{password}").unwrap();
    drop(typing);
    let hash = openssl.wait_with_output().unwrap().stdout;
    String::from_utf8(hash).unwrap()
}

fn launch(at: &Path) -> Option<(Child, u16, Arc<Log>)> {
    let port = free_port();
    let mut sshd = Command::new(SSHD);
    if at.join("enter").exists() {
        sshd = Command::new("unshare");
        sshd.args(["-m", "sh"]).arg(at.join("enter")).arg(SSHD);
    }
    let mut child = sshd
        .args(["-D", "-e", "-f"])
        .arg(at.join("sshd_config"))
        .args(LOOPBACK.map(|address| format!("-oListenAddress={address}")))
        .args(["-p", &port.to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = Arc::new(Log::default());
    let (stderr, kept) = (child.stderr.take().unwrap(), log.clone());
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            kept.lines.lock().unwrap().push(line);
            kept.grown.notify_all();
        }
        kept.lines.lock().unwrap().push("END".to_owned());
        kept.grown.notify_all();
    });
    let is_open = |line: &String| line.contains("Server listening on 127.0.0.1 ");
    let settled = |lines: &[String]| {
        // Its other addresses may be free where this one is not.
        let is_shut = |line: &String| line.contains("on 127.0.0.1 failed") || line == "END";
        lines.iter().any(|line| is_open(line) || is_shut(line))
    };
    log.wait_for(settled);
    let lines = log.lines.lock().unwrap().clone();
    if lines.iter().any(is_open) {
        return Some((child, port, log));
    }
    assert!(
        lines.iter().any(|line| line.contains("Bind to port")),
        "sshd does not start: {lines:#?}"
    );
    let _ = child.kill();
    let _ = child.wait();
    None
}

/// A port that nobody listens on right now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Writes a new key pair; `more` are further arguments of ssh-keygen.
pub(crate) fn make_key(path: &Path, kind: &str, more: &[&str]) {
    let (kind, bits) = kind.split_once('-').unwrap_or((kind, ""));
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-q", "-t", kind, "-f"]).arg(path);
    if !bits.is_empty() {
        keygen.args(["-b", bits]);
    }
    if !more.contains(&"-N") {
        keygen.args(["-N", ""]);
    }
    assert!(keygen.args(more).status().unwrap().success());
}

/// `TYPE KEY` of a key pair.
pub(crate) fn public_half(path: &Path) -> String {
    let public = fs::read_to_string(path.with_extension("pub")).unwrap();
    public
        .split(' ')
        .take(2)
        .collect::<Vec<_>>()
        .join(" ")
        .trim()
        .to_owned()
}

/// The host key in a line `TYPE KEY`.
pub(crate) fn parsed(line: &str) -> HostKey {
    use base64::Engine;
    let base64 = line.split(' ').nth(1).unwrap();
    let blob = base64::engine::general_purpose::STANDARD.decode(base64);
    HostKey::from_blob(blob.unwrap()).unwrap()
}

/// Options with `lines` as the whole record of host keys.
pub(crate) fn trusting(lines: &str) -> Options {
    Options {
        known_hosts: Arc::new(KnownHosts::parse(
            Path::new("known_hosts"),
            lines.as_bytes(),
        )),
        connect: LONG,
        handshake: LONG,
        login: LONG,
        ..Options::default()
    }
}

/// A node `cp-1` at a port of this machine, with the user who runs the tests.
pub(crate) fn node(port: u16, key: KeySource) -> Node {
    Node {
        name: "cp-1".to_owned(),
        address: "127.0.0.1".to_owned(),
        port,
        has_port: true,
        internal_address: "127.0.0.1".to_owned(),
        roles: [].into(),
        user: whoami(),
        docker_socket: "/var/run/docker.sock".to_owned(),
        key,
        labels: [].into(),
        taints: Vec::new(),
    }
}

/// The user who runs the tests.
pub(crate) fn whoami() -> String {
    let id = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(id.stdout).unwrap().trim().to_owned()
}

/// An SSH agent of its own, stopped when dropped.
pub(crate) struct Agent {
    child: Child,
    pub(crate) socket: PathBuf,
}

impl Agent {
    pub(crate) fn start(directory: &Path) -> Self {
        let socket = directory.join("agent.sock");
        let mut child = Command::new("ssh-agent")
            .args(["-D", "-a"])
            .arg(&socket)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // It prints its address when it listens.
        let mut line = String::new();
        let stdout = child.stdout.as_mut().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        Self { child, socket }
    }

    pub(crate) fn add(&self, key: &Path) {
        let added = Command::new("ssh-add")
            .arg("-q")
            .arg(key)
            .env("SSH_AUTH_SOCK", &self.socket)
            .status();
        assert!(added.unwrap().success());
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
