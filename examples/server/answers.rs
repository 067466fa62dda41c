//! The requests that the server answers itself.

use xmppwire_tokio::{Element, Iq, IqType, Stanza, StanzaErrorCondition, ns};

/// Answers a request to the server, or to the sender's own account.
pub(crate) fn answer(iq: &Iq, to_server: bool) -> Option<Stanza> {
    const ROSTER: &str = "jabber:iq:roster";
    const INFO: &str = "http://jabber.org/protocol/disco#info";
    const ITEMS: &str = "http://jabber.org/protocol/disco#items";
    let request = iq.child()?;
    let empty = || Element::builder(request.name(), request.ns()).build();
    let payload = match (iq.iq_type(), request.ns(), request.name()) {
        (IqType::Get, ns::PING, "ping") => Ok(None),
        (IqType::Get, INFO | ITEMS, "query") if request.attr("node").is_some() => {
            Err(StanzaErrorCondition::ItemNotFound)
        }
        (IqType::Get, INFO, "query") => {
            let (category, kind) = match to_server {
                true => ("server", "im"),
                false => ("account", "registered"),
            };
            let mut info = Element::builder("query", INFO)
                .open("identity", INFO)
                .attr("category", category)
                .attr("type", kind)
                .close();
            for feature in [INFO, ITEMS, ns::PING, ns::CARBONS] {
                info = info.open("feature", INFO).attr("var", feature).close();
            }
            Ok(Some(info.build()))
        }
        (IqType::Get, ITEMS, "query") => Ok(Some(empty())),
        (IqType::Get, ROSTER, "query") if !to_server => Ok(Some(empty())),
        (IqType::Set, ROSTER, "query") if !to_server => Err(StanzaErrorCondition::NotAllowed),
        _ => Err(StanzaErrorCondition::ServiceUnavailable),
    };
    let reply = match payload {
        Ok(payload) => iq.result(payload.as_ref()),
        Err(condition) => iq.error_reply(&condition.into()),
    };
    reply.map(Stanza::Iq)
}
