//! Properties of every text: preparation never panics, its result is stable, and an address equals
//! the address joined from its parts.

use proptest::prelude::*;
use xmppwire_jid::{Domainpart, Jid, Localpart, MAX_PART_LEN, Resourcepart};

/// Text that mixes characters with rules of their own and arbitrary characters.
fn special_text() -> impl Strategy<Value = String> {
    let special = prop::sample::select(
        "aAlLzZ09.-_@/ \\:<[]%\u{B7}\u{DF}\u{130}\u{131}\u{300}\u{301}\u{308}\u{323}\u{338}\u{340}\u{345}\u{387}\
         \u{3A3}\u{3C3}\u{3C2}\u{375}\u{5D0}\u{5F3}\u{627}\u{628}\u{64E}\u{660}\u{6F0}\u{915}\u{93C}\u{94D}\u{958}\
         \u{1100}\u{1161}\u{11A8}\u{AC00}\u{1E9E}\u{2000}\u{200C}\u{200D}\u{3000}\u{3002}\u{3099}\u{30AB}\u{30FB}\
         \u{6F22}\u{FF0E}\u{FF20}\u{FF21}\u{FF61}\u{FF76}\u{FF9E}\u{AD}\u{10400}\u{1F37A}"
            .chars()
            .collect::<Vec<_>>(),
    );
    let piece = prop_oneof![
        6 => special.prop_map(String::from),
        2 => any::<char>().prop_map(String::from),
        1 => prop::sample::select(vec!["xn--", "xn--bcher-kva", "[::1]", "127.0.0.1", "%25", "example"])
            .prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
}

fn check(text: &str) -> Result<(), TestCaseError> {
    if let Ok(part) = Localpart::new(text) {
        let part = part.as_str();
        prop_assert!(!part.is_empty() && part.len() <= MAX_PART_LEN);
        prop_assert!(!part.contains(['"', '&', '\'', '/', ':', '<', '>', '@', ' ']));
        let again = Localpart::new(part);
        prop_assert_eq!(again.as_ref().map(Localpart::as_str), Ok(part));
    }
    if let Ok(part) = Domainpart::new(text) {
        let part = part.as_str();
        prop_assert!(!part.is_empty() && part.len() <= MAX_PART_LEN);
        prop_assert!(!part.contains(['/', '@', ' ']) && !part.ends_with('.'));
        let again = Domainpart::new(part);
        prop_assert_eq!(again.as_ref().map(Domainpart::as_str), Ok(part));
    }
    if let Ok(part) = Resourcepart::new(text) {
        let part = part.as_str();
        prop_assert!(!part.is_empty() && part.len() <= MAX_PART_LEN);
        let again = Resourcepart::new(part);
        prop_assert_eq!(again.as_ref().map(Resourcepart::as_str), Ok(part));
    }
    if let Ok(jid) = Jid::new(text) {
        check_address(&jid)?;
    }
    Ok(())
}

fn check_address(jid: &Jid) -> Result<(), TestCaseError> {
    let again = Jid::new(jid.as_str()).map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(&again, jid);
    prop_assert_eq!(again.localpart(), jid.localpart());
    prop_assert_eq!(again.domainpart(), jid.domainpart());
    prop_assert_eq!(again.resourcepart(), jid.resourcepart());

    let rebuilt = Jid::from_parts(
        jid.to_localpart().as_ref(),
        &jid.to_domainpart(),
        jid.to_resourcepart().as_ref(),
    );
    prop_assert_eq!(&rebuilt, jid);
    prop_assert_eq!(rebuilt.domainpart(), jid.domainpart());
    let bare = jid.to_bare();
    prop_assert_eq!(bare.as_str(), jid.bare_str());
    if let Some(full) = jid.to_full() {
        prop_assert_eq!(bare.with_resource(&full.to_resourcepart()), full);
    }
    Ok(())
}

proptest! {
    #[test]
    fn arbitrary_text(text in any::<String>()) {
        check(&text)?;
    }

    #[test]
    fn text_of_special_characters(text in special_text()) {
        check(&text)?;
    }

    #[test]
    fn whole_addresses(local in special_text(), domain in "[a-zA-Z0-9\u{FC}\u{DC}-]{1,9}[.\u{3002}]?", resource in special_text()) {
        check(&format!("{local}@{domain}/{resource}"))?;
    }

    /// The fast path for ASCII and the Unicode tables give the same result. A fullwidth letter in
    /// front forces the use of the tables.
    #[test]
    fn fast_path_and_tables_agree(text in "[ -~]{0,12}") {
        let fast = Localpart::new(&format!("x{text}"));
        let slow = Localpart::new(&format!("\u{FF38}{text}"));
        prop_assert_eq!(fast.is_ok(), slow.is_ok());
        if let (Ok(fast), Ok(slow)) = (fast, slow) {
            prop_assert_eq!(fast, slow);
        }
        let fast = Domainpart::new(&format!("x{text}.example"));
        let slow = Domainpart::new(&format!("\u{FF58}{text}.example"));
        prop_assert_eq!(fast.is_ok(), slow.is_ok(), "{:?} {:?}", fast, slow);
        if let (Ok(fast), Ok(slow)) = (fast, slow) {
            prop_assert_eq!(fast, slow);
        }
    }
}

/// Every character of the first two planes, alone and between letters, and samples of the rest.
#[test]
fn single_characters() {
    let planes_0_and_1 = '\0'..='\u{1FFFF}';
    let tags_and_selectors = '\u{E0000}'..='\u{E01FF}';
    let samples = ('\u{20000}'..=char::MAX).step_by(257);
    for c in planes_0_and_1.chain(tags_and_selectors).chain(samples) {
        for text in [String::from(c), format!("l{c}l")] {
            check(&text).unwrap_or_else(|error| panic!("U+{:04X}: {error}", u32::from(c)));
        }
    }
}
