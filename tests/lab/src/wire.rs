//! The bytes of a connection, and the faults that need no SSH.

use std::io;
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt as _;
use tokio::io::DuplexStream;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const CHUNK: usize = 32 * 1024;

/// Carries bytes both ways, each chunk `delay` late, until the server has no more to say.
pub(crate) async fn carry(client: TcpStream, server: DuplexStream, delay: Duration) {
    let (client_says, to_client) = client.into_split();
    let (server_says, to_server) = tokio::io::split(server);
    let up = async {
        let _ = copy(client_says, to_server, delay).await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        _ = copy(server_says, to_client, delay) => {}
        () = up => {}
    }
}

/// Attends to every client at once; never returns while the listener works.
pub(crate) async fn accept<F>(
    listener: &TcpListener,
    connections: &mut JoinSet<()>,
    attend: impl Fn(TcpStream) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        let Ok((client, _)) = listener.accept().await else {
            // Out of file descriptors: a connection that ends makes room.
            if connections.join_next().await.is_none() {
                return;
            }
            continue;
        };
        while connections.try_join_next().is_some() {}
        connections.spawn(attend(client));
    }
}

/// Greets, waits for the client's first words, and hangs up.
pub(crate) async fn drop_handshake(mut client: TcpStream) -> io::Result<()> {
    client.write_all(b"SSH-2.0-harden-lab\r\n").await?;
    client.read_u8().await?;
    Ok(())
}

/// Says letters until nobody listens any more.
pub(crate) async fn babble(mut client: TcpStream) -> io::Result<()> {
    let letters = vec![b'A'; CHUNK];
    loop {
        client.write_all(&letters).await?;
    }
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    delay: Duration,
) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let length = from.read(&mut buffer).await.unwrap_or_default();
        if length == 0 {
            return to.shutdown().await;
        }
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        to.write_all(&buffer[..length]).await?;
    }
}
