//! An SSH client as small as the tests need it.

use std::io;
use std::sync::Arc;

use harden_lab::Node;
use russh::ChannelMsg;
use russh::Sig;
use russh::client;
use russh::client::Handle;
use russh::client::Msg;
use russh::keys::PrivateKey;
use russh::keys::PrivateKeyWithHashAlg;
use russh::keys::PublicKeyOrCertificate;

/// What a command gave back.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: Option<u32>,
    pub(crate) signal: Option<Sig>,
}

/// A login on one node.
pub(crate) struct Login(Handle<Host>);

/// Any mistake; what failed is what the test asserts.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

impl Login {
    /// Logs in as `user` with the fleet's key, and only where the host key is the known one.
    pub(crate) async fn new(node: &Node, user: &str) -> Result<Self, Error> {
        let dir = node
            .dir()
            .parent()
            .and_then(|nodes| nodes.parent())
            .unwrap();
        let key = Arc::new(PrivateKey::read_openssh_file(dir.join("id_ed25519"))?);
        let known = std::fs::read_to_string(dir.join("known_hosts"))?;
        let host = Host {
            line: format!("[{}]:{} ", node.address().ip(), node.address().port()),
            known,
        };
        let config = client::Config {
            nodelay: true,
            ..client::Config::default()
        };
        let mut handle = client::connect(Arc::new(config), node.address(), host).await?;
        let login = handle
            .authenticate_publickey(user, PrivateKeyWithHashAlg::new(key, None))
            .await?;
        if login.success() {
            Ok(Self(handle))
        } else {
            Err("login refused".into())
        }
    }

    /// Starts `line`; the caller talks to it.
    pub(crate) async fn start(&self, line: &str) -> Result<russh::Channel<Msg>, Error> {
        let channel = self.0.channel_open_session().await?;
        channel.exec(true, line).await?;
        Ok(channel)
    }

    /// Runs `line` to its end; an answer without status and signal is an error.
    pub(crate) async fn run(&self, line: &str, stdin: &[u8]) -> Result<Answer, Error> {
        let (mut input, output) = self.start(line).await?.split();
        let feed = async {
            let _ = output.data(stdin).await;
            let _ = output.eof().await;
        };
        let hear = async {
            let (mut answer, mut stdout, mut stderr) = (Answer::default(), Vec::new(), Vec::new());
            while let Some(message) = input.wait().await {
                match message {
                    ChannelMsg::Data { data } => stdout.extend_from_slice(&data),
                    ChannelMsg::ExtendedData { data, .. } => stderr.extend_from_slice(&data),
                    ChannelMsg::ExitStatus { exit_status } => answer.code = Some(exit_status),
                    ChannelMsg::ExitSignal { signal_name, .. } => answer.signal = Some(signal_name),
                    _ => {}
                }
            }
            answer.stdout = String::from_utf8(stdout)?;
            answer.stderr = String::from_utf8(stderr)?;
            Ok::<_, Error>(answer)
        };
        let ((), answer) = tokio::join!(feed, hear);
        match answer? {
            Answer {
                code: None,
                signal: None,
                ..
            } => Err(io::Error::other("connection lost").into()),
            answer => Ok(answer),
        }
    }
}

/// Runs one command as root on a connection of its own.
pub(crate) async fn run(node: &Node, line: &str) -> Result<Answer, Error> {
    Login::new(node, "root").await?.run(line, b"").await
}

/// The standard output of a command that succeeds.
pub(crate) async fn say(node: &Node, line: &str) -> String {
    let answer = run(node, line).await.unwrap();
    assert_eq!(
        (answer.code, answer.stderr.as_str()),
        (Some(0), ""),
        "{line}"
    );
    answer.stdout
}

/// Knows the host by its line in `known_hosts`.
pub(crate) struct Host {
    line: String,
    known: String,
}

impl client::Handler for Host {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        key: &PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = key else {
            return Ok(false);
        };
        let key = key.to_openssh().unwrap_or_default();
        let blob = key.split(' ').nth(1).unwrap_or_default();
        Ok(self
            .known
            .lines()
            .any(|line| line.starts_with(&self.line) && line.contains(blob)))
    }
}
