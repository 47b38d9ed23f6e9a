//! An authority of the lab's own, and what it vouches for.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::DnType;
use rcgen::ExtendedKeyUsagePurpose;
use rcgen::IsCa;
use rcgen::Issuer;
use rcgen::KeyPair;
use rcgen::KeyUsagePurpose;
use rcgen::date_time_ymd;

/// Signs certificates. Two authorities of one name differ in their keys.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate and its key, both in PEM.
#[derive(Clone, Debug)]
pub struct Leaf {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    /// One that nobody has seen before.
    ///
    /// # Errors
    /// No key can be made.
    pub fn fresh() -> Result<Self, anyhow::Error> {
        Self::with_key(KeyPair::generate()?)
    }

    /// The one whose key lies in `file`, made there when there is none: what it signed before stays valid.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn kept(file: &Path) -> Result<Self, anyhow::Error> {
        let name = || file.display().to_string();
        if file.exists() {
            let text = fs::read_to_string(file).with_context(name)?;
            return Self::with_key(KeyPair::from_pem(&text).with_context(name)?);
        }
        let key = KeyPair::generate()?;
        fs::write(file, key.serialize_pem()).with_context(name)?;
        Self::with_key(key)
    }

    /// Its own certificate, in PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for a server at this address or name.
    ///
    /// # Errors
    /// It cannot be signed.
    pub fn server(&self, name: &str) -> Result<Leaf, anyhow::Error> {
        self.sign(&params(name, ExtendedKeyUsagePurpose::ServerAuth)?)
    }

    /// A certificate for a client of this name.
    ///
    /// # Errors
    /// It cannot be signed.
    pub fn client(&self, name: &str) -> Result<Leaf, anyhow::Error> {
        self.sign(&params(name, ExtendedKeyUsagePurpose::ClientAuth)?)
    }

    /// The same for a server whose certificate ran out long ago.
    ///
    /// # Errors
    /// It cannot be signed.
    pub fn expired_server(&self, name: &str) -> Result<Leaf, anyhow::Error> {
        self.sign(&expired(params(name, ExtendedKeyUsagePurpose::ServerAuth)?))
    }

    /// The same for a client whose certificate ran out long ago.
    ///
    /// # Errors
    /// It cannot be signed.
    pub fn expired_client(&self, name: &str) -> Result<Leaf, anyhow::Error> {
        self.sign(&expired(params(name, ExtendedKeyUsagePurpose::ClientAuth)?))
    }

    fn with_key(key: KeyPair) -> Result<Self, anyhow::Error> {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "kube-ca");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let pem = params.self_signed(&key)?.pem();
        let issuer = Issuer::new(params, key);
        Ok(Self { issuer, pem })
    }

    fn sign(&self, params: &CertificateParams) -> Result<Leaf, anyhow::Error> {
        let key = KeyPair::generate()?;
        Ok(Leaf {
            certificate: params.signed_by(&key, &self.issuer)?.pem(),
            key: key.serialize_pem(),
        })
    }
}

fn params(name: &str, usage: ExtendedKeyUsagePurpose) -> Result<CertificateParams, anyhow::Error> {
    let mut params = CertificateParams::new([name.to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![usage];
    Ok(params)
}

fn expired(mut params: CertificateParams) -> CertificateParams {
    params.not_before = date_time_ymd(2018, 1, 1);
    params.not_after = date_time_ymd(2019, 1, 1);
    params
}
