//! TLS: the server's certificate and how it is changed, and whom clients of this program trust.

mod certificate;
mod keeper;
mod trust;
mod validity;

pub use certificate::Certificate;
pub use certificate::Error;
pub use keeper::Keeper;
pub use trust::Trust;
pub use validity::Validity;
