//! Addresses: preparation is stable, parts and wholes say the same, escaping can be undone.
//!
//! For any text, alone as each part and as an address:
//! - what was accepted once is accepted again unchanged, and is within the length limit;
//! - no part holds a character that would make the address split elsewhere;
//! - an address is the sum of its parts, in every type that can hold it;
//! - equality and order are those of the text;
//! - `unescape(escape(text))` is the text (XEP-0106), and so is it again after preparation.

#![no_main]

use libfuzzer_sys::fuzz_target;
use xmppwire_jid::{BareJid, Domainpart, FullJid, Jid, Localpart, MAX_PART_LEN, Resourcepart};
use xmppwire_jid::{JidError, escaping};

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let (left, right) = text.split_once('\n').unwrap_or((&text, ""));
    let addresses = [address(left), address(right)];
    if let [Some(one), Some(other)] = &addresses {
        assert_eq!(one == other, one.as_str() == other.as_str());
        assert_eq!(one.cmp(other), one.as_str().cmp(other.as_str()));
    }
    let local = part(left, Localpart::new, Localpart::as_str);
    let domain = part(left, Domainpart::new, Domainpart::as_str);
    let resource = part(right, Resourcepart::new, Resourcepart::as_str);
    if let Some(domain) = domain {
        recombine(local.as_ref(), &domain, resource.as_ref());
        recombine(None, &domain, resource.as_ref());
        recombine(local.as_ref(), &domain, None);
    }
    escape(&text);
});

/// Prepares a part; what comes out has to come out again.
fn part<P>(text: &str, new: fn(&str) -> Result<P, JidError>, as_str: fn(&P) -> &str) -> Option<P> {
    let part = new(text).ok()?;
    let prepared = as_str(&part);
    assert!(!prepared.is_empty() && prepared.len() <= MAX_PART_LEN);
    let again = new(prepared).expect("a prepared part is a part");
    assert_eq!(as_str(&again), prepared);
    Some(part)
}

fn recombine(local: Option<&Localpart>, domain: &Domainpart, resource: Option<&Resourcepart>) {
    let jid = Jid::from_parts(local, domain, resource);
    assert_eq!(jid.localpart(), local.map(Localpart::as_str));
    assert_eq!(jid.domainpart(), domain.as_str());
    assert_eq!(jid.resourcepart(), resource.map(Resourcepart::as_str));
    let parsed = Jid::new(jid.as_str()).expect("an address of prepared parts is an address");
    assert_eq!(parsed.localpart(), jid.localpart());
    assert_eq!(parsed.domainpart(), jid.domainpart());
    assert_eq!(parsed.resourcepart(), jid.resourcepart());
}

fn address(text: &str) -> Option<Jid> {
    let jid = Jid::new(text);
    let bare = BareJid::new(text);
    let full = FullJid::new(text);
    assert_eq!(bare.is_ok(), jid.as_ref().is_ok_and(Jid::is_bare));
    assert_eq!(full.is_ok(), jid.as_ref().is_ok_and(Jid::is_full));
    let jid = jid.ok()?;
    let again = Jid::new(jid.as_str()).expect("a prepared address is an address");
    assert_eq!(again, jid);
    assert_eq!(
        (again.localpart(), again.domainpart(), again.resourcepart()),
        (jid.localpart(), jid.domainpart(), jid.resourcepart())
    );
    let (local, domain, resource) = (
        jid.to_localpart(),
        jid.to_domainpart(),
        jid.to_resourcepart(),
    );
    assert_eq!(
        Jid::from_parts(local.as_ref(), &domain, resource.as_ref()),
        jid
    );
    assert_eq!(jid.to_bare().as_str(), jid.bare_str());
    assert_eq!(jid.to_bare(), BareJid::from_parts(local.as_ref(), &domain));
    if let (Some(full), Some(resource)) = (jid.to_full(), &resource) {
        assert_eq!(jid.to_bare().with_resource(resource), full);
        assert_eq!(full.to_bare(), jid.to_bare());
    }
    Some(jid)
}

fn escape(text: &str) {
    let Ok(escaped) = escaping::escape(text) else {
        assert!(text.starts_with(' ') || text.ends_with(' '));
        return;
    };
    assert!(!escaped.contains([' ', '"', '&', '\'', '/', ':', '<', '>', '@']));
    assert_eq!(escaping::unescape(&escaped), text);
    if let Ok(local) = Localpart::new(&escaped) {
        let shown = escaping::unescape(local.as_str());
        let again = escaping::escape(&shown).expect("it was escaped before");
        assert_eq!(again, local.as_str());
    }
}
