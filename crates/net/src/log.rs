//! Progress for observers: `tracing` events where the feature is on, nothing where it is off.

/// `log!(level, fields…, "message")` becomes a `tracing` event of that level.
#[cfg(feature = "tracing")]
macro_rules! log {
    ($level:ident, $($rest:tt)+) => { tracing::$level!(target: "xmppwire", $($rest)+) };
}

/// Without the feature the fields are not even evaluated.
#[cfg(not(feature = "tracing"))]
macro_rules! log {
    ($level:ident, $($rest:tt)+) => {{}};
}

pub(crate) use log;
