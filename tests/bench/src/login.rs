//! The floor: a login with russh and one command on every host, and nothing else.

use std::borrow::Cow;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use anyhow::ensure;
use clap::Args;
use russh::ChannelMsg;
use russh::Disconnect;
use russh::Preferred;
use russh::cipher;
use russh::client;
use russh::client::Config;
use russh::client::Handler;
use russh::keys::PrivateKey;
use russh::keys::PrivateKeyWithHashAlg;
use russh::keys::PublicKeyOrCertificate;
use russh::keys::load_secret_key;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Logs in to every host, `jobs` handshakes at a time, as root.
#[derive(Args)]
pub(crate) struct Login {
    /// Addresses, one a line.
    #[arg(long)]
    hosts: PathBuf,
    #[arg(long)]
    port: u16,
    #[arg(long)]
    key: PathBuf,
    #[arg(long, default_value = "true")]
    command: String,
    #[arg(long, default_value_t = 64)]
    jobs: usize,
}

impl Login {
    pub(crate) fn run(&self) -> Result<(), anyhow::Error> {
        let hosts = fs::read_to_string(&self.hosts)?;
        let key = Arc::new(load_secret_key(&self.key, None)?);
        // One thread: what two would add is cost and no work.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(self.all(hosts.lines(), key))
    }

    async fn all(
        &self,
        hosts: impl Iterator<Item = &str>,
        key: Arc<PrivateKey>,
    ) -> Result<(), anyhow::Error> {
        let gate = Arc::new(Semaphore::new(self.jobs));
        // What `harden` asks for first, too.
        let preferred = Preferred {
            cipher: Cow::Borrowed(&[cipher::AES_256_GCM]),
            ..Preferred::DEFAULT
        };
        let config = Arc::new(Config {
            nodelay: true,
            preferred,
            ..Config::default()
        });
        let mut visits = JoinSet::new();
        for host in hosts {
            let address = (host.to_owned(), self.port);
            let (gate, config, key) = (gate.clone(), config.clone(), key.clone());
            let command = self.command.clone();
            visits.spawn(async move {
                let _permit = gate.acquire().await?;
                visit(address, config, key, &command).await
            });
        }
        while let Some(visit) = visits.join_next().await {
            visit??;
        }
        Ok(())
    }
}

/// Takes every host key: the hosts are this machine's own.
struct Anyone;

impl Handler for Anyone {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        Ok(true)
    }
}

async fn visit(
    address: (String, u16),
    config: Arc<Config>,
    key: Arc<PrivateKey>,
    command: &str,
) -> Result<(), anyhow::Error> {
    let mut session = client::connect(config, address, Anyone).await?;
    let key = PrivateKeyWithHashAlg::new(key, None);
    let welcome = session.authenticate_publickey("root", key).await?;
    ensure!(welcome.success(), "the host refused the key");
    let mut channel = session.channel_open_session().await?;
    channel.exec(true, command).await?;
    let mut status = None;
    while let Some(message) = channel.wait().await {
        if let ChannelMsg::ExitStatus { exit_status } = message {
            status = Some(exit_status);
        }
    }
    ensure!(status.context("no exit status")? == 0, "the command failed");
    session
        .disconnect(Disconnect::ByApplication, "", "")
        .await?;
    Ok(())
}
