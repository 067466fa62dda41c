//! The allocations of an address: one for ASCII, and for hostile text no more than the limits
//! allow.

use std::hint::black_box;

use allocation_counter::measure;
use xmppwire_jid::{BareJid, FullJid, Jid, Resourcepart};

#[test]
fn an_ascii_address_is_one_allocation() {
    for text in [
        "example.org",
        "juliet@example.org",
        "juliet@example.org/balcony",
        "Juliet@EXAMPLE.org/Balcony",
        "127.0.0.1",
    ] {
        let cost = measure(|| {
            black_box(Jid::new(black_box(text))).ok();
        });
        assert_eq!(cost.count_total, 1, "{text}");
        assert_eq!(cost.bytes_max, text.len() as u64, "{text}");
    }
}

#[test]
fn conversions_copy_once_or_not_at_all() {
    let full = FullJid::new("juliet@example.org/balcony").unwrap();
    let balcony = Resourcepart::new("balcony").unwrap();
    let bare = BareJid::new("juliet@example.org").unwrap();
    let once = measure(|| {
        black_box(full.to_bare());
    });
    assert_eq!(once.count_total, 1);
    let once = measure(|| {
        black_box(bare.with_resource(&balcony));
    });
    assert_eq!(once.count_total, 1);
    let jid = Jid::from(full);
    let never = measure(|| {
        black_box(jid.into_full()).ok();
    });
    assert_eq!(never.count_total, 0);
}

/// A megabyte of text in each part is refused without being copied.
#[test]
fn oversized_text_is_not_copied() {
    let big = "\u{FF41}".repeat(350_000);
    for text in [
        format!("{big}@example.org"),
        format!("a@{big}"),
        format!("a@example.org/{big}"),
    ] {
        let cost = measure(|| {
            assert!(Jid::new(black_box(&text)).is_err());
        });
        assert!(cost.bytes_max < 4096, "{} bytes", cost.bytes_max);
    }
}
