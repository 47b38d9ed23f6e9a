//! Host certificates: a key for which an authority on record vouches.
//!
//! What the library's own check leaves out is checked here: the kind of
//! certificate, the host it is for, options that bind it and how it was signed
//! (rust-stack.md 4.3).

use russh::keys::Algorithm;
use russh::keys::Certificate;
use russh::keys::HashAlg;
use russh::keys::PublicKey;
use russh::keys::ssh_key::certificate::CertType;
use russh::keys::ssh_key::public::KeyData;

use crate::ssh::host_key::HostKey;
use crate::ssh::known_hosts::KnownHosts;
use crate::ssh::known_hosts::Record;
use crate::ssh::known_hosts::matches;

/// What a certificate is worth.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Worth {
    /// The authority in this line vouches for the host.
    Good(Record),
    /// Its authority or its key is revoked by this line.
    Revoked(Record),
    /// It proves nothing; why not, as the end of a sentence.
    Nothing(String),
}

/// Weighs what a server shows for `host`, at the time of the system's clock.
///
/// A certificate that names no host is worth nothing, although OpenSSH before
/// 10.3 takes it for any.
pub(super) fn weigh(
    certificate: &Certificate,
    known: &KnownHosts,
    (host, port): (&str, u16),
) -> Worth {
    let (Some(key), Some(signer)) = (
        wire(certificate.public_key()),
        wire(certificate.signature_key()),
    ) else {
        return Worth::Nothing("cannot be read".to_owned());
    };
    for revocable in [&key, &signer] {
        if let Some(record) = known.revocation(host, port, revocable) {
            return Worth::Revoked(record);
        }
    }
    let Some(record) = known.authority(host, port, &signer) else {
        let signer = signer.fingerprint();
        return Worth::Nothing(format!("is signed by {signer}, which is not on record"));
    };
    match fault(certificate, host) {
        Some(fault) => Worth::Nothing(fault),
        None => Worth::Good(record),
    }
}

fn fault(certificate: &Certificate, host: &str) -> Option<String> {
    if certificate.cert_type() != CertType::Host {
        return Some("is for a user and not for a host".to_owned());
    }
    if !names(certificate, host) {
        let names = certificate.valid_principals().join(", ");
        return Some(match names.as_str() {
            "" => "names no host".to_owned(),
            names => format!("is for {names}"),
        });
    }
    if let Some((option, _)) = certificate.critical_options().iter().next() {
        return Some(format!(
            "has the critical option `{option}`, which no host may have"
        ));
    }
    if certificate.signature().algorithm() == (Algorithm::Rsa { hash: None }) {
        return Some("is signed with SHA-1".to_owned());
    }
    let authority = certificate.signature_key().fingerprint(HashAlg::Sha256);
    let valid = certificate.validate(&[authority]);
    valid
        .err()
        .map(|_| "is not valid now, or its signature is not".to_owned())
}

/// True when one of the names, which may be patterns, is the host's.
fn names(certificate: &Certificate, host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let mut names = certificate.valid_principals().iter();
    names.any(|name| matches(name.to_ascii_lowercase().as_bytes(), host.as_bytes()))
}

fn wire(key: &KeyData) -> Option<HostKey> {
    let bytes = PublicKey::new(key.clone(), "").to_bytes().ok()?;
    HostKey::from_blob(bytes)
}

/// The key itself, without what was said of it.
pub(super) fn plain(certificate: &Certificate) -> Option<HostKey> {
    wire(certificate.public_key())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    macro_rules! fixture {
        ($name:literal) => {
            include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/fixtures/host_certificates/",
                $name,
                ".pub"
            ))
        };
    }

    const AUTHORITY: &str = fixture!("authority");

    fn known(lines: &[(&str, &str)]) -> KnownHosts {
        let lines = lines.iter().map(|(names, key)| format!("{names} {key}"));
        KnownHosts::parse(
            Path::new("known_hosts"),
            lines.collect::<String>().as_bytes(),
        )
    }

    fn worth(certificate: &str, known: &KnownHosts, host: &str) -> Worth {
        let certificate = Certificate::from_openssh(certificate).unwrap();
        weigh(&certificate, known, (host, 2222))
    }

    /// Why a certificate is worth nothing to one who trusts both authorities.
    fn fault(certificate: &str) -> String {
        let known = known(&[
            ("@cert-authority *", AUTHORITY),
            ("@cert-authority *", fixture!("rsa_authority")),
        ]);
        match worth(certificate, &known, "cp-1") {
            Worth::Nothing(reason) => reason,
            other => panic!("{other:?}"),
        }
    }

    fn line(line: usize) -> Record {
        Record {
            file: "known_hosts".into(),
            line,
        }
    }

    #[test]
    fn an_authority_vouches_for_the_hosts_that_its_line_and_the_certificate_name() {
        for names in ["*", "cp-1", "[cp-1]:2222", "cp-*,!cp-2"] {
            let known = known(&[(&format!("@cert-authority {names}"), AUTHORITY)]);
            assert_eq!(
                worth(fixture!("good"), &known, "cp-1"),
                Worth::Good(line(1))
            );
            assert!(known.has_authority("cp-1", 2222), "{names}");
        }
        let all = known(&[("@cert-authority *", AUTHORITY)]);
        for host in ["cp-1", "CP-7", "a.example.org"] {
            assert_eq!(
                worth(fixture!("pattern"), &all, host),
                Worth::Good(line(1)),
                "{host}"
            );
        }
    }

    #[test]
    fn an_authority_for_other_hosts_is_none_for_this_one() {
        for names in [
            "@cert-authority cp-2",
            "@cert-authority [cp-1]:22",
            "cp-1",
            "@cert-authority *,!*cp-1*",
        ] {
            let known = known(&[(names, AUTHORITY)]);
            let worth = worth(fixture!("good"), &known, "cp-1");
            assert!(matches!(worth, Worth::Nothing(_)), "{names}: {worth:?}");
        }
    }

    #[test]
    fn a_revoked_authority_or_key_wins_over_a_good_line() {
        for key in [AUTHORITY, fixture!("host")] {
            let known = known(&[("@cert-authority *", AUTHORITY), ("@revoked *", key)]);
            assert_eq!(
                worth(fixture!("good"), &known, "cp-1"),
                Worth::Revoked(line(2))
            );
        }
    }

    #[test]
    fn what_makes_a_certificate_worth_nothing_is_named() {
        assert_eq!(fault(fixture!("for_another")), "is for cp-2");
        assert_eq!(fault(fixture!("without_names")), "names no host");
        assert!(fault(fixture!("for_a_user")).contains("for a user"));
        assert!(fault(fixture!("expired")).contains("not valid now"));
        assert!(fault(fixture!("with_option")).contains("`tied`"));
        assert_eq!(fault(fixture!("signed_with_sha1")), "is signed with SHA-1");
    }
}
