//! Progress as `tracing` events with the feature `tracing`; nothing without it.

/// `log!(level, fields…, "message")` becomes a `tracing` event of that level.
#[cfg(feature = "tracing")]
macro_rules! log {
    ($level:ident, $($rest:tt)+) => { tracing::$level!(target: "xmppwire", $($rest)+) };
}

/// Without the feature, the fields are not evaluated.
#[cfg(not(feature = "tracing"))]
macro_rules! log {
    ($level:ident, $($rest:tt)+) => {{}};
}

pub(crate) use log;
