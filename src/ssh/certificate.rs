//! User certificates: `ssh_cert` and `ssh_cert_path` (rke.md 1.1, 4).

use std::fs;
use std::sync::Arc;

use russh::AgentAuthError;
use russh::keys::Certificate;
use russh::keys::Error;
use russh::keys::HashAlg;
use russh::keys::PrivateKey;
use russh::keys::agent::AgentIdentity;
use russh::keys::signature::Signer;
use russh::keys::ssh_encoding::Encode;
use russh::keys::ssh_key::certificate::CertType;
use russh::keys::ssh_key::private::KeypairData;

use crate::inventory::CertSource;
use crate::ssh::key_error::KeyError;

/// The certificate at `source` and its name for messages; it must be one for a user and for `key`.
pub(super) fn read(
    source: &CertSource,
    key: &PrivateKey,
) -> Result<(Certificate, String), KeyError> {
    let name = match source {
        CertSource::Inline(_) => "the inline `ssh_cert`".to_owned(),
        CertSource::File(path) => format!("the certificate `{}`", path.display()),
    };
    let unusable = |reason: String| KeyError::Certificate {
        certificate: name.clone(),
        reason,
    };
    let text = match source {
        CertSource::Inline(text) => text.clone(),
        CertSource::File(path) => {
            fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?
        }
    };
    let certificate = Certificate::from_openssh(text.trim())
        .map_err(|error| unusable(format!("it is no certificate ({error})")))?;
    if certificate.cert_type() != CertType::User {
        return Err(unusable("it is a certificate for a host".to_owned()));
    }
    if certificate.public_key() != key.public_key().key_data() {
        return Err(unusable("it was given to another key".to_owned()));
    }
    Ok((certificate, name))
}

/// Signs with a key in memory; the library's own way cannot do it for RSA
/// certificates (rust-stack.md 4.1).
pub(super) struct LocalSigner(pub(super) Arc<PrivateKey>);

impl russh::Signer for LocalSigner {
    type Error = AgentAuthError;

    async fn auth_sign(
        &mut self,
        _: &AgentIdentity,
        hash: Option<HashAlg>,
        mut data: Vec<u8>,
    ) -> Result<Vec<u8>, AgentAuthError> {
        let signature = match self.0.key_data() {
            KeypairData::Rsa(rsa) => (rsa, hash).try_sign(&data),
            key => key.try_sign(&data),
        };
        let signature = signature.map_err(|_| AgentAuthError::Key(Error::InvalidSignature))?;
        let mut blob = Vec::new();
        let encoded = signature
            .encode(&mut blob)
            .and_then(|()| blob.encode(&mut data));
        encoded.map_err(|_| AgentAuthError::Key(Error::InvalidSignature))?;
        Ok(data)
    }
}
