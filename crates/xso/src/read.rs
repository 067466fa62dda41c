//! From elements to values: walks the tree and feeds the events of a parser to the builder of the
//! type.

use xmppwire::{ElementRef, NodeRef, Nodes, ns};
use xso::error::FromEventsError;
use xso::exports::rxml::parser::EventMetrics;
use xso::exports::rxml::{AttrMap, Event, Namespace, NcName, NcNameStr};
use xso::fromxml::XmlNameMatcher;
use xso::{Context, FromEventsBuilder, FromXml};

use crate::{Error, MAX_DEPTH};

/// An open element.
struct Level<'a> {
    nodes: Nodes<'a>,
    ns: Namespace<'static>,
    lang: Option<&'a str>,
}

/// Reads an element in a place where `lang` is the default language.
pub(crate) fn read<'a, T: FromXml>(
    element: ElementRef<'a>,
    lang: Option<&'a str>,
) -> Result<T, Error> {
    // Most elements are in the namespace of the type, whose text needs no copy.
    let expected = match T::xml_name_matcher() {
        XmlNameMatcher::InNamespace(ns) | XmlNameMatcher::Specific(ns, _) => Namespace::from(ns),
        _ => Namespace::NONE,
    };
    let open = |element: ElementRef<'a>, parent: &Namespace<'static>, lang| Level {
        nodes: element.nodes(),
        ns: match element.ns() {
            ns if *parent == ns => parent.clone(),
            ns if expected == ns => expected.clone(),
            ns => Namespace::from(String::from(ns)),
        },
        lang: element.attr_ns("lang", ns::XML).or(lang),
    };
    let root = open(element, &expected, lang);
    let context = Context::empty().with_language(root.lang);
    let name = (root.ns.clone(), name(element.name())?);
    let mut builder =
        T::from_events(name, attrs(element)?, &context).map_err(|error| match error {
            FromEventsError::Mismatch { .. } => mismatch(element),
            FromEventsError::Invalid(error) => Error::Invalid(error),
        })?;
    let mut levels = vec![root];
    while let Some(level) = levels.last_mut() {
        let event = match level.nodes.next() {
            Some(NodeRef::Text(text)) => Event::Text(EventMetrics::zero(), text.into()),
            Some(NodeRef::Element(child)) => {
                let inner = open(child, &level.ns, level.lang);
                let name = (inner.ns.clone(), self::name(child.name())?);
                if levels.len() >= MAX_DEPTH {
                    return Err(Error::TooDeep);
                }
                levels.push(inner);
                Event::StartElement(EventMetrics::zero(), name, attrs(child)?)
            }
            None => {
                levels.pop();
                Event::EndElement(EventMetrics::zero())
            }
        };
        // The language at the end of the event.
        let lang = levels.last().map_or(lang, |level| level.lang);
        let context = Context::empty().with_language(lang);
        if let Some(value) = builder.feed(event, &context)? {
            return Ok(value);
        }
    }
    // A builder that wants more than its element has a fault.
    Err(Error::Invalid(xso::error::Error::Other(
        "the type did not end with its element",
    )))
}

/// Whether the type may be read from the element. If not, it cannot.
pub(crate) fn may_match<T: FromXml>(element: ElementRef<'_>) -> bool {
    match T::xml_name_matcher() {
        XmlNameMatcher::InNamespace(ns) => element.ns() == ns,
        XmlNameMatcher::Specific(ns, name) => element.is(name, ns),
        _ => true,
    }
}

fn mismatch(element: ElementRef<'_>) -> Error {
    Error::Mismatch {
        name: element.name().into(),
        ns: element.ns().into(),
    }
}

fn name(name: &str) -> Result<NcName, Error> {
    let name: &NcNameStr = name.try_into().map_err(|_| Error::Name)?;
    Ok(name.into())
}

fn attrs(element: ElementRef<'_>) -> Result<AttrMap, Error> {
    let mut map = AttrMap::new();
    for attr in element.attrs() {
        let ns = match attr.ns {
            "" => Namespace::NONE,
            ns::XML => Namespace::XML,
            other => Namespace::from(String::from(other)),
        };
        map.insert(ns, name(attr.name)?, attr.value.into());
    }
    Ok(map)
}
