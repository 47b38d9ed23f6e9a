//! Who is believed to be the server, and who we say we are.

use std::sync::Arc;

use rustls::CertificateError::Expired;
use rustls::CertificateError::ExpiredContext;
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::UnixTime;
use rustls::pki_types::pem::PemObject as _;
use rustls::server::WebPkiClientVerifier;
use rustls::sign::CertifiedKey;
use ureq::tls::Certificate;
use ureq::tls::ClientCert;
use ureq::tls::PrivateKey;
use ureq::tls::RootCerts;

use crate::secret::Secret;

/// The authorities that may vouch for a server. There is no default and no way around them.
#[derive(Clone, Debug)]
pub struct Trust {
    certificates: Vec<CertificateDer<'static>>,
}

/// A client certificate with its key, known to belong together.
#[derive(Clone)]
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: Secret,
}

impl Trust {
    /// The certificates of a PEM text, each of which must be one of an authority.
    ///
    /// # Errors
    ///
    /// What is wrong with the text, in words.
    pub fn of_pem(pem: &[u8]) -> Result<Self, String> {
        let certificates = certificates(pem)?;
        let mut store = RootCertStore::empty();
        for certificate in &certificates {
            store
                .add(certificate.clone())
                .map_err(|error| format!("a certificate cannot be read ({error})"))?;
        }
        Ok(Self { certificates })
    }

    pub(super) fn roots(&self) -> RootCerts {
        let certificates = self.certificates.iter();
        RootCerts::from(certificates.map(|der| Certificate::from_der(der).to_owned()))
    }

    /// True when `identity` is vouched for by these authorities and out of date: what a server
    /// means that says no more than "unauthorized".
    pub fn finds_expired(&self, identity: &Identity) -> bool {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(self.certificates.iter().cloned());
        let Some((own, chain)) = identity.chain.split_first() else {
            return false;
        };
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(store), provider());
        let Ok(verifier) = verifier.build() else {
            return false;
        };
        matches!(
            verifier.verify_client_cert(own, chain, UnixTime::now()),
            Err(rustls::Error::InvalidCertificate(
                Expired | ExpiredContext { .. }
            ))
        )
    }
}

impl Identity {
    /// A certificate, with the chain behind it, and its unencrypted key.
    ///
    /// # Errors
    ///
    /// What is wrong with them, in words; nothing of the key.
    pub fn of_pem(chain: &[u8], key: &Secret) -> Result<Self, String> {
        let chain = certificates(chain)?;
        let der = PrivateKeyDer::from_pem_slice(key.expose())
            .map_err(|_| "the client key is no private key in PEM".to_owned())?;
        match CertifiedKey::from_der(chain.clone(), der, &provider()) {
            Ok(_) => {}
            Err(rustls::Error::InconsistentKeys(_)) => {
                return Err("the client key does not belong to the client certificate".to_owned());
            }
            Err(error) => {
                return Err(format!("the client certificate cannot be used ({error})"));
            }
        }
        Ok(Self {
            chain,
            key: key.clone(),
        })
    }

    pub(super) fn client_certificate(&self) -> Option<ClientCert> {
        let chain = self.chain.iter();
        let chain: Vec<_> = chain
            .map(|der| Certificate::from_der(der).to_owned())
            .collect();
        let key = PrivateKey::from_pem(self.key.expose()).ok()?;
        Some(ClientCert::new_with_certs(&chain, key))
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

/// The one implementation of cryptography in the tree.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        Ok(_) => Err("there is no certificate in it".to_owned()),
        Err(error) => Err(format!("it is no PEM ({error})")),
    }
}
