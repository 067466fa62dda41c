//! What goes over real streams, made up from a seed.

use std::fmt::Write as _;

/// The start of the stream that all traffic is in.
pub const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";

/// One kind of traffic.
pub struct Traffic {
    pub name: &'static str,
    /// The stanzas, one after the other.
    pub stanzas: Vec<String>,
}

impl Traffic {
    /// All stanzas in one stream, behind its header and without its end.
    pub fn stream(&self) -> Vec<u8> {
        let mut stream = HEADER.as_bytes().to_vec();
        for stanza in &self.stanzas {
            stream.extend_from_slice(stanza.as_bytes());
        }
        stream
    }

    /// The stanzas alone.
    pub fn content(&self) -> Vec<u8> {
        self.stanzas.concat().into_bytes()
    }

    /// The same with another recipient.
    pub fn to(mut self, to: &str) -> Self {
        for stanza in &mut self.stanzas {
            let start = stanza.find("to='").expect("a recipient") + 4;
            let end = start + stanza[start..].find('\'').expect("a quote");
            stanza.replace_range(start..end, to);
        }
        self
    }

    /// Bytes of the stanzas.
    pub fn bytes(&self) -> usize {
        self.stanzas.iter().map(String::len).sum()
    }
}

/// The names of all kinds.
pub const KINDS: [&str; 5] = ["chat", "presence", "roster", "avatar", "nested"];

/// About so many bytes of one kind, at least one stanza.
pub fn make(name: &str, seed: u64, bytes: usize) -> Traffic {
    let (name, make): (&'static str, fn(&mut Random) -> String) = match name {
        "presence" => ("presence", presence),
        "roster" => ("roster", roster),
        "avatar" => ("avatar", avatar),
        "nested" => ("nested", nested),
        _ => ("chat", chat),
    };
    let mut random = Random(seed | 1);
    let mut stanzas: Vec<String> = Vec::new();
    let mut sum = 0;
    while sum < bytes {
        let stanza = make(&mut random);
        sum += stanza.len();
        stanzas.push(stanza);
    }
    Traffic { name, stanzas }
}

/// A small generator of random numbers.
pub struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }

    fn pick(&mut self, list: &[&'static str]) -> &'static str {
        list[self.below(list.len())]
    }

    fn id(&mut self) -> String {
        format!(
            "{:08x}-{:04x}-4{:03x}",
            self.below(1 << 32),
            self.below(1 << 16),
            self.below(1 << 12)
        )
    }

    fn base64(&mut self, len: usize) -> String {
        const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        (0..len)
            .map(|_| char::from(DIGITS[self.below(64)]))
            .collect()
    }

    fn jid(&mut self) -> String {
        let name = self.pick(&[
            "juliet", "romeo", "nurse", "benvolio", "mercutio", "tybalt", "paris",
        ]);
        let domain = self.pick(&[
            "im.example.com",
            "example.net",
            "capulet.example",
            "montague.example",
        ]);
        format!("{name}{}@{domain}", self.below(100))
    }

    fn text(&mut self) -> String {
        let count = 4 + self.below(14);
        let mut text = String::new();
        for _ in 0..count {
            text.push_str(self.pick(&[
                "wherefore",
                "art",
                "thou",
                "it's",
                "the",
                "east",
                "and",
                "I",
                "am",
                "soft",
                "light",
                "window",
                "yonder",
                "breaks",
                "café",
                "ok",
                "yes",
                "no",
                "tomorrow",
                "see",
                "you",
                "at",
                "eight",
            ]));
            text.push(' ');
        }
        text
    }
}

fn escaped(text: &str) -> String {
    text.replace('\'', "&apos;")
}

fn chat(random: &mut Random) -> String {
    let (to, from, id) = (random.jid(), random.jid(), random.id());
    let body = escaped(&random.text());
    let body = body.trim_end();
    format!(
        "<message to='{to}' from='{from}/phone' type='chat' id='{id}'><body>{body}</body><active \
         xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/><origin-id \
         xmlns='urn:xmpp:sid:0' id='{id}'/></message>"
    )
}

fn presence(random: &mut Random) -> String {
    let (to, from) = (random.jid(), random.jid());
    let show = random.pick(&["", "<show>away</show>", "<show>dnd</show>"]);
    let priority = random.below(100);
    let (ver, photo) = (random.base64(27), random.id().replace('-', ""));
    format!(
        "<presence to='{to}' from='{from}/desktop'>{show}<priority>{priority}</priority><c \
         xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://client.example' ver='{ver}='/><x \
         xmlns='vcard-temp:x:update'><photo>{photo}</photo></x></presence>"
    )
}

fn roster(random: &mut Random) -> String {
    let (to, id) = (random.jid(), random.id());
    let mut stanza = format!(
        "<iq to='{to}/phone' type='result' id='{id}'><query xmlns='jabber:iq:roster' ver='{}'>",
        random.below(1000)
    );
    for _ in 0..200 {
        let jid = random.jid();
        let name = random.pick(&[
            "Juliet",
            "Romeo Montague",
            "The Nurse",
            "Benvolio",
            "Mercutio",
        ]);
        let group = random.pick(&["Friends", "Family", "Work", "Verona"]);
        let _ = write!(
            stanza,
            "<item jid='{jid}' name='{name}' subscription='both'><group>{group}</group></item>"
        );
    }
    stanza.push_str("</query></iq>");
    stanza
}

fn avatar(random: &mut Random) -> String {
    let (to, from, id) = (random.jid(), random.jid(), random.id());
    let data = random.base64(50 * 1024);
    format!(
        "<message to='{to}' from='{from}'><event xmlns='http://jabber.org/protocol/pubsub#event'><items \
         node='urn:xmpp:avatar:data'><item id='{id}'><data xmlns='urn:xmpp:avatar:data'>{data}</data></item>\
         </items></event></message>"
    )
}

fn nested(random: &mut Random) -> String {
    let (to, from, id) = (random.jid(), random.jid(), random.id());
    let mut keys = String::new();
    for _ in 0..3 {
        let rid = random.below(1 << 31);
        let _ = write!(keys, "<key rid='{rid}'>{}</key>", random.base64(120));
    }
    let (iv, payload) = (random.base64(16), random.base64(200));
    format!(
        "<message to='{to}/phone' from='{to}'><result xmlns='urn:xmpp:mam:2' queryid='q1' id='{id}'><forwarded \
         xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2026-07-10T23:08:25Z'/><message \
         xmlns='jabber:client' to='{to}' from='{from}/laptop' type='chat' id='{id}'><encrypted \
         xmlns='eu.siacs.conversations.axolotl'><header sid='{}'>{keys}<iv>{iv}</iv></header><payload>{payload}\
         </payload></encrypted><encryption xmlns='urn:xmpp:eme:0' name='OMEMO' \
         namespace='eu.siacs.conversations.axolotl'/><body>I sent you an encrypted message</body><store \
         xmlns='urn:xmpp:hints'/><stanza-id xmlns='urn:xmpp:sid:0' id='{id}' by='{to}'/></message></forwarded>\
         </result></message>",
        random.below(1 << 31)
    )
}
