//! What travels on the wire besides headers and stanzas: features, errors, SASL data, namespaces.

pub(crate) mod condition;
pub(crate) mod date_time;
pub(crate) mod features;
pub(crate) mod lang;
pub mod ns;
pub(crate) mod sasl;
pub(crate) mod sasl_failure;
pub(crate) mod stream_error;
pub(crate) mod stream_limits;
pub(crate) mod text;
pub(crate) mod version;
