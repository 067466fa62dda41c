//! Others want the session, or its client lies about it.

use xmppwire::{BareJid, HostAnswer, Resumption, SaslAnswer, ServerEvent};

use super::Session;
use super::ends::{host, juliet, server};
use crate::end::{START, ensure};

impl Session {
    /// Wants the session that waits, as another account or with a wrong count. It must stay, and the
    /// other account must learn nothing.
    pub(super) fn steal(&mut self, account: &str, count: &str) -> Result<(), String> {
        let before = self.sessions.bytes();
        let id = self.waiting_id();
        let answer = self.resume_raw(account, &id, count)?;
        let unknown = self.resume_raw(account, "nosuch", count)?;
        let of_other = account != "juliet";
        ensure(!of_other || answer == unknown, || {
            format!("it tells a foreign session from none: {answer}")
        })?;
        ensure(
            of_other || answer.contains("handled-count-too-high"),
            || format!("a wrong count gets {answer}"),
        )?;
        let kept = self.sessions.contains(&juliet()) && self.sessions.bytes() == before;
        ensure(kept, || "a session is lost by bad input")
    }

    /// The id of the session, as its client knows it.
    fn waiting_id(&self) -> String {
        let bytes = self.resumption.as_ref().map(Resumption::to_bytes);
        let bytes = bytes.unwrap_or_default();
        // After 22 bytes of counters: see the format.
        let id = bytes.get(26..26 + 32).unwrap_or_default();
        String::from_utf8_lossy(id).into_owned()
    }

    /// Logs in as this account and asks for that session; what the server says to it.
    fn resume_raw(&mut self, account: &str, id: &str, count: &str) -> Result<String, String> {
        const HEADER: &str = "<stream:stream xmlns='jabber:client' version='1.0' \
            xmlns:stream='http://etherx.jabber.org/streams' to='example.org'>";
        let mut machine = server(200);
        let auth = format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{}</auth>",
            base64_of(account)
        );
        let resume = format!("<resume xmlns='urn:xmpp:sm:3' previd='{id}' h='{count}'/>");
        let mut said = Vec::new();
        for text in [HEADER, &auth, HEADER, &resume] {
            let mut input = text.as_bytes();
            said.clear();
            while !input.is_empty() && machine.wants_read() {
                let n = machine.receive(START, input);
                input = &input[n..];
                while let Some(event) = machine.poll_event() {
                    match event {
                        ServerEvent::Opened(request) => machine
                            .choose_host(request, HostAnswer::Serve(host()))
                            .map_err(|why| why.to_string())?,
                        ServerEvent::Sasl(request) => {
                            let account = BareJid::new(&format!("{account}@example.org"));
                            let answer = SaslAnswer::Accept(account.map_err(|e| e.to_string())?);
                            machine
                                .answer_sasl(request, answer)
                                .map_err(|why| why.to_string())?;
                        }
                        ServerEvent::Resume(request) => {
                            let answer = self.sessions.answer(START, &request);
                            let back = machine.answer_resume(request, answer);
                            if let Some(back) = back.map_err(|why| why.to_string())? {
                                self.detached(back)?;
                            }
                        }
                        _ => {}
                    }
                }
                said.extend(machine.take_output());
            }
        }
        Ok(String::from_utf8_lossy(&said).into_owned())
    }
}

/// `\0ACCOUNT\0x` in base64.
fn base64_of(account: &str) -> String {
    xmppwire_sasl::wire::encode(format!("\0{account}\0x").as_bytes())
}
