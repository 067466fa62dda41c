//! Known answers, on both sides. The first two are the examples of RFC 5802, Section 5 and
//! RFC 7677, Section 3; the RFCs have none with channel binding, so the others were computed with
//! another implementation of PBKDF2 and HMAC.

use alloc::string::String;

use crate::{
    ChannelBindings, ClientExchange, Credentials, DecoyKey, Mechanism, ScramKeys, ServerAnswer,
    ServerExchange, ServerStep,
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
        let plus = self.mechanism.is_plus();
        let mut client = ClientExchange::with_nonce(
            self.mechanism,
            &self.credentials,
            &self.bindings,
            plus,
            String::from(self.client_nonce),
        )
        .unwrap();
        let mut server = ServerExchange::with_nonce(
            self.mechanism,
            &self.bindings,
            plus,
            String::from(self.server_nonce),
            DecoyKey::new([0; 32]),
        );

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
                username: self.credentials.username().into(),
                authzid: self.credentials.authzid().map(String::from),
                additional_data: Some(self.server_final.into()),
            }
        );
        assert_eq!(client.finish(Some(self.server_final.as_bytes())), Ok(()));

        let derived = ScramKeys::parse(self.keys).unwrap();
        let derived = ScramKeys::derive(
            derived.hash(),
            self.credentials.password().expose(),
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
        // The password is decomposed and has a no-break space; SASLprep undoes both.
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
