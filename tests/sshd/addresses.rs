//! The ways to write where a node is.

use crate::privilege::check_at;
use crate::server::Server;

#[test]
fn a_node_may_be_given_by_ipv4_ipv6_or_name() {
    for address in ["127.0.0.1", "::1", "0:0::1", "localhost"] {
        let server = Server::with_operator("/bin/sh", "op ALL=(ALL) NOPASSWD: ALL", "");

        check_at(&server, address).is_measured();
    }
}
