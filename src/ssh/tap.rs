//! A stream that can be cut from outside and remembers how it began.
//!
//! A handshake that is given up leaves its background task reading for ever,
//! and what a server writes instead of a banner is swallowed (rust-stack.md
//! 4.4). Both are cured here, below the protocol.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::task::Context;
use std::task::Poll;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::sync::oneshot;

/// Bytes kept from the beginning of a stream.
const KEPT: usize = 512;

/// Bytes that a server may send before its banner; OpenSSH's client takes 1024 lines.
const PREFACE: usize = 64 * 1024;

/// A stream that fails as soon as its [`Guard`] is dropped.
pub(super) struct Tap<S> {
    stream: S,
    first: First,
    preface: Preface,
    guard: oneshot::Receiver<()>,
    cut: bool,
}

/// Keeps a [`Tap`] open while it lives.
#[derive(Debug)]
pub(super) struct Guard(#[expect(dead_code, reason = "its drop is its use")] oneshot::Sender<()>);

/// The first bytes that a server sent.
#[derive(Clone, Debug, Default)]
pub(super) struct First(Arc<Mutex<Vec<u8>>>);

impl<S> Tap<S> {
    pub(super) fn new(stream: S) -> (Self, Guard, First) {
        let (sender, guard) = oneshot::channel();
        let first = First::default();
        let tap = Self {
            stream,
            first: first.clone(),
            preface: Preface::default(),
            guard,
            cut: false,
        };
        (tap, Guard(sender), first)
    }

    /// Fails when the guard is gone; otherwise its drop wakes the reader or writer.
    fn intact(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        self.cut = self.cut || Pin::new(&mut self.guard).poll(cx).is_ready();
        if self.cut {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }
}

impl First {
    /// What the server said before its banner, or instead of one; control characters are dropped.
    pub(super) fn text(&self) -> Option<String> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.lines().take_while(|line| !line.starts_with("SSH-"));
        let words = lines.collect::<Vec<_>>().join(" ");
        if words.contains(char::REPLACEMENT_CHARACTER) {
            return Some("bytes that are no text".to_owned());
        }
        let clean: String = words
            .chars()
            .filter(|c| !c.is_control())
            .take(200)
            .collect();
        let clean = clean.trim();
        (!clean.is_empty()).then(|| clean.to_owned())
    }

    /// The line in which the server names its program, such as `SSH-2.0-OpenSSH_9.2`.
    pub(super) fn banner(&self) -> Option<String> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&bytes);
        let banner = text.lines().find(|line| line.starts_with("SSH-"))?;
        Some(banner.trim_end().to_owned())
    }

    /// True when not one byte came.
    pub(super) fn is_empty(&self) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_empty()
    }

    fn keep(&self, bytes: &[u8]) {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = KEPT.saturating_sub(first.len()).min(bytes.len());
        first.extend_from_slice(&bytes[..room]);
    }
}

/// Looks for the banner, so that nothing else is read for ever.
#[derive(Debug)]
struct Preface {
    /// Letters of the banner's beginning that the line has so far; none in another line.
    found: Option<usize>,
    read: usize,
    is_over: bool,
}

impl Default for Preface {
    fn default() -> Self {
        Self {
            found: Some(0),
            read: 0,
            is_over: false,
        }
    }
}

impl Preface {
    const BANNER: &[u8] = b"SSH-";

    /// False as soon as too much came without a banner.
    fn goes_on(&mut self, bytes: &[u8]) -> bool {
        for byte in bytes {
            if self.is_over {
                return true;
            }
            self.read += 1;
            self.found = match self.found {
                _ if *byte == b'\n' => Some(0),
                Some(found) if Self::BANNER[found] == *byte => Some(found + 1),
                _ => None,
            };
            self.is_over = self.found == Some(Self::BANNER.len());
        }
        self.is_over || self.read <= PREFACE
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.intact(cx)?;
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        let came = &buf.filled()[before..];
        self.first.keep(came);
        if self.preface.goes_on(came) {
            read
        } else {
            Poll::Ready(Err(io::ErrorKind::InvalidData.into()))
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.intact(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.intact(cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> Option<String> {
        let first = First::default();
        first.keep(bytes);
        first.text()
    }

    #[test]
    fn a_banner_is_no_text_and_what_stands_before_it_is() {
        assert_eq!(text(b"SSH-2.0-OpenSSH_9.2\r\n\0\0\x04\xec"), None);
        assert_eq!(text(b""), None);
        assert_eq!(
            text(b"welcome\r\nto us\r\nSSH-2.0-x\r\n"),
            Some("welcome to us".to_owned())
        );
    }

    #[test]
    fn a_text_is_short_and_safe_to_print() {
        assert_eq!(text(b"\x1b[2Jhi\x07\r\n"), Some("[2Jhi".to_owned()));
        assert_eq!(
            text(b"\xff\xfe\x00junk"),
            Some("bytes that are no text".to_owned())
        );
        assert_eq!(text(&[b'x'; 5000]).map(|text| text.len()), Some(200));
    }

    #[test]
    fn a_banner_is_found_across_reads_and_waited_for_only_so_long() {
        let mut preface = Preface::default();
        assert!(preface.goes_on(b"hello SSH-2\nSS"));
        assert!(!preface.is_over);
        assert!(preface.goes_on(b"H-2.0-x\n"));
        assert!(preface.goes_on(&vec![0; 2 * PREFACE]));

        assert!(!Preface::default().goes_on(&vec![b'x'; PREFACE + 1]));
    }

    #[tokio::test]
    async fn a_reader_wakes_with_an_error_when_the_guard_is_dropped() {
        use tokio::io::AsyncReadExt;
        let (ours, _theirs) = tokio::io::duplex(64);
        let (mut tap, guard, _) = Tap::new(ours);
        let reader = tokio::spawn(async move { tap.read_u8().await });
        tokio::task::yield_now().await;

        drop(guard);

        let error = reader.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
    }
}
