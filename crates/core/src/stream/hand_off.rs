//! The change of the transport to TLS (RFC 6120 §5.4).

use alloc::boxed::Box;

use super::Stream;
use crate::error::{ApiMisuse, CloseReason, HandoffError, PeerMisbehaved};
use crate::time::Instant;
use crate::tls::{StartTls, TlsHandoff, TlsInfo};

/// Whether TLS protects the stream.
#[derive(Debug)]
pub(super) enum TlsState {
    Clear,
    /// STARTTLS is agreed on. From here to the end of the TLS handshake nothing is read or written, not
    /// even an error.
    HandOff {
        serial: u64,
        step: HandOff,
        /// Whether the peer may end its `<starttls/>` with white space.
        skips_white_space: bool,
    },
    /// What TLS told, until negotiation is over.
    Established(Option<Box<TlsInfo>>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HandOff {
    /// The event waits until the output has drained.
    Announced,
    /// The driver has the event.
    Requested,
    /// The handshake runs.
    Running,
}

impl Stream {
    /// STARTTLS is agreed on: the transport changes once the output has drained.
    ///
    /// `skips_white_space` says that white space from the peer before the first TLS record is dropped:
    /// clients in use end `<starttls/>` with a line feed. None of its bytes begins a TLS record
    /// (RFC 8446 §5.1), and a dropped byte cannot be taken for a protected one.
    pub(crate) fn hand_off(&mut self, serial: u64, skips_white_space: bool) {
        self.tls = TlsState::HandOff {
            serial,
            step: HandOff::Announced,
            skips_white_space,
        };
    }

    /// The request for TLS, once the last clear-text bytes are written (RFC 6120 §5.4.2.3).
    pub(crate) fn poll_start_tls(&mut self) -> Option<StartTls> {
        match &mut self.tls {
            TlsState::HandOff { serial, step, .. } if *step == HandOff::Announced => {
                if self.over || !self.out.is_empty() {
                    return None;
                }
                *step = HandOff::Requested;
                Some(StartTls { serial: *serial })
            }
            _ => None,
        }
    }

    /// Answers the request. Bytes in `unread` that are not to be dropped end the stream.
    pub(crate) fn begin_tls(
        &mut self,
        request: &StartTls,
        unread: &[u8],
    ) -> Result<TlsHandoff, HandoffError> {
        match &mut self.tls {
            TlsState::HandOff {
                serial,
                step,
                skips_white_space,
            } if *serial == request.serial && *step == HandOff::Requested && !self.over => {
                let handoff = TlsHandoff {
                    serial: *serial,
                    skips_white_space: *skips_white_space,
                };
                if handoff.white_space_before_tls(unread) == unread.len() {
                    *step = HandOff::Running;
                    return Ok(handoff);
                }
                self.finish(CloseReason::Violation {
                    sent: None,
                    why: PeerMisbehaved::ClearTextAfterStartTls,
                });
                Err(HandoffError::UnreadInput(unread.len()))
            }
            _ => Err(HandoffError::Stale),
        }
    }

    /// The handshake is done: what was read before is forgotten (RFC 6120 §5.4.3.3).
    pub(crate) fn tls_established(
        &mut self,
        handoff: &TlsHandoff,
        tls: TlsInfo,
        now: Instant,
    ) -> Result<(), ApiMisuse> {
        match self.tls {
            TlsState::HandOff {
                serial,
                step: HandOff::Running,
                ..
            } if serial == handoff.serial => {
                if let Some(time) = tls.valid_for {
                    self.set_expiry(now + time);
                }
                self.tls = TlsState::Established(Some(Box::new(tls)));
                self.restart();
                // White space of the old stream came in clear text, so none can follow the handshake.
                self.restarted = false;
                Ok(())
            }
            _ => Err(ApiMisuse::StaleRequest),
        }
    }
}
