//! The sentences of RFC 6120 that say MUST, SHALL, REQUIRED, SHOULD or RECOMMENDED, one row each.
//!
//! `requirements.txt` holds the rows, with fields between bars:
//!
//! ```text
//! id | level | role | demand | kind | evidence | note
//! ```
//!
//! The id is the section and the place of the sentence in it. The demand is in words of this
//! project. Kind and evidence say how the row is met, see [`Kind`].

/// The number of rows of each section. A row that is lost from the table is noticed by it.
const SECTIONS: &str = include_str!("../requirement-sections.txt");

const TABLE: &str = include_str!("../requirements.txt");

/// How a requirement is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Tests fail where it is not met. The evidence names them.
    Shown,
    /// The application or the operator has to meet it. The evidence names the documentation that
    /// says so, and tests of what the library does for it.
    Application,
    /// It is read in a way that the note explains.
    Reading,
    /// It is about something else: an authority, the TLS library, a mechanism that is not
    /// implemented.
    Elsewhere,
    /// Nothing meets it yet.
    Open,
}

impl Kind {
    fn named(word: &str) -> Option<Self> {
        Some(match word {
            "shown" => Self::Shown,
            "application" => Self::Application,
            "reading" => Self::Reading,
            "elsewhere" => Self::Elsewhere,
            "open" => Self::Open,
            _ => return None,
        })
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Shown => "shown",
            Self::Application => "application",
            Self::Reading => "reading",
            Self::Elsewhere => "elsewhere",
            Self::Open => "open",
        }
    }
}

/// A row of the table.
#[derive(Clone, Debug)]
pub struct Requirement {
    /// Section and place, as in `4.7.2-1`.
    pub id: &'static str,
    /// MUST or SHOULD; SHALL and REQUIRED count as MUST, RECOMMENDED as SHOULD.
    pub level: &'static str,
    /// Who has to meet it.
    pub role: &'static str,
    pub demand: &'static str,
    pub kind: Kind,
    /// Names of tests and places of documentation, see [`evidence`](crate::evidence).
    pub evidence: Vec<&'static str>,
    /// The reason or the reading, empty where the tests say enough.
    pub note: &'static str,
}

impl Requirement {
    fn parse(line: &'static str) -> Self {
        let fields: Vec<&str> = line.split('|').map(str::trim).collect();
        let &[id, level, role, demand, kind, evidence, note] = fields.as_slice() else {
            panic!("seven fields: {line}");
        };
        let kind = Kind::named(kind).unwrap_or_else(|| panic!("{id}: {kind} is no kind"));
        let evidence = evidence.split(';').map(str::trim);
        Self {
            id,
            level,
            role,
            demand,
            kind,
            evidence: evidence.filter(|name| !name.is_empty()).collect(),
            note,
        }
    }

    /// The section of RFC 6120.
    pub fn section(&self) -> &'static str {
        self.id.rsplit_once('-').expect("section and place").0
    }
}

/// All rows, in the order of RFC 6120.
pub fn requirements() -> Vec<Requirement> {
    let lines = TABLE.lines();
    lines
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(Requirement::parse)
        .collect()
}

/// The ids that the table must have, in its order.
fn wanted() -> Vec<String> {
    let mut wanted = Vec::new();
    for line in SECTIONS.lines() {
        let (section, count) = line.split_once(' ').expect("section and count");
        let count: usize = count.parse().expect("a number");
        wanted.extend((1..=count).map(|place| format!("{section}-{place}")));
    }
    wanted
}

/// What is wrong with the table itself.
pub fn faults() -> Vec<String> {
    let rows = requirements();
    let mut faults = Vec::new();
    let ids: Vec<&str> = rows.iter().map(|row| row.id).collect();
    let wanted = wanted();
    for id in wanted.iter().filter(|id| !ids.contains(&id.as_str())) {
        faults.push(format!("{id} has no row"));
    }
    if faults.is_empty() && ids != wanted {
        faults.push("the rows are out of order, doubled or too many".into());
    }
    for row in &rows {
        let id = row.id;
        if !matches!(row.level, "MUST" | "SHOULD") || row.role.is_empty() || row.demand.is_empty() {
            faults.push(format!("{id}: level, role or demand is missing"));
        }
        match row.kind {
            Kind::Shown if row.evidence.is_empty() => faults.push(format!("{id}: names no test")),
            Kind::Application | Kind::Reading | Kind::Elsewhere if row.note.is_empty() => {
                faults.push(format!("{id}: gives no reason"));
            }
            _ => {}
        }
    }
    faults
}
