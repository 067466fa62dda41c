//! Test vectors for both sides. The first two are the examples of RFC 5802 §5 and RFC 7677 §3. The
//! RFCs have no examples with channel binding, with SHA-512 or with the hash of an offer
//! (XEP-0474), so the other vectors were computed with a second implementation: `pbkdf2_hmac` and
//! `new` of Python's `hashlib` and `digest` of its `hmac`, combined as RFC 5802 §3 says. That
//! implementation also reproduces the examples of the RFCs.

use alloc::string::String;

use crate::{
    ChannelBindings, ClientExchange, Credentials, DecoyKey, Mechanism, Offer, ScramKeys,
    ServerAnswer, ServerExchange, ServerStep,
};

struct Vector {
    mechanism: Mechanism,
    bindings: ChannelBindings,
    credentials: Credentials,
    client_nonce: &'static str,
    server_nonce: &'static str,
    keys: &'static str,
    client_first: &'static str,
    server_first: &'static str,
    client_final: &'static str,
    server_final: &'static str,
}

impl Vector {
    fn check(&self) {
        // Without an announcement a client uses only the default type of the TLS version. The
        // vectors with a hash of the offer (XEP-0474) announce nothing.
        let is_hashed = self.server_first.contains(",h=");
        let mut offer = Offer::new([self.mechanism.name()]);
        if !is_hashed {
            offer = offer.with_channel_bindings(self.bindings.types().map(|kind| kind.name()));
        }
        let mut client = ClientExchange::with_nonce(
            self.mechanism,
            &self.credentials,
            &self.bindings,
            &offer,
            String::from(self.client_nonce),
        )
        .unwrap();
        let mut server = ServerExchange::with_nonce(
            self.mechanism,
            &self.bindings,
            &offer,
            String::from(self.server_nonce),
            DecoyKey::new([0; 32]),
        );
        if !is_hashed {
            server = server.without_downgrade_protection();
        }

        assert_eq!(text(&client.initial_response()), self.client_first);
        assert_eq!(
            server.step(Some(self.client_first.as_bytes())),
            ServerStep::Ask
        );
        let keys = ScramKeys::parse(self.keys).unwrap();
        assert_eq!(
            server.answer(ServerAnswer::ScramKeys(keys)),
            ServerStep::Challenge(self.server_first.into())
        );
        let response = client.respond(self.server_first.as_bytes()).unwrap();
        assert_eq!(text(&response), self.client_final);
        assert_eq!(
            server.step(Some(self.client_final.as_bytes())),
            ServerStep::Success {
                username: self.credentials.username().map(String::from),
                authzid: self.credentials.authzid().map(String::from),
                additional_data: Some(self.server_final.into()),
            }
        );
        assert_eq!(client.finish(Some(self.server_final.as_bytes())), Ok(()));

        let derived = ScramKeys::parse(self.keys).unwrap();
        let derived = ScramKeys::derive(
            derived.hash(),
            self.credentials.password().unwrap().expose(),
            derived.salt(),
            derived.iterations(),
        );
        assert_eq!(derived.unwrap().to_text(), self.keys);
    }
}

fn text(octets: &[u8]) -> &str {
    core::str::from_utf8(octets).unwrap()
}

#[test]
fn rfc5802_sha1() {
    Vector {
        mechanism: Mechanism::ScramSha1,
        bindings: ChannelBindings::none(),
        credentials: Credentials::new("user", "pencil"),
        client_nonce: "fyko+d2lbbFgONRv9qkxdawL",
        server_nonce: "3rfcNHYJY1ZVvWVs7j",
        keys: "SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE=",
        client_first: "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
        server_first: "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
        client_final: "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        server_final: "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
    }
    .check();
}

#[test]
fn rfc7677_sha256() {
    Vector {
        mechanism: Mechanism::ScramSha256,
        bindings: ChannelBindings::none(),
        credentials: Credentials::new("user", "pencil"),
        client_nonce: "rOprNGfwEbeRWgbNEkqO",
        server_nonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        keys: "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
        client_first: "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        server_first: "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        client_final: "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        server_final: "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    }
    .check();
}

#[test]
fn sha1_plus_with_the_certificate() {
    Vector {
        mechanism: Mechanism::ScramSha1Plus,
        bindings: ChannelBindings::tls12().with_server_end_point(&[0x5A; 32]),
        credentials: Credentials::new("user", "pencil"),
        client_nonce: "fyko+d2lbbFgONRv9qkxdawL",
        server_nonce: "3rfcNHYJY1ZVvWVs7j",
        keys: "SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE=",
        client_first: "p=tls-server-end-point,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
        server_first: "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
        client_final: "c=cD10bHMtc2VydmVyLWVuZC1wb2ludCwsWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo=,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=xd4HCYon7Q4IFJ1N+glAqZyTvI4=",
        server_final: "v=42D6QeuH56+v8HbbicUJn+pmKPI=",
    }
    .check();
}

#[test]
fn sha256_plus_with_exporter_authzid_escapes_and_preparation() {
    let mut exporter = [0; 32];
    for (octet, value) in exporter.iter_mut().zip(0..) {
        *octet = value;
    }
    Vector {
        mechanism: Mechanism::ScramSha256Plus,
        bindings: ChannelBindings::tls13(exporter),
        // The password is decomposed and contains a no-break space; SASLprep normalises both.
        credentials: Credentials::new("ro,meo=", "cafe\u{301}\u{a0}noir")
            .with_authzid("juliet@example.org"),
        client_nonce: "rOprNGfwEbeRWgbNEkqO",
        server_nonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        keys: "SCRAM-SHA-256$4096:ZGVmZ2hpamtsbW5vcHFycw==$u8pxdWYLj1mjOadMWq+LD5cgCKumIhp2lMxWn2BeOJU=:1qNu3tJR7Rz9T1PCUeLmPo84rY1nkAXMqv46gCSprFw=",
        client_first: "p=tls-exporter,a=juliet@example.org,n=ro=2Cmeo=3D,r=rOprNGfwEbeRWgbNEkqO",
        server_first: "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=ZGVmZ2hpamtsbW5vcHFycw==,i=4096",
        client_final: "c=cD10bHMtZXhwb3J0ZXIsYT1qdWxpZXRAZXhhbXBsZS5vcmcsAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=GDjiKcC8Z7xdaRCravEFFSCqUjbEoYQ1d6lvraVa0Ms=",
        server_final: "v=7oyh4HQjePxh2dShk1WuzPaD+NhoE/tBvsbzXSfmPtY=",
    }
    .check();
}

#[test]
fn sha512() {
    Vector {
        mechanism: Mechanism::ScramSha512,
        bindings: ChannelBindings::none(),
        credentials: Credentials::new("user", "pencil"),
        client_nonce: "rOprNGfwEbeRWgbNEkqO",
        server_nonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        keys: "SCRAM-SHA-512$4096:W22ZaJ0SNY7soEsUEjb6gQ==$6AAub3065EYRmyFpM2RNwqK+eGnrkYuEWbXn19LsEmBqzu8QaCXNc1FwpnX9NhH2hK/60dzj9DoO5DvVkOHbvg==:jZHbYjC1aHh0/hKbxyBuGFjDrgjgKTT1esA7awWiKcRZ0o/0b1yWEebBeSVkkCFewf91nLDfKF24mvD5nmE6rA==",
        client_first: "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        server_first: "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        client_final: "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=gMGXRcevScNtxZ6/8lQYpGtnsNAc3mGcmNomv+xnoOMw+3R2xNJdMNnzMlTN8PPC6wdp6dybEmDYXYTxwnYPJQ==",
        server_final: "v=ZQnYEgWQMFmmsM8aQMF0nDDCy/AgCzkwk8CmMZYcMg0vSVlKDanekLtifDSeVGT4+5ZxXnJq199RVG2rR7N7Zw==",
    }
    .check();
}

#[test]
fn sha512_plus_with_protected_offer() {
    Vector {
        mechanism: Mechanism::ScramSha512Plus,
        bindings: ChannelBindings::tls13([0x5A; 32]),
        credentials: Credentials::new("user", "pencil"),
        client_nonce: "rOprNGfwEbeRWgbNEkqO",
        server_nonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        keys: "SCRAM-SHA-512$4096:W22ZaJ0SNY7soEsUEjb6gQ==$6AAub3065EYRmyFpM2RNwqK+eGnrkYuEWbXn19LsEmBqzu8QaCXNc1FwpnX9NhH2hK/60dzj9DoO5DvVkOHbvg==:jZHbYjC1aHh0/hKbxyBuGFjDrgjgKTT1esA7awWiKcRZ0o/0b1yWEebBeSVkkCFewf91nLDfKF24mvD5nmE6rA==",
        client_first: "p=tls-exporter,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        server_first: "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,h=avizEU/qdeqf0pFDtDEdbk9+o/8aRU3umFLvk2BCLmslDEmuQCGA8y/fce12lgllfuXb64SD5hhjspqa3q2/LA==",
        client_final: "c=cD10bHMtZXhwb3J0ZXIsLFpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpa,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=s09vp93bf7GPqGV6HN9q7g3sOskMuKMy7VEHlazHnF3cyScvA0cdIRilYL2TVCLJSbE7wNiPti5YnYblxHxiTQ==",
        server_final: "v=uApnbxLnb9Z+/UGS3XO4baepGBfXUcbHiPINsa9/ETNUR9wlBGfpcFZni2Uj8u2V9nXkuzjAd7Au2Z4m87h2Rg==",
    }
    .check();
}

#[test]
fn sha1_with_protected_offer() {
    Vector {
        mechanism: Mechanism::ScramSha1,
        bindings: ChannelBindings::none(),
        credentials: Credentials::new("user", "pencil"),
        client_nonce: "rOprNGfwEbeRWgbNEkqO",
        server_nonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        keys: "SCRAM-SHA-1$4096:W22ZaJ0SNY7soEsUEjb6gQ==$g2pEzX2tMaoibxTD4YfBJkq1y8w=:ZGkNjsmKwVX5C5z80vGxHZ02jOI=",
        client_first: "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        server_first: "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,h=LrtFoCs8XsoI+diY4u3rG69UGN8=",
        client_final: "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=3kNKcpsv52YmLi8StFD4OOQf8vU=",
        server_final: "v=Rhhjq06Vu3c/uy6aQXXRR/0dqvA=",
    }
    .check();
}
