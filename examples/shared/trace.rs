//! Explains what passes on the wire.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use xmppwire::CloseReason;
use xmppwire_net::tls::TlsSummary;
use xmppwire_xml::{Element, Event, Reader, XmlLimits};

use crate::style::{BOLD, DIM, Side, Style, say};

/// The usual [`Script::tls_title`].
pub const AFTER_STARTTLS: &str = "TLS 1.3, on the same connection";

/// What is said about the items on a connection.
pub struct Script {
    /// For each item its meaning, and the section that defines it. A row without an item begins a
    /// chapter before the item of the next row.
    ///
    /// An item is named by the one who sends it, `>` for the side that opened the connection and
    /// `<` for the other; by its element; and by what tells it from others: the number of the
    /// stream, the type, the first child. Of an item without a section only the meaning is shown:
    /// the reader has seen the like before.
    pub rows: &'static [(&'static str, &'static str, &'static str)],
    /// Explains what is inside an element.
    pub element: fn(&Element) -> Details,
    /// The title of the chapter of TLS.
    pub tls_title: &'static str,
    /// What that chapter shows.
    pub tls: fn(&TlsSummary) -> Details,
}

/// Values, and what they mean.
pub type Details = Vec<(String, String)>;

/// One side of a connection.
#[derive(Clone, Copy)]
pub struct Speaker {
    /// What it is called.
    pub name: &'static str,
    /// Where it stands in the display.
    pub side: Side,
}

/// The display. Clones share it.
#[derive(Clone)]
pub struct Trace {
    style: Style,
    page: Arc<Mutex<Page>>,
}

/// What is printed so far.
#[derive(Default)]
struct Page {
    chapters: usize,
    /// When the first chapter began.
    since: Option<Instant>,
    /// Whether the last line is one that the next chapter needs distance from.
    is_dense: bool,
}

impl Default for Trace {
    fn default() -> Self {
        Self::new()
    }
}

impl Trace {
    /// A display without chapters so far, on the standard output.
    pub fn new() -> Self {
        Self {
            style: Style::detect(),
            page: Arc::default(),
        }
    }

    /// Prints the title of the next chapter.
    pub fn begin_chapter(&self, title: &str) {
        let number = self.page().chapters + 1;
        self.rule(&format!("{number} · {title}"));
        self.page().chapters = number;
    }

    /// Prints a line under the last chapter.
    pub fn end_chapter(&self) {
        self.rule("");
    }

    fn rule(&self, title: &str) {
        let mut page = self.page();
        if std::mem::take(&mut page.is_dense) {
            say("");
        }
        let since = *page.since.get_or_insert_with(Instant::now);
        self.style.rule(title, since.elapsed());
    }

    fn page(&self) -> MutexGuard<'_, Page> {
        self.page.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The display of a connection that `opener` opened to `other`.
    pub fn wire(&self, script: &'static Script, opener: Speaker, other: Speaker) -> Wire {
        Wire {
            trace: self.clone(),
            script,
            opener: Direction::new(opener),
            other: Direction::new(other),
            is_brief: false,
            by_opener: false,
            round_trips: 0,
        }
    }
}

/// Splits both directions of a connection into elements and shows them.
pub struct Wire {
    trace: Trace,
    script: &'static Script,
    opener: Direction,
    other: Direction,
    is_brief: bool,
    /// Whether the opener spoke last, and how often it has begun to speak.
    by_opener: bool,
    round_trips: usize,
}

/// The bytes that one side sends. The library's reader finds where an element ends.
struct Direction {
    speaker: Speaker,
    reader: Reader,
    /// The bytes of the unfinished element.
    raw: Vec<u8>,
    streams: usize,
    items: usize,
    bytes: usize,
}

impl Direction {
    fn new(speaker: Speaker) -> Self {
        Self {
            speaker,
            reader: Reader::new(XmlLimits::default()),
            raw: Vec::new(),
            streams: 0,
            items: 0,
            bytes: 0,
        }
    }
}

impl Wire {
    /// Shows only what items mean, each on one line, and no chapters: for what the reader has seen
    /// before.
    #[must_use]
    pub const fn brief(mut self) -> Self {
        self.is_brief = true;
        self
    }

    /// Shows bytes that the side has sent that opened the connection.
    pub(crate) fn sent(&mut self, bytes: &[u8]) {
        self.pass(true, bytes);
    }

    /// Shows bytes that the other side has sent.
    pub(crate) fn received(&mut self, bytes: &[u8]) {
        self.pass(false, bytes);
    }

    /// How often the opener has spoken, and waited for an answer before it spoke again. The
    /// handshakes of TCP and TLS do not count.
    pub const fn round_trips(&self) -> usize {
        self.round_trips
    }

    fn pass(&mut self, by_opener: bool, mut bytes: &[u8]) {
        if !bytes.is_empty() {
            self.round_trips += usize::from(by_opener && !self.by_opener);
            self.by_opener = by_opener;
        }
        while !bytes.is_empty() {
            let direction = match by_opener {
                true => &mut self.opener,
                false => &mut self.other,
            };
            // A stream that starts over is a new document (RFC 6120 §4.3.3).
            if bytes.starts_with(b"<?xml") {
                direction.reader = Reader::new(XmlLimits::default());
            }
            let before = bytes;
            let event = direction.reader.read(&mut bytes);
            let taken = before.len() - bytes.len();
            direction.raw.extend(before.iter().take(taken));
            direction.bytes += taken;
            match event {
                Ok(Some(event)) => {
                    direction.items += 1;
                    direction.streams += usize::from(matches!(event, Event::Header(_)));
                    let who = if by_opener { '>' } else { '<' };
                    let name = name(who, &event, direction.streams);
                    let raw = std::mem::take(&mut direction.raw);
                    let speaker = direction.speaker;
                    self.show(speaker, &name, &event, &String::from_utf8_lossy(&raw));
                }
                Ok(None) => return,
                Err(error) => return say(&format!("the display cannot read this: {error}")),
            }
        }
    }

    fn show(&self, speaker: Speaker, name: &str, event: &Event, raw: &str) {
        let rows = self.script.rows;
        let at = rows.iter().position(|(of, ..)| *of == name);
        let (_, meaning, section) = at.and_then(|at| rows.get(at)).unwrap_or(&("", "", ""));
        if self.is_brief {
            self.headline(speaker, meaning, section);
            return;
        }
        if let Some(("", title, _)) = at.and_then(|at| rows.get(at.checked_sub(1)?)) {
            self.trace.begin_chapter(title);
        }
        self.headline(speaker, meaning, section);
        if section.is_empty() {
            return;
        }
        let details = match event {
            Event::Element(element) => (self.script.element)(element),
            _ => Vec::new(),
        };
        // Text that is explained below is dimmed.
        let text = if details.is_empty() { BOLD } else { DIM };
        self.trace.style.xml(speaker.side, raw, text);
        self.details(details);
    }

    fn details(&self, details: Details) {
        for (value, meaning) in details {
            self.trace.style.detail(&value, &meaning);
        }
        say("");
        self.trace.page().is_dense = false;
    }

    fn headline(&self, speaker: Speaker, meaning: &str, section: &str) {
        let names = [self.opener.speaker, self.other.speaker].map(|it| it.name.len());
        let width = names.into_iter().max().unwrap_or_default();
        self.trace.style.headline(speaker, width, meaning, section);
        self.trace.page().is_dense = true;
    }

    /// Shows what is known of TLS.
    pub(crate) fn tls(&self, summary: &TlsSummary) {
        if !self.is_brief {
            self.trace.begin_chapter(self.script.tls_title);
            self.details((self.script.tls)(summary));
        }
    }

    /// Shows how much each side has sent, and how the connection ended for it.
    pub fn summary(&self, opener: &CloseReason, other: &CloseReason) {
        for (direction, reason) in [(&self.opener, opener), (&self.other, other)] {
            let outcome = match reason {
                CloseReason::Local => "closed the stream".into(),
                CloseReason::Peer => "agreed to close it".into(),
                broken => format!("broke: {broken}"),
            };
            let Direction { items, bytes, .. } = direction;
            let text = format!("sent {items} items in {bytes} bytes, and {outcome}");
            self.headline(direction.speaker, &text, "");
        }
    }
}

/// The name of an item in [`Script::rows`].
fn name(who: char, event: &Event, streams: usize) -> String {
    match event {
        Event::Header(_) => format!("{who} stream {streams}"),
        Event::End => format!("{who} /stream"),
        Event::Element(element) => {
            let name = element.name();
            let kind = element.attr("type").unwrap_or_default();
            let child = element.first_child().map_or("", |child| child.name());
            match name {
                "iq" => format!("{who} iq {kind} {child}"),
                "features" => format!("{who} features {child}"),
                _ => format!("{who} {name} {kind}"),
            }
        }
        _ => who.into(),
    }
    .trim_end()
    .to_owned()
}

/// The first and the last bytes of a hash or secret, in hexadecimal.
pub fn hex(bytes: &[u8; 32]) -> String {
    let [first, second, third, .., last] = bytes;
    format!("{first:02x}{second:02x}{third:02x}…{last:02x}")
}
