//! Prints the trace, in colours on a terminal.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use crate::trace::Speaker;

const WIDTH: usize = 80;

// Escape sequences (ECMA-48 §8.3.117), from the eight colours that every palette keeps readable.
const PLAIN: &str = "0";
pub(crate) const BOLD: &str = "1";
pub(crate) const DIM: &str = "2";
const YELLOW: &str = "33";

/// Where a side of a connection stands: the arrow shows which way its bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// What it sends goes to the right.
    Left,
    /// What it sends goes to the left.
    Right,
}

impl Side {
    const fn arrow(self) -> &'static str {
        match self {
            Self::Left => "─▶",
            Self::Right => "◀─",
        }
    }

    /// The colour of the side, and the same in bold.
    const fn colours(self) -> (&'static str, &'static str) {
        match self {
            Self::Left => ("36", "1;36"),
            Self::Right => ("35", "1;35"),
        }
    }
}

/// How text is printed: with colours or without.
#[derive(Clone, Copy)]
pub struct Style {
    colours: bool,
}

impl Style {
    /// Colours for a terminal, unless `NO_COLOR` is set (no-color.org).
    pub fn detect() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            colours: io::stdout().is_terminal() && !refused,
        }
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self.colours && code != PLAIN && !text.is_empty() {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.into(),
        }
    }

    pub(crate) fn rule(self, title: &str, elapsed: Duration) {
        let time = format!("{:.1} ms", elapsed.as_secs_f64() * 1000.0);
        let title = if title.is_empty() {
            String::new()
        } else {
            format!(" {title} ")
        };
        let used = 4 + title.chars().count() + time.chars().count();
        let line = "─".repeat(WIDTH.saturating_sub(used));
        let (title, line) = (
            self.paint(BOLD, &title),
            self.paint(DIM, &format!("{line} {time}")),
        );
        say(&format!("{}{title}{line}\n", self.paint(DIM, "───")));
    }

    /// What a side does; its name is padded to `width`.
    pub(crate) fn headline(self, speaker: Speaker, width: usize, meaning: &str, section: &str) {
        let Speaker { name, side } = speaker;
        let who = format!("{name:<width$} {}", side.arrow());
        let used = who.chars().count() + 2 + section.chars().count();
        let space = " ".repeat(WIDTH.saturating_sub(used + meaning.chars().count()));
        let (who, meaning) = (
            self.paint(side.colours().1, &who),
            self.paint(BOLD, meaning),
        );
        let section = self.paint(DIM, (space + section).trim_end());
        say(&format!("{who}  {meaning}{section}"));
    }

    pub(crate) fn detail(self, text: &str, meaning: &str) {
        let text = format!("{:<32}", elided(text, 32));
        let (text, meaning) = (self.paint(YELLOW, &text), self.paint(DIM, meaning));
        say(&format!("    {text}  {meaning}"));
    }

    /// Prints XML in lines of [`WIDTH`]: adds white space, and shortens base64.
    pub(crate) fn xml(self, side: Side, raw: &str, text: &'static str) {
        let mut lines = Vec::new();
        lay_out(raw, 4, &mut lines);
        let mut in_tag = false;
        for line in lines {
            let mut painted = String::new();
            for piece in line.split_inclusive('>') {
                let start = if in_tag { Some(0) } else { piece.find('<') };
                let (before, tag) = piece.split_at(start.unwrap_or(piece.len()));
                painted += &self.paint(text, before);
                painted += &self.tag(side.colours(), tag);
                in_tag = !tag.is_empty() && !tag.ends_with('>');
            }
            say(&painted);
        }
    }

    /// Paints a tag: the name is bold, and the values of attributes are plain.
    fn tag(self, (colour, bold): (&str, &str), tag: &str) -> String {
        let name = tag.trim_start_matches(['<', '/', '?']);
        let open = tag.len() - name.len();
        let name = if open > 0 {
            name.find([' ', '>', '/']).unwrap_or(name.len())
        } else {
            0
        };
        let (open, rest) = tag.split_at(open);
        let (name, rest) = rest.split_at(name);
        let mut painted = self.paint(colour, open) + &self.paint(bold, name);
        for (n, part) in rest.split_inclusive('\'').enumerate() {
            painted += &self.paint(if n % 2 == 0 { colour } else { PLAIN }, part);
        }
        painted
    }
}

/// Prints a line. Ends the program where the reader has closed the pipe, as `head` does.
pub fn say(line: &str) {
    if writeln!(io::stdout(), "{line}").is_err() {
        std::process::exit(0);
    }
}

/// Puts an element on one line if it fits, and else its tags and its content on lines of their own.
fn lay_out(raw: &str, indent: usize, lines: &mut Vec<String>) {
    let mut rest = raw;
    while !rest.is_empty() {
        let (node, after) = rest.split_at(node_length(rest));
        rest = after;
        let content = node
            .find('>')
            .and_then(|end| node.get(end + 1..node.rfind("</")?));
        match content {
            _ if indent + node.len() <= WIDTH => lines.push(format!("{:indent$}{node}", "")),
            Some(content) => {
                let (start, end) = node.split_once(content).unwrap_or((node, ""));
                fill(start, indent, lines);
                lay_out(content, indent + 2, lines);
                lines.push(format!("{:indent$}{end}", ""));
            }
            None if node.starts_with('<') => fill(node, indent, lines),
            None => lines.push(format!("{:indent$}{}", "", elided(node, WIDTH - indent))),
        }
    }
}

/// Breaks a tag between its attributes, and shortens those that are longer than a line.
fn fill(tag: &str, indent: usize, lines: &mut Vec<String>) {
    let mut line = " ".repeat(indent);
    for attribute in tag.split_inclusive("' ") {
        let attribute = &elided(attribute, WIDTH - indent - 4);
        if line.len() + attribute.trim_end().len() > WIDTH && !line.trim().is_empty() {
            lines.push(
                std::mem::replace(&mut line, " ".repeat(indent + 4))
                    .trim_end()
                    .into(),
            );
        }
        line += attribute;
    }
    lines.push(line);
}

/// The length of the first node: a whole element, a tag whose element does not end here, or text.
fn node_length(raw: &str) -> usize {
    let tag = match raw.find('<') {
        Some(0) => raw.find('>').map_or(raw.len(), |end| end + 1),
        text => return text.unwrap_or(raw.len()),
    };
    let (mut length, mut depth) = (0, 0_usize);
    for piece in raw.split_inclusive('>') {
        length += piece.len();
        match (
            piece.contains("</"),
            piece.ends_with("/>") || piece.ends_with("?>"),
        ) {
            (true, _) => depth = depth.saturating_sub(1),
            (_, true) => {}
            _ => depth += 1,
        }
        if depth == 0 {
            return length;
        }
    }
    tag
}

/// Shortens a text of more than `most` letters in the middle.
fn elided(text: &str, most: usize) -> String {
    let length = text.chars().count();
    if length <= most {
        return text.into();
    }
    let (head, tail) = (text.chars().take(most - 9), text.chars().skip(length - 8));
    head.chain(['…']).chain(tail).collect()
}
