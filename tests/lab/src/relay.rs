//! A long way between client and server: every byte arrives a fixed time after it was sent.

use std::future;
use std::io;
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt as _;
use tokio::io::DuplexStream;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio::time::sleep_until;

const CHUNK: usize = 32 * 1024;

/// Chunks on their way, each with the moment of its arrival.
type Line = mpsc::UnboundedSender<(Instant, Vec<u8>)>;

/// Carries bytes both ways, each `delay` late, until the server has no more to say.
///
/// What is sent while something is under way is not held up by it, as on a real line.
pub(crate) async fn carry(client: TcpStream, server: DuplexStream, delay: Duration) {
    let (client_says, to_client) = client.into_split();
    let (server_says, to_server) = tokio::io::split(server);
    let up = async {
        let _ = one_way(client_says, to_server, delay).await;
        future::pending::<()>().await;
    };
    tokio::select! {
        _ = one_way(server_says, to_client, delay) => {}
        () = up => {}
    }
}

async fn one_way(
    from: impl AsyncRead + Unpin,
    to: impl AsyncWrite + Unpin,
    delay: Duration,
) -> io::Result<()> {
    let (line, arrivals) = mpsc::unbounded_channel();
    let (sent, received) = tokio::join!(send(from, line, delay), receive(arrivals, to));
    sent.and(received)
}

async fn send(mut from: impl AsyncRead + Unpin, line: Line, delay: Duration) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let length = from.read(&mut buffer).await.unwrap_or_default();
        if length == 0 {
            return Ok(());
        }
        let arrival = Instant::now() + delay;
        if line.send((arrival, buffer[..length].to_vec())).is_err() {
            return Ok(());
        }
    }
}

async fn receive(
    mut arrivals: mpsc::UnboundedReceiver<(Instant, Vec<u8>)>,
    mut to: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    while let Some((arrival, bytes)) = arrivals.recv().await {
        sleep_until(arrival).await;
        to.write_all(&bytes).await?;
        to.flush().await?;
    }
    to.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn chunks_overtake_nothing_and_do_not_add_up() {
        let delay = Duration::from_millis(40);
        let (mut near, far) = tokio::io::duplex(64);
        let (back, mut end) = tokio::io::duplex(64);
        let line = tokio::spawn(async move { one_way(far, back, delay).await });
        let start = Instant::now();

        near.write_all(b"a").await.unwrap();
        tokio::time::sleep(delay / 2).await;
        near.write_all(b"b").await.unwrap();
        drop(near);
        let mut text = String::new();
        end.read_to_string(&mut text).await.unwrap();

        assert_eq!(text, "ab");
        assert!(start.elapsed() >= delay + delay / 2);
        line.await.unwrap().unwrap();
    }
}
