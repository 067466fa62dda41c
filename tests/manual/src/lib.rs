//! Compiles and runs the blocks of the manual and of every README: `cargo test -p xmppwire-manual`.
//!
//! The tests below say when a page is missing here. `tests/newcomer` runs the same blocks as
//! programs of their own, with nothing but the crates that the page tells to add.

/// A module for each page, whose documentation is the page. Only the tests see it: the links of a
/// page are meant for its own place.
macro_rules! pages {
    ($($name:ident $path:literal)*) => {
        $(#[cfg(doctest)] #[doc = include_str!(concat!("../../../", $path))] pub mod $name {})*

        #[cfg(test)]
        const PAGES: &[&str] = &[$($path),*];
    };
}

pages! {
    readme "README.md"
    core "crates/core/README.md"
    jid "crates/jid/README.md"
    xml "crates/xml/README.md"
    sasl "crates/sasl/README.md"
    net "crates/net/README.md"
    tokio "crates/tokio/README.md"
    blocking "crates/blocking/README.md"
    bot "docs/manual/src/bot.md"
    xso "crates/xso/README.md"
    event_loop "docs/manual/src/event-loop.md"
    payloads "docs/manual/src/payloads.md"
    requests "docs/manual/src/requests.md"
    reconnecting "docs/manual/src/reconnecting.md"
    never_lose "docs/manual/src/never-lose.md"
    tokens "docs/manual/src/tokens.md"
    round_trips "docs/manual/src/round-trips.md"
    server "docs/manual/src/server.md"
    testing "docs/manual/src/testing.md"
    limits "docs/manual/src/limits.md"
    federation "docs/manual/src/federation.md"
    migrating "docs/manual/src/migrating.md"
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::PAGES;

    fn root() -> PathBuf {
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
    }

    #[test]
    fn every_page_is_tested() {
        let mut pages = vec!["README.md".to_owned()];
        for folder in fs::read_dir(root().join("crates")).unwrap() {
            let name = folder.unwrap().file_name().into_string().unwrap();
            pages.push(format!("crates/{name}/README.md"));
        }
        for file in fs::read_dir(root().join("docs/manual/src")).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".md") && name != "SUMMARY.md" {
                pages.push(format!("docs/manual/src/{name}"));
            }
        }
        pages.sort_unstable();
        let mut tested = PAGES.to_vec();
        tested.sort_unstable();
        assert_eq!(tested, pages);
    }

    /// The targets of the links of a page that are files of this repository.
    fn linked(text: &str) -> impl Iterator<Item = &str> {
        let inline = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        let below = text
            .lines()
            .filter_map(|line| line.strip_prefix('[')?.split_once("]: ").map(|(_, to)| to));
        inline
            .chain(below)
            .filter(|to| !to.contains("://") && !to.starts_with('#'))
            .map(|to| to.split('#').next().unwrap_or(to))
    }

    #[test]
    fn links_lead_to_files() {
        let others = [
            "CHANGELOG.md",
            "CONTRIBUTING.md",
            "SECURITY.md",
            "docs/architecture.md",
            "docs/conformance.md",
            "docs/manual/src/SUMMARY.md",
            "docs/security.md",
            "examples/README.md",
            "tests/interop/README.md",
        ];
        for page in PAGES.iter().chain(&others) {
            let path = root().join(page);
            let text = fs::read_to_string(&path).unwrap();
            for to in linked(&text) {
                assert!(path.with_file_name(to).exists(), "{page} links to {to}");
            }
            // Pages that are read elsewhere link to the repository by its address.
            for to in text.split("github.com/xmppwire/xmppwire/").skip(1) {
                let to = to.split([')', '>', '\n', '#']).next().unwrap_or(to);
                if let Some((_, to)) = to.split_once("/main/") {
                    assert!(root().join(to).exists(), "{page} links to {to}");
                }
            }
        }
    }

    #[test]
    fn the_summary_lists_every_chapter() {
        let summary = fs::read_to_string(root().join("docs/manual/src/SUMMARY.md")).unwrap();
        for page in PAGES {
            if let Some(chapter) = page.strip_prefix("docs/manual/src/") {
                assert!(summary.contains(&format!("({chapter})")), "{chapter}");
            }
        }
    }
}
