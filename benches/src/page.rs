//! Tables of results, as text, as Markdown and as charts.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use crate::goals;

/// Which numbers are better.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Better {
    Less,
    More,
}

/// One measurement: contenders and what they were measured with.
pub struct Table {
    title: String,
    unit: String,
    better: Better,
    columns: Vec<String>,
    rows: Vec<(String, Vec<f64>)>,
    /// Whether the rows are contenders, to be compared with the first.
    is_contest: bool,
}

impl Table {
    pub fn new(title: &str, unit: &str, better: Better, columns: &[&str]) -> Self {
        Self {
            title: title.into(),
            unit: unit.into(),
            better,
            columns: columns.iter().map(ToString::to_string).collect(),
            rows: Vec::new(),
            is_contest: true,
        }
    }

    /// A table whose rows are different things.
    pub fn of_numbers(title: &str, unit: &str, columns: &[&str]) -> Self {
        Self {
            is_contest: false,
            ..Self::new(title, unit, Better::Less, columns)
        }
    }

    pub fn set(&mut self, row: &str, column: &str, value: f64) {
        let place = self.columns.iter().position(|known| known == column);
        let place = place.expect("a known column");
        if !self.rows.iter().any(|(name, _)| name == row) {
            self.rows
                .push((row.into(), vec![f64::NAN; self.columns.len()]));
        }
        let (_, values) = self
            .rows
            .iter_mut()
            .find(|(name, _)| name == row)
            .expect("the row is there");
        values[place] = value;
    }

    pub fn title(&self) -> &str {
        &self.title
    }

    /// What was set; not a number where nothing was.
    pub fn value(&self, row: &str, column: &str) -> f64 {
        let place = self.columns.iter().position(|known| known == column);
        let row = self.rows.iter().find(|(name, _)| name == row);
        match (place, row) {
            (Some(place), Some((_, values))) => values[place],
            _ => f64::NAN,
        }
    }

    /// How many times as good the first row is as another.
    fn ratio(&self, values: &[f64], column: usize) -> f64 {
        let first = self.rows[0].1[column];
        match self.better {
            Better::More => first / values[column],
            Better::Less => values[column] / first,
        }
    }

    fn heading(&self) -> String {
        match &*self.unit {
            "" => self.title.clone(),
            unit => format!("{}, {unit}", self.title),
        }
    }

    /// For a terminal, with the ratios to the first row.
    pub fn text(&self) -> String {
        let mut out = format!("\n{:40}", self.heading());
        for column in &self.columns {
            let _ = write!(out, "{column:>18}");
        }
        for (name, values) in &self.rows {
            let _ = write!(out, "\n{name:40}");
            for (column, value) in values.iter().enumerate() {
                let _ = match self.is_contest {
                    true => write!(
                        out,
                        "{:>10} {:6.2}×",
                        number(*value),
                        self.ratio(values, column)
                    ),
                    false => write!(out, "{:>18}", number(*value)),
                };
            }
        }
        out
    }

    fn markdown(&self) -> String {
        let columns = self.columns.join(" | ");
        let mut out = format!(
            "| | {columns} |\n|---{}|\n",
            "|--:".repeat(self.columns.len())
        );
        for (name, values) in &self.rows {
            let cells: Vec<String> = values.iter().map(|value| number(*value)).collect();
            let _ = writeln!(out, "| {name} | {} |", cells.join(" | "));
        }
        if !self.is_contest {
            return out;
        }
        out.push_str("\nHow many times as good the first row is:\n\n");
        let _ = write!(
            out,
            "| | {columns} |\n|---{}|\n",
            "|--:".repeat(self.columns.len())
        );
        for (name, values) in self.rows.iter().skip(1) {
            let cells: Vec<String> = (0..values.len())
                .map(|column| format!("{:.2}", self.ratio(values, column)))
                .collect();
            let _ = writeln!(out, "| {name} | {} |", cells.join(" | "));
        }
        out
    }

    /// Bars on a logarithmic scale, a group for each column.
    fn chart(&self) -> String {
        const ROW: usize = 14;
        const LEFT: usize = 260;
        const WIDTH: f64 = 420.0;
        const COLOURS: [&str; 5] = ["#0b7285", "#5f3dc4", "#e8590c", "#868e96", "#2b8a3e"];
        let all = self.rows.iter().flat_map(|(_, values)| values).copied();
        let (low, high) = all
            .filter(|value| *value > 0.0)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            });
        let (low, high) = (low.log10().floor(), high.log10().ceil());
        let place = |value: f64| WIDTH * (value.log10() - low) / (high - low).max(1.0);
        let group = ROW * self.columns.len() + 10;
        let height = 30 + group * self.rows.len();
        let mut out = format!(
            "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {} {height}' font-family='sans-serif' \
             font-size='11'>\n<rect width='100%' height='100%' fill='#fff'/>\n\
             <text x='10' y='16' font-size='13'>{}</text>\n",
            LEFT + 520,
            self.heading()
        );
        for (row, (name, values)) in self.rows.iter().enumerate() {
            let top = 30 + group * row;
            let _ = writeln!(out, "<text x='10' y='{}'>{name}</text>", top + 11);
            for (column, value) in values.iter().enumerate() {
                let (y, colour) = (top + ROW * column, COLOURS[column % COLOURS.len()]);
                let width = place(*value).max(1.0);
                let _ = writeln!(
                    out,
                    "<rect x='{LEFT}' y='{y}' width='{width:.0}' height='{}' fill='{colour}'/>\
                     <text x='{:.0}' y='{}'>{} {}</text>",
                    ROW - 3,
                    LEFT as f64 + width + 5.0,
                    y + 10,
                    number(*value),
                    self.columns[column]
                );
            }
        }
        out.push_str("</svg>\n");
        out
    }

    fn file(&self) -> String {
        let words = self
            .title
            .to_lowercase()
            .replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        format!("performance/{words}.svg")
    }
}

/// Three digits, or all before the point.
pub fn number(value: f64) -> String {
    match value {
        value if value.is_nan() => "–".into(),
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

fn said(command: &str, args: &[&str]) -> String {
    let output = Command::new(command).args(args).output();
    let said = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    said.unwrap_or_default()
        .lines()
        .next()
        .unwrap_or_default()
        .into()
}

fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find(|line| line.starts_with("model name"));
    model
        .and_then(|line| line.split_once(": "))
        .map_or_else(|| "unknown".into(), |(_, name)| name.into())
}

/// Writes `performance.md` and its charts.
pub fn write(docs: &Path, tables: &[Table]) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(docs.join("performance"))?;
    let mut page = format!(
        "# Performance\n\n\
         `cd benches && cargo run --release -- --write` made this page. It measures xmppwire beside other\n\
         libraries, on the same bytes in the same run. All take turns in many short rounds, and the best\n\
         round counts. Time is that of the processor.\n\n\
         The machine did other work too, so look at the ratios, not at the rates.\n\n\
         | | |\n|---|---|\n| processor | {} |\n| compiler | {} |\n| C++ | {} |\n\n\
         The traffic is made up from a seed: short chat messages of about 300 bytes, presences, rosters of 200\n\
         items, avatars of 50 KiB, and encrypted messages inside archive results. Where nothing else is said,\n\
         reads have 16,384 bytes, as with TLS.\n\n\
         quick-xml, rxml and pugixml do less: they build no owned tree, or know no namespaces, or check neither\n\
         UTF-8 nor names. libexpat builds a tree in C++ for each stanza.\n\n\
         The servers under load were measured by `benches/load`, before: the example server, Prosody 0.12 and\n\
         ejabberd 23.01 (with one scheduler), in turns, with the same client program. 448 connections with TLS\n\
         were open, 8 of which exchanged 20,000 messages in pairs, after 2,000 others. Time and memory are\n\
         those of the process of the server, and the memory is what 400 idle connections added.\n\n\
         Instructions for one stanza on each hot path are in [`tests/cost/counts.txt`](../tests/cost/counts.txt),\n\
         and `.ci/run cost` compares them.\n",
        processor(),
        said("rustc", &["--version"]),
        said("c++", &["--version"]),
    );
    for table in tables {
        let _ = write!(page, "\n## {}\n\n", table.heading());
        if !table.is_contest {
            page.push_str(&table.markdown());
            continue;
        }
        let _ = write!(
            page,
            "![{}]({})\n\n{}",
            table.title,
            table.file(),
            table.markdown()
        );
        std::fs::write(docs.join(table.file()), table.chart())?;
    }
    let _ = write!(
        page,
        "\n## Goals\n\nWhat missed its goal is bold, and the notes say what stands in the way.\n\n{}\n{}",
        goals::markdown(tables),
        include_str!("../notes.md")
    );
    std::fs::write(docs.join("performance.md"), page)?;
    Ok(())
}
