//! What both ends of SASL2 (XEP-0388), Bind 2 (XEP-0386) and FAST (XEP-0484) share: the values that
//! applications see, and the elements as they are read and written.

mod authenticate;
mod issued;
mod offer;
mod saved;
mod store;
mod token;
mod user_agent;

pub(crate) use self::authenticate::{Authenticate, BindWish, Wishes};
pub(crate) use self::issued::{Fast, Used};
pub use self::issued::{IssuedToken, TokenPolicy, TokenSlots, TokenUpdate};
pub(crate) use self::offer::Inline;
pub use self::offer::Sasl2;
pub use self::saved::SavedTokenError;
pub use self::store::TokenStore;
pub use self::token::Token;
pub use self::user_agent::{InvalidUserAgentId, UserAgent};
