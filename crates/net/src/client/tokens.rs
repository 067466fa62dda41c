//! The token with which a client logs in instead of its password (FAST, XEP-0484).

use xmppwire::{Token, TokenEnd};

/// The newest token of a client, and what the application has not learned of it.
///
/// It is bounded: however many logins there are, it holds one token and one end.
#[derive(Clone, Debug, Default)]
pub(super) struct Tokens {
    newest: Option<Token>,
    /// Whether the application does not know the newest one.
    is_news: bool,
    /// Why the token before the newest one is of no use any more.
    end: Option<TokenEnd>,
}

/// What has changed since the last time, in the order in which it happened.
#[derive(Debug)]
pub(super) struct TokenNews {
    pub(super) end: Option<TokenEnd>,
    pub(super) newest: Option<Token>,
}

impl Tokens {
    /// The application gives a token to log in with.
    pub(super) fn set(&mut self, token: Token) {
        (self.newest, self.is_news) = (Some(token), false);
    }

    /// The token for the next login.
    pub(super) const fn newest(&self) -> Option<&Token> {
        self.newest.as_ref()
    }

    /// A login was tried with this token, or the server issued it.
    pub(super) fn told(&mut self, token: Token) {
        (self.newest, self.is_news) = (Some(token), true);
    }

    /// The token is of no use any more.
    pub(super) fn gone(&mut self, end: TokenEnd) {
        (self.newest, self.is_news) = (None, false);
        self.end = Some(end);
    }

    /// Takes the end of the token before the newest one.
    pub(super) const fn take_end(&mut self) -> Option<TokenEnd> {
        self.end.take()
    }

    /// Takes what the application has not learned.
    pub(super) fn take_news(&mut self) -> TokenNews {
        let newest = self.newest.clone().filter(|_| self.is_news);
        self.is_news = false;
        TokenNews {
            end: self.end.take(),
            newest,
        }
    }
}
