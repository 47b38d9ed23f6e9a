//! An HTTPS server that says what a test wants, slowly, wrongly or not at all if it wants that.

mod authority;
mod server;

pub use authority::Authority;
pub use authority::Leaf;
pub use server::Reply;
pub use server::Request;
pub use server::Server;
