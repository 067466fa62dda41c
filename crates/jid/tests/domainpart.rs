//! Domainparts: RFC 7622 §3.2.

use xmppwire_jid::{Domainpart, Reason};

#[expect(clippy::panic, reason = "only tests call it")]
fn prepared(text: &str) -> String {
    match Domainpart::new(text) {
        Ok(part) => part.as_str().to_owned(),
        Err(error) => panic!("{text:?}: {error}"),
    }
}

#[expect(clippy::panic, reason = "only tests call it")]
fn reason(text: &str) -> Reason {
    match Domainpart::new(text) {
        Ok(part) => panic!("{text:?} was accepted as {part:?}"),
        Err(error) => error.reason(),
    }
}

#[test]
fn ldh_names() {
    for name in [
        "example.org",
        "localhost",
        "a",
        "a-b.c",
        "3com.example",
        "1.2.3.example",
        "1.2.3.4.5",
        "1234",
        // Wider than RFC 7622, for host names of intranets.
        "my_host.example",
        "_",
        "_xmpp._tcp.example",
        // Only hyphens in the third and fourth place are reserved.
        "a--b.example",
    ] {
        assert_eq!(prepared(name), name);
    }
    assert_eq!(prepared("EXAMPLE.Org"), "example.org");
}

#[test]
fn other_ascii_is_refused() {
    for c in " !\"#$%&'()*+,:;<=>?@[\\]^`{|}~/\0\t\n\u{7F}".chars() {
        assert_eq!(reason(&format!("ex{c}ample.org")), Reason::Forbidden(c));
    }
}

/// The underscore is allowed only in ASCII labels: RFC 5892 §2.6 disallows it in U-labels.
#[test]
fn underscores() {
    assert_eq!(prepared("MY_HOST.example"), "my_host.example");
    assert_eq!(
        prepared("my_host.B\u{DC}CHER.example"),
        "my_host.b\u{FC}cher.example"
    );
    // Fullwidth low line.
    assert_eq!(prepared("my\u{FF3F}host.example"), "my_host.example");
    assert_eq!(reason("b\u{FC}_cher.example"), Reason::Forbidden('_'));
    // The same label as an A-label.
    assert_eq!(reason("xn--b_cher-3ya.example"), Reason::Forbidden('_'));
}

#[test]
fn hyphens() {
    for name in [
        "-a.example",
        "a-.example",
        "example.-",
        "ab--cd.example",
        "r3---sn.example",
    ] {
        assert_eq!(reason(name), Reason::Hyphen, "{name}");
    }
    assert_eq!(reason("-\u{FC}.example"), Reason::NotIdna);
    assert_eq!(reason("\u{FC}b--c.example"), Reason::NotIdna);
}

#[test]
fn a_final_dot_is_stripped() {
    for dot in [".", "\u{3002}", "\u{FF0E}", "\u{FF61}"] {
        assert_eq!(prepared(&format!("example.org{dot}")), "example.org");
        assert_eq!(
            prepared(&format!("b\u{FC}cher.example{dot}")),
            "b\u{FC}cher.example"
        );
        assert_eq!(prepared(&format!("127.0.0.1{dot}")), "127.0.0.1");
        assert_eq!(reason(dot), Reason::Empty);
        assert_eq!(reason(&format!("example.org.{dot}")), Reason::EmptyLabel);
    }
}

#[test]
fn ideographic_full_stops_are_dots() {
    assert_eq!(
        prepared("a\u{3002}b\u{FF0E}c\u{FF61}example"),
        "a.b.c.example"
    );
}

#[test]
fn empty_labels() {
    for name in [
        ".example",
        "a..b",
        "..",
        "a\u{3002}.b",
        "\u{FC}..b",
        ".\u{FC}",
    ] {
        assert_eq!(reason(name), Reason::EmptyLabel, "{name}");
    }
    // A soft hyphen is mapped to nothing.
    assert_eq!(reason("\u{AD}.example"), Reason::EmptyLabel);
    assert_eq!(reason("\u{AD}"), Reason::EmptyLabel);
}

#[test]
fn lengths_of_labels_and_names() {
    let a = |len| "a".repeat(len);
    assert_eq!(prepared(&a(63)).len(), 63);
    assert_eq!(reason(&a(64)), Reason::LabelTooLong);

    let name = format!("{0}.{0}.{0}.{1}", a(63), a(61));
    assert_eq!(prepared(&name).len(), 253);
    assert_eq!(prepared(&format!("{name}.")).len(), 253);
    let name = format!("{0}.{0}.{0}.{1}", a(63), a(62));
    assert_eq!(reason(&name), Reason::NameTooLong);

    // The limit applies to the A-label of a U-label, including `xn--`.
    let label = format!("{}\u{FC}", a(54));
    assert_eq!(prepared(&label), label);
    assert_eq!(reason(&format!("{}\u{FC}", a(60))), Reason::LabelTooLong);
    assert_eq!(reason(&a(1024)), Reason::LabelTooLong);
    assert_eq!(reason(&a(5000)), Reason::TooLong);
    assert_eq!(reason(&"\u{AD}".repeat(3000)), Reason::TooLong);
    // IDNA ignores soft hyphens, of which four times the octets of a domainpart are read.
    let ignored = "\u{AD}".repeat(2046 - 6);
    assert_eq!(prepared(&format!("examples.org{ignored}")), "examples.org");
    let longer = format!("example1.info{ignored}");
    assert_eq!(reason(&longer), Reason::TooLong);
}

#[test]
fn a_labels_become_u_labels() {
    for (text, expected) in [
        ("xn--bcher-kva.example", "b\u{FC}cher.example"),
        ("XN--BCHER-KVA.example", "b\u{FC}cher.example"),
        ("xn--fuball-cta.example", "fu\u{DF}ball.example"),
        (
            "xn--hxajbheg2az3al.xn--jxalpdlp",
            "\u{3C0}\u{3B1}\u{3C1}\u{3AC}\u{3B4}\u{3B5}\u{3B9}\u{3B3}\u{3BC}\u{3B1}.\u{3B4}\u{3BF}\u{3BA}\u{3B9}\u{3BC}\u{3AE}",
        ),
    ] {
        assert_eq!(prepared(text), expected);
    }
}

#[test]
fn broken_a_labels() {
    for name in [
        "xn--",
        "xn--a",
        "xn--example-",
        "xn--bcher-kva8",
        "xn--a-\u{FC}",
        // The A-label of a name with an upper-case letter, which no U-label has.
        "xn--bcher-2pa.example",
        "xn--99999999",
    ] {
        assert!(Domainpart::new(name).is_err(), "{name}");
    }
}

#[test]
fn u_labels_are_mapped() {
    for (text, expected) in [
        ("B\u{DC}CHER.example", "b\u{FC}cher.example"),
        ("bu\u{308}cher.example", "b\u{FC}cher.example"),
        ("\u{FF45}\u{FF58}ample.org", "example.org"),
        ("\u{3A3}\u{3A3}.example", "\u{3C3}\u{3C3}.example"),
        // The mapping is not transitional: IDNA2008 keeps these two letters.
        ("fu\u{DF}ball.example", "fu\u{DF}ball.example"),
        ("\u{3C3}\u{3C2}.example", "\u{3C3}\u{3C2}.example"),
        ("\u{1E9E}.example", "\u{DF}.example"),
    ] {
        assert_eq!(prepared(text), expected);
    }
}

/// UTS #46 permits symbols, IDNA2008 does not.
#[test]
fn symbols_are_refused() {
    for (name, c) in [
        ("\u{265A}.example", '\u{265A}'),
        ("xn--n3h.example", '\u{2603}'),
        ("i\u{2764}.example", '\u{2764}'),
        ("\u{1F37A}.example", '\u{1F37A}'),
        ("a\u{20D0}.example", '\u{20D0}'),
    ] {
        assert_eq!(reason(name), Reason::Forbidden(c), "{name}");
    }
}

#[test]
fn contextual_characters() {
    // The middle dot, between two `l`.
    assert_eq!(prepared("col\u{B7}la.example"), "col\u{B7}la.example");
    assert_eq!(prepared("COL\u{B7}LA.example"), "col\u{B7}la.example");
    assert_eq!(reason("a\u{B7}b.example"), Reason::OutOfContext('\u{B7}'));
    // The rule applies to the label, not to the whole name.
    assert_eq!(reason("l\u{B7}.l.example"), Reason::OutOfContext('\u{B7}'));
    assert_eq!(
        prepared("\u{30C6}\u{30FB}\u{30B9}.example"),
        "\u{30C6}\u{30FB}\u{30B9}.example"
    );
    assert_eq!(
        reason("\u{30FB}a.\u{30C6}"),
        Reason::OutOfContext('\u{30FB}')
    );
    // The joiners after a virama.
    assert_eq!(
        prepared("\u{915}\u{94D}\u{200D}\u{937}.example"),
        "\u{915}\u{94D}\u{200D}\u{937}.example"
    );
    assert_eq!(reason("a\u{200D}b.example"), Reason::NotIdna);
    assert_eq!(reason("a\u{200C}b.example"), Reason::NotIdna);
}

#[test]
fn directions() {
    assert_eq!(prepared("\u{5D0}\u{5D1}.example"), "\u{5D0}\u{5D1}.example");
    assert_eq!(reason("\u{5D0}a.example"), Reason::NotIdna);
    // In a name with a right-to-left label, the rule applies to the other labels too.
    assert_eq!(reason("\u{5D0}.1a"), Reason::NotIdna);
}

#[test]
fn unassigned_and_disallowed_characters() {
    for c in [
        '\u{378}',
        '\u{E000}',
        '\u{FFFD}',
        '\u{FFFE}',
        '\u{10FFFF}',
        '\u{202E}',
        '\u{2028}',
        '\u{85}',
        '\u{A0}',
    ] {
        assert_eq!(reason(&format!("a{c}b.example")), Reason::NotIdna);
    }
}

#[test]
fn ipv4_addresses() {
    for address in ["127.0.0.1", "0.0.0.0", "255.255.255.255"] {
        assert_eq!(prepared(address), address);
    }
    // The mapping turns fullwidth digits into ASCII digits.
    assert_eq!(prepared("\u{FF11}.2.3.4"), "1.2.3.4");
    for address in [
        "256.0.0.1",
        "1.2.3.999",
        "01.2.3.4",
        "1.2.3.00",
        "99999999999.1.1.1",
        "\u{FF12}56.0.0.1",
    ] {
        assert_eq!(reason(address), Reason::IpAddress, "{address}");
    }
}

#[test]
fn ipv6_addresses_have_one_spelling() {
    for (text, expected) in [
        ("[::1]", "[::1]"),
        ("[::]", "[::]"),
        ("[2001:DB8:0:0:0:0:0:1]", "[2001:db8::1]"),
        ("[2001:0db8::0001]", "[2001:db8::1]"),
        ("[::FFFF:192.0.2.1]", "[::ffff:192.0.2.1]"),
        ("[::ffff:c000:201]", "[::ffff:192.0.2.1]"),
        ("[fe80::1%25eth0]", "[fe80::1%25eth0]"),
        ("[FE80::1%25En_0.1~-]", "[fe80::1%25En_0.1~-]"),
        ("[::1].", "[::1]"),
    ] {
        assert_eq!(prepared(text), expected);
        assert_eq!(prepared(expected), expected);
    }
}

#[test]
fn invalid_ip_literals() {
    for text in [
        "[]",
        "[",
        "[::1",
        "[::1]]",
        "[[::1]]",
        "[::1]a",
        "[::1]:5222",
        "[127.0.0.1]",
        "[example.org]",
        "[1:2:3:4:5:6:7:8:9]",
        "[::g]",
        "[ ::1]",
        "[::1%eth0]",
        "[::1%25]",
        "[::1%25a%20]",
        "[::1%25a@b]",
        "[v1.fe80::1]",
        "[::1\u{3002}1]",
    ] {
        assert_eq!(reason(text), Reason::IpAddress, "{text}");
    }
    assert_eq!(reason("::1"), Reason::Forbidden(':'));
    assert_eq!(reason("::1]"), Reason::Forbidden(':'));
    assert_eq!(reason("\u{FF3B}::1\u{FF3D}"), Reason::NotIdna);
}
