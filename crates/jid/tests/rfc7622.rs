//! The examples of RFC 7622 §3.5, the split into parts, and the behaviour that all kinds of
//! addresses share.

use std::collections::{BTreeSet, HashSet};

use xmppwire_jid::{
    BareJid, Domainpart, FullJid, Jid, JidError, Localpart, Part, Reason, Resourcepart,
};

#[expect(clippy::panic, reason = "only tests call it")]
fn parts(text: &str) -> (Option<String>, String, Option<String>) {
    let jid = Jid::new(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    (
        jid.localpart().map(str::to_owned),
        jid.domainpart().to_owned(),
        jid.resourcepart().map(str::to_owned),
    )
}

#[expect(clippy::panic, reason = "only tests call it")]
fn error(text: &str) -> (Part, Reason) {
    match Jid::new(text) {
        Ok(jid) => panic!("{text:?} was accepted as {jid:?}"),
        Err(error) => (error.part(), error.reason()),
    }
}

/// Table 1. The third column is the prepared address where it differs.
#[test]
fn examples_of_valid_addresses() {
    let table = [
        ("juliet@example.com", None),
        ("juliet@example.com/foo", None),
        ("juliet@example.com/foo bar", None),
        ("juliet@example.com/foo@bar", None),
        (r"foo\20bar@example.com", None),
        ("fussball@example.com", None),
        ("fu\u{DF}ball@example.com", None),
        ("\u{3C0}@example.com", None),
        ("\u{3A3}@example.com/foo", Some("\u{3C3}@example.com/foo")),
        ("\u{3C3}@example.com/foo", None),
        ("\u{3C2}@example.com/foo", None),
        ("king@example.com/\u{265A}", None),
        ("example.com", None),
        ("example.com/foobar", None),
        ("a.example.com/b@example.net", None),
    ];
    for (text, prepared) in table {
        assert_eq!(Jid::new(text).unwrap().as_str(), prepared.unwrap_or(text));
    }
    assert_eq!(
        parts("a.example.com/b@example.net"),
        (None, "a.example.com".into(), Some("b@example.net".into()))
    );
}

/// The notes to table 1: `ß` differs from `ss`, and the final sigma differs from the other two,
/// which are equal.
#[test]
fn examples_that_match_and_that_do_not() {
    let jid = |text| Jid::new(text).unwrap();
    assert_ne!(jid("fussball@example.com"), jid("fu\u{DF}ball@example.com"));
    assert_eq!(
        jid("\u{3A3}@example.com/foo"),
        jid("\u{3C3}@example.com/foo")
    );
    assert_ne!(
        jid("\u{3C2}@example.com/foo"),
        jid("\u{3C3}@example.com/foo")
    );
}

/// Table 2.
#[test]
fn examples_of_invalid_addresses() {
    let table = [
        (
            "\"juliet\"@example.com",
            (Part::Localpart, Reason::Forbidden('"')),
        ),
        (
            "foo bar@example.com",
            (Part::Localpart, Reason::Forbidden(' ')),
        ),
        ("@example.com/", (Part::Localpart, Reason::Empty)),
        (
            "henry\u{2163}@example.com",
            (Part::Localpart, Reason::Forbidden('\u{2163}')),
        ),
        (
            "\u{265A}@example.com",
            (Part::Localpart, Reason::Forbidden('\u{265A}')),
        ),
        ("juliet@", (Part::Domainpart, Reason::Empty)),
        ("/foobar", (Part::Domainpart, Reason::Empty)),
    ];
    for (text, expected) in table {
        assert_eq!(error(text), expected, "{text:?}");
    }
}

/// Table 2 has one more row, for a resourcepart that begins with a space. No rule forbids it:
/// OpaqueString, which §3.4 prescribes, allows spaces in every position.
#[test]
fn a_space_may_begin_a_resourcepart() {
    assert_eq!(parts("juliet@example.com/ foo").2.as_deref(), Some(" foo"));
}

/// Long resourceparts are looked at in words of eight bytes.
#[test]
fn every_byte_of_a_resourcepart_is_looked_at() {
    for len in 1..20 {
        for at in 0..len {
            let with = |c: &str| {
                let mut resource = "x".repeat(len);
                resource.replace_range(at..=at, c);
                format!("juliet@example.com/{resource}")
            };
            for control in ["\0", "\t", "\u{1F}", "\u{7F}"] {
                assert_eq!(error(&with(control)).0, Part::Resourcepart, "{len} {at}");
            }
            for allowed in [" ", "~"] {
                let text = with(allowed);
                assert_eq!(Jid::new(&text).unwrap().as_str(), text);
            }
            // RFC 8265 §4.2.2: NFC makes U+00C5 of the sign for angstrom.
            let prepared = Jid::new(&with("\u{212B}")).unwrap();
            assert_eq!(prepared.as_str(), with("\u{C5}"));
        }
    }
}

#[test]
fn the_first_slash_begins_the_resourcepart() {
    assert_eq!(
        parts("example.org/a/b"),
        (None, "example.org".into(), Some("a/b".into()))
    );
    assert_eq!(
        parts("juliet@example.org/a@b/c@d"),
        (
            Some("juliet".into()),
            "example.org".into(),
            Some("a@b/c@d".into())
        )
    );
    assert_eq!(parts("example.org//").2.as_deref(), Some("/"));
    assert_eq!(parts("example.org/@").2.as_deref(), Some("@"));
}

#[test]
fn the_first_at_sign_ends_the_localpart() {
    assert_eq!(
        error("a@a@example.com"),
        (Part::Domainpart, Reason::Forbidden('@'))
    );
    assert_eq!(error("@@example.com"), (Part::Localpart, Reason::Empty));
}

#[test]
fn no_part_may_be_empty() {
    for (text, part) in [
        ("", Part::Domainpart),
        ("@", Part::Localpart),
        ("/", Part::Domainpart),
        ("a@", Part::Domainpart),
        ("a@/b", Part::Domainpart),
        ("@example.org", Part::Localpart),
        ("example.org/", Part::Resourcepart),
        ("a@example.org/", Part::Resourcepart),
        (".", Part::Domainpart),
        ("a@\u{3002}/b", Part::Domainpart),
    ] {
        assert_eq!(error(text), (part, Reason::Empty), "{text:?}");
    }
}

#[test]
fn local_and_resourceparts_have_up_to_1023_octets() {
    let a = |len| "a".repeat(len);
    assert!(Localpart::new(&a(1023)).is_ok());
    assert!(Resourcepart::new(&a(1023)).is_ok());
    for len in [1024, 4092, 4093, 100_000] {
        assert_eq!(
            Localpart::new(&a(len)).unwrap_err().reason(),
            Reason::TooLong
        );
        assert_eq!(
            Resourcepart::new(&a(len)).unwrap_err().reason(),
            Reason::TooLong
        );
    }
    let longest = format!("{}@example.org/{}", a(1023), a(1023));
    assert_eq!(Jid::new(&longest).unwrap().as_str(), longest);
}

/// Up to four times the limit, an error names the character that is wrong; longer text is not read.
#[test]
fn text_of_up_to_4092_octets_is_read() {
    let quotes = |len| Localpart::new(&"\"".repeat(len)).unwrap_err().reason();
    assert_eq!(quotes(4092), Reason::Forbidden('"'));
    assert_eq!(quotes(4093), Reason::TooLong);
    let controls = |len| Resourcepart::new(&"\0".repeat(len)).unwrap_err().reason();
    assert_eq!(controls(4092), Reason::Forbidden('\0'));
    assert_eq!(controls(4093), Reason::TooLong);
}

/// The limit applies to the octets after mapping and normalization, not to those before.
#[test]
fn the_limit_holds_for_the_prepared_form() {
    // Three octets become one.
    let wide = "\u{FF41}".repeat(1023);
    assert_eq!(Localpart::new(&wide).unwrap().as_str(), "a".repeat(1023));
    let wide = "\u{FF41}".repeat(1024);
    assert_eq!(Localpart::new(&wide).unwrap_err().reason(), Reason::TooLong);
    // Seven octets become two, the greatest reduction of any text; the bound on the input must
    // permit it.
    let marks = "\u{FF35}\u{308}\u{301}".repeat(511);
    assert_eq!(
        Localpart::new(&marks).unwrap().as_str(),
        "\u{1D8}".repeat(511)
    );
    // Two octets become three: the lower-case letter of U+023A is above U+2C00.
    let grows = "\u{23A}".repeat(400);
    assert_eq!(
        Localpart::new(&grows).unwrap_err().reason(),
        Reason::TooLong
    );
    // A space of three octets becomes one octet.
    let spaces = "\u{2003}".repeat(1023);
    assert_eq!(
        Resourcepart::new(&spaces).unwrap().as_str(),
        " ".repeat(1023)
    );
}

#[test]
fn kinds_of_addresses() {
    let jid = Jid::new("juliet@example.org/balcony").unwrap();
    assert!(jid.is_full() && !jid.is_bare() && !jid.is_domain());
    assert_eq!(jid.bare_str(), "juliet@example.org");
    assert_eq!(jid.to_bare().as_str(), "juliet@example.org");

    let bare = Jid::new("juliet@example.org").unwrap();
    assert!(bare.is_bare() && !bare.is_full() && !bare.is_domain());
    assert_eq!(bare.bare_str(), bare.as_str());
    assert_eq!(bare.to_full(), None);

    let domain = Jid::new("example.org").unwrap();
    assert!(domain.is_bare() && domain.is_domain());
    assert!(!Jid::new("example.org/x").unwrap().is_domain());
    assert!(BareJid::new("example.org").unwrap().is_domain());
    assert!(!BareJid::new("juliet@example.org").unwrap().is_domain());
}

#[test]
fn conversions_between_the_kinds() {
    let full = FullJid::new("juliet@example.org/balcony").unwrap();
    let jid = Jid::from(full.clone());
    assert_eq!(jid.to_full().as_ref(), Some(&full));
    assert_eq!(jid.clone().into_full().as_ref(), Ok(&full));
    assert_eq!(jid.clone().into_bare(), Err(jid.clone()));
    assert_eq!(
        BareJid::try_from(jid).unwrap_err().to_string(),
        "resourcepart: has no place in this kind of address"
    );

    let bare = full.to_bare();
    assert_eq!(bare.domainpart(), "example.org");
    assert_eq!(bare.to_localpart(), full.to_localpart());
    assert_eq!(bare.localpart(), Some("juliet"));
    assert_eq!(BareJid::from(full.clone()), bare);
    let jid = Jid::from(bare.clone());
    assert_eq!(jid.clone().into_full(), Err(jid.clone()));
    assert_eq!(
        FullJid::try_from(jid.clone()).unwrap_err().to_string(),
        "resourcepart: is missing"
    );
    assert_eq!(jid.into_bare(), Ok(bare.clone()));

    let with_resource = bare.with_resource(&full.to_resourcepart());
    assert_eq!(with_resource, full);
    assert_eq!(with_resource.bare_str(), "juliet@example.org");
    assert_eq!(with_resource.resourcepart(), "balcony");
}

#[test]
fn kinds_are_equal_where_their_text_is() {
    let (bare, full) = ("juliet@example.org", "juliet@example.org/balcony");
    let (bare_jid, full_jid) = (BareJid::new(bare).unwrap(), FullJid::new(full).unwrap());
    for text in [bare, full, "juliet@example.org/chamber", "example.org"] {
        let jid = Jid::new(text).unwrap();
        for equal in [bare_jid == jid, jid == bare_jid] {
            assert_eq!(equal, text == bare, "{text}");
        }
        for equal in [full_jid == jid, jid == full_jid] {
            assert_eq!(equal, text == full, "{text}");
        }
    }
}

#[test]
fn kinds_refuse_other_kinds() {
    let reason = |error: JidError| (error.part(), error.reason());
    assert_eq!(
        reason(BareJid::new("example.org/x").unwrap_err()),
        (Part::Resourcepart, Reason::Unexpected)
    );
    assert_eq!(
        reason(FullJid::new("a@example.org").unwrap_err()),
        (Part::Resourcepart, Reason::Missing)
    );
    assert_eq!(
        reason(FullJid::new("a@example.org/").unwrap_err()),
        (Part::Resourcepart, Reason::Empty)
    );
}

#[test]
fn addresses_from_parts() {
    let local = Localpart::new("Juliet").unwrap();
    let domain = Domainpart::new("Example.ORG").unwrap();
    let resource = Resourcepart::new("a/b@c").unwrap();

    let full = FullJid::from_parts(Some(&local), &domain, &resource);
    assert_eq!(full.as_str(), "juliet@example.org/a/b@c");
    assert_eq!(full, FullJid::new(full.as_str()).unwrap());
    assert_eq!(full.to_localpart(), Some(local.clone()));
    assert_eq!(full.to_domainpart(), domain);
    assert_eq!(full.to_resourcepart(), resource);

    assert_eq!(
        Jid::from_parts(None, &domain, Some(&resource)).as_str(),
        "example.org/a/b@c"
    );
    assert_eq!(
        BareJid::from_parts(Some(&local), &domain).as_str(),
        "juliet@example.org"
    );
    assert_eq!(BareJid::from(domain.clone()).as_str(), "example.org");
    assert_eq!(Jid::from(domain).as_str(), "example.org");
}

#[test]
fn equality_across_the_kinds() {
    let full = FullJid::new("juliet@example.org/balcony").unwrap();
    let bare = full.to_bare();
    let jid = Jid::from(full.clone());
    assert_eq!(jid, full);
    assert_eq!(full, jid);
    assert_ne!(jid, bare);
    assert_ne!(bare, jid);
    assert_eq!(jid.to_bare(), bare);
}

/// Different spellings of one address are the same key.
#[test]
fn differing_spellings_are_equal() {
    let spellings = [
        "m\u{FC}ller@b\u{FC}cher.example/\u{E9}",
        "M\u{DC}LLER@B\u{DC}CHER.EXAMPLE./e\u{301}",
        "mu\u{308}ller@xn--bcher-kva.example/\u{E9}",
        "\u{FF2D}\u{FC}ller@XN--BCHER-KVA\u{3002}example\u{FF61}/\u{E9}",
    ];
    let set: HashSet<Jid> = spellings
        .iter()
        .map(|text| Jid::new(text).unwrap())
        .collect();
    assert_eq!(set.len(), 1);
    assert!(set.contains(spellings[0]));
}

#[test]
fn order_is_that_of_the_text() {
    let sorted: BTreeSet<Jid> = ["b@a", "a@b", "a", "a@B/x", "A/b"]
        .iter()
        .map(|text| Jid::new(text).unwrap())
        .collect();
    let sorted: Vec<&str> = sorted.iter().map(Jid::as_str).collect();
    assert_eq!(sorted, ["a", "a/b", "a@b", "a@b/x", "b@a"]);
}

#[test]
fn formats_and_conversions() {
    let jid: Jid = "Juliet@example.org/Balcony".parse().unwrap();
    assert_eq!(jid.to_string(), "juliet@example.org/Balcony");
    assert_eq!(format!("{jid:?}"), "Jid(\"juliet@example.org/Balcony\")");
    assert_eq!(
        format!("{:>12}|", Jid::new("a@b").unwrap()),
        "         a@b|"
    );
    assert_eq!(Jid::try_from("a@b").unwrap(), Jid::new("a@b").unwrap());
    assert_eq!(
        BareJid::try_from(String::from("A@b")).unwrap().as_ref(),
        "a@b"
    );
    assert_eq!(
        format!("{:?}", Localpart::new("Juliet").unwrap()),
        "Localpart(\"juliet\")"
    );
}

/// An address that is ASCII up to its resourcepart takes the short path, which has to see every byte.
#[test]
fn two_characters_of_a_kind_do_not_hide_each_other() {
    let jid = Jid::new("juliet@example.org/e\u{301}").unwrap();
    assert_eq!(jid.resourcepart(), Some("\u{E9}"));
    for resource in ["\u{1}\u{1}", "\u{7F}x\u{7F}", "a\u{1}b\u{1F}"] {
        let (part, _) = error(&format!("juliet@example.org/{resource}"));
        assert_eq!(part, Part::Resourcepart, "{resource:?}");
    }
}
