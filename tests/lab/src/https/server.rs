//! A thread a connection, a request a connection: enough for a test, and nothing to wait for.

use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read as _;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use rustls::DigitallySignedStruct;
use rustls::DistinguishedName;
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::ServerConnection;
use rustls::SignatureScheme;
use rustls::StreamOwned;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::UnixTime;
use rustls::pki_types::pem::PemObject as _;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerified;
use rustls::server::danger::ClientCertVerifier;
use serde_json::Value;

use super::authority::Authority;
use super::authority::Leaf;

/// What somebody asked.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// Without the query.
    pub path: String,
    /// Name and value of each part of the query, decoded.
    pub query: Vec<(String, String)>,
    /// What follows `Bearer `.
    pub token: Option<String>,
    /// True when the client showed a certificate that the authority vouches for.
    pub has_certificate: bool,
    pub body: Vec<u8>,
}

impl Request {
    /// The value of this part of the query.
    pub fn asked(&self, name: &str) -> Option<&str> {
        let mut parts = self.query.iter();
        let found = parts.find(|(own, _)| own == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub enum Reply {
    Json(u16, Value),
    Text(u16, String),
    /// 429 with this many seconds in `Retry-After`.
    Throttle(u64),
    /// Nothing, until the server ends.
    Silence,
    /// The connection ends in the middle of the answer.
    Drop,
}

/// A server on this machine; dropping it ends it.
pub struct Server {
    address: SocketAddr,
    end: Arc<End>,
}

/// Tells every waiting thread that the server ends.
#[derive(Default)]
struct End {
    is_here: AtomicBool,
    lock: Mutex<()>,
    bell: Condvar,
}

impl End {
    fn wait(&self) {
        let mut guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        while !self.is_here.load(Ordering::SeqCst) {
            guard = self
                .bell
                .wait(guard)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn come(&self) {
        let _guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_here.store(true, Ordering::SeqCst);
        self.bell.notify_all();
    }
}

impl Server {
    /// Serves `answer` on a free port of 127.0.0.1 with this certificate, and knows the clients of
    /// this authority.
    ///
    /// # Errors
    /// The certificate cannot be used, or there is no port.
    pub fn start(
        leaf: &Leaf,
        clients: &Authority,
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Result<Self, anyhow::Error> {
        Self::start_at(0, leaf, clients, answer)
    }

    /// The same on this port, or on a free one when it is taken.
    ///
    /// # Errors
    /// The certificate cannot be used, or there is no port.
    pub fn start_at(
        port: u16,
        leaf: &Leaf,
        clients: &Authority,
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Result<Self, anyhow::Error> {
        let config = Arc::new(config(leaf, clients)?);
        let known = known(clients)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        let end = Arc::new(End::default());
        let (answer, ends) = (Arc::new(answer), Arc::clone(&end));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if ends.is_here.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (config, answer) = (Arc::clone(&config), Arc::clone(&answer));
                let known = Arc::clone(&known);
                let end = Arc::clone(&ends);
                thread::spawn(move || {
                    // Whoever breaks off is not to be told.
                    let _ = converse(stream, config, known.as_ref(), answer.as_ref(), &end);
                });
            }
        });
        Ok(Self { address, end })
    }

    /// Where it is: `https://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end.come();
        // The listener wakes up, sees that it is over, and lets go of the port.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
    }
}

fn config(leaf: &Leaf, clients: &Authority) -> Result<ServerConfig, anyhow::Error> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(Doorman(known(clients)?));
    let chain = vec![CertificateDer::from_pem_slice(leaf.certificate.as_bytes())?];
    let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes())?;
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)?;
    Ok(config)
}

fn known(clients: &Authority) -> Result<Arc<dyn ClientCertVerifier>, anyhow::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(clients.pem().as_bytes())?)?;
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    Ok(verifier.allow_unauthenticated().build()?)
}

/// Lets everybody in and looks at certificates afterwards, as an API server does: its answer to a
/// wrong one is 401 and no end of the connection.
#[derive(Debug)]
struct Doorman(Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for Doorman {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

fn converse(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    known: &dyn ClientCertVerifier,
    answer: &dyn Fn(&Request) -> Reply,
    end: &End,
) -> Result<(), anyhow::Error> {
    let mut tls = StreamOwned::new(ServerConnection::new(config)?, stream);
    let mut request = read(&mut tls)?;
    request.has_certificate = tls.conn.peer_certificates().is_some_and(|chain| {
        let verified = chain
            .split_first()
            .map(|(own, above)| known.verify_client_cert(own, above, UnixTime::now()));
        verified.is_some_and(|verified| verified.is_ok())
    });
    let (status, kind, body) = match answer(&request) {
        Reply::Json(status, body) => (status.to_string(), "application/json", body.to_string()),
        Reply::Text(status, body) => (status.to_string(), "text/plain", body),
        Reply::Throttle(seconds) => (
            format!("429 Too Many Requests\r\nRetry-After: {seconds}"),
            "text/plain",
            String::new(),
        ),
        Reply::Silence => {
            end.wait();
            return Ok(());
        }
        Reply::Drop => {
            tls.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"items\": [")?;
            tls.flush()?;
            return Ok(());
        }
    };
    write!(
        tls,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    tls.conn.send_close_notify();
    tls.flush()?;
    Ok(())
}

fn read(tls: &mut StreamOwned<ServerConnection, TcpStream>) -> Result<Request, anyhow::Error> {
    let mut reader = BufReader::new(&mut *tls);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let method = words.next().context("no method")?.to_owned();
    let target = words.next().context("no path")?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query = query.split('&').filter_map(|part| part.split_once('='));
    let query = query.map(|(name, value)| (name.to_owned(), decoded(value)));
    let mut request = Request {
        method,
        path: path.to_owned(),
        query: query.collect(),
        token: None,
        has_certificate: false,
        body: Vec::new(),
    };
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => request.token = value.strip_prefix("Bearer ").map(str::to_owned),
            "content-length" => length = value.parse()?,
            _ => {}
        }
    }
    request.body.resize(length, 0);
    reader.read_exact(&mut request.body)?;
    Ok(request)
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let code = after
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let code = code.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let (b'%', Some(code)) = (first, code) {
            bytes.push(code);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
