//! The client's side of an exchange.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::RangeInclusive;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::channel_binding::ChannelBindings;
use crate::credentials::Credentials;
use crate::error::ClientError;
use crate::mechanism::Mechanism;
use crate::plain;
use crate::scram::client::ScramClient;

/// One login of a client, message by message.
///
/// Send [`initial_response`](Self::initial_response); answer every `<challenge/>` with
/// [`respond`](Self::respond); hand `<success/>` to [`finish`](Self::finish) and believe in it only
/// if that returns `Ok`: in SCRAM this is where the *server* is authenticated. `<failure/>` ends the
/// exchange without a call.
///
/// `respond` computes the salted password in line: as many HMACs as the server asks for, within
/// [`with_iterations`](Self::with_iterations).
///
/// ```
/// use xmppwire_sasl::{
///     ChannelBindings, ClientExchange, Credentials, DecoyKey, Mechanism, ScramHash, ScramKeys,
///     ServerAnswer, ServerExchange, ServerStep,
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mechanism = Mechanism::ScramSha256Plus;
/// let bindings = ChannelBindings::tls13([9; 32]);
/// let credentials = Credentials::new("juliet", "r0m30myr0m30");
/// // Nonces and salts are random in earnest.
/// let mut client = ClientExchange::new(mechanism, &credentials, &bindings, true, [1; 24])?;
/// let mut server =
///     ServerExchange::new(mechanism, &bindings, true, [2; 24], DecoyKey::new([3; 32]));
///
/// let keys = ScramKeys::derive(ScramHash::Sha256, "r0m30myr0m30", &[4; 16], 4096)?;
/// assert_eq!(server.step(Some(&client.initial_response())), ServerStep::Ask);
/// let ServerStep::Challenge(challenge) = server.answer(ServerAnswer::ScramKeys(keys)) else {
///     panic!("the server challenges");
/// };
/// let response = client.respond(&challenge)?;
/// let ServerStep::Success { username, additional_data, .. } = server.step(Some(&response)) else {
///     panic!("the server accepts");
/// };
/// assert_eq!(username, "juliet");
/// client.finish(additional_data.as_deref())?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ClientExchange {
    mechanism: Mechanism,
    machine: Machine,
}

#[derive(Clone)]
enum Machine {
    Plain {
        message: Zeroizing<Vec<u8>>,
        over: bool,
    },
    Scram(ScramClient),
}

impl ClientExchange {
    /// Begins a login.
    ///
    /// - `mechanism` comes from [`choose`](crate::choose).
    /// - `bindings` are those of the connection, whether or not the mechanism uses them: that there
    ///   are some is what reveals a cut offer. A `-PLUS` mechanism uses the most preferred one.
    /// - `server_offers_plus` comes from [`offers_channel_binding`](crate::offers_channel_binding).
    /// - `nonce` is fresh from the system's random number generator, never used before.
    ///
    /// # Errors
    ///
    /// [`ClientError::Credentials`] when they cannot be prepared, are empty or too long;
    /// [`ClientError::NoChannelBinding`] for a `-PLUS` mechanism without channel binding.
    pub fn new(
        mechanism: Mechanism,
        credentials: &Credentials,
        bindings: &ChannelBindings,
        server_offers_plus: bool,
        nonce: [u8; 24],
    ) -> Result<Self, ClientError> {
        Self::with_nonce(
            mechanism,
            credentials,
            bindings,
            server_offers_plus,
            STANDARD.encode(nonce),
        )
    }

    /// [`new`](Self::new) with the nonce in its printable form, as the RFCs' examples have it.
    pub(crate) fn with_nonce(
        mechanism: Mechanism,
        credentials: &Credentials,
        bindings: &ChannelBindings,
        server_offers_plus: bool,
        nonce: String,
    ) -> Result<Self, ClientError> {
        let machine = match mechanism.hash() {
            None => Machine::Plain {
                message: plain::message(credentials)?,
                over: false,
            },
            Some(hash) => Machine::Scram(ScramClient::new(
                hash,
                mechanism.is_plus(),
                credentials,
                bindings,
                server_offers_plus,
                nonce,
            )?),
        };
        Ok(Self { mechanism, machine })
    }

    /// Sets the numbers of iterations that are accepted from the server, instead of
    /// [`DEFAULT_ITERATIONS`](crate::DEFAULT_ITERATIONS). Means nothing to PLAIN.
    ///
    /// The lower bound keeps a hostile server from asking for a proof that is cheap to attack; the
    /// upper bound keeps it from burning the client's time.
    #[must_use]
    pub fn with_iterations(mut self, accepted: RangeInclusive<u32>) -> Self {
        if let Machine::Scram(scram) = &mut self.machine {
            scram.set_iterations(accepted);
        }
        self
    }

    /// The mechanism, for the attribute of `<auth/>`.
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// The message to send with `<auth/>`. The same however often it is asked for.
    ///
    /// With PLAIN it holds the password: wipe it once it is sent.
    pub fn initial_response(&self) -> Vec<u8> {
        match &self.machine {
            Machine::Plain { message, .. } => message.to_vec(),
            Machine::Scram(scram) => scram.initial_response(),
        }
    }

    /// The response to a challenge.
    ///
    /// # Errors
    ///
    /// [`ClientError`] when the server's message is malformed, unacceptable or superfluous, or says
    /// that the server gives up. The exchange is over then; abort it.
    pub fn respond(&mut self, challenge: &[u8]) -> Result<Vec<u8>, ClientError> {
        match &mut self.machine {
            Machine::Plain { over, .. } => {
                *over = true;
                Err(ClientError::OutOfOrder)
            }
            Machine::Scram(scram) => scram.respond(challenge),
        }
    }

    /// Takes the server's success, with the data in it if there was any.
    ///
    /// # Errors
    ///
    /// [`ClientError`] when the server has not proved itself: its signature is missing or wrong, or
    /// success came before its turn. Do not go on with the connection then.
    pub fn finish(&mut self, additional_data: Option<&[u8]>) -> Result<(), ClientError> {
        match &mut self.machine {
            Machine::Plain { over, .. } => {
                if core::mem::replace(over, true) {
                    return Err(ClientError::OutOfOrder);
                }
                match additional_data {
                    None | Some([]) => Ok(()),
                    Some(_) => Err(ClientError::UnexpectedData),
                }
            }
            Machine::Scram(scram) => scram.finish(additional_data),
        }
    }
}

impl fmt::Debug for ClientExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientExchange")
            .field("mechanism", &self.mechanism)
            .finish_non_exhaustive()
    }
}
